"""What became of messages of ours: written into the ledger, and into the campaign that one belongs to."""

from typing import Final, Literal, TypeAlias

from oxyq.campaigns.campaign import Status
from oxyq.campaigns.store import CampaignStore
from oxyq.contacts import ContactStore
from oxyq.gateways.news import StatusNews
from oxyq.instances import Instance
from oxyq.producer import Producer
from oxyq.sending.ledger import Entry, Ledger, State
from oxyq.workers.campaign import CampaignEndings
from oxyq.workers.runner import Organizations

#: Where an opt-out came from that WhatsApp itself told us of.
WHATSAPP: Final = "whatsapp"

StatusEnding: TypeAlias = Literal["statuses", "old_statuses", "unknown_statuses"]
"""It was news; it was known, or older than what is known; it is of no message of ours."""

#: What gateways say, of all states in the ledger; a campaign counts by the same words.
_TOLD: Final[dict[State, Status]] = {"sent": "sent", "delivered": "delivered", "read": "read", "failed": "failed"}


class Statuses:
    """Takes statuses in, in any order and as often as they come. All raise QueueUnavailable."""

    def __init__(
        self,
        ledger: Ledger,
        campaigns: CampaignStore,
        endings: CampaignEndings,
        producer: Producer,
        organizations: Organizations,
        contacts: ContactStore,
    ) -> None:
        self._ledger = ledger
        self._campaigns = campaigns
        self._endings = endings
        self._producer = producer
        self._organizations = organizations
        self._contacts = contacts

    async def take(self, instance: Instance, news: StatusNews) -> StatusEnding:
        """Take one status in."""
        organization_id = instance.organization_id
        key = news.key or await self._ledger.key_of(organization_id, instance.id, news.provider_id)
        if key is None:
            await self._leave_alone(organization_id, news, None)
            return "unknown_statuses"
        advance = await self._ledger.advance(
            organization_id, key, news.status, at_ms=news.at_ms, provider_id=news.provider_id
        )
        # What is known by now, and not this news: it may be old, or the repetition of one that came only this far.
        entry = await self._ledger.entry(organization_id, key)
        if entry is not None and advance.campaign_id is not None and advance.contact is not None:
            await self._note(organization_id, advance.campaign_id, advance.contact, entry, news)
        await self._leave_alone(organization_id, news, advance.contact)
        if entry is None:
            return "unknown_statuses"
        return "statuses" if advance.is_news else "old_statuses"

    async def _note(self, organization_id: str, campaign_id: str, contact: str, entry: Entry, news: StatusNews) -> None:
        status = _TOLD.get(entry.state)
        if status is None:
            return
        reason = news.reason if status == news.status == "failed" else ""
        noted = await self._campaigns.note(
            organization_id,
            campaign_id,
            contact,
            status,
            detail=reason or entry.provider_id or "",
            at_ms=entry.at_ms,
        )
        if noted.is_last:
            organization = await self._organizations.get(organization_id)
            if organization is not None:
                await self._endings.ended(organization, campaign_id)
            await self._producer.wake_campaign_run(organization_id, campaign_id, noted.generation)

    async def _leave_alone(self, organization_id: str, news: StatusNews, contact: str | None) -> None:
        """Take the person out of campaigns who told WhatsApp to stop them."""
        person = contact or news.recipient
        if not news.is_suppressed or person is None:
            return
        await self._contacts.opt_out(organization_id, person, source=WHATSAPP)
