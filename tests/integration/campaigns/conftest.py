"""A campaign's parts on a real server, without workers: each test takes the steps itself."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import redis.asyncio

from oxyq.campaigns.campaign import Campaign
from oxyq.campaigns.control import CampaignControl
from oxyq.campaigns.intake import CampaignIntake
from oxyq.campaigns.planning import CampaignPlanning
from oxyq.campaigns.release import CampaignRelease
from oxyq.campaigns.store import CampaignStore
from oxyq.clock import now_ms
from oxyq.engine import Hub, Queue
from oxyq.gateways.by_instance import Gateways
from oxyq.gateways.none import NoGateway
from oxyq.jobs import CampaignContent, CampaignRequest, parse_new
from oxyq.organizations import Organization, OrganizationStore
from oxyq.pacing.limiter import Limiter
from oxyq.producer import Producer
from oxyq.queues import policies
from oxyq.sending.lanes import Lanes

ORG = Organization(id="org_1", name="Pet Shop", instances=["wa_1"])


@dataclass
class Desk:
    """Everything that a campaign needs, and short ways to take its steps."""

    hub: Hub
    store: CampaignStore
    control: CampaignControl
    planning: CampaignPlanning
    release: CampaignRelease
    queue: Queue
    redis: "redis.asyncio.Redis"
    organization: Organization = ORG

    async def make(
        self, recipients: list[object], template: str = "Olá!", campaign_id: str = "c", **more: object
    ) -> None:
        """A draft with these recipients."""
        request = parse_new(
            CampaignRequest,
            campaignId=campaign_id,
            organizationId=ORG.id,
            template=template,
            recipients=recipients,
            **more,
        )
        filling = await CampaignIntake(self.store).open(request)
        await filling.add(request.people())
        await filling.finish()

    async def campaign(self, campaign_id: str = "c") -> Campaign:
        """As it stands."""
        return await self.control.find(ORG.id, campaign_id)

    async def plan(self, campaign_id: str = "c") -> Campaign:
        """Started, and planned to its end."""
        await self.control.start(ORG.id, campaign_id)
        return await self.plan_on(campaign_id)

    async def plan_on(self, campaign_id: str = "c") -> Campaign:
        """Planned to its end, after a start, a resume or when it is asked for again."""
        while not await self.planning.go_on(await self.campaign(campaign_id), self.organization, seconds=10):
            pass
        await self.store.planned_all(await self.campaign(campaign_id))
        return await self.campaign(campaign_id)

    async def release_some(self, campaign_id: str = "c") -> Campaign:
        """One pass of the release."""
        now = now_ms()
        lane = await Lanes(Gateways(NoGateway())).of(self.organization, None, None, "campaign", now)
        await self.release.go_on(await self.campaign(campaign_id), self.organization, lane, now)
        return await self.campaign(campaign_id)

    async def sends(self) -> list[str]:
        """Whom the sends in the queue are for, in their order; the job that takes the campaign along is left out."""
        waiting = [*await self.queue.jobs("prioritized", 0, 9_999), *await self.queue.jobs("wait", 0, 9_999)]
        return [str(job.data["recipient"]) for job in waiting if isinstance(job.data, dict) and "recipient" in job.data]


@pytest.fixture
async def hub(redis_url: str, prefix: str) -> AsyncIterator[Hub]:
    """The connections of this test."""
    hub = Hub(redis_url, prefix=prefix)
    yield hub
    await hub.close()


@pytest.fixture
def desk(hub: Hub, redis_client: "redis.asyncio.Redis", prefix: str) -> Desk:
    """The parts, wired as the app does it."""
    store, producer, queue = CampaignStore(hub), Producer(hub, policies()), Queue("campaign", hub=hub)
    limiter, organizations = Limiter(hub), OrganizationStore(redis_client, prefix=prefix)
    return Desk(
        hub=hub,
        store=store,
        control=CampaignControl(store, producer, queue, organizations, limiter, Lanes(Gateways(NoGateway()))),
        planning=CampaignPlanning(store),
        release=CampaignRelease(store, producer, queue, limiter),
        queue=queue,
        redis=redis_client,
    )


def content(template: str = "Olá!", campaign_id: str = "c", **more: object) -> CampaignContent:
    """What a campaign says, without recipients."""
    return parse_new(CampaignContent, campaignId=campaign_id, organizationId=ORG.id, template=template, **more)


def numbers(count: int, first: int = 0) -> list[object]:
    """So many different numbers in São Paulo."""
    return [f"5511{970_000_000 + number}" for number in range(first, first + count)]
