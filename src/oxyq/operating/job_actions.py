"""What a person does with one job."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from oxyq.clock import now_ms
from oxyq.dead_letters import DeadLetters
from oxyq.engine.job import Job, MalformedJob
from oxyq.engine.job_control import Refused
from oxyq.engine.scripts import FetchRules
from oxyq.engine.settlement import RawJob
from oxyq.errors import InvalidPayload, NotAllowed
from oxyq.maintenance.rescue import given_up
from oxyq.maintenance.retry_failed import retry_one
from oxyq.operating.found_job import FoundJob, JobPlace
from oxyq.operating.job_edits import edited, patched
from oxyq.operating.job_rules import require
from oxyq.operating.new_job import NewJobs
from oxyq.outcomes import JsonValue
from oxyq.producer import LATE_MS
from oxyq.queues import QueuePolicy

#: Why it could not be done after all: somebody was faster.
_OVERTAKEN: Final[Mapping[Refused, str]] = {
    "gone": "it was removed a moment ago",
    "running": "a worker has just taken it; wait for its end",
    "elsewhere": "it has just been let go; look at it again",
    "changed": "somebody else has just changed it; look at it again",
}


class JobActions:
    """Everything that can be done with a job that was found for whoever asks.

    What cannot be done with it as it stands is NotAllowed, which says why. All raise QueueUnavailable.
    `job_died` hears of a job that is failed here.
    """

    def __init__(
        self,
        new_jobs: NewJobs,
        dead_letters: DeadLetters,
        policies: Mapping[str, QueuePolicy],
        job_died: Callable[[Job], Awaitable[None]],
    ) -> None:
        self._new_jobs = new_jobs
        self._dead_letters = dead_letters
        self._policies = policies
        self._job_died = job_died

    async def retry(self, job: FoundJob, *, by: str) -> None:
        """Run a job again that failed or completed, with all its attempts; what went out is not sent again."""
        require("retry", job)
        if job.snapshot.state == "failed":
            is_retried = await retry_one(job.queue, self._dead_letters, job.id, by=by)
        else:
            is_retried = await job.queue.retry(job.id, "completed")
        if not is_retried:
            raise NotAllowed("somebody else has just let it run again")

    async def promote(self, job: FoundJob) -> None:
        """Let a delayed job run now."""
        require("promote", job)
        if not await job.queue.promote(job.id):
            raise NotAllowed(_OVERTAKEN["elsewhere"])

    async def reschedule(self, job: FoundJob, at_ms: int) -> None:
        """Let a delayed job run at another time (ms since 1970); raises InvalidPayload."""
        if at_ms < now_ms() - LATE_MS:
            raise InvalidPayload("at", "is in the past; give a time to come, or let it run now")
        require("reschedule", job)
        _done(await job.queue.control.reschedule(job.snapshot, at_ms))

    async def change_priority(self, job: FoundJob, priority: int) -> None:
        """Give a job that has not run yet another priority: 1 is first, 0 goes before all; raises InvalidPayload."""
        require("priority", job)
        if not await job.queue.control.change_priority(job.id, priority):
            raise NotAllowed(_OVERTAKEN["gone"])

    async def patch_data(self, job: FoundJob, fields: Mapping[str, JsonValue]) -> None:
        """Change some fields of what a job carries; null takes one out. Raises InvalidPayload."""
        await self.replace_data(job, patched(job.snapshot.record.data, fields), version=job.snapshot.version)

    async def replace_data(self, job: FoundJob, data: Mapping[str, JsonValue], *, version: str) -> None:
        """Put this in the place of what a job carries, if that is still this `version` of it. Raises InvalidPayload."""
        require("data", job)
        _done(await job.queue.control.update_data(job.id, version, edited(job, data)))

    async def duplicate(self, job: FoundJob, changes: Mapping[str, JsonValue]) -> JobPlace:
        """Add a job that says the same, but for these fields, as a fact of its own; raises InvalidPayload."""
        require("duplicate", job)
        return await self._new_jobs.add_copy(job, changes)

    async def remove(self, job: FoundJob, *, sees_all: bool) -> None:
        """Remove a job that is not running, with its children; its id stays taken for as long as it was to be.

        `sees_all`: whoever asks may touch the jobs of all organizations, and so the children.
        """
        require("remove", job)
        if job.snapshot.children.total and not sees_all:
            raise NotAllowed("it has children, which may belong to others; somebody who sees all of them removes it")
        if not await job.queue.remove(job.id):
            raise NotAllowed("it is gone, or a worker has just taken it or one of its children")

    async def fail(self, job: FoundJob, *, by: str) -> None:
        """Take a job away from the worker that runs it: it failed for good, and is a dead letter.

        Whatever the worker still says of it is refused, and it sends nothing more for it; what is at the gateway in
        this moment may go out.
        """
        require("fail", job)
        raw = await job.queue.control.seize(job.id)
        if raw is None:
            raise NotAllowed("it has just come to its end; look at it again")
        seconds = max(now_ms() - (job.snapshot.record.processed_ms or now_ms()), 0) // 1000
        reason = f"taken from its worker by {by} after {seconds} s"
        failure = given_up(raw, job.queue.name, self._policies[job.queue.name], reason, "by-hand")
        if await job.queue.scripts.settle(failure, FetchRules(0, "by hand")) != 0:
            raise NotAllowed("somebody else has just ended it; look at it again")
        await self._tell(raw, job.queue.name)

    async def _tell(self, raw: RawJob, queue: str) -> None:
        try:
            job = Job(raw, queue, notes=None)
        except MalformedJob:
            return  # nobody waits for what cannot be read
        await self._job_died(job)


def _done(refused: Refused | None) -> None:
    if refused is not None:
        raise NotAllowed(_OVERTAKEN[refused])
