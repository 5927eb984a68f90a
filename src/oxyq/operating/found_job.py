"""Finding one job for whom it concerns: what is another organization's is not found."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from oxyq.engine.job_control import JobSnapshot
from oxyq.engine.keys import check_job_id
from oxyq.engine.queue import Queue
from oxyq.errors import InvalidPayload, NotFound
from oxyq.jobs import AnyPayload, decode
from oxyq.outcomes import JsonValue
from oxyq.queues import DEAD_LETTER

#: What BullMQ gives out itself where the adder named none, and the runs of a scheduler.
_OF_BULLMQ: Final = re.compile(r"[0-9]{1,20}|repeat:.{1,400}:[0-9]{1,16}", re.ASCII)


@dataclass(frozen=True, slots=True)
class JobPlace:
    """Which job: its queue and its id in it."""

    queue: str
    job_id: str


@dataclass(frozen=True, slots=True)
class FoundJob:
    """A job as it stands, and what it carries: `payload`, or None and the `problem` with that."""

    queue: Queue
    snapshot: JobSnapshot
    payload: AnyPayload | None
    problem: str = ""

    @property
    def id(self) -> str:
        """Its id in its queue."""
        return self.snapshot.record.id

    @property
    def organization_id(self) -> str | None:
        """Whose it is; None when it does not say."""
        return organization_of(self.snapshot.record.data)


class Jobs:
    """The jobs of all queues but the dead letters, one at a time."""

    def __init__(self, queues: Mapping[str, Queue]) -> None:
        self._queues = {name: queue for name, queue in queues.items() if name != DEAD_LETTER}

    async def find(self, place: JobPlace, organization_id: str | None) -> FoundJob:
        """One job of an organization, or (None) of any; raises NotFound, QueueUnavailable."""
        queue = self._queues.get(place.queue)
        if queue is not None and _can_be_an_id(place.job_id):
            snapshot = await queue.control.snapshot(place.job_id)
            if snapshot is not None and _is_for(snapshot, organization_id):
                return _read(queue, snapshot)
        raise NotFound("there is no such job; finished ones are kept for days only")


def organization_of(data: JsonValue) -> str | None:
    """Whose job it is, by what it carries; None when it does not say."""
    organization_id = data.get("organizationId") if isinstance(data, dict) else None
    return organization_id if isinstance(organization_id, str) else None


def _can_be_an_id(job_id: str) -> bool:
    # "meta" or "active" would be read as a job, and are the queue itself.
    if _OF_BULLMQ.fullmatch(job_id):
        return True
    try:
        return bool(check_job_id(job_id))
    except InvalidPayload:
        return False


def _is_for(snapshot: JobSnapshot, organization_id: str | None) -> bool:
    record = snapshot.record
    # Schedulers are hashes too, and their keys look like those of their runs; but they were never added.
    is_job = record.timestamp_ms > 0 or record.broken is not None
    return is_job and organization_id in (None, organization_of(record.data))


def _read(queue: Queue, snapshot: JobSnapshot) -> FoundJob:
    if snapshot.record.broken is not None:
        return FoundJob(queue, snapshot, None, snapshot.record.broken)
    if "data" in snapshot.too_long:
        return FoundJob(
            queue, snapshot, None, f"it carries {snapshot.too_long['data']} bytes, too much to be read here"
        )
    try:
        return FoundJob(queue, snapshot, decode(queue.name, snapshot.record.data))
    except InvalidPayload as error:
        return FoundJob(queue, snapshot, None, f"what it carries is not valid: {error}")
