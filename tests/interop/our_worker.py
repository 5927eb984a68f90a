"""Our worker as these tests start it: it tells what it did, and holds jobs until the test lets go."""

import asyncio
from typing import Any

from oxyq.engine import Job, Worker
from oxyq.engine.attempt import Handler
from oxyq.engine.events import EngineEvent, JobCompleted, JobFailed
from oxyq.outcomes import JsonValue
from tests.interop.witness import DEADLINE_SECONDS, Witness


async def echo(job: Job) -> JsonValue:
    """A handler whose result is the job's data."""
    return job.data


class Held:
    """A handler that keeps its jobs until `let_go()`; `started` tells which it has."""

    def __init__(self) -> None:
        self.started = Witness[Job]()
        self._gate = asyncio.Event()

    async def __call__(self, job: Job) -> JsonValue:
        self.started.tell(job)
        await self._gate.wait()
        return job.data

    def let_go(self) -> None:
        """Let all jobs, also those to come, finish."""
        self._gate.set()

    async def has(self, count: int, within_seconds: float = DEADLINE_SECONDS) -> list[Job]:
        """The first `count` jobs, once they have begun."""
        return await self.started.until(lambda job: True, count, within_seconds)


class OurWorker:
    """A Worker of ours and what it told of its work."""

    def __init__(self, queue: str, handler: Handler, redis_url: str, prefix: str, **options: Any) -> None:
        self.witness = Witness[EngineEvent]()
        self.worker = Worker(queue, handler, redis_url=redis_url, prefix=prefix, on_event=self.witness.tell, **options)

    async def completed(self, count: int = 1, within_seconds: float = DEADLINE_SECONDS) -> list[Job]:
        """The first `count` jobs that it completed, once that is written."""
        return [event.job for event in await self._until(JobCompleted, count, within_seconds)]

    async def failed(self, count: int = 1, within_seconds: float = DEADLINE_SECONDS) -> list[JobFailed]:
        """The first `count` failed attempts, once they are written."""
        return await self._until(JobFailed, count, within_seconds)

    async def stop(self) -> None:
        """Stop it, handing back what it still holds."""
        await self.worker.stop(grace_seconds=0)

    async def _until(self, kind: type[Any], count: int, within_seconds: float) -> list[Any]:
        return await self.witness.until(lambda event: isinstance(event, kind), count, within_seconds)
