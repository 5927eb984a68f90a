"""One alert through its life: pending, firing, resolved; and when to tell somebody. Values in, values out, no clock."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal, TypeAlias
from urllib.parse import quote

from pydantic import TypeAdapter, ValidationError

from oxyq.alerts.rules import RULES, Audience, Finding, Rule

State: TypeAlias = Literal["pending", "firing", "resolved"]
News: TypeAlias = Literal["firing", "reminder", "resolved"]
"""What somebody is told of an alert."""

#: What held must not hold for so long before it counts as over; twice as long each time that it came back, up to the
#: longest: who flaps is told of ever more rarely, and never wrongly that all is well.
CALM_MS: Final = 5 * 60_000
LONGEST_CALM_MS: Final = 3_600_000
#: That something is over is news for so long.
NEWS_MS: Final = 3_600_000
#: What is over is shown for a day, and until then what holds again is the same alert that came back.
KEPT_MS: Final = 24 * 3_600_000


@dataclass(frozen=True, slots=True)
class Told:
    """What an audience was told last, and when (ms since 1970)."""

    news: News
    at_ms: int


@dataclass(frozen=True, slots=True)
class Alert:
    """What is known of one rule and one subject; times are ms since 1970, `returns` counts how often it came back."""

    rule: str
    subject: str
    organization_id: str | None
    state: State
    since_ms: int
    value: float
    limit: float
    detail: str = ""
    fired_ms: int | None = None
    calm_since_ms: int | None = None
    resolved_ms: int | None = None
    returns: int = 0
    told: Mapping[Audience, Told] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """`queue-late/message`, `redis-memory`, `number-disconnected/org_1/wa_1`: good for an address and a shell."""
        return alert_id(self.rule, self.organization_id, self.subject)

    @property
    def finding(self) -> Finding:
        """What was found last."""
        return Finding(self.subject, self.value, self.limit, self.organization_id, self.since_ms, self.detail)


def alert_id(rule: str, organization_id: str | None, subject: str) -> str:
    """What an alert is called."""
    return "/".join((rule, *(quote(part, safe="") for part in (organization_id, subject) if part)))


def found(before: Alert | None, rule: Rule, finding: Finding, now_ms: int) -> Alert:
    """The alert after a look that found that its rule holds."""
    since_ms = now_ms if finding.since_ms is None else finding.since_ms
    if before is None:
        before = Alert(rule.name, finding.subject, finding.organization_id, "pending", since_ms, 0, 0)
    elif before.state == "resolved":
        before = replace(
            before, state="pending", since_ms=since_ms, fired_ms=None, resolved_ms=None, returns=before.returns + 1
        )
    alert = replace(before, value=finding.value, limit=finding.limit, detail=finding.detail, calm_since_ms=None)
    if alert.state == "pending" and now_ms - alert.since_ms >= rule.pending_seconds * 1000:
        return replace(alert, state="firing", fired_ms=now_ms, told={})
    return alert


def missed(before: Alert, now_ms: int) -> Alert | None:
    """The alert after a look that did not find it; None when there is nothing to remember of it any more."""
    match before.state:
        case "pending" if before.returns:
            return replace(before, state="resolved", resolved_ms=now_ms, returns=before.returns - 1)
        case "pending":
            return None
        case "resolved":
            return before if now_ms - (before.resolved_ms or 0) < KEPT_MS else None
        case "firing":
            calm_since_ms = now_ms if before.calm_since_ms is None else before.calm_since_ms
            is_over = now_ms - calm_since_ms >= min(CALM_MS << min(before.returns, 8), LONGEST_CALM_MS)
            if is_over:
                return replace(before, state="resolved", resolved_ms=now_ms, calm_since_ms=None)
            return replace(before, calm_since_ms=calm_since_ms)


def due(alert: Alert, audience: Audience, now_ms: int, remind_ms: int) -> News | None:
    """What this audience is to be told now; `remind_ms` 0 reminds nobody."""
    told = alert.told.get(audience)
    if alert.state == "firing":
        if alert.calm_since_ms is not None:
            return None  # it may be over
        if told is None:
            return "firing"
        return "reminder" if remind_ms and now_ms - told.at_ms >= remind_ms else None
    if alert.state == "resolved" and now_ms - (alert.resolved_ms or 0) < NEWS_MS:
        is_awaited = audience == "owner" and RULES[alert.rule].afterwards if told is None else told.news != "resolved"
        return "resolved" if is_awaited else None
    return None


def after_telling(alert: Alert, audience: Audience, news: News, now_ms: int) -> Alert:
    """The alert when that was told."""
    return replace(alert, told={**alert.told, audience: Told(news, now_ms)})


# --- as it lies in Redis ----------------------------------------------------------------------------------------

_WRITTEN: Final = TypeAdapter(Alert)


def to_json(alert: Alert) -> bytes:
    """An alert as JSON."""
    return _WRITTEN.dump_json(alert, exclude_defaults=True)


def from_json(written: bytes) -> Alert | None:
    """An alert from JSON; None for what another release wrote, of a rule or in a form that this one does not know."""
    try:
        alert = _WRITTEN.validate_json(written)
    except ValidationError:
        return None
    return alert if alert.rule in RULES else None
