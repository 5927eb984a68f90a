"""The rate limit: BullMQ's own key, shared by all workers of the queue, and sleeping exactly until it opens."""

import asyncio

import pytest

from oxyq.engine import Entry, Queue, Rate
from tests.integration.engine.journal import Journal

JOBS, MAX_JOBS, WINDOW_SECONDS = 60, 10, 1.0


def windows(starts: list[float]) -> list[list[float]]:
    """Cut starts into BullMQ's windows: one begins at the first start after the limiter key ran out."""
    found: list[list[float]] = []
    for start in sorted(starts):
        # The key is set in Redis a moment before the start is seen here; 30 ms are for that.
        if not found or start - found[-1][0] >= WINDOW_SECONDS - 0.03:
            found.append([])
        found[-1].append(start)
    return found


@pytest.mark.parametrize("workers", [1, 2])
async def test_sixty_jobs_at_ten_a_second(queue, start_worker, redis_url, prefix, workers):
    # Given
    starts: Journal[str] = Journal()
    running = most = 0

    async def handler(job):
        nonlocal running, most
        running += 1
        most = max(most, running)
        starts.note(job.id)
        await asyncio.sleep(0.02)
        running -= 1

    await queue.add_many([Entry("task", {"n": n}) for n in range(JOBS)])

    # When
    for _ in range(workers):
        await start_worker(handler, concurrency=5, rate=Rate(MAX_JOBS, per_seconds=WINDOW_SECONDS))
    await starts.until(JOBS, within=10)

    # Then no window has more than ten, and no time is lost between them
    assert [len(window) for window in windows(starts.times)] == [MAX_JOBS] * (JOBS // MAX_JOBS)
    assert 5.0 - 0.03 <= starts.times[-1] - starts.times[0] <= 6.5
    assert most <= 5 * workers


async def test_limited_worker_sleeps_instead_of_asking(own_redis, prefix, start_worker):
    # Given a worker that used up its rate
    queue = Queue("work", redis_url=own_redis.url, prefix=prefix)
    starts: Journal[str] = Journal()

    async def handler(job):
        starts.note(job.id)

    await queue.add_many([Entry("task", {"n": n}) for n in range(3)])
    await start_worker(handler, redis_url=own_redis.url, rate=Rate(1, per_seconds=1.5))
    await starts.until(1)
    await starts.quiet_for(0.2)
    with own_redis.client() as redis:
        redis.config_resetstat()

        # When it waits for the limit to open
        await starts.quiet_for(1.0)

        # Then it says nothing but "any stalled jobs?"
        stats = redis.info("commandstats")
        assert stats.get("cmdstat_evalsha", {"calls": 0})["calls"] <= 3
        assert "cmdstat_bzpopmin" not in stats
    assert len(await starts.until(2)) == 2
    await queue.close()


async def test_limiter_key_is_the_one_that_node_counts_in(queue, start_worker, redis_client, prefix):
    starts: Journal[str] = Journal()

    async def handler(job):
        starts.note(job.id)

    await queue.add_many([Entry("task", {"n": n}) for n in range(2)])
    await start_worker(handler, rate=Rate(5, per_seconds=30))
    await starts.until(2)

    assert await redis_client.get(f"{prefix}:work:limiter") == "2"
    assert 0 < await redis_client.pttl(f"{prefix}:work:limiter") <= 30_000


async def test_limit_that_another_worker_used_up_holds_for_us(queue, start_worker, redis_client, prefix):
    # Given a window that Node's worker filled
    await redis_client.set(f"{prefix}:work:limiter", 5, px=700)
    starts: Journal[str] = Journal()

    async def handler(job):
        starts.note(job.id)

    job_id = await queue.add("task", {})

    # When
    await start_worker(handler, rate=Rate(5, per_seconds=30))

    # Then
    await starts.quiet_for(0.5)
    assert await starts.until(1, within=1) == [job_id]
