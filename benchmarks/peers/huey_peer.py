"""huey on Redis: threads, retries; no acknowledgements, so a job is lost with the worker that ran it."""

import asyncio
import logging
import sys
from typing import Any

from huey import RedisHuey

from benchmarks.peers.conversation import QUEUE, converse, message, note


class HueyPeer:
    """One task; every way of adding is one by one, it has no other."""

    def __init__(self, redis_url: str) -> None:
        logging.getLogger("huey").setLevel(logging.ERROR)
        self._huey = RedisHuey(QUEUE, url=redis_url)
        self._task = self._huey.task(retries=3)(_handle)
        self._consumer: Any = None

    async def add(self, way: str, first: int, count: int, rules: str) -> None:
        """See Peer."""
        for number in range(first, first + count):
            self._task(message(number))

    async def work(self, concurrency: int, rules: str, rate: list[int] | None, queues: list[str]) -> None:
        """See Peer."""
        self._consumer = self._huey.create_consumer(workers=concurrency, periodic=False)
        self._consumer.start()

    async def close(self) -> None:
        """See Peer."""
        if self._consumer is not None:
            await asyncio.to_thread(self._consumer.stop, graceful=True)


def _handle(data: dict[str, Any]) -> int:
    note(data)
    return 1


async def _main() -> None:
    await converse(HueyPeer(sys.argv[1]))


if __name__ == "__main__":
    asyncio.run(_main())
