"""All that is known of one job: its life so far, its attempts, what it sent, what it belongs to."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from oxyq.dead_letters import DeadLetters
from oxyq.engine.attempt import dead_letter_id
from oxyq.engine.job_control import JobSnapshot, Relative
from oxyq.engine.json_text import as_int
from oxyq.errors import InvalidPayload, NotFound
from oxyq.jobs import AnyPayload, Automation, CampaignRequest, CampaignRun, CampaignSend, InboundMessage, PersonReply
from oxyq.numbers import contact_of
from oxyq.operating.found_job import FoundJob
from oxyq.operating.job_rules import Action, possible
from oxyq.sending.ledger import Entry, Ledger
from oxyq.sending.message_keys import message_keys

#: Of a flow with more children the others are only counted.
MOST_CHILDREN: Final = 20

What: TypeAlias = Literal["added", "due", "replayed", "failed-attempt", "started", "sent", "completed", "failed"]
PayloadKind: TypeAlias = Literal["message", "automation", "campaign", "campaign-run", "campaign-send", "person-reply"]

_KINDS: Final[Mapping[type[AnyPayload], PayloadKind]] = {
    InboundMessage: "message",
    Automation: "automation",
    CampaignRequest: "campaign",
    CampaignRun: "campaign-run",
    CampaignSend: "campaign-send",
    PersonReply: "person-reply",
}


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened to a job, or will (`due`), at a time (ms since 1970)."""

    what: What
    at_ms: int
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A run that failed: its number, when (None: a worker in Node does not say), why, and the stack trace if kept."""

    number: int
    at_ms: int | None
    error: str
    trace: str | None


@dataclass(frozen=True, slots=True)
class SentMessage:
    """A message of the job, as the ledger has it."""

    key: str
    entry: Entry


@dataclass(frozen=True, slots=True)
class Links:
    """What the job belongs to; `contact` and `instance_id` name its chat."""

    organization_id: str | None = None
    instance_id: str | None = None
    contact: str | None = None
    campaign_id: str | None = None
    scheduler_id: str | None = None
    dead_letter_id: str | None = None
    parent: Relative | None = None
    children: tuple[Relative, ...] = ()


@dataclass(frozen=True, slots=True)
class JobView:
    """A job for people who look at it.

    starts: how often it was taken; postponed: how often it was put off or handed back, which uses no attempt.
    """

    job: FoundJob
    kind: PayloadKind | None
    attempts_allowed: int
    starts: int
    postponed: int
    timeline: tuple[Moment, ...]
    attempts: tuple[Attempt, ...]
    sent: tuple[SentMessage, ...]
    links: Links = field(default_factory=Links)
    actions: tuple[Action, ...] = ()

    @property
    def snapshot(self) -> JobSnapshot:
        """The job as it stands."""
        return self.job.snapshot


class JobViewer:
    """Puts together what is known of a job, in one round trip beside the one that found it."""

    def __init__(self, ledger: Ledger, dead_letters: DeadLetters) -> None:
        self._ledger = ledger
        self._dead_letters = dead_letters

    async def view(self, job: FoundJob) -> JobView:
        """All that is known of a job; raises QueueUnavailable."""
        snapshot, record = job.snapshot, job.snapshot.record
        sent, letter_id, children = await asyncio.gather(self._sent(job), self._dead_letter(job), _children(job))
        attempts = _attempts(snapshot)
        return JobView(
            job=job,
            kind=None if job.payload is None else _KINDS[type(job.payload)],
            attempts_allowed=max(as_int(record.options.get("attempts")) or 1, 1),
            starts=record.attempts_started,
            postponed=_postponed(snapshot),
            timeline=_timeline(snapshot, attempts, sent),
            attempts=attempts,
            sent=sent,
            links=_links(job, letter_id, children),
            actions=possible(job),
        )

    async def _sent(self, job: FoundJob) -> tuple[SentMessage, ...]:
        if job.payload is None:
            return ()
        organization_id, job_id = job.payload.organization_id, job.id
        keys = message_keys(job.payload, job_id, is_scheduled_run=job.snapshot.scheduler_id is not None)
        entries = await asyncio.gather(*(self._ledger.entry(organization_id, key) for key in keys))
        return tuple(SentMessage(key, entry) for key, entry in zip(keys, entries, strict=True) if entry is not None)

    async def _dead_letter(self, job: FoundJob) -> str | None:
        letter_id = dead_letter_id(job.queue.name, job.id)
        try:
            await self._dead_letters.get(letter_id)
        except NotFound:
            return None
        return letter_id


async def _children(job: FoundJob) -> list[Relative]:
    if not job.snapshot.children.total:
        return []
    return await job.queue.control.children(job.id, MOST_CHILDREN)


def _attempts(snapshot: JobSnapshot) -> tuple[Attempt, ...]:
    """Every failed attempt that is remembered, oldest first, with its trace: of these the last are kept."""
    record = snapshot.record
    traces = [trace if isinstance(trace, str) else "" for trace in record.stack_traces]
    history = [entry for entry in record.history if isinstance(entry, dict)]
    if not history:  # run in Node, which keeps the traces only
        return tuple(Attempt(number, None, _last_line(trace), trace) for number, trace in enumerate(traces, 1))
    traced = [None] * max(len(history) - len(traces), 0) + traces[-len(history) :]
    return tuple(
        Attempt(as_int(entry.get("attempt")) or 0, as_int(entry.get("at")), str(entry.get("error") or ""), trace)
        for entry, trace in zip(history, traced, strict=True)
    )


def _last_line(trace: str) -> str:
    """What Node's traces begin with, and Python's end with."""
    lines = [line for line in trace.splitlines() if line.strip()]
    if not lines:
        return ""
    return lines[-1] if lines[0].startswith("Traceback") else lines[0]


def _postponed(snapshot: JobSnapshot) -> int:
    record = snapshot.record
    running = 1 if snapshot.state == "active" else 0
    return max(record.attempts_started - record.attempts_made - record.stalled_count - running, 0)


def _timeline(
    snapshot: JobSnapshot, attempts: tuple[Attempt, ...], sent: tuple[SentMessage, ...]
) -> tuple[Moment, ...]:
    """In the order of time; what happened in the same moment in the order of a job's life."""
    moments = [
        *_beginning(snapshot),
        *(Moment("failed-attempt", one.at_ms, one.error) for one in attempts if one.at_ms is not None),
        *(Moment("sent", one.entry.at_ms, one.entry.state) for one in sent),
        *_ending(snapshot),
    ]
    return tuple(sorted(moments, key=lambda moment: moment.at_ms))


def _beginning(snapshot: JobSnapshot) -> Iterator[Moment]:
    record = snapshot.record
    if record.timestamp_ms:
        yield Moment("added", record.timestamp_ms)
    for replay in record.replays:
        if isinstance(replay, dict) and (at_ms := as_int(replay.get("at"))) is not None:
            yield Moment("replayed", at_ms, str(replay.get("by") or ""))
    due_ms = snapshot.due_ms
    if due_ms is None and (delay_ms := as_int(record.options.get("delay"))):
        due_ms = record.timestamp_ms + delay_ms
    if due_ms is not None:
        yield Moment("due", due_ms)
    if record.processed_ms is not None:
        yield Moment("started", record.processed_ms, snapshot.worker or "")


def _ending(snapshot: JobSnapshot) -> Iterator[Moment]:
    record = snapshot.record
    if record.finished_ms is None:
        return
    if snapshot.state == "completed":
        yield Moment("completed", record.finished_ms)
    elif snapshot.state == "failed":
        yield Moment("failed", record.finished_ms, record.failed_reason or "")


def _links(job: FoundJob, letter_id: str | None, children: list[Relative]) -> Links:
    payload = job.payload
    return Links(
        organization_id=job.organization_id,
        instance_id=getattr(payload, "instance_id", None),
        contact=_contact(payload),
        campaign_id=getattr(payload, "campaign_id", None),
        scheduler_id=job.snapshot.scheduler_id,
        dead_letter_id=letter_id,
        parent=job.snapshot.parent,
        children=tuple(children),
    )


def _contact(payload: AnyPayload | None) -> str | None:
    """The person that the job is about, as chats know them."""
    match payload:
        case InboundMessage(is_group=True):
            return None
        case InboundMessage(sender=written) | Automation(recipient_number=written) | CampaignSend(recipient=written):
            pass
        case PersonReply(recipient=written):
            pass
        case _:
            return None
    try:
        return contact_of(written)
    except InvalidPayload:
        return None
