"""Jobs that a newer release wrote: left for its workers, and given up when none comes for a day."""

from typing import Final

from oxyq import redis_keys
from oxyq.clock import now_ms
from oxyq.engine.events import WorkerTrouble
from oxyq.engine.hub import Hub
from oxyq.engine.job import Job
from oxyq.engine.json_text import as_int
from oxyq.errors import NewerPayload, QueueUnavailable
from oxyq.outcomes import Discard, Later
from oxyq.telemetry.events import Telemetry

#: How often such a job looks who is here, and how often a process tells of them: a deploy takes minutes.
LOOK_AGAIN_MS: Final = 60_000
#: A release that was taken back comes again within a working day; beyond it somebody has to look.
GIVE_UP_MS: Final = 24 * 3600 * 1000
_READY_SECONDS: Final = 5.0


class NewerJobs:
    """Puts such jobs off without using an attempt. Since when one is met is known in Redis: any process may meet it."""

    def __init__(self, hub: Hub, telemetry: Telemetry) -> None:
        self._hub = hub
        self._telemetry = telemetry
        self._told_ms = 0

    async def leave(self, job: Job, why: NewerPayload) -> Later | Discard:
        """Leave a job for newer workers; a dead letter when it was met for 24 hours and none took it."""
        now = now_ms()
        if now - await self._met_since(job, now) > GIVE_UP_MS:
            return Discard(f"{why}; none came within 24 hours: replay it with that release")
        if now - self._told_ms > LOOK_AGAIN_MS:
            self._told_ms = now
            self._telemetry.emit(WorkerTrouble(job.queue, f"left {job.id} for a newer release: {why}"))
        return Later(now + LOOK_AGAIN_MS, str(why))

    async def _met_since(self, job: Job, now: int) -> int:
        key = redis_keys.newer_job(job.queue, job.id, prefix=self._hub.prefix)
        try:
            await self._hub.commands.ready(_READY_SECONDS)
            before = await self._hub.commands.call("SET", key, now, "NX", "GET", "EX", redis_keys.NEWER_JOB_SECONDS)
        except QueueUnavailable:
            return now
        return (as_int(before) if isinstance(before, bytes) else None) or now
