"""Campaigns: a request is taken in, a run takes it along, and each send is one message."""

from collections.abc import Callable
from typing import Final

from oxyq.campaigns.campaign import Campaign, Status
from oxyq.campaigns.control import CampaignControl
from oxyq.campaigns.planning import CampaignPlanning
from oxyq.campaigns.progress import progress
from oxyq.campaigns.release import REFILL_AT, CampaignRelease
from oxyq.campaigns.store import CampaignStore
from oxyq.clock import now_ms
from oxyq.contacts import ContactStore
from oxyq.engine.job import Job
from oxyq.errors import InvalidPayload
from oxyq.gateways.base import ContactSuppressed
from oxyq.gateways.outbound import OutboundText
from oxyq.jobs import CampaignRequest, CampaignRun, CampaignSend, decode
from oxyq.numbers import contact_key
from oxyq.organizations import Organization
from oxyq.outcomes import Discard, Done, Failed, Later, Outcome
from oxyq.producer import Producer
from oxyq.sending.lanes import Lanes
from oxyq.sending.ledger import Gate
from oxyq.sending.sender import Kept, OrganizationPaused, Sender, sent_value
from oxyq.sending_hours import next_open, zone_of
from oxyq.telemetry.events import CampaignEnded, CampaignPlanned, Telemetry
from oxyq.workers.outbound import text_or_template
from oxyq.workers.runner import Organizations, Task

#: What a campaign waits for whose run has failed for good.
GIVEN_UP: Final = "its run in the dead letters; replay that"
#: How long one run plans before it lets others have its place.
PLAN_SECONDS: Final = 10.0
#: A send that is met while its campaign is paused; resuming takes it back long before.
PAUSED_MS: Final = 3_600_000


class CampaignTaker:
    """Handles a request, as Node and our own producer add it: what it holds becomes a campaign, and that begins."""

    def __init__(self, control: CampaignControl) -> None:
        self._control = control

    async def __call__(self, task: Task) -> Outcome:
        """Take one campaign in; a variable without a value discards it before anything is sent."""
        request = task.payload
        assert isinstance(request, CampaignRequest)  # noqa: S101 - the runner's table chose us by type
        campaign = await self._control.take_in(request)
        return Done({"status": campaign.state, "recipients": campaign.uploaded})


class CampaignRunner:
    """Handles a run: plans the campaign, releases its sends, and is there until the last has ended."""

    def __init__(
        self,
        store: CampaignStore,
        release: CampaignRelease,
        endings: "CampaignEndings",
        lanes: Lanes,
        telemetry: Telemetry,
        now_ms: Callable[[], int],
    ) -> None:
        self._store = store
        self._planning = CampaignPlanning(store)
        self._release = release
        self._endings = endings
        self._lanes = lanes
        self._telemetry = telemetry
        self._now_ms = now_ms

    async def __call__(self, task: Task) -> Outcome:
        """One step of a campaign, put off until the next is due."""
        run = task.payload
        assert isinstance(run, CampaignRun)  # noqa: S101 - the runner's table chose us by type
        campaign = await self._store.get(task.organization.id, run.campaign_id)
        if campaign is None or campaign.generation != run.generation:
            return Done({"status": "superseded"})
        if campaign.state == "scheduled":
            now_ms = self._now_ms()
            if (campaign.start_at or 0) > now_ms:
                return Later(campaign.start_at or 0, "scheduled")
            await self._store.move(task.organization.id, campaign.id, "begin")
            return Later(now_ms, "its time has come")
        if campaign.state == "planning":
            return await self._plan(campaign, task.organization)
        if campaign.state == "running":
            return await self._go_on(campaign, task.organization)
        return Done({"status": campaign.state})

    async def _plan(self, campaign: Campaign, organization: Organization) -> Outcome:
        if await self._planning.go_on(campaign, organization, seconds=PLAN_SECONDS):
            began, ended = await self._store.planned_all(campaign)
            planned = await self._store.get(organization.id, campaign.id)
            if began and planned is not None:
                left_out = sum(planned.skipped.values())
                self._telemetry.emit(CampaignPlanned(organization.id, campaign.id, planned.total - left_out, left_out))
            if ended:
                await self._endings.ended(organization, campaign.id)
                return Done({"status": "completed"})
        return Later(self._now_ms(), "planning")

    async def _go_on(self, campaign: Campaign, organization: Organization) -> Outcome:
        if organization.is_paused:
            raise OrganizationPaused(f"organization {organization.id} is paused")
        now_ms = self._now_ms()
        lane = await self._lanes.of(organization, campaign.instance_id, None, "campaign", now_ms)
        step = await self._release.go_on(campaign, organization, lane, now_ms)
        await self._store.passed(campaign, step.waits, step.waits_until, now_ms, campaign.pace_now(now_ms))
        return Later(step.at_ms, step.waits or "sending")


class CampaignSender:
    """Handles one send of a campaign; what may have gone out is never sent again, and nobody is who opted out."""

    def __init__(self, sender: Sender, contacts: ContactStore, now_ms: Callable[[], int]) -> None:
        self._sender = sender
        self._contacts = contacts
        self._now_ms = now_ms

    async def __call__(self, task: Task) -> Outcome:
        """Send one message of a campaign."""
        send, organization = task.payload, task.organization
        assert isinstance(send, CampaignSend)  # noqa: S101 - the runner's table chose us by type
        now_ms = self._now_ms()
        hours = organization.sending_hours
        if hours is not None:
            opens = next_open(hours, zone_of(send.recipient, organization.time_zone), now_ms)
            if opens > now_ms:
                return Later(opens, "quiet hours")
        message = OutboundText(
            organization_id=organization.id,
            instance_id=send.instance_id,
            recipient=send.recipient,
            text=send.text,
            key=send.message_key(),
        )
        # Asked at the last moment, together with the claim: many a campaign waits for hours.
        gate = Gate(send.campaign_id, contact_key(send.recipient), organization.frequency_cap)
        outbound = text_or_template(message, send.meta_template)
        try:
            sent = await self._sender.send(
                task.job, outbound, organization, kind="campaign", held_ms=send.slot, gate=gate
            )
        except ContactSuppressed as error:
            if not error.opted_out:
                raise
            await self._contacts.opt_out(organization.id, send.recipient, source="whatsapp")
            return Done({"status": "opted_out"})
        if sent == Kept("paused"):
            return Later(now_ms + PAUSED_MS, "paused")
        return Done(sent_value(sent))


class CampaignEndings:
    """Notes how each send ended, wakes the run when more can be released, and tells the owner when all has ended."""

    def __init__(
        self, store: CampaignStore, producer: Producer, organizations: Organizations, telemetry: Telemetry
    ) -> None:
        self._store = store
        self._producer = producer
        self._organizations = organizations
        self._telemetry = telemetry

    async def task_ended(self, task: Task, outcome: Outcome) -> None:
        """Note how one attempt at a send ended, if that is the end for its recipient; and a run that is given up."""
        ending = _ending(task.job, outcome)
        if isinstance(task.payload, CampaignSend) and ending is not None:
            await self._note(task.organization, task.payload, *ending)
        if isinstance(task.payload, CampaignRun) and ending is not None and ending[0] == "failed":
            await self._run_given_up(task.payload)

    async def job_died(self, job: Job) -> None:
        """Note a send or run that failed without its handler having a say: its worker died too often."""
        try:
            payload = decode(job.queue, job.data)
        except InvalidPayload:
            return
        organization = await self._organizations.get(payload.organization_id)
        if isinstance(payload, CampaignSend) and organization is not None:
            await self._note(organization, payload, "failed", "its worker died or took too long")
        if isinstance(payload, CampaignRun):
            await self._run_given_up(payload)

    async def _run_given_up(self, run: CampaignRun) -> None:
        """Nothing takes the campaign along any more: say where to look."""
        campaign = await self._store.get(run.organization_id, run.campaign_id)
        if campaign is not None and campaign.generation == run.generation:
            await self._store.passed(campaign, GIVEN_UP, None, now_ms(), campaign.per_second)

    async def _note(self, organization: Organization, send: CampaignSend, status: Status | None, detail: str) -> None:
        noted = await self._store.note(
            organization.id,
            send.campaign_id,
            contact_key(send.recipient),
            status,
            # Gateways begin with the message's key, which says nothing to whoever reads the report.
            detail=detail.removeprefix(f"{send.message_key()}: "),
            job_id=send.job_id(),
        )
        if noted.is_last:
            await self.ended(organization, send.campaign_id)
        if noted.is_last or noted.open_sends in (0, REFILL_AT):
            await self._producer.wake_campaign_run(organization.id, send.campaign_id, noted.generation)

    async def ended(self, organization: Organization, campaign_id: str) -> None:
        """Tell that a campaign is over."""
        campaign = await self._store.get(organization.id, campaign_id)
        if campaign is None:
            return
        counts = {str(status): count for status, count in campaign.statuses.items()}
        counts["skipped"] = sum(campaign.skipped.values())
        self._telemetry.emit(CampaignEnded(organization.id, campaign_id, counts))
        if organization.owners:
            again = f" ({campaign.again + 1})" if campaign.again else ""
            await self._producer.add_automation_job(
                automation_id=f"summary of {campaign_id}{again}"[:128],
                organization_id=organization.id,
                type="campaign-summary",
                recipient_number=organization.owners[0],
                content=_summary(campaign),
                transactional=True,  # the owner asked for it
            )


def _ending(job: Job, outcome: Outcome) -> tuple[Status | None, str] | None:
    """The status that an outcome means for the recipient, with what is to be said of it; None while it goes on."""
    match outcome:
        case Done({"status": "sent", "providerId": str(provider_id)}):
            return "sent", provider_id
        case Done({"status": "unconfirmed"}):
            return "unconfirmed", ""
        case Done({"status": "opted_out"}):
            return "opted_out", ""
        case Done({"status": "capped"}):
            return "capped", ""
        case Done():
            return None, ""  # cancelled
        case Discard(reason):
            return "failed", reason
        case Failed(reason):
            return ("failed", reason) if job.is_last_attempt else None
        case Later():
            return None


def _summary(campaign: Campaign) -> str:
    counts = progress(campaign)
    return (
        f"Campanha {campaign.id} terminou: {counts.sent} enviadas, {counts.failed} com falha, "
        f"{counts.unconfirmed} sem confirmação, {sum(counts.skipped.values())} não enviadas (número inválido ou "
        "repetido, a pessoa pediu para sair ou já recebeu o bastante)."
    )
