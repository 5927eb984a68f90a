"""A receiver on a real server, messages that are really claimed, and a look at what became of them."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from oxyq.app import App, open_app
from oxyq.campaigns.planning import CampaignPlanning
from oxyq.campaigns.release import CampaignRelease
from oxyq.engine import Entry, JobOptions
from oxyq.engine.job import Job
from oxyq.engine.scripts import FetchRules
from oxyq.gateways.news import AnyNews, Dropped, News, PersonWrote
from oxyq.instances import Instance
from oxyq.organizations import Organization
from oxyq.receiving.receiver import Receiver
from oxyq.receiving.statuses import Statuses
from oxyq.sending.ledger import Gate, Ledger
from oxyq.settings import load_settings
from oxyq.workers.campaign import CampaignEndings
from tests.integration.campaigns.conftest import Desk

ORGANIZATION = Organization(id="org_1", name="Pet Shop", instances=["wa_1"], owners=["5511988880000"])
INSTANCE = Instance(id="wa_1", organization_id="org_1", gateway="baileys")


class People:
    """Remembers who was told to have a chat."""

    def __init__(self) -> None:
        self.told = list[tuple[str, str, PersonWrote]]()

    async def person_wrote(self, organization_id: str, instance_id: str, news: PersonWrote) -> None:
        """Remember it."""
        self.told.append((organization_id, instance_id, news))


@dataclass
class Reception:
    """A receiver, and short ways to set a scene."""

    app: App
    ledger: Ledger
    people: People = field(default_factory=People)
    events: list[object] = field(default_factory=list)
    _claimed: int = 0

    def __post_init__(self) -> None:
        app = self.app
        app.telemetry.listen(self.events.append)
        endings = CampaignEndings(app.campaigns, app.producer, app.organizations, app.telemetry)
        statuses = Statuses(self.ledger, app.campaigns, endings, app.producer, app.organizations, app.contacts)
        self.receiver = Receiver(
            app.producer, statuses, self.ledger, self.people, app.contacts, app.instances, app.telemetry
        )

    async def receive(self, *news: AnyNews, instance: Instance = INSTANCE, dropped: tuple[Dropped, ...] = ()) -> object:
        """How many parts ended how."""
        return {**(await self.receiver.receive(instance, News(news, dropped))).counts}

    async def claim(self, key: str, gate: Gate | None = None) -> Job:
        """Claim a message as a worker does before it sends it."""
        self._claimed += 1
        queue = self.app.queues["automation"]
        await queue.add_many([Entry("send", {}, f"held-{self._claimed}", JobOptions())])
        taken = await queue.scripts.settle_and_fetch([], 1, f"token-{self._claimed}", FetchRules(30_000, "worker"))
        job = Job(taken.jobs[0], "automation", None)
        assert (await self.ledger.claim(job, "org_1", key, "never", gate)).verdict == "send"
        return job

    async def known_as(self, provider_id: str, key: str, organization_id: str = "org_1") -> None:
        """WhatsApp knows the message `key` by this id."""
        await self.ledger.known_as(organization_id, "wa_1", provider_id, key)

    async def state(self, key: str) -> str | None:
        """What the ledger says."""
        entry = await self.ledger.entry("org_1", key)
        return None if entry is None else entry.state

    async def jobs(self) -> list[object]:
        """The data of all jobs in the queue of messages."""
        queue = self.app.queues["message"]
        return [job.data for state in ("wait", "prioritized") for job in await queue.jobs(state, 0, 999)]


@pytest.fixture
async def reception(redis_url: str, prefix: str, tmp_path: Path) -> AsyncIterator[Reception]:
    """A receiver, with an organization and its number."""
    settings = load_settings({"REDIS_URL": redis_url, "OXYQ_REDIS_PREFIX": prefix, "OXYQ_DATA_DIR": str(tmp_path)})
    async with open_app(settings) as app:
        await app.organizations.save(ORGANIZATION)
        await app.instances.save(INSTANCE)
        yield Reception(app, Ledger(app.hub))


@pytest.fixture
def desk(reception: Reception) -> Desk:
    """The campaigns of the same installation, taken along step by step."""
    app = reception.app
    return Desk(
        hub=app.hub,
        store=app.campaigns,
        control=app.campaign_control,
        planning=CampaignPlanning(app.campaigns),
        release=CampaignRelease(app.campaigns, app.producer, app.queues["campaign"], app.limiter),
        queue=app.queues["campaign"],
        redis=app.redis,
        organization=ORGANIZATION,
    )
