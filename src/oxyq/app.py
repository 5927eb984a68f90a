"""Builds everything from settings; the only file that picks concrete parts."""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import redis.asyncio

from oxyq.campaigns.control import CampaignControl
from oxyq.campaigns.overview import CampaignOverview
from oxyq.campaigns.release import CampaignRelease
from oxyq.campaigns.store import CampaignStore
from oxyq.contacts import ContactStore
from oxyq.dead_letters import DeadLetters
from oxyq.embedded import EmbeddedServer
from oxyq.engine.address import Address
from oxyq.engine.events import EngineEvent, JobFailed
from oxyq.engine.hub import Hub
from oxyq.engine.queue import Queue
from oxyq.engine.scripts import now_ms
from oxyq.errors import ConfigurationError
from oxyq.gateways.base import Gateway
from oxyq.gateways.by_instance import Gateways
from oxyq.gateways.none import NoGateway
from oxyq.gateways.simulator import SimulatorGateway
from oxyq.instances import InstanceStore
from oxyq.jobs import AnyPayload, Automation, CampaignRequest, CampaignRun, CampaignSend, InboundMessage
from oxyq.maintenance.periodic import Periodic
from oxyq.maintenance.sweep import Sweep
from oxyq.maintenance.weights import WEIGHTS_SECONDS, Weights
from oxyq.organizations import OrganizationStore, RecentOrganizations
from oxyq.own_secrets import own_secret
from oxyq.pacing.limiter import Limiter
from oxyq.producer import Producer
from oxyq.queues import DEAD_LETTER
from oxyq.redis_connection import configured_address, redis_client
from oxyq.replies.owner import status_text
from oxyq.sealing import Sealer
from oxyq.sending.lanes import Lanes
from oxyq.sending.ledger import Ledger
from oxyq.sending.sender import Sender
from oxyq.settings import Settings
from oxyq.telemetry.events import Telemetry
from oxyq.workers.automation import AutomationHandler
from oxyq.workers.campaign import CampaignEndings, CampaignRunner, CampaignSender, CampaignTaker
from oxyq.workers.message import MessageHandler
from oxyq.workers.pool import WorkerPool
from oxyq.workers.runner import Handle, Runner


@dataclass(slots=True)
class App:
    """The parts of one process, ready to use; `open_app` makes and closes them."""

    settings: Settings
    address: Address
    hub: Hub
    redis: redis.asyncio.Redis
    telemetry: Telemetry
    organizations: OrganizationStore
    contacts: ContactStore
    producer: Producer
    campaigns: CampaignStore
    campaign_control: CampaignControl
    campaign_overview: CampaignOverview
    instances: InstanceStore
    gateways: Gateways
    lanes: Lanes
    limiter: Limiter
    dead_letters: DeadLetters
    queues: dict[str, Queue]
    _background: set[asyncio.Task[None]] = field(default_factory=set)

    async def queue_counts(self) -> dict[str, dict[str, int]]:
        """Every queue's jobs by state; `completed` counts up for ever, `failed` is what sits in failed now."""
        names = [name for name in self.queues if name != DEAD_LETTER]
        counts = await asyncio.gather(*(self.queues[name].counts() for name in names))
        ever = await asyncio.gather(*(self.queues[name].finished_ever() for name in names))
        paused = await asyncio.gather(*(self.queues[name].is_paused() for name in names))
        return {
            name: {**now, "completed": finished[0], "completed_kept": now["completed"], "paused": int(is_paused)}
            for name, now, finished, is_paused in zip(names, counts, ever, paused, strict=True)
        }

    def workers(self, queues: Collection[str] = ()) -> "Workers":
        """Workers for these queues (all of them by default), not started yet."""
        return Workers(self, queues or tuple(self.settings.policies))


class Workers:
    """The working part of a process: a pool of workers, and the chores beside them."""

    def __init__(self, app: App, queues: Collection[str]) -> None:
        if unknown := set(queues) - set(app.settings.policies):
            raise ConfigurationError(
                f"there is no queue {', '.join(sorted(unknown))}; known are {', '.join(app.settings.policies)}"
            )
        self._app = app
        organizations = RecentOrganizations(app.organizations)
        self._endings = CampaignEndings(app.campaigns, app.producer, organizations, app.telemetry)
        runner = Runner(organizations, self._handlers(), self._endings.task_ended, app.telemetry)
        policies = [policy for name, policy in app.settings.policies.items() if name in queues]
        weights = Weights(app.hub)
        self.pool = WorkerPool(app.hub, policies, app.settings, runner.run_job, self._heard, weights.now)
        sweep = Sweep(app.hub, tuple(app.settings.policies))
        self._chores = [
            Periodic("sweep", sweep.run_once, app.settings.sweep_seconds, app.telemetry),
            Periodic("weights", weights.run_once, WEIGHTS_SECONDS, app.telemetry),
        ]
        self._background: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Begin to work."""
        await self.pool.start()
        for chore in self._chores:
            chore.start()

    async def stop(self, grace_seconds: float) -> None:
        """End the chores and drain the workers; calling it again is harmless."""
        await asyncio.gather(*(chore.stop() for chore in self._chores))
        await self.pool.stop(grace_seconds)
        if self._background:
            await asyncio.wait(self._background, timeout=grace_seconds)

    def _handlers(self) -> dict[type[AnyPayload], Handle]:
        app = self._app
        sender = Sender(app.gateways, Ledger(app.hub), app.limiter)
        release = CampaignRelease(app.campaigns, app.producer, app.queues["campaign"], app.limiter)

        async def status() -> str:
            return status_text(await app.queue_counts())

        return {
            InboundMessage: MessageHandler(sender, app.contacts, status),
            Automation: AutomationHandler(sender, app.contacts, now_ms),
            CampaignRequest: CampaignTaker(app.campaign_control),
            CampaignRun: CampaignRunner(app.campaigns, release, self._endings, app.lanes, app.telemetry, now_ms),
            CampaignSend: CampaignSender(sender, now_ms),
        }

    def _heard(self, event: EngineEvent) -> None:
        self._app.telemetry.emit(event)
        if isinstance(event, JobFailed) and event.retry_in_ms is None:
            # Also told by the runner, except when the handler had no say: a timeout, or a worker that died.
            task = asyncio.get_running_loop().create_task(self._endings.job_died(event.job))
            self._background.add(task)
            task.add_done_callback(self._background.discard)


@asynccontextmanager
async def open_app(settings: Settings, telemetry: Telemetry | None = None) -> AsyncIterator[App]:
    """Everything a process needs, with the embedded server if no other is configured; closes all in the end."""
    address = configured_address(settings)
    if address is not None:
        async with _app(settings, address, telemetry or Telemetry()) as app:
            yield app
        return
    async with (
        EmbeddedServer(settings.data_dir) as server,
        _app(settings, server.address, telemetry or Telemetry()) as app,
    ):
        yield app


@asynccontextmanager
async def _app(settings: Settings, address: Address, telemetry: Telemetry) -> AsyncIterator[App]:
    prefix = settings.redis_prefix
    hub, client = Hub(address, prefix=prefix), redis_client(address)
    queues = {name: Queue(name, hub=hub) for name in (*settings.policies, DEAD_LETTER)}
    producer, campaigns, limiter = Producer(hub, settings.policies), CampaignStore(hub), Limiter(hub)
    organizations = OrganizationStore(client, prefix=prefix)
    instances = InstanceStore(
        client,
        lambda: Sealer(own_secret(settings, settings.secrets_key, "OXYQ_SECRETS_KEY", "secrets-key")),
        prefix=prefix,
    )
    gateways = Gateways(_default_gateway(settings), instances)
    lanes = Lanes(gateways)
    try:
        yield App(
            settings=settings,
            address=address,
            hub=hub,
            redis=client,
            telemetry=telemetry,
            organizations=organizations,
            contacts=ContactStore(client, prefix=prefix),
            producer=producer,
            campaigns=campaigns,
            campaign_control=CampaignControl(campaigns, producer, queues["campaign"], organizations, limiter, lanes),
            campaign_overview=CampaignOverview(limiter, lanes),
            instances=instances,
            gateways=gateways,
            lanes=lanes,
            limiter=limiter,
            dead_letters=DeadLetters(hub),
            queues=queues,
        )
    finally:
        await gateways.close()
        await hub.close()
        await client.aclose()


def _sealer(settings: Settings) -> Sealer:
    return Sealer(own_secret(settings, settings.secrets_key, "OXYQ_SECRETS_KEY", "secrets-key"))


def _default_gateway(settings: Settings) -> Gateway:
    match settings.default_gateway:
        case "simulator":
            return SimulatorGateway(settings.simulator_log_path)
        case "none":
            return NoGateway()
