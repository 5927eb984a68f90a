"""A campaign: its seed is planned into one job per recipient; each of those is one message."""

from oxyq.campaigns.plan import plan
from oxyq.campaigns.progress import CampaignProgress, Status
from oxyq.contacts import ContactStore
from oxyq.engine.job import Job
from oxyq.errors import InvalidPayload
from oxyq.gateways.base import OutboundText
from oxyq.jobs import CampaignRequest, CampaignSend, decode
from oxyq.organizations import Organization
from oxyq.outcomes import Discard, Done, Failed, Later, Outcome
from oxyq.producer import Producer
from oxyq.sending.sender import Sender, sent_value
from oxyq.telemetry.events import CampaignEnded, CampaignPlanned, Telemetry
from oxyq.workers.runner import Organizations, Task


class CampaignPlanner:
    """Handles the seed: plans the sends and puts them into the queue, each once, whatever crashes in between."""

    def __init__(
        self, producer: Producer, contacts: ContactStore, report: "CampaignReport", telemetry: Telemetry
    ) -> None:
        self._producer = producer
        self._contacts = contacts
        self._report = report
        self._telemetry = telemetry

    async def __call__(self, task: Task) -> Outcome:
        """Plan one campaign; a variable without a value discards it before anything is sent."""
        request = task.payload
        assert isinstance(request, CampaignRequest)  # noqa: S101 - the runner's table chose us by type
        planned = plan(request)
        out = await self._contacts.opted_out(task.organization.id, [send.recipient for send in planned.sends])
        sends = tuple(send for send in planned.sends if send.recipient not in out)
        skipped = planned.skipped | dict.fromkeys(sorted(out), "opted out")
        await self._report.open(task.organization, request.campaign_id, sends, len(skipped))
        await self._producer.add_sends(sends)
        for written, why in list(skipped.items())[:100]:
            await task.job.log(f"skipped {written}: {why}")
        self._telemetry.emit(CampaignPlanned(task.organization.id, request.campaign_id, len(sends), len(skipped)))
        await self._report.planned_all(task.organization, request.campaign_id)
        return Done({"status": "planned", "planned": len(sends), "skipped": len(skipped)})


class CampaignSender:
    """Handles one send of a campaign; what may have gone out is never sent again, and nobody is who opted out."""

    def __init__(self, sender: Sender, contacts: ContactStore) -> None:
        self._sender = sender
        self._contacts = contacts

    async def __call__(self, task: Task) -> Outcome:
        """Send one message of a campaign."""
        send = task.payload
        assert isinstance(send, CampaignSend)  # noqa: S101 - the runner's table chose us by type
        # Asked again at the last moment: many a campaign waits for hours.
        if await self._contacts.opted_out(task.organization.id, [send.recipient]):
            return Done({"status": "opted_out"})
        message = OutboundText(
            organization_id=task.organization.id,
            instance_id=send.instance_id,
            recipient=send.recipient,
            text=send.text,
            key=f"{send.job_id()}/{send.step}",
        )
        sent = await self._sender.send(task.job, message, if_unknown="never")
        await self._contacts.reached(task.organization.id, send.recipient)
        return Done(sent_value(sent))


class CampaignReport:
    """Keeps the counters of campaigns, and tells the owner when one has ended."""

    def __init__(
        self, progress: CampaignProgress, producer: Producer, organizations: Organizations, telemetry: Telemetry
    ) -> None:
        self._progress = progress
        self._producer = producer
        self._organizations = organizations
        self._telemetry = telemetry

    async def open(
        self, organization: Organization, campaign_id: str, sends: tuple[CampaignSend, ...], skipped: int
    ) -> None:
        """Note who is planned, before the first job exists."""
        await self._progress.plan(organization.id, campaign_id, [send.recipient for send in sends], skipped)

    async def planned_all(self, organization: Organization, campaign_id: str) -> None:
        """Note that every recipient has a job."""
        if await self._progress.planned_all(organization.id, campaign_id):
            await self._ended(organization, campaign_id)

    async def task_ended(self, task: Task, outcome: Outcome) -> None:
        """Note how one attempt at a send ended, if that is the end for its recipient."""
        if isinstance(task.payload, CampaignSend) and (status := _status(task.job, outcome)):
            await self._note(task.organization, task.payload, status)

    async def job_died(self, job: Job) -> None:
        """Note a send that failed without its handler having a say: its worker died too often."""
        try:
            payload = decode(job.queue, job.data)
        except InvalidPayload:
            return
        organization = await self._organizations.get(payload.organization_id)
        if isinstance(payload, CampaignSend) and organization is not None:
            await self._note(organization, payload, "failed")

    async def _note(self, organization: Organization, send: CampaignSend, status: Status) -> None:
        if await self._progress.record(organization.id, send.campaign_id, send.recipient, status):
            await self._ended(organization, send.campaign_id)

    async def _ended(self, organization: Organization, campaign_id: str) -> None:
        counts = await self._progress.counts(organization.id, campaign_id)
        self._telemetry.emit(CampaignEnded(organization.id, campaign_id, counts))
        if organization.owners:
            await self._producer.add_automation_job(
                automation_id=f"summary of {campaign_id}"[:128],
                organization_id=organization.id,
                type="campaign-summary",
                recipient_number=organization.owners[0],
                content=_summary(campaign_id, counts),
            )


def _status(job: Job, outcome: Outcome) -> Status | None:
    match outcome:
        case Done({"status": "unconfirmed"}):
            return "unconfirmed"
        case Done({"status": "opted_out"}):
            return "opted_out"
        case Done():
            return "sent"
        case Discard():
            return "failed"
        case Failed():
            return "failed" if job.is_last_attempt else None
        case Later():
            return None


def _summary(campaign_id: str, counts: dict[str, int]) -> str:
    return (
        f"Campanha {campaign_id} terminou: {counts.get('sent', 0)} enviadas, {counts.get('failed', 0)} com falha, "
        f"{counts.get('unconfirmed', 0)} sem confirmação, {counts.get('skipped', 0) + counts.get('opted_out', 0)} não "
        "enviadas (número inválido ou repetido, ou a pessoa pediu para sair)."
    )
