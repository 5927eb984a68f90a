"""F7: a job id is taken as it comes, also when it is the name of the queue's own keys."""

import pytest

from oxyq.errors import InvalidPayload
from tests.integration.engine.journal import Journal
from tests.integration.engine.regressions.contender import Contender


async def add_or_refuse(contender: Contender, job_id: str) -> None:
    """Ours must refuse such an id by naming it; the package takes it."""
    if contender.is_ours:
        with pytest.raises(InvalidPayload, match=job_id):
            await contender.add({"who": "tenant"}, job_id=job_id)
    else:
        await contender.add({"who": "tenant"}, job_id=job_id)


async def test_f7_integer_id_cannot_take_the_place_of_a_numbered_job(contender: Contender, redis_client, prefix):
    # When a tenant chooses an integer as id, before the queue comes to that number
    await add_or_refuse(contender, "3")
    ids = [await contender.add({"who": "somebody else"}) for _ in range(3)]

    # Then every job has its own place
    waiting = await redis_client.lrange(f"{prefix}:work:wait", 0, -1)
    data = await redis_client.hget(f"{prefix}:work:{ids[1]}", "data")
    assert "somebody else" in data
    if contender.is_ours:
        assert sorted(waiting) == sorted(ids)
    else:
        assert ids == ["2", "3", "4"]
        assert waiting.count("3") == 2, "the tenant's job was overwritten: one job is lost, the other runs twice"


async def test_f7_id_of_a_queue_key_is_not_dropped_in_silence(contender: Contender, redis_client, prefix):
    # Given a queue that was used before, so that its keys exist
    await contender.add({"who": "first"})

    # When
    await add_or_refuse(contender, "meta")

    # Then the refusal was told; the package answered with success and added nothing
    assert await redis_client.llen(f"{prefix}:work:wait") == 1


async def test_f7_id_of_a_queue_key_cannot_stop_the_queue(contender: Contender):
    # Given
    runs: Journal[str] = Journal()

    async def handler(job):
        runs.note(job.id)

    # When a tenant chooses "active" as id, and others add jobs
    await add_or_refuse(contender, "active")
    good = [await contender.add({"who": "others"}, job_id=f"good-{n}") for n in range(2)]
    running = await contender.start(handler)

    # Then they run; the package's queue is stopped for all
    if contender.is_ours:
        assert await runs.until(2) == good
    else:
        await running.told.until(3, lambda event: event[0] == "error" and "WRONGTYPE" in event[1])
        assert runs.entries == []


async def test_f7_id_of_a_queue_key_cannot_keep_jobs_from_completing(contender: Contender, redis_client, prefix):
    # Given
    async def handler(job):
        pass

    # When
    await add_or_refuse(contender, "completed")
    await contender.add({"who": "others"}, job_id="good-1")
    running = await contender.start(handler, stalled_seconds=0.5, lock_seconds=1)

    # Then
    if contender.is_ours:
        await running.told.until(1, lambda event: event[0] == "JobCompleted")
        assert await redis_client.zrange(f"{prefix}:work:completed", 0, -1) == ["good-1"]
    else:
        await running.told.until(2, lambda event: event[0] == "error")
        assert await redis_client.type(f"{prefix}:work:completed") == "hash"
        assert running.told.matching(lambda event: event[0] == "completed") == []
