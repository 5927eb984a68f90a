"""Finding campaigns for whom they concern, and showing how far they are; never what they say."""

import asyncio
from collections.abc import Sequence
from typing import Final

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from oxyq.api.access import no_organization
from oxyq.app import App
from oxyq.campaigns.campaign import Campaign, State
from oxyq.errors import NotAllowed, NotFound
from oxyq.jobs import CampaignContent
from oxyq.organizations import Organization

#: A job that is over, or is none, takes no campaign in any more.
_OVER: Final = frozenset(("completed", "failed", "unknown"))


class CampaignView(BaseModel):
    """A campaign; sent + failed + unconfirmed + skipped + cancelled + waiting = recipients. Times are ms since 1970."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, json_schema_serialization_defaults_required=True
    )

    campaign_id: str = Field(examples=["campaign_001"])
    organization_id: str = Field(examples=["org_123"])
    state: State = Field(description="planning: also while its request waits for a worker")
    recipients: int = Field(default=0, examples=[1200])
    waiting: int = Field(default=0, examples=[693])
    sent: int = Field(default=0, description="went out, those delivered and read among them", examples=[500])
    delivered: int = Field(default=0, examples=[480])
    read: int = Field(default=0, examples=[210])
    failed: int = Field(default=0, examples=[2])
    unconfirmed: int = Field(default=0, description="may have gone out, and is not sent again", examples=[1])
    skipped: dict[str, int] = Field(
        default_factory=dict, description="by reason", examples=[{"invalid": 3, "opted_out": 1}]
    )
    cancelled: int = 0
    waits_for: str | None = Field(
        default=None, description="why nothing goes out at the moment", examples=["quiet hours"]
    )
    waits_until: int | None = None
    per_minute: float | None = Field(
        default=None, description="sends a minute in the last five, while it runs", examples=[48.0]
    )
    ends_at: int | None = Field(default=None, description="when it will be through, if all goes on as it does")
    crosses_quiet_hours_at: int | None = None
    created_at: int | None = Field(default=None, examples=[1795377084000])
    start_at: int | None = None
    started_at: int | None = None
    paused_at: int | None = None
    ended_at: int | None = None


class CampaignLookup:
    """Finds campaigns; all raise NotFound and QueueUnavailable."""

    def __init__(self, app: App) -> None:
        self._store = app.campaigns
        self._queue = app.queues["campaign"]
        self._organizations = app.organizations
        self._overview = app.campaign_overview

    async def organization(self, organization_id: str) -> Organization:
        """The organization of this id."""
        organization = await self._organizations.get(organization_id)
        if organization is None:
            raise no_organization(organization_id)
        return organization

    async def show(self, organization_id: str, campaign_id: str) -> tuple[CampaignView, Campaign | None]:
        """One campaign, as its organization is told of it and as it is; None while its request waits for a worker."""
        campaign = await self._find(organization_id, campaign_id)
        if campaign is None:
            return CampaignView(campaign_id=campaign_id, organization_id=organization_id, state="planning"), None
        return await self.view(campaign), campaign

    async def views(self, campaigns: Sequence[Campaign], organization: Organization) -> list[CampaignView]:
        """Campaigns of one organization, as it is told of them."""
        return await asyncio.gather(*(self._view(campaign, organization) for campaign in campaigns))

    async def taken_in(self, organization_id: str, campaign_id: str) -> Campaign:
        """A campaign to do something with; NotAllowed while its request still waits for a worker."""
        campaign = await self._find(organization_id, campaign_id)
        if campaign is None:
            raise NotAllowed(f"campaign {campaign_id} is accepted and not taken in yet; try again in a moment")
        return campaign

    async def is_accepted(self, content: CampaignContent) -> bool:
        """Whether a request for this campaign is in the queue: no worker has taken it in, or not to its end."""
        return await self._queue.state(content.job_id()) not in _OVER

    async def view(self, campaign: Campaign) -> CampaignView:
        """A campaign, as its organization is told of it."""
        return await self._view(campaign, await self.organization(campaign.organization_id))

    async def _find(self, organization_id: str, campaign_id: str) -> Campaign | None:
        """A campaign; None while its request still waits for a worker."""
        campaign = await self._store.get(organization_id, campaign_id)
        # A draft may be what a worker is filling in this moment.
        if campaign is None or campaign.state == "draft":
            named = CampaignContent.model_construct(
                organization_id=organization_id, campaign_id=campaign_id, template=""
            )
            if await self.is_accepted(named):
                return None
        if campaign is None:
            raise NotFound(f"there is no campaign {campaign_id}; check its id (they are kept for 30 days)")
        return campaign

    async def _view(self, campaign: Campaign, organization: Organization) -> CampaignView:
        return CampaignView.model_validate(await self._overview.of(campaign, organization))
