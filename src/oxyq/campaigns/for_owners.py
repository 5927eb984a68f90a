"""Campaigns as owners order them about by message: the controls, and how each stands in a few numbers."""

from oxyq.campaigns.campaign import Campaign
from oxyq.campaigns.control import CampaignControl
from oxyq.campaigns.progress import progress
from oxyq.replies.campaign_commands import CampaignSummary


class CampaignsForOwners:
    """What `replies.owner` asks of campaigns."""

    def __init__(self, control: CampaignControl) -> None:
        self._control = control

    async def latest(self, organization_id: str) -> list[CampaignSummary]:
        """The campaigns that were made last, newest first."""
        return [_summary(campaign) for campaign in await self._control.latest(organization_id)]

    async def find(self, organization_id: str, campaign_id: str) -> CampaignSummary:
        """One of them; NotFound when there is none."""
        return _summary(await self._control.find(organization_id, campaign_id))

    async def pause(self, organization_id: str, campaign_id: str) -> CampaignSummary:
        """Send nothing more until it is resumed; NotFound, NotAllowed."""
        return _summary(await self._control.pause(organization_id, campaign_id))

    async def resume(self, organization_id: str, campaign_id: str) -> CampaignSummary:
        """Go on where it was; NotFound, NotAllowed."""
        return _summary(await self._control.resume(organization_id, campaign_id))

    async def cancel(self, organization_id: str, campaign_id: str) -> CampaignSummary:
        """End it for good; NotFound, NotAllowed."""
        return _summary(await self._control.cancel(organization_id, campaign_id))


def _summary(campaign: Campaign) -> CampaignSummary:
    counts = progress(campaign)
    return CampaignSummary(
        id=campaign.id,
        state=campaign.state,
        recipients=counts.recipients,
        waiting=counts.waiting,
        sent=counts.sent,
        delivered=counts.delivered,
        read=counts.read,
        failed=counts.failed,
        unconfirmed=counts.unconfirmed,
        skipped=sum(counts.skipped.values()),
        cancelled=counts.cancelled,
    )
