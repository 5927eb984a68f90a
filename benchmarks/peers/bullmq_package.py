"""The `bullmq` package for Python, whose scripts we run: its own Queue and Worker, on uvloop too."""

import asyncio
import sys
from typing import Any

import uvloop
from bullmq import Queue, Worker

from benchmarks.peers.conversation import AT_ONCE, QUEUE, converse, message, note

#: What a worker keeps and counts in the real queues; the same as in node.mjs.
KEPT = {
    "removeOnComplete": {"count": 100, "age": 86_400},
    "removeOnFail": {"count": 500, "age": 604_800},
    "metrics": {"maxDataPoints": 20_160},
}
OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {"attempts": 3},
    "policy": {
        "attempts": 3,
        "priority": 1,
        "backoff": {"type": "exponential", "delay": 2000, "jitter": 0.2},
        "removeOnComplete": KEPT["removeOnComplete"],
        "removeOnFail": KEPT["removeOnFail"],
    },
}
#: Jobs per call of addBulk.
CHUNK = 1_000


async def handler(job: Any, token: str) -> int:
    """Notes the job."""
    note(job.data)
    return 1


class Package:
    """One queue and its workers."""

    def __init__(self, redis_url: str) -> None:
        self._connection = {"connection": redis_url}
        self._queue = Queue(QUEUE, self._connection)
        self._workers: list[Worker] = []

    async def add(self, way: str, first: int, count: int, rules: str) -> None:
        """See Peer."""
        numbers, options = range(first, first + count), OPTIONS[rules]
        if way == "bulk":
            for start in range(0, count, CHUNK):
                await self._queue.addBulk(
                    [{"name": "message", "data": message(n), "opts": options} for n in numbers[start : start + CHUNK]]
                )
        elif way == "concurrent":
            for start in range(0, count, AT_ONCE):
                await asyncio.gather(
                    *(self._queue.add("message", message(n), options) for n in numbers[start : start + AT_ONCE])
                )
        else:
            for number in numbers:
                await self._queue.add("message", message(number), options)

    async def work(self, concurrency: int, rules: str, rate: list[int] | None, queues: list[str]) -> None:
        """See Peer."""
        options: dict[str, Any] = {**self._connection, "concurrency": concurrency}
        if rules == "policy":
            options |= KEPT
        if rate:
            options["limiter"] = {"max": rate[0], "duration": rate[1]}
        self._workers = [Worker(queue, handler, options) for queue in queues]

    async def close(self) -> None:
        """See Peer."""
        await asyncio.gather(*(worker.close(force=True) for worker in self._workers))
        await self._queue.close()


async def _main() -> None:
    await converse(Package(sys.argv[1]))


if __name__ == "__main__":
    uvloop.run(_main())
