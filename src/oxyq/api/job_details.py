"""A job with all that is known of it, as callers are told of it."""

from pydantic import BaseModel, ConfigDict, Field, JsonValue
from pydantic.alias_generators import to_camel

from oxyq.engine.job_control import JobSnapshot, Relative
from oxyq.masking import mask_json, mask_number, mask_numbers_in
from oxyq.operating.job_rules import Action
from oxyq.operating.job_view import JobView, Links, PayloadKind, What
from oxyq.sending.ledger import State


class _Wire(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class MomentDetails(_Wire):
    """Something that happened to the job, or will."""

    what: What = Field(description="due: when it was or is to run")
    at: int
    detail: str = Field(description="the error, the worker, who replayed it, the state of the message")


class AttemptDetails(_Wire):
    """A run that failed."""

    number: int
    at: int | None
    error: str
    trace: str | None = Field(description="the stack trace; of the last attempts only")


class SentDetails(_Wire):
    """A message that the job sent, or tried to."""

    key: str = Field(examples=["auto-0b1ca9dd8a3a4ab0cbb1b9a0bd30cc4f/0"])
    state: State
    at: int
    provider_id: str | None = Field(description="WhatsApp's id of it")
    may_be_twice: bool


class RelativeDetails(_Wire):
    """Its parent, or a child."""

    queue: str
    job_id: str


class LinkDetails(_Wire):
    """What the job belongs to; `instanceId` and `contact` name its chat."""

    instance_id: str | None
    contact: str | None
    campaign_id: str | None
    schedule_id: str | None
    dead_letter_id: str | None
    parent: RelativeDetails | None
    children: list[RelativeDetails] = Field(description="the first of them")
    children_open: int
    children_in_all: int


class JobDetails(_Wire):
    """A job with all that is known of it; times are ms since 1970.

    Numbers and texts of people are masked for persons who may not see them.
    """

    id: str
    queue: str
    name: str
    kind: PayloadKind | None = Field(description="what it carries; null when that is not valid")
    problem: str = Field(description="what is wrong with what it carries")
    state: str = Field(
        description="waiting, prioritized, delayed, active, waiting-children, completed, failed or unknown"
    )
    organization_id: str | None
    data: JsonValue
    version: str = Field(description="of `data`; changes with it")
    left_out: dict[str, int] = Field(description="bytes of the fields that are too long to be shown")
    options: dict[str, JsonValue]
    priority: int
    progress: JsonValue
    result: JsonValue
    failed_reason: str | None
    added_at: int
    due_at: int | None = Field(description="when a delayed job runs")
    started_at: int | None
    finished_at: int | None
    attempts_made: int
    attempts_allowed: int
    starts: int = Field(description="how often it was taken")
    postponed: int = Field(description="how often it was put off, or handed back, which uses no attempt")
    stalled: int = Field(description="how often its worker died or froze")
    worker: str | None = Field(description="who runs it, or ran it last")
    lock_ms: int | None = Field(description="until its worker must renew its lock; null when nobody holds it")
    log_lines: int
    timeline: list[MomentDetails]
    failed_attempts: list[AttemptDetails]
    sent: list[SentDetails]
    links: LinkDetails
    actions: list[Action] = Field(description="what can be done with it as it stands")


class LogLines(_Wire):
    """Some lines of a job's log, oldest first."""

    lines: list[str]
    total: int
    next_line: int | None = Field(description="the `start` of the lines that follow; null when there are none yet")


def job_details(view: JobView, *, masked: bool) -> JobDetails:
    """A job as it is told."""
    snapshot, record = view.snapshot, view.snapshot.record

    def said(text: str) -> str:
        return mask_numbers_in(text) if masked else text

    def carried(value: JsonValue) -> JsonValue:
        return mask_json(value) if masked else value

    return JobDetails(
        id=record.id,
        queue=view.job.queue.name,
        name=record.name,
        kind=view.kind,
        problem=said(view.job.problem),
        state=snapshot.state,
        organization_id=view.links.organization_id,
        data=carried(record.data),
        version=snapshot.version,
        left_out=dict(snapshot.too_long),
        options=dict(record.options),
        priority=record.priority,
        progress=carried(record.progress),
        result=carried(record.result),
        failed_reason=None if record.failed_reason is None else said(record.failed_reason),
        added_at=record.timestamp_ms,
        due_at=snapshot.due_ms,
        started_at=record.processed_ms,
        finished_at=record.finished_ms,
        attempts_made=record.attempts_made,
        attempts_allowed=view.attempts_allowed,
        starts=view.starts,
        postponed=view.postponed,
        stalled=record.stalled_count,
        worker=snapshot.worker,
        lock_ms=snapshot.lock_ms,
        log_lines=snapshot.log_lines,
        timeline=[MomentDetails(what=one.what, at=one.at_ms, detail=said(one.detail)) for one in view.timeline],
        failed_attempts=[
            AttemptDetails(
                number=one.number, at=one.at_ms, error=said(one.error),
                trace=None if one.trace is None else said(one.trace),
            )
            for one in view.attempts
        ],
        sent=[
            SentDetails(
                key=one.key, state=one.entry.state, at=one.entry.at_ms, provider_id=one.entry.provider_id,
                may_be_twice=one.entry.is_repeated,
            )
            for one in view.sent
        ],
        links=_links(view.links, snapshot, masked=masked),
        actions=list(view.actions),
    )  # fmt: skip


def log_lines(lines: list[str], start: int, total: int, *, masked: bool) -> LogLines:
    """Lines of a log as they are told."""
    end = start + len(lines)
    shown = [mask_numbers_in(line) for line in lines] if masked else lines
    return LogLines(lines=shown, total=total, next_line=end if end < total else None)


def _links(links: Links, snapshot: JobSnapshot, *, masked: bool) -> LinkDetails:
    contact = links.contact
    return LinkDetails(
        instance_id=links.instance_id,
        contact=mask_number(contact) if contact is not None and masked else contact,
        campaign_id=links.campaign_id,
        schedule_id=links.scheduler_id,
        dead_letter_id=links.dead_letter_id,
        parent=None if links.parent is None else _relative(links.parent),
        children=[_relative(child) for child in links.children],
        children_open=snapshot.children.open,
        children_in_all=snapshot.children.total,
    )


def _relative(relative: Relative) -> RelativeDetails:
    return RelativeDetails(queue=relative.queue, job_id=relative.job_id)
