"""What the engine's stories start from: a queue, workers that stop by themselves, and what they tell."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
import redis.asyncio

from oxyq.engine import Hub, Queue, Worker
from oxyq.engine.events import EngineEvent
from tests.fault_proxy import FaultProxy
from tests.integration.engine.children import Children
from tests.integration.engine.journal import Journal, QueueEvents
from tests.redis_server import RedisServer

QUEUE = "work"

StartWorker = Callable[..., Awaitable[Worker]]


@pytest.fixture
async def proxy(redis_server: RedisServer) -> AsyncIterator[FaultProxy]:
    """A way to the shared server that can break."""
    async with FaultProxy(redis_server.port) as proxy:
        yield proxy


@pytest.fixture
async def hub(redis_url: str, prefix: str) -> AsyncIterator[Hub]:
    """The connections of the producing side."""
    hub = Hub(redis_url, prefix=prefix)
    yield hub
    await hub.close()


@pytest.fixture
def queue(hub: Hub) -> Queue:
    """The queue "work"."""
    return Queue(QUEUE, hub=hub)


@pytest.fixture
def dead_letters(hub: Hub) -> Queue:
    """The queue that dead letters of "work" go to."""
    return Queue("dead-letter", hub=hub)


@pytest.fixture
def told() -> Journal[EngineEvent]:
    """What the workers of `start_worker` told, in order."""
    return Journal()


@pytest.fixture
async def start_worker(
    redis_url: str, prefix: str, told: Journal[EngineEvent], proxy: FaultProxy
) -> AsyncIterator[StartWorker]:
    """A function that starts a worker with connections of its own; it is stopped when the test ends.

    The defaults are those of the engine but for short locks, so that what must happen in time happens in seconds.
    """
    workers: list[Worker] = []

    async def start(handler: Any, name: str = QUEUE, **options: Any) -> Worker:
        defaults = {"lock_seconds": 2.0, "stalled_interval_seconds": 1.0, "on_event": told.note}
        place = {} if "hub" in options else {"redis_url": redis_url, "prefix": prefix}
        worker = Worker(name, handler, **{**place, **defaults, **options})
        workers.append(worker)
        await worker.start()
        return worker

    yield start
    for worker in workers:
        await worker.stop(grace_seconds=0)


@pytest.fixture
def queue_events(redis_client: "redis.asyncio.Redis", prefix: str) -> QueueEvents:
    """The event stream of the queue "work"."""
    return QueueEvents(redis_client, prefix)


@pytest.fixture
def children(redis_client: "redis.asyncio.Redis", redis_url: str, prefix: str) -> Iterator[Children]:
    """Worker processes on the queue "work"; they are killed when the test ends."""
    with Children(redis_client, redis_url, prefix) as children:
        yield children
