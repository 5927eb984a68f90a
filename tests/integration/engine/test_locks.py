"""Locks: kept as long as a job runs, and what follows when one is lost all the same."""

import asyncio

from oxyq.engine import Queue
from oxyq.engine.events import JobCompleted, JobLost, JobsRecovered
from tests.integration.engine.journal import Journal, eventually


async def test_job_that_runs_longer_than_its_lock_runs_once(queue, start_worker, told):
    # Given two workers that look for stalled jobs all the time
    runs: Journal[str] = Journal()
    finish = asyncio.Event()

    async def handler(job):
        runs.note(job.id)
        await finish.wait()

    for _ in range(2):
        await start_worker(handler, lock_seconds=0.6, stalled_interval_seconds=0.2)

    # When
    await queue.add("task", {})
    await runs.until(1)
    await runs.quiet_for(0.6 * 3)
    finish.set()

    # Then
    await told.until(1, lambda event: isinstance(event, JobCompleted))
    assert told.matching(lambda event: isinstance(event, JobsRecovered | JobLost)) == []


async def test_locks_of_all_jobs_are_renewed_in_one_call(own_redis, prefix, start_worker):
    # Given fifty jobs in hand
    queue = Queue("work", redis_url=own_redis.url, prefix=prefix)
    runs: Journal[str] = Journal()
    finish = asyncio.Event()

    async def handler(job):
        runs.note(job.id)
        await finish.wait()

    await start_worker(handler, redis_url=own_redis.url, concurrency=50, lock_seconds=1.5, stalled_interval_seconds=30)
    for n in range(50):
        await queue.add("task", {"n": n})
    await runs.until(50)
    with own_redis.client() as redis:
        redis.config_resetstat()

        # When two renewals are due
        await runs.quiet_for(1.2)

        # Then
        assert 1 <= redis.info("commandstats")["cmdstat_evalsha"]["calls"] <= 4
        assert all(redis.pttl(f"{prefix}:work:{job_id}:lock") > 700 for job_id in runs.entries)
    finish.set()
    await queue.close()


async def test_handler_is_stopped_when_its_lock_is_lost(queue, start_worker, told, redis_client, prefix):
    # Given a job in hand
    runs: Journal[str] = Journal()
    cancelled: Journal[str] = Journal()

    async def handler(job):
        runs.note(job.id)
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.note(job.id)
            raise

    worker = await start_worker(handler, lock_seconds=0.6, stalled_interval_seconds=30)
    job_id = await queue.add("task", {})
    await runs.until(1)

    # When somebody else holds its lock
    await redis_client.set(f"{prefix}:work:{job_id}:lock", "another worker", px=60_000)

    # Then ours stops before it does more, and leaves the job alone
    assert await cancelled.until(1, within=2) == [job_id]
    [lost] = await told.until(1, lambda event: isinstance(event, JobLost))
    assert lost.job_id == job_id
    assert worker.jobs_in_hand == 0
    assert await queue.state(job_id) == "active"
    assert await redis_client.get(f"{prefix}:work:{job_id}:lock") == "another worker"


async def test_result_of_a_job_that_is_not_ours_any_more_is_not_written(
    queue, start_worker, told, redis_client, prefix
):
    # Given a job in hand that somebody removed
    runs: Journal[str] = Journal()
    finish = asyncio.Event()

    async def handler(job):
        runs.note(job.id)
        await finish.wait()
        return "late"

    worker = await start_worker(handler, lock_seconds=30)
    job_id = await queue.add("task", {})
    await runs.until(1)
    await redis_client.delete(f"{prefix}:work:{job_id}", f"{prefix}:work:{job_id}:lock")
    await redis_client.lrem(f"{prefix}:work:active", 0, job_id)

    # When it ends
    finish.set()

    # Then that is told, and the worker goes on
    [lost] = await told.until(1, lambda event: isinstance(event, JobLost))
    assert lost.job_id == job_id
    assert await queue.job(job_id) is None
    assert worker.jobs_in_hand == 0
    second = await queue.add("task", {})
    await eventually(lambda: queue.state(second), "completed")
