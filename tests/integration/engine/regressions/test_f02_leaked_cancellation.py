"""F2: a CancelledError that escapes from one handler ends the worker's loop while its process lives on."""

import asyncio

from tests.integration.engine.journal import Journal
from tests.integration.engine.regressions.contender import Contender


async def test_f2_cancellation_leaking_from_a_handler_does_not_stop_the_worker(contender: Contender):
    # Given
    runs: Journal[str] = Journal()

    async def handler(job):
        runs.note(job.data["do"])
        if job.data["do"] == "leak":
            inner = asyncio.ensure_future(asyncio.sleep(60))
            inner.cancel()
            await inner

    running = await contender.start(handler)

    # When
    await contender.add({"do": "leak"})
    await runs.until(1)
    await contender.add({"do": "go on"})

    # Then
    if contender.is_ours:
        assert await runs.until(2) == ["leak", "go on"]
        assert not running.has_ended()
    else:
        await asyncio.wait([running.ended], timeout=5)
        assert running.has_ended()
        await runs.quiet_for(0.3)
