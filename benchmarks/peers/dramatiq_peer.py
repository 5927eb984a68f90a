"""dramatiq on Redis: threads, acknowledgements, retries."""

import asyncio
import logging
import sys
from typing import Any

import dramatiq
from dramatiq.brokers.redis import RedisBroker

from benchmarks.peers.conversation import QUEUE, converse, message, note


class Dramatiq:
    """One actor per queue; every way of adding is one by one, it has no other."""

    def __init__(self, redis_url: str) -> None:
        logging.getLogger("dramatiq").setLevel(logging.ERROR)
        self._broker = RedisBroker(url=redis_url)
        dramatiq.set_broker(self._broker)
        self._worker: dramatiq.Worker | None = None
        self._actor = self._declare(QUEUE)

    async def add(self, way: str, first: int, count: int, rules: str) -> None:
        """See Peer."""
        for number in range(first, first + count):
            self._actor.send(message(number))

    async def work(self, concurrency: int, rules: str, rate: list[int] | None, queues: list[str]) -> None:
        """See Peer."""
        for queue in set(queues) - {QUEUE}:
            self._declare(queue)
        self._worker = dramatiq.Worker(self._broker, worker_threads=concurrency)
        self._worker.start()

    async def close(self) -> None:
        """See Peer."""
        if self._worker is not None:
            await asyncio.to_thread(self._worker.stop)

    def _declare(self, queue: str) -> Any:
        return dramatiq.actor(queue_name=queue, actor_name=queue, max_retries=3)(_handle)


def _handle(data: dict[str, Any]) -> None:
    note(data)


async def _main() -> None:
    await converse(Dramatiq(sys.argv[1]))


if __name__ == "__main__":
    asyncio.run(_main())
