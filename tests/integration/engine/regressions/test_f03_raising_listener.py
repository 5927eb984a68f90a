"""F3: a listener that raises ends the worker's loop in silence."""

import asyncio

from tests.integration.engine.journal import Journal
from tests.integration.engine.regressions.contender import Contender


async def test_f3_raising_listener_does_not_stop_the_worker(contender: Contender, redis_client, prefix):
    # Given a listener with a bug, and something to tell it: a job that cannot be read
    runs: Journal[str] = Journal()

    async def handler(job):
        runs.note(job.id)

    def listener(*what):
        raise RuntimeError("a bug in a listener")

    broken = await contender.add({})
    await redis_client.hset(f"{prefix}:work:{broken}", "data", "{broken")

    # When
    running = await contender.start(handler, listener=listener)
    await running.told.until(1)
    good = await contender.add({})

    # Then
    if contender.is_ours:
        assert await runs.until(1) == [good]
        assert not running.has_ended()
    else:
        await asyncio.wait([running.ended], timeout=5)
        assert running.has_ended()
        await runs.quiet_for(0.3)
