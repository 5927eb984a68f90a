"""Finishing jobs and taking the next ones is one round trip, for all that end in the same moment together."""

import pytest

from oxyq.engine import Entry, Queue, Worker
from oxyq.engine.events import JobCompleted
from tests.integration.engine.journal import Journal

JOBS = 200
#: Beside the jobs: looking for stalled ones, being told that a script is unknown, asking at the start and in vain.
AROUND = 8


@pytest.mark.parametrize("concurrency", [1, 5, 20])
async def test_a_job_costs_at_most_one_call_that_finishes_it_and_takes_the_next(own_redis, concurrency):
    # Given jobs in a Redis that counts commands
    queue = Queue("work", redis_url=own_redis.url)
    await queue.add_many([Entry("task", {"n": n}) for n in range(JOBS)])
    told = Journal()

    async def handler(job):
        return job.data["n"]

    worker = Worker("work", handler, redis_url=own_redis.url, concurrency=concurrency, on_event=told.note)
    with own_redis.client() as redis:
        redis.config_resetstat()

        # When they are worked off
        await worker.start()
        await told.until(JOBS, lambda event: isinstance(event, JobCompleted))

        # Then
        stats = redis.info("commandstats")
    await worker.stop()
    await queue.close()
    calls = stats["cmdstat_evalsha"]["calls"]
    together = 1 if concurrency < 10 else 2  # of a few at once each conversation takes one or two
    assert JOBS / concurrency < calls <= JOBS / together + AROUND + 2 * concurrency
    # Everything else that a script did not do itself: connecting and waiting.
    assert "cmdstat_eval" not in stats
    assert stats["cmdstat_bzpopmin"]["calls"] <= 2 if "cmdstat_bzpopmin" in stats else True
