"""Telling the operator: one signed POST with everything that is new, tried again while it fails."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pydantic import SecretStr

from oxyq.alerts.alert import Alert, News
from oxyq.alerts.rules import RULES
from oxyq.engine.json_text import encode_json
from oxyq.gateways.signatures import sha256_header
from oxyq.outcomes import JsonValue

HEADER: Final = "x-oxyq-signature"
#: Seconds before each try. Who is away for longer is told with the next look.
PAUSES: Final = (0.0, 1.0, 4.0)
#: Seconds an answer may take: three tries fit into the time between two looks.
ANSWER_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a POST: how often it was tried, what was answered last, or why nothing was; `seconds` in all."""

    tries: int
    status: int | None
    error: str
    seconds: float

    @property
    def is_taken(self) -> bool:
        """Whether it arrived."""
        return self.status is not None and 200 <= self.status < 300

    def __str__(self) -> str:
        said = self.error if self.status is None else f"answered {self.status}"
        return f"{said} ({self.tries} {'try' if self.tries == 1 else 'tries'}, {self.seconds:.1f} s)"


class AlertWebhook:
    """The operator's address; it is his own setting, so private addresses are as good as any, and no redirect is."""

    def __init__(self, url: SecretStr, secret: SecretStr, installation: str) -> None:
        self._url = url
        self._secret = secret
        self._installation = installation

    async def tell(self, news: Sequence[tuple[News, Alert]], at_ms: int) -> Answer:
        """Tell of these alerts; never raises for what the other side does."""
        return await self._post({
            "kind": "alerts",
            "v": 1,
            "installation": self._installation,
            "at": at_ms,
            "text": "\n".join(_line(what, alert) for what, alert in news),
            "alerts": [_alert_json(what, alert) for what, alert in news],
        })  # fmt: skip

    async def test(self, at_ms: int) -> Answer:
        """Tell that this is a test."""
        return await self._post({
            "kind": "test", "v": 1, "installation": self._installation, "at": at_ms,
            "text": "This is a test of Oxyq's alerts. Nothing is wrong.", "alerts": [],
        })  # fmt: skip

    async def _post(self, body: dict[str, JsonValue]) -> Answer:
        import httpx  # few processes tell anybody, and it is heavy

        raw = encode_json(body).encode()
        headers = {"content-type": "application/json", HEADER: sha256_header(self._secret.get_secret_value(), raw)}
        start, answer = time.monotonic(), Answer(0, None, "was not tried", 0)
        async with httpx.AsyncClient(follow_redirects=False, trust_env=False, timeout=ANSWER_SECONDS) as client:
            for tries, pause in enumerate(PAUSES, start=1):
                await asyncio.sleep(pause)
                status, error = None, ""
                try:
                    # httpx limits each read, and not all of them: who drips would never end. The body is not read.
                    async with (
                        asyncio.timeout(ANSWER_SECONDS),
                        client.stream("POST", self._url.get_secret_value(), content=raw, headers=headers) as response,
                    ):
                        status = response.status_code
                except (httpx.HTTPError, httpx.InvalidURL, OSError) as problem:
                    # TimeoutError is an OSError. No text of theirs: it may hold the address, which may be a secret.
                    error = f"no answer ({type(problem).__name__})"
                answer = Answer(tries, status, error, time.monotonic() - start)
                # Refused is refused; only who is away, or has too much to do, may take it later.
                if status is not None and status < 500 and status not in (408, 429):
                    break
        return answer


def _line(what: News, alert: Alert) -> str:
    rule = RULES[alert.rule]
    about = " of ".join(part for part in (alert.subject, alert.organization_id) if part)
    if what == "resolved":
        return f"Resolved: {rule.title('en')}" + (f" ({about})" if about else "")
    of = f" [{alert.organization_id}]" if alert.organization_id else ""
    again = "Still: " if what == "reminder" else ""
    return f"{again}{rule.title('en')}{of}: {rule.text(alert.finding, 'en')} See {rule.runbook}"


def _alert_json(what: News, alert: Alert) -> JsonValue:
    rule = RULES[alert.rule]
    return {
        "id": alert.id,
        "rule": alert.rule,
        "news": what,
        "severity": rule.severity,
        "organizationId": alert.organization_id,
        "subject": alert.subject,
        "value": alert.value,
        "limit": alert.limit,
        "since": alert.since_ms,
        "firedAt": alert.fired_ms,
        "resolvedAt": alert.resolved_ms,
        "texts": {language: rule.text(alert.finding, language) for language in rule.words},
        "runbook": rule.runbook,
    }
