"""The chore: one process of an installation looks once a minute, and tells who is to be told."""

from collections.abc import Iterable, Mapping
from typing import Final

from oxyq.alerts.alert import Alert, News, after_telling, alert_id, due, found, missed
from oxyq.alerts.facts import FactFinder, Facts
from oxyq.alerts.owners import OwnerTelling
from oxyq.alerts.rules import RULES
from oxyq.alerts.store import AlertStore, is_silenced
from oxyq.alerts.webhook import AlertWebhook, Answer
from oxyq.clock import now_ms
from oxyq.errors import TemporaryError
from oxyq.settings import Settings

WATCH_SECONDS: Final = 60.0
#: Who looks keeps the turn while it looks each minute; when it is gone, another takes it after one that was missed.
TURN_SECONDS: Final = 2.5 * WATCH_SECONDS


class AlertWatch:
    """Looks, compares with what was, tells, and writes down what was told; `webhook` None tells no operator."""

    def __init__(
        self,
        settings: Settings,
        facts: FactFinder,
        store: AlertStore,
        webhook: AlertWebhook | None,
        owners: OwnerTelling,
    ) -> None:
        self._settings = settings
        self._facts = facts
        self._store = store
        self._webhook = webhook
        self._owners = owners

    @property
    def is_on(self) -> bool:
        """Whether anybody would be told: without, nobody looks."""
        return self._webhook is not None or self._settings.alert_owners

    async def run_once(self) -> str | None:
        """Look, if it is this process's turn; says what was told.

        Raises QueueUnavailable without Redis, TemporaryError when the webhook does not take it.
        """
        if not await self._store.take_turn(TURN_SECONDS):
            return None
        facts = await self._facts.look()
        before = {alert.id: alert for alert in await self._store.all()}
        after = looked(before, facts, self._settings)
        silences = await self._store.silences()
        heard = [alert for alert in after.values() if not is_silenced(alert, silences, facts.at_ms)]
        told, answer = await self._tell_operator(heard, facts.at_ms)
        after |= {alert.id: alert for _, alert in told}
        # At once, so that what goes wrong with one owner does not tell the operator again.
        await self._save(before, after)
        by_owner = await self._tell_owners([after[alert.id] for alert in heard], facts)
        await self._save(after, after | {alert.id: alert for _, alert in by_owner})
        if answer is not None and not answer.is_taken:
            # What was not taken is told again with the next look; so it is no loss, but somebody should see it.
            raise TemporaryError(f"the webhook of OXYQ_ALERT_WEBHOOK {answer}; it is tried again in a minute")
        return ", ".join(f"{alert.id} {news}" for news, alert in (*told, *by_owner)) or None

    async def _save(self, before: Mapping[str, Alert], after: Mapping[str, Alert]) -> None:
        changed = (alert for alert in after.values() if alert != before.get(alert.id))
        await self._store.save(changed, before.keys() - after.keys())

    async def test(self) -> Answer | None:
        """Send the operator a test; None without a webhook."""
        return None if self._webhook is None else await self._webhook.test(now_ms())

    async def test_owner(self, organization_id: str) -> str | None:
        """Send an owner a test; see `OwnerTelling.test`."""
        return await self._owners.test(organization_id)

    async def _tell_operator(
        self, alerts: Iterable[Alert], at_ms: int
    ) -> tuple[list[tuple[News, Alert]], Answer | None]:
        """What was told, with the alerts as they are then; and what the webhook answered, if there was anything."""
        news = [
            (what, alert)
            for alert in alerts
            if "operator" in RULES[alert.rule].audiences
            and (what := due(alert, "operator", at_ms, self._remind_ms)) is not None
        ]
        if self._webhook is None or not news:
            return [], None
        answer = await self._webhook.tell(news, at_ms)
        if not answer.is_taken:
            return [], answer
        return [(what, after_telling(alert, "operator", what, at_ms)) for what, alert in news], answer

    async def _tell_owners(self, alerts: Iterable[Alert], facts: Facts) -> list[tuple[News, Alert]]:
        if not self._settings.alert_owners:
            return []
        away = {number.instance_id for number in facts.away}
        told = list[tuple[News, Alert]]()
        for alert in alerts:
            what = due(alert, "owner", facts.at_ms, self._remind_ms)
            if what is None or "owner" not in RULES[alert.rule].audiences:
                continue
            if await self._owners.tell(what, alert, away):
                told.append((what, after_telling(alert, "owner", what, facts.at_ms)))
        return told

    @property
    def _remind_ms(self) -> int:
        return round(self._settings.alert_remind_seconds * 1000)


def looked(before: Mapping[str, Alert], facts: Facts, settings: Settings) -> dict[str, Alert]:
    """All alerts after this look, by id."""
    after = dict[str, Alert]()
    for rule in RULES.values():
        for finding in rule.find(facts, settings):
            name = alert_id(rule.name, finding.organization_id, finding.subject)
            after[name] = found(before.get(name), rule, finding, facts.at_ms)
    for name, alert in before.items():
        if name not in after and (still := missed(alert, facts.at_ms)) is not None:
            after[name] = still
    return after
