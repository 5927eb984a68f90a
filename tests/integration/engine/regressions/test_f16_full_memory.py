"""F16: when Redis is full nothing can be taken out of it any more, so it stays full."""

import pytest

from oxyq.errors import QueueUnavailable
from tests.integration.engine.journal import Journal
from tests.integration.engine.regressions.contender import Contender


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
