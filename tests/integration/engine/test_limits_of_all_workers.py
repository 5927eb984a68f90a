"""What is said to a whole queue, by us or by Node in its `meta` hash, holds for every worker."""

import asyncio

from oxyq.engine import Queue
from tests.integration.engine.journal import Journal, eventually


class Gate:
    """A handler that counts how many run at once and holds them until `open`."""

    def __init__(self) -> None:
        self.starts: Journal[str] = Journal()
        self.open = asyncio.Event()
        self.running = self.most = 0

    async def __call__(self, job):
        self.running += 1
        self.most = max(self.most, self.running)
        self.starts.note(job.id)
        try:
            await self.open.wait()
        finally:
            self.running -= 1


async def test_paused_queue_hands_out_nothing_until_it_is_resumed(queue, start_worker):
    # Given an idle worker on a paused queue
    gate = Gate()
    gate.open.set()
    await start_worker(gate)
    await queue.pause()
    assert await queue.is_paused()

    # When
    job_id = await queue.add("task", {})

    # Then
    await gate.starts.quiet_for(0.5)
    assert (await queue.counts())["waiting"] == 1
    await queue.resume()
    assert not await queue.is_paused()
    assert await gate.starts.until(1) == [job_id]


async def test_job_in_hand_finishes_though_the_queue_is_paused_and_takes_no_other(queue, start_worker):
    # Given a busy worker with more to do
    gate = Gate()
    await start_worker(gate)
    ids = [await queue.add("task", {"n": n}) for n in range(2)]
    await gate.starts.until(1)

    # When
    await queue.pause()
    gate.open.set()

    # Then
    await eventually(lambda: queue.state(ids[0]), "completed")
    await gate.starts.quiet_for(0.3)
    await queue.resume()
    assert await gate.starts.until(2) == ids


async def test_paused_worker_does_not_spin(own_redis, prefix, start_worker):
    # Given
    queue = Queue("work", redis_url=own_redis.url, prefix=prefix)
    gate = Gate()
    gate.open.set()
    await start_worker(gate, redis_url=own_redis.url)
    await queue.add("task", {})
    await gate.starts.until(1)
    await queue.pause()
    await queue.add("task", {})
    with own_redis.client() as redis:
        redis.config_resetstat()

        # When it has nothing to do for a while
        await gate.starts.quiet_for(1)

        # Then it asks hardly ever
        assert redis.info("commandstats").get("cmdstat_evalsha", {"calls": 0})["calls"] <= 10
    await queue.close()


async def test_global_concurrency_holds_for_two_workers_together(queue, start_worker, redis_client, prefix, redis_url):
    # Given the limit that Node's Queue.setGlobalConcurrency writes
    await redis_client.hset(f"{prefix}:work:meta", "concurrency", 2)
    gate = Gate()
    await start_worker(gate, concurrency=5)
    await start_worker(gate, concurrency=5)

    # When
    for n in range(6):
        await queue.add("task", {"n": n})

    # Then no more than two run, and all of them in the end
    await gate.starts.until(2)
    await gate.starts.quiet_for(0.3)
    gate.open.set()
    await gate.starts.until(6)
    assert gate.most == 2


async def test_global_concurrency_can_be_set_and_lifted(queue, start_worker, redis_client, prefix):
    # Given
    await queue.set_global_concurrency(1)
    assert await redis_client.hget(f"{prefix}:work:meta", "concurrency") == "1"
    gate = Gate()
    await start_worker(gate, concurrency=3)
    for n in range(3):
        await queue.add("task", {"n": n})
    await gate.starts.until(1)
    await gate.starts.quiet_for(0.2)

    # When
    await queue.set_global_concurrency(None)
    gate.open.set()

    # Then
    await gate.starts.until(3)


async def test_global_rate_in_meta_holds_for_workers_that_have_none(queue, start_worker, redis_client, prefix):
    # Given what Node's Queue.setGlobalRateLimit writes
    await redis_client.hset(f"{prefix}:work:meta", mapping={"max": 2, "duration": 500})
    gate = Gate()
    gate.open.set()
    for n in range(6):
        await queue.add("task", {"n": n})

    # When
    await start_worker(gate, concurrency=5)
    await gate.starts.until(6)

    # Then two start, half a second passes, and so on
    first, second, third = gate.starts.times[0], gate.starts.times[2], gate.starts.times[4]
    assert gate.starts.times[1] - first < 0.4
    assert 0.48 <= second - first < 1.0
    assert 0.98 <= third - first < 1.6


async def test_global_rate_is_stored_where_node_reads_it(queue, redis_client, prefix):
    await queue.set_global_rate(20, per_ms=1000)
    assert await redis_client.hmget(f"{prefix}:work:meta", "max", "duration") == ["20", "1000"]

    await queue.set_global_rate(None)
    assert await redis_client.hmget(f"{prefix}:work:meta", "max", "duration") == [None, None]
