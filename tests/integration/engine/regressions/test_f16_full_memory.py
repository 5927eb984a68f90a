"""F16: when Redis is full nothing can be taken out of it any more, so it stays full."""

import asyncio

import pytest

from oxyq.errors import QueueUnavailable
from tests.integration.engine.journal import Journal, eventually
from tests.integration.engine.regressions.contender import Contender, Ours


async def test_f16_full_redis_refuses_adds_and_is_still_drained(contender: Contender, start_redis):
    # Given jobs in a Redis that is full
    own = start_redis("--maxmemory-policy", "noeviction")
    contender.url = own.url
    runs: Journal[str] = Journal()

    async def handler(job):
        runs.note(job.id)

    ids = [await contender.add({"n": n}) for n in range(3)]
    with own.client() as redis:
        redis.config_set("maxmemory", "100kb")
        with pytest.raises((QueueUnavailable, Exception), match="maxmemory"):
            await contender.add({})

        # When
        running = await contender.start(handler)

        # Then the jobs are done all the same
        if contender.is_ours:
            assert await runs.until(3) == ids
            await running.told.until(3, lambda event: event[0] == "JobCompleted")
            assert redis.zcard(f"{contender.prefix}:work:completed") == 3
        else:
            await running.told.until(3, lambda event: event[0] == "error" and "maxmemory" in event[1])
            assert runs.entries == []


async def test_f16_locks_are_renewed_and_endings_written_though_redis_is_full(ours: Ours, start_redis):
    # Given a job in hand in a Redis that fills up
    own = start_redis("--maxmemory-policy", "noeviction")
    ours.url = own.url
    runs: Journal[str] = Journal()
    finish = asyncio.Event()

    async def handler(job):
        runs.note(job.id)
        await finish.wait()
        raise ValueError("boom")

    job_id = await ours.add({}, attempts=1)
    for _ in range(2):
        await ours.start(handler, lock_seconds=0.6, stalled_seconds=0.2)
    await runs.until(1)
    with own.client() as redis:
        redis.config_set("maxmemory", "100kb")

        # When it runs longer than its lock, then fails
        await runs.quiet_for(1.5)
        finish.set()

        # Then it ran once, failed and is buried
        async def failed() -> bool:
            return redis.zscore(f"{ours.prefix}:work:failed", job_id) is not None

        await eventually(failed, True)
        assert len(runs.entries) == 1
        assert redis.exists(f"{ours.prefix}:dead-letter:dlq-work-{job_id}")
