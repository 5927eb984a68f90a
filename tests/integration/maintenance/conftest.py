"""Queues of the test's own on the shared server, and jobs that failed in them."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from oxyq.dead_letters import DeadLetters
from oxyq.engine import Hub, Job, Queue, Worker
from tests.integration.engine.journal import eventually

QUEUE = "message"

FailJobs = Callable[..., Awaitable[None]]


@pytest.fixture
async def hub(redis_url: str, prefix: str) -> AsyncIterator[Hub]:
    """The connections of the test."""
    hub = Hub(redis_url, prefix=prefix)
    yield hub
    await hub.close()


@pytest.fixture
def queue(hub: Hub) -> Queue:
    """The queue "message"."""
    return Queue(QUEUE, hub=hub)


@pytest.fixture
def letters(hub: Hub) -> DeadLetters:
    """The dead letters."""
    return DeadLetters(hub)


@pytest.fixture
def fail_jobs(hub: Hub) -> FailJobs:
    """Adds jobs and lets a worker fail each for the last time."""

    async def fail(*ids: str, queue: str = QUEUE, reason: str = "no", **options: int) -> None:
        async def handler(job: Job) -> None:
            raise RuntimeError(reason)

        there = Queue(queue, hub=hub)
        for job_id in ids:
            await there.add("made", {"organizationId": "org_1", "text": job_id}, job_id=job_id, **options)
        worker = Worker(queue, handler, hub=hub, concurrency=50)
        await worker.start()
        await eventually(lambda: counted(there, "waiting", "active", "delayed"), [0, 0, 0])
        await worker.stop()

    return fail


async def counted(queue: Queue, *states: str) -> list[int]:
    """How many jobs are in these states."""
    counts = await queue.counts()
    return [counts[state] for state in states]
