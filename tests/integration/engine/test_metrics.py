"""What Bull Board draws its charts and lists its workers from."""

import base64
import time

from oxyq.engine.events import JobCompleted, JobFailed
from oxyq.errors import PermanentError
from tests.integration.engine.journal import eventually


async def handler(job):
    if job.data.get("fail"):
        raise PermanentError("boom")


async def test_completed_and_failed_are_counted_for_ever(queue, start_worker, told, redis_client, prefix):
    # Given
    await start_worker(handler)

    # When
    for n in range(5):
        await queue.add("task", {"fail": n >= 3})
    await told.until(5, lambda event: isinstance(event, JobCompleted | JobFailed))

    # Then also after they are removed
    async for _ in queue.clean("completed"):
        pass
    assert (await queue.counts())["completed"] == 0
    assert await queue.finished_ever() == (3, 2)
    assert await redis_client.hget(f"{prefix}:work:metrics:completed", "count") == "3"
    assert await redis_client.hget(f"{prefix}:work:metrics:failed", "count") == "2"


async def test_each_minute_becomes_a_data_point(queue, start_worker, told, redis_client, prefix):
    # Given a job counted, as if two minutes ago
    await start_worker(handler)
    metrics = f"{prefix}:work:metrics:completed"
    await queue.add("task", {})
    await told.until(1, lambda event: isinstance(event, JobCompleted))
    await redis_client.hset(metrics, "prevTS", int(time.time() * 1000) - 120_000)

    # When
    await queue.add("task", {})
    await told.until(2, lambda event: isinstance(event, JobCompleted))

    # Then the newest point comes first, and a minute without a job is a zero
    assert await redis_client.lrange(f"{metrics}:data", 0, -1) == ["0", "1"]


async def test_worker_is_listed_by_the_name_that_node_looks_for(start_worker, redis_client, prefix):
    # When
    worker = await start_worker(handler, worker_name="host 1/é")

    # Then
    wanted = f"{prefix}:{base64.b64encode(b'work').decode()}:w:host-1/-"

    async def listed():
        return [client["name"] for client in await redis_client.client_list() if client["name"].startswith(prefix)]

    await eventually(listed, [wanted])

    # And it is gone when it stops
    await worker.stop()
    await eventually(listed, [])


async def test_job_says_who_ran_it(queue, start_worker, told, redis_client, prefix):
    await start_worker(handler, worker_name="host-7")
    job_id = await queue.add("task", {})
    await told.until(1, lambda event: isinstance(event, JobCompleted))

    assert await redis_client.hget(f"{prefix}:work:{job_id}", "pb") == "host-7"
