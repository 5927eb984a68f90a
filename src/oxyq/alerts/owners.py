"""Telling the owner of an organization by WhatsApp, as any automation goes out: within the limits, and once."""

from collections.abc import Collection
from contextlib import suppress
from hashlib import blake2b
from typing import Final

from oxyq.alerts.alert import Alert, News
from oxyq.alerts.rules import RULES, written
from oxyq.clock import now_ms
from oxyq.errors import IdConflict, InvalidPayload
from oxyq.organizations import Organization, OrganizationStore
from oxyq.producer import Producer
from oxyq.sending_hours import next_open, zone_of

#: What could not go out within this time is no news any more.
GRACE_MINUTES: Final = 60
TYPE: Final = "alert"


class OwnerTelling:
    """Adds automations to the first owner, as a campaign's summary goes. All raise QueueUnavailable."""

    def __init__(self, organizations: OrganizationStore, producer: Producer) -> None:
        self._organizations = organizations
        self._producer = producer

    async def tell(self, news: News, alert: Alert, away: Collection[str]) -> bool:
        """Tell of an alert; False when that is not possible now, or not wanted.

        `away`: the numbers that are not connected, through which nobody can be told anything.
        """
        organization = await self._organization(alert.organization_id or "")
        if organization is None or not organization.owners or organization.is_paused:
            return False
        if organization.owner_alerts is False:
            return False
        if RULES[alert.rule].in_hours and not _is_open(organization):
            return False
        connected = [one for one in organization.instances if one not in away]
        if organization.instances and not connected:
            return False
        # The same news is the same automation, however often a process dies over telling it.
        words = f"{alert.id} {alert.fired_ms} {news} {_count(alert, news)}"
        with suppress(IdConflict):  # told by one that died before it wrote that down; the words tell another duration
            await self._producer.add_automation_job(
                automation_id=f"alert {blake2b(words.encode(), digest_size=12).hexdigest()}",
                organization_id=organization.id,
                type=TYPE,
                recipient_number=organization.owners[0],
                content=owner_text(news, alert),
                instance_id=connected[0] if connected else None,
                transactional=True,  # whether it may go out at night was decided above, by what it is
                grace_minutes=GRACE_MINUTES,
            )
        return True

    async def test(self, organization_id: str) -> str | None:
        """Tell the owner that this is a test; the id of the automation's job, None without an owner to be told."""
        organization = await self._organization(organization_id)
        if organization is None or not organization.owners:
            return None
        return await self._producer.add_automation_job(
            automation_id=f"alert test {now_ms()}",
            organization_id=organization.id,
            type=TYPE,
            recipient_number=organization.owners[0],
            content="Teste dos avisos: está tudo bem.",
            transactional=True,
            grace_minutes=GRACE_MINUTES,
        )

    async def _organization(self, organization_id: str) -> Organization | None:
        try:
            return await self._organizations.get(organization_id)
        except InvalidPayload:
            return None  # its settings are broken: nobody knows the owner


def owner_text(news: News, alert: Alert) -> str:
    """What an owner reads, in Portuguese."""
    rule = RULES[alert.rule]
    if news == "resolved":
        about = f" ({alert.subject})" if alert.subject else ""
        seconds = ((alert.resolved_ms or 0) - alert.since_ms) / 1000
        return f"✅ Resolvido: {rule.title('pt')}{about}. Durou {written(max(seconds, 0), 'seconds')}."
    return f"⚠️ {rule.title('pt')}\n{rule.text(alert.finding, 'pt')}"


def _count(alert: Alert, news: News) -> int:
    """Tells one reminder from the next."""
    told = alert.told.get("owner")
    return told.at_ms if told is not None and news == "reminder" else 0


def _is_open(organization: Organization) -> bool:
    at_ms = now_ms()
    return (
        next_open(organization.sending_hours, zone_of(organization.owners[0], organization.time_zone), at_ms) <= at_ms
    )
