"""F4: a graceful stop ends lock renewal while jobs still run, so that another worker runs them too."""

import asyncio

from tests.integration.engine.journal import Journal
from tests.integration.engine.regressions.contender import Contender

LOCK_SECONDS, STALLED_SECONDS = 1.0, 0.4


async def test_f4_job_that_outlives_its_lock_during_a_graceful_stop_runs_once(contender: Contender):
    # Given a worker with one job in hand and one slot free
    runs: Journal[str] = Journal()
    finish = asyncio.Event()

    def worker_named(name):
        async def handler(job):
            runs.note(name)
            await finish.wait()

        return handler

    async def start(name):
        return await contender.start(
            worker_named(name), concurrency=2, lock_seconds=LOCK_SECONDS, stalled_seconds=STALLED_SECONDS
        )

    leaving = await start("leaving")
    await contender.add({}, attempts=3)
    await runs.until(1)
    await start("staying")

    # When it is stopped gracefully and the job needs longer than its lock lasts
    stop = asyncio.ensure_future(leaving.stop())

    # Then nobody else runs the job
    if contender.is_ours:
        await runs.quiet_for(LOCK_SECONDS + 3 * STALLED_SECONDS)
    else:
        assert await runs.until(2, within=5) == ["leaving", "staying"]
    finish.set()
    await asyncio.wait_for(stop, 5)
