"""F9: a job whose body is no JSON goes round for ever and hides the jobs listed beside it."""

import json

import pytest

from tests.integration.engine.journal import eventually
from tests.integration.engine.regressions.contender import Contender, Package


async def test_f9_job_that_is_no_json_leaves_the_queue(
    contender: Contender, queue, dead_letters, queue_events, redis_client, prefix
):
    # Given a job that something overwrote
    async def handler(job):
        pass

    broken = await contender.add({}, attempts=3)
    await redis_client.hset(f"{prefix}:work:{broken}", "data", "{broken")

    # When
    await contender.start(handler, lock_seconds=0.5, stalled_seconds=0.3)

    # Then it is buried with its reason, once
    if contender.is_ours:
        await eventually(lambda: queue.state(broken), "failed")
        letter = await dead_letters.job(f"dlq-work-{broken}")
        assert letter.data["kind"] == "malformed"
        assert "not JSON" in letter.data["failedReason"]
        assert letter.data["raw"]["data"] == "{broken"
    else:
        # More often than may be (maxStalledCount is 1), and still nothing ends it.
        await queue_events.until("stalled", broken, count=3)
        assert await redis_client.hget(f"{prefix}:work:{broken}", "defa") is not None
        assert await queue.state(broken) in {"active", "waiting"}


async def test_f9_malformed_job_does_not_hide_the_others_in_a_listing(
    contender: Contender, queue, redis_client, prefix
):
    # Given
    ids = [await contender.add({"n": n}) for n in range(3)]
    await redis_client.hset(f"{prefix}:work:{ids[1]}", "data", "{broken")

    # When the waiting jobs are listed, Then each is there
    if isinstance(contender, Package):
        with pytest.raises(json.JSONDecodeError):
            await contender.queue.getJobs(["wait"])
    else:
        listed = await queue.jobs("wait")
        assert [job.id for job in listed] == ids
        assert [job.broken is not None for job in listed] == [False, True, False]
