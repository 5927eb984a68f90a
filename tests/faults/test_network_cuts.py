"""Connections break at any moment, under load: nothing is lost, and nothing is there twice."""

import asyncio
from random import Random

from oxyq.engine import Keep, Queue, Worker
from oxyq.errors import QueueUnavailable
from tests.fault_proxy import FaultProxy
from tests.integration.engine.journal import Journal, eventually
from tests.redis_server import RedisServer

JOBS, CUTS, SEED = 600, 8, 20260823


async def test_connections_that_break_at_any_moment_lose_and_double_nothing(
    redis_server: RedisServer, prefix: str
) -> None:
    # Given a producer that repeats what it is told nobody knows, and a worker
    chance, done = Random(SEED), Journal[str]()

    async def handler(job):
        done.note(job.id)

    async with FaultProxy(redis_server.port) as proxy:
        queue = Queue("work", redis_url=proxy.url, prefix=prefix)
        # All are kept: an id is known only as long as its job, and a worker that catches up ends more than the hundred
        # that are kept otherwise before a producer can say a second time what nobody answered.
        worker = Worker(
            "work", handler, redis_url=proxy.url, prefix=prefix, concurrency=10, lock_seconds=10,
            keep_completed=Keep(count=JOBS),
        )  # fmt: skip
        await worker.start()

        async def add(number: int) -> str:
            while True:
                try:
                    return await queue.add("task", {"n": number}, job_id=f"n-{number}", lifo=number % 7 == 0)
                except QueueUnavailable:
                    continue

        async def produce() -> list[str]:
            ids: list[str] = []
            for first in range(0, JOBS, 10):
                ids += await asyncio.gather(*(add(number) for number in range(first, first + 10)))
            return ids

        producing = asyncio.ensure_future(produce())

        # When all connections are cut, again and again, after as many jobs as chance wants
        for moment in sorted(chance.sample(range(JOBS - 50), CUTS)):
            await done.until(moment)
            proxy.cut()

        # Then each job is added once and run once
        ids = await producing
        await done.until(JOBS)
        direct = Queue("work", redis_url=redis_server.url, prefix=prefix)
        await eventually(lambda: left_over(direct), 0)
        print(f"{JOBS} jobs, {CUTS} times cut, {proxy.accepted_count} connections")
        assert sorted(done.entries) == sorted(ids) == sorted(f"n-{number}" for number in range(JOBS))
        assert proxy.accepted_count > CUTS
        await worker.stop()
        for each in (queue, direct):
            await each.close()


async def left_over(queue: Queue) -> int:
    counts = await queue.counts()
    return sum(counts.values()) - counts["completed"]
