"""Builds everything from settings; the only file that picks concrete parts."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import redis.asyncio

from oxyq import redis_keys
from oxyq.access.attempts import LoginAttempts
from oxyq.access.login_links import LoginLinks
from oxyq.access.revocations import Revocations
from oxyq.access.sessions import Sessions
from oxyq.admission import Admission
from oxyq.alerts.facts import FactFinder
from oxyq.alerts.owners import OwnerTelling
from oxyq.alerts.store import AlertStore
from oxyq.alerts.watch import WATCH_SECONDS, AlertWatch
from oxyq.alerts.webhook import AlertWebhook
from oxyq.audit import AuditLog
from oxyq.automations.control import AutomationControl
from oxyq.automations.last_wrote import LastWrote
from oxyq.automations.scheduler_list import SchedulerList
from oxyq.automations.schedules import AutomationSchedules
from oxyq.automations.waiting import WaitingAutomations
from oxyq.automations.withdrawals import Withdrawals
from oxyq.campaigns.checks import DraftChecks
from oxyq.campaigns.control import CampaignControl
from oxyq.campaigns.for_owners import CampaignsForOwners
from oxyq.campaigns.overview import CampaignOverview
from oxyq.campaigns.release import CampaignRelease
from oxyq.campaigns.stopped import StoppedCampaigns
from oxyq.campaigns.store import CampaignStore
from oxyq.clock import now_ms
from oxyq.contacts import ContactStore
from oxyq.conversations.hand_over import HandOver
from oxyq.conversations.identity import Identities
from oxyq.conversations.person import PersonReplies
from oxyq.conversations.store import ConversationStore
from oxyq.conversations.take_over import TakeOver
from oxyq.conversations.transcript import Transcripts
from oxyq.dead_letters import DeadLetters
from oxyq.embedded import EmbeddedServer
from oxyq.engine.address import Address
from oxyq.engine.events import EngineEvent, JobFailed
from oxyq.engine.hub import Hub
from oxyq.engine.markers import BLOCK_SECONDS
from oxyq.engine.queue import Queue
from oxyq.errors import ConfigurationError
from oxyq.gateways.base import Gateway
from oxyq.gateways.by_instance import Gateways
from oxyq.gateways.making import GatewayMaker
from oxyq.gateways.none import NoGateway
from oxyq.gateways.simulator import SimulatorGateway
from oxyq.instances import InstanceStore
from oxyq.jobs import AnyPayload, Automation, CampaignRequest, CampaignRun, CampaignSend, InboundMessage, PersonReply
from oxyq.maintenance.periodic import Periodic
from oxyq.maintenance.sweep import Sweep
from oxyq.maintenance.weights import WEIGHTS_SECONDS, Weights
from oxyq.operating.bulk.tasks import BulkTasks
from oxyq.operating.busiest_organizations import BusiestOrganizations
from oxyq.operating.cleaning import Cleaning
from oxyq.operating.dead_letter_actions import DeadLetterActions
from oxyq.operating.dead_letter_groups import DeadLetterGroups
from oxyq.operating.dead_letter_tasks import PurgeLetters, ReplayLetters
from oxyq.operating.found_job import Jobs
from oxyq.operating.job_actions import JobActions
from oxyq.operating.job_tasks.kinds import Bury, Clean, Promote, Remove, Retry
from oxyq.operating.job_view import JobViewer
from oxyq.operating.liveness import Liveness
from oxyq.operating.new_job import NewJobs
from oxyq.operating.organization_usage import OrganizationUsage
from oxyq.operating.overview import Overview
from oxyq.operating.queue_limits import QueueLimits
from oxyq.operating.queue_metrics import QueueMetrics
from oxyq.operating.queue_view import QueueViews
from oxyq.operating.redis_health import RedisHealthCheck
from oxyq.operating.replay_forecast import ReplayForecast
from oxyq.operating.search.job_search import JobSearch
from oxyq.organizations import OrganizationStore, RecentOrganizations
from oxyq.own_secrets import own_secret
from oxyq.pacing.limiter import Limiter
from oxyq.pacing.usage import PacingUsage
from oxyq.privacy.erasure import Erasure
from oxyq.privacy.receipt import ReceiptSigner
from oxyq.producer import Producer
from oxyq.queues import DEAD_LETTER
from oxyq.receiving.away import AwayNumbers
from oxyq.receiving.receiver import Receiver
from oxyq.receiving.statuses import Statuses
from oxyq.redis_connection import configured_address, redis_client
from oxyq.replies.ai import Ai
from oxyq.replies.llm import LanguageModels
from oxyq.replies.owner import OwnerDesk, status_text
from oxyq.replies.pending import RedisPending
from oxyq.replies.router import Router
from oxyq.replies.token_usage import TokenUsage
from oxyq.replies.traced_ai import TracedAi
from oxyq.sealing import Sealer
from oxyq.sending.lanes import Lanes
from oxyq.sending.ledger import Ledger
from oxyq.sending.sender import Sender
from oxyq.settings import Settings
from oxyq.statistics.heartbeats import BEAT_SECONDS, Heartbeat, Heartbeats
from oxyq.statistics.job_metrics import job_metrics
from oxyq.statistics.reading import Statistics
from oxyq.statistics.recorder import FLUSH_SECONDS, Recorder
from oxyq.suppression import Fingerprints, Suppression
from oxyq.telemetry.events import ConnectionChanged, Telemetry
from oxyq.telemetry.metrics.measured import Values, starts
from oxyq.telemetry.metrics.redis_calls import redis_calls
from oxyq.text_keys import TextKeys
from oxyq.workers.automation import AutomationHandler
from oxyq.workers.campaign import CampaignEndings, CampaignRunner, CampaignSender, CampaignTaker
from oxyq.workers.canary import Canary
from oxyq.workers.chat_notes import NotedInChat
from oxyq.workers.holding import WAKE_SECONDS, Holding
from oxyq.workers.message import MessageHandler
from oxyq.workers.newer_jobs import NewerJobs
from oxyq.workers.person import PersonHandler
from oxyq.workers.pool import WorkerPool
from oxyq.workers.runner import Elsewhere, Handle, Runner
from oxyq.workers.thinking import Thinking


@dataclass(slots=True)
class App:
    """The parts of one process, ready to use; `open_app` makes and closes them."""

    settings: Settings
    address: Address
    hub: Hub
    redis: redis.asyncio.Redis
    telemetry: Telemetry
    audit: AuditLog
    revocations: Revocations
    sessions: Sessions
    login_links: LoginLinks
    login_attempts: LoginAttempts
    organizations: OrganizationStore
    contacts: ContactStore
    ai: Ai
    identities: Identities
    conversations: ConversationStore
    take_over: TakeOver
    transcripts: Transcripts
    person_replies: PersonReplies
    organization_usage: OrganizationUsage
    withdrawals: Withdrawals
    last_wrote: LastWrote
    waiting_automations: WaitingAutomations
    automation_control: AutomationControl
    automation_schedules: AutomationSchedules
    scheduler_list: SchedulerList
    admission: Admission
    producer: Producer
    onward: Producer
    campaigns: CampaignStore
    draft_checks: DraftChecks
    campaign_control: CampaignControl
    campaign_overview: CampaignOverview
    campaign_endings: CampaignEndings
    receiver: Receiver
    instances: InstanceStore
    gateways: Gateways
    lanes: Lanes
    limiter: Limiter
    dead_letters: DeadLetters
    dead_letter_groups: DeadLetterGroups
    dead_letter_actions: DeadLetterActions
    statistics: Statistics
    heartbeats: Heartbeats
    redis_health: RedisHealthCheck
    liveness: Liveness
    overview: Overview
    queue_metrics: QueueMetrics
    queues: dict[str, Queue]
    bulk: BulkTasks
    search: JobSearch
    away: AwayNumbers
    alerts: AlertStore
    alert_watch: AlertWatch
    limits: QueueLimits
    queue_view: QueueViews
    cleaning: Cleaning
    jobs: Jobs
    job_viewer: JobViewer
    job_actions: JobActions
    new_jobs: NewJobs
    erasure: Erasure
    text_keys: TextKeys
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

    def workers(self, queues: Collection[str] = (), elsewhere: Elsewhere | None = None) -> "Workers":
        """Workers for these queues (all of them by default), not started yet; `elsewhere` as `Runner` has it."""
        return Workers(self, queues or tuple(self.settings.policies), elsewhere)


class Workers:
    """The working part of a process: a pool of workers, and the chores beside them."""

    def __init__(self, app: App, queues: Collection[str], elsewhere: Elsewhere | None) -> None:
        if unknown := set(queues) - set(app.settings.policies):
            raise ConfigurationError(
                f"there is no queue {', '.join(sorted(unknown))}; known are {', '.join(app.settings.policies)}"
            )
        self._app = app
        organizations, self._endings = RecentOrganizations(app.organizations), app.campaign_endings
        holding = Holding(app.hub, app.queues, organizations)
        leave = NewerJobs(app.hub, app.telemetry).leave
        runner = Runner(
            organizations,
            self._handlers(),
            holding.hold,
            leave,
            self._endings.task_ended,
            app.telemetry,
            elsewhere,
        )
        policies = [policy for name, policy in app.settings.policies.items() if name in queues]
        weights, self._recorder = Weights(app.hub), Recorder(app.hub)
        self.pool = WorkerPool(app.hub, policies, app.settings, runner.run_job, self._heard, weights.now)
        self._heartbeat = Heartbeat(
            app.hub, {policy.name: policy.concurrency for policy in policies}, lambda: self.pool.jobs_in_hand
        )
        sweep = Sweep(app.hub, tuple(app.settings.policies))
        self._chores = [
            Periodic("sweep", sweep.run_once, app.settings.sweep_seconds, app.telemetry),
            Periodic("weights", weights.run_once, WEIGHTS_SECONDS, app.telemetry),
            Periodic("holding", holding.run_once, WAKE_SECONDS, app.telemetry),
            Periodic("statistics", self._recorder.flush, FLUSH_SECONDS, app.telemetry),
            Periodic("heartbeat", self._heartbeat.beat, BEAT_SECONDS, app.telemetry),
        ]
        if every := app.settings.canary_seconds:
            canary = Canary(app.hub, policies, self.pool.signs, every)
            self._chores.append(Periodic("canary", canary.run_once, every, app.telemetry))
        if app.alert_watch.is_on:
            self._chores.append(Periodic("alerts", app.alert_watch.run_once, WATCH_SECONDS, app.telemetry))
        self._background: set[asyncio.Task[None]] = set()
        app.telemetry.metrics.ask(self._measured)

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
        # Without Redis the last seconds are not counted, and the sign of life runs out by itself.
        await asyncio.gather(self._recorder.flush(), self._heartbeat.end(), return_exceptions=True)

    def _measured(self) -> dict[str, Values]:
        in_hand: Values = {(): float(self.pool.jobs_in_hand)}
        return {**starts("workers"), **job_metrics(self._recorder.totals()), "oxyq_jobs_in_hand": in_hand}

    def _handlers(self) -> dict[type[AnyPayload], Handle]:
        app = self._app
        sender = Sender(app.gateways, Ledger(app.hub), app.limiter, self._number_told, app.telemetry)
        release = CampaignRelease(app.campaigns, app.producer, app.queues["campaign"], app.limiter)

        async def status() -> str:
            return status_text(await app.queue_counts())

        return {
            InboundMessage: self._message_handler(sender, status),
            PersonReply: PersonHandler(sender, app.take_over),
            Automation: NotedInChat(
                AutomationHandler(sender, app.contacts, app.withdrawals, app.last_wrote, now_ms),
                app.conversations,
                app.identities,
            ),
            CampaignRequest: CampaignTaker(app.campaign_control),
            CampaignRun: CampaignRunner(app.campaigns, release, self._endings, app.lanes, app.telemetry, now_ms),
            CampaignSend: CampaignSender(sender, app.contacts, now_ms),
        }

    def _message_handler(self, sender: Sender, status: Callable[[], Awaitable[str]]) -> MessageHandler:
        app = self._app
        pending = RedisPending(
            app.redis, lambda org, owner: redis_keys.owner_pending(org, owner, prefix=app.settings.redis_prefix)
        )
        return MessageHandler(
            sender,
            app.contacts,
            app.identities,
            app.conversations,
            Router(app.ai if app.telemetry.traces is None else TracedAi(app.ai, app.telemetry.traces)),
            OwnerDesk(CampaignsForOwners(app.campaign_control), status, app.conversations.silence, pending, now_ms),
            Thinking(app.conversations, app.gateways),
            HandOver(app.onward),
            now_ms,
        )

    def _heard(self, event: EngineEvent) -> None:
        self._app.telemetry.emit(event)
        if isinstance(event, JobFailed) and event.retry_in_ms is None:
            # Also told by the runner, except when the handler had no say: a timeout, or a worker that died.
            self._beside(self._endings.job_died(event.job))
        self._recorder.heard(event)  # last: what is not counted must be done all the same

    def _number_told(self, organization_id: str, instance_id: str, halted: str | None) -> None:
        state, detail = ("open", "it sends again") if halted is None else ("halted", halted)
        self._app.telemetry.emit(ConnectionChanged(organization_id, instance_id, state, detail))
        self._beside(self._app.instances.note_state(instance_id, state, detail))

    def _beside(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)


@asynccontextmanager
async def open_app(
    settings: Settings, telemetry: Telemetry | None = None, *, default_gateway: Gateway | None = None
) -> AsyncIterator[App]:
    """Everything a process needs, with the embedded server if no other is configured; closes all in the end.

    `default_gateway`: what numbers without a gateway of their own send through, instead of what the settings say.
    """
    telemetry, default = telemetry or Telemetry(), default_gateway or _default_gateway(settings)
    address = configured_address(settings)
    if address is not None:
        async with _app(settings, address, telemetry, default) as app:
            yield app
        return
    async with EmbeddedServer(settings.data_dir) as server, _app(settings, server.address, telemetry, default) as app:
        yield app


@asynccontextmanager
async def _app(settings: Settings, address: Address, telemetry: Telemetry, default: Gateway) -> AsyncIterator[App]:
    prefix = settings.redis_prefix
    # Three waits within the time after which no progress means stuck, so that one that hangs is told from a long one.
    block_seconds = min(BLOCK_SECONDS, settings.stuck_seconds / 3)
    hub = Hub(address, prefix=prefix, block_seconds=block_seconds, tracing=telemetry.traces)
    client = redis_client(address)
    queues = {name: Queue(name, hub=hub) for name in (*settings.policies, DEAD_LETTER)}
    # The door for what is new, and what accepted work adds, which is never refused
    admission, onward = Admission(hub, settings.intake_memory_percent), Producer(hub, settings.policies)
    producer, limiter = Producer(hub, settings.policies, admission), Limiter(hub)
    # Who was erased stays known by fingerprints alone
    fingerprints = Fingerprints(lambda: _secrets_key(settings))
    suppression, text_keys = Suppression(hub, fingerprints), TextKeys(hub, lambda: _sealer(settings))
    campaigns = CampaignStore(hub, suppression)
    organizations, contacts = OrganizationStore(client, prefix=prefix), ContactStore(client, suppression, prefix=prefix)
    revocations = Revocations(hub)
    # Numbers, and the ways to them
    instances = InstanceStore(client, lambda: _sealer(settings), prefix=prefix)
    make_gateway = GatewayMaker(settings, client, default)
    gateways = Gateways(default, instances, make_gateway)
    lanes = Lanes(gateways)
    # Chats, and who answers in them
    ai, conversations, identities = (
        _language_models(settings, client, telemetry),
        ConversationStore(hub, text_keys),
        Identities(hub, contacts),
    )
    take_over = TakeOver(conversations, identities, organizations)
    withdrawals, waiting = Withdrawals(client, prefix=prefix), WaitingAutomations(queues["automation"])
    schedules = AutomationSchedules(queues["automation"], producer, withdrawals, settings.policies["automation"])
    # How everything stands
    statistics, heartbeats = Statistics(hub, settings.policies), Heartbeats(hub)
    redis_health = RedisHealthCheck(hub, settings.redis_budget)
    # What gateways tell
    ledger, endings = Ledger(hub), CampaignEndings(campaigns, onward, RecentOrganizations(organizations), telemetry)
    statuses = Statuses(ledger, campaigns, endings, producer, organizations, contacts)
    # One job, for people who look at it and act on it
    dead_letters, jobs, new_jobs = DeadLetters(hub), Jobs(queues), NewJobs(producer)
    # Dead letters, and tasks that work on many
    last_wrote, letter_groups = LastWrote(client, prefix=prefix), DeadLetterGroups(dead_letters)
    working = {name: queue for name, queue in queues.items() if name != DEAD_LETTER}
    bulk = BulkTasks(
        hub,
        [
            Retry(working, dead_letters), Promote(working), Remove(working), Clean(working), Bury(working),
            ReplayLetters(dead_letters, letter_groups), PurgeLetters(dead_letters, letter_groups),
        ],
        telemetry,
    )  # fmt: skip
    search, queue_limits = JobSearch(working), QueueLimits(working, settings.policies)
    forecast = ReplayForecast(hub, RecentOrganizations(organizations), contacts, withdrawals, last_wrote)
    overview = Overview(hub, queues, settings.policies, DeadLetters(hub), heartbeats, redis_health, statistics)
    liveness, alerts = Liveness(hub, settings.policies, settings.canary_seconds), AlertStore(hub)
    away = AwayNumbers(client, instances, prefix=prefix)
    stopped = StoppedCampaigns(hub, campaigns)
    facts = FactFinder(overview, liveness, dead_letters, away, stopped)
    queue_metrics = QueueMetrics(
        overview,
        liveness,
        statistics,
        settings.policies,
        instances.states,
        away.all,
        stopped.all,
        BusiestOrganizations(statistics, settings.metrics_organizations),
        settings.intake_memory_percent / 100,
    )
    telemetry.metrics.ask(lambda: redis_calls(hub))
    try:
        yield App(
            settings=settings,
            address=address,
            hub=hub,
            redis=client,
            telemetry=telemetry,
            audit=AuditLog(hub),
            revocations=revocations,
            sessions=Sessions(client, revocations, prefix=prefix),
            login_links=LoginLinks(client, prefix=prefix),
            login_attempts=LoginAttempts(client, prefix=prefix),
            organizations=organizations,
            contacts=contacts,
            ai=ai,
            identities=identities,
            conversations=conversations,
            take_over=take_over,
            transcripts=Transcripts(conversations, ledger, queues["message"]),
            person_replies=PersonReplies(conversations, take_over, gateways, producer),
            organization_usage=OrganizationUsage(
                PacingUsage(limiter, lanes), TokenUsage(client, prefix=prefix), contacts, letter_groups, statistics
            ),
            withdrawals=withdrawals,
            last_wrote=last_wrote,
            waiting_automations=waiting,
            automation_control=AutomationControl(waiting, withdrawals, producer),
            automation_schedules=schedules,
            scheduler_list=SchedulerList(queues["automation"], schedules, producer),
            admission=admission,
            producer=producer,
            onward=onward,
            campaigns=campaigns,
            draft_checks=DraftChecks(hub, campaigns, contacts),
            campaign_control=CampaignControl(campaigns, producer, queues["campaign"], organizations, limiter, lanes),
            campaign_overview=CampaignOverview(limiter, lanes),
            campaign_endings=endings,
            receiver=Receiver(producer, statuses, ledger, take_over, contacts, instances, telemetry),
            instances=instances,
            gateways=gateways,
            lanes=lanes,
            limiter=limiter,
            dead_letters=dead_letters,
            dead_letter_groups=letter_groups,
            dead_letter_actions=DeadLetterActions(dead_letters, letter_groups, forecast, bulk),
            statistics=statistics,
            heartbeats=heartbeats,
            redis_health=redis_health,
            liveness=liveness,
            overview=overview,
            queue_metrics=queue_metrics,
            queues=queues,
            bulk=bulk,
            search=search,
            away=away,
            alerts=alerts,
            alert_watch=AlertWatch(
                settings, facts, alerts, _alert_webhook(settings), OwnerTelling(organizations, onward)
            ),
            limits=queue_limits,
            queue_view=QueueViews(working, search, queue_limits),
            cleaning=Cleaning(working, search, bulk),
            jobs=jobs,
            job_viewer=JobViewer(ledger, dead_letters),
            job_actions=JobActions(new_jobs, dead_letters, settings.policies, endings.job_died),
            new_jobs=new_jobs,
            text_keys=text_keys,
            erasure=Erasure(
                hub,
                queues,
                organizations,
                instances,
                contacts,
                campaigns,
                endings.ended,
                suppression,
                text_keys,
                fingerprints,
                receipt_signer(settings),
                AuditLog(hub),
            ),
        )
    finally:
        search.close()
        await queue_metrics.close()
        await letter_groups.close()
        await ai.close()
        await gateways.close()
        await make_gateway.close()
        await hub.close()
        await client.aclose()


def _language_models(settings: Settings, client: redis.asyncio.Redis, telemetry: Telemetry) -> LanguageModels:
    openai, anthropic = settings.openai_key, settings.anthropic_key
    return LanguageModels(
        settings.openai_url,
        None if openai is None else openai.get_secret_value(),
        settings.anthropic_url,
        None if anthropic is None else anthropic.get_secret_value(),
        TokenUsage(client, prefix=settings.redis_prefix),
        telemetry=telemetry,
    )


def _alert_webhook(settings: Settings) -> AlertWebhook | None:
    url, secret = settings.alert_webhook, settings.alert_secret
    return None if url is None or secret is None else AlertWebhook(url, secret, settings.redis_prefix)


def _sealer(settings: Settings) -> Sealer:
    return Sealer(_secrets_key(settings))


def receipt_signer(settings: Settings) -> ReceiptSigner:
    """What signs and checks the receipts of this installation's erasures."""
    return ReceiptSigner(lambda: _secrets_key(settings))


def _secrets_key(settings: Settings) -> str:
    return own_secret(settings, settings.secrets_key, "OXYQ_SECRETS_KEY", "secrets-key")


def _default_gateway(settings: Settings) -> Gateway:
    match settings.default_gateway:
        case "simulator":
            return SimulatorGateway(settings.simulator_log_path)
        case "none":
            return NoGateway()
