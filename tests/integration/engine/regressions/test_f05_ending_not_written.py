"""F5: what fails after the work is done, but before that is written, makes the work be done again."""

import asyncio
from datetime import datetime

from tests.integration.engine.journal import Journal, eventually
from tests.integration.engine.regressions.contender import Contender


async def test_f5_result_that_is_no_json_does_not_repeat_the_work(contender: Contender, queue):
    # Given a handler that does its work, then returns what JSON cannot carry
    runs: Journal[str] = Journal()

    async def handler(job):
        runs.note(job.id)
        return {"at": datetime.now()}

    running = await contender.start(handler)

    # When
    job_id = await contender.add({}, attempts=3)

    # Then
    if contender.is_ours:
        await eventually(lambda: queue.state(job_id), "completed")
        assert len(runs.entries) == 1
        [(_, text)] = await running.told.until(1, lambda event: event[0] == "JobCompleted")
        assert "not JSON" in text
    else:
        await eventually(lambda: queue.state(job_id), "failed")
        assert len(runs.entries) == 3


async def test_f5_completion_that_redis_refuses_for_a_moment_is_written_later(contender: Contender, own_redis):
    # Given a worker with a job in hand
    contender.url = own_redis.url
    runs: Journal[str] = Journal()
    finish = asyncio.Event()

    async def handler(job):
        runs.note(job.id)
        await finish.wait()

    with own_redis.client() as redis:
        running = await contender.start(handler, lock_seconds=2, stalled_seconds=0.5)
        job_id = await contender.add({}, attempts=3)
        await runs.until(1)

        # When Redis is read-only (a failover) at the moment the job completes
        redis.execute_command("REPLICAOF", "127.0.0.1", "1")
        finish.set()
        await running.told.until(1, lambda event: event[0] in {"WorkerTrouble", "error"})
        redis.execute_command("REPLICAOF", "NO", "ONE")

        # Then the work is not done again
        if contender.is_ours:
            await running.told.until(1, lambda event: event[0] == "JobCompleted")
            assert redis.zscore(f"{contender.prefix}:work:completed", job_id)
            assert len(runs.entries) == 1
        else:
            await runs.until(2, within=8)
