"""What the interop tests may ask for: a Node process with the real BullMQ, and our own queues and workers."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Protocol

import pytest

from oxyq.engine import Queue
from oxyq.engine.attempt import Handler
from tests.interop.node_peer import Node, NodeProcess
from tests.interop.our_worker import OurWorker
from tests.redis_server import RedisServer
from tests.requirements import require


class StartWorker(Protocol):
    """Starts a worker of ours; `options` are those of Worker."""

    def __call__(self, queue: str, handler: Handler, **options: Any) -> Awaitable[OurWorker]: ...


@pytest.fixture(scope="module")
async def node_process(redis_server: RedisServer) -> AsyncIterator[NodeProcess]:
    """One Node process with bullmq 6 for all tests of a file."""
    require("node", "node-packages")
    async with NodeProcess("bullmq", redis_server.url) as process:
        yield process


@pytest.fixture
async def node(node_process: NodeProcess, prefix: str) -> AsyncIterator[Node]:
    """Node with bullmq 6, as this test sees it."""
    node = Node(node_process, prefix)
    yield node
    await node.end()


@pytest.fixture
async def work(redis_url: str, prefix: str) -> AsyncIterator[StartWorker]:
    """A function that starts workers of ours, which are stopped when the test ends."""
    started: list[OurWorker] = []

    async def start(queue: str, handler: Handler, **options: Any) -> OurWorker:
        worker = OurWorker(queue, handler, redis_url, prefix, **options)
        started.append(worker)
        await worker.worker.start()
        return worker

    yield start
    for worker in started:
        await worker.stop()


@pytest.fixture
async def open_queue(redis_url: str, prefix: str) -> AsyncIterator[Callable[[str], Queue]]:
    """A function that opens queues of ours, which are closed when the test ends."""
    opened: list[Queue] = []

    def open_one(name: str) -> Queue:
        opened.append(Queue(name, redis_url=redis_url, prefix=prefix))
        return opened[-1]

    yield open_one
    for queue in opened:
        await queue.close()
