"""Finished jobs stay as many and as long as the worker, or the job itself, says."""

import asyncio
import time

import pytest

from oxyq.engine import Keep
from oxyq.engine.events import JobCompleted, JobFailed
from oxyq.errors import PermanentError
from tests.integration.engine.regressions.contender import Package

KINDS = [
    pytest.param("completed", "keep_completed", JobCompleted, id="completed"),
    pytest.param("failed", "keep_failed", JobFailed, id="failed"),
]


@pytest.fixture
def handler():
    async def handler(job):
        await asyncio.sleep(0.002)  # two that end in one millisecond are kept in the order of their ids
        if job.data["end"] == "failed":
            raise PermanentError("boom")

    return handler


@pytest.fixture
def run_jobs(queue, told):
    """Adds jobs that end as said, one after the other, and returns their ids when all have."""

    async def run(end, event, count, **options):
        ids = []
        for _ in range(count):
            done = len(told.matching(lambda one: isinstance(one, event)))
            ids.append(await queue.add("task", {"end": end}, **options))
            await told.until(done + 1, lambda one: isinstance(one, event))
        return ids

    return run


@pytest.mark.parametrize(("end", "option", "event"), KINDS)
async def test_worker_keeps_the_newest_by_count(queue, start_worker, handler, run_jobs, end, option, event):
    await start_worker(handler, **{option: Keep(count=3)})

    ids = await run_jobs(end, event, 5)

    assert await queue.all_ids(end) == ids[-3:]
    assert [await queue.job(job_id) for job_id in ids[:2]] == [None, None]


@pytest.mark.parametrize(("end", "option", "event"), KINDS)
async def test_worker_removes_what_is_older_than_its_age(
    queue, start_worker, handler, run_jobs, redis_client, prefix, end, option, event
):
    # Given two jobs, of which one ended two hours ago
    await start_worker(handler, **{option: Keep(age_seconds=3600)})
    old, young = await run_jobs(end, event, 2)
    two_hours_ago = (time.time() - 7200) * 1000
    await redis_client.zadd(f"{prefix}:work:{end}", {old: two_hours_ago})

    # When another one ends
    [last] = await run_jobs(end, event, 1)

    # Then
    assert await queue.all_ids(end) == [young, last]
    assert await queue.job(old) is None


@pytest.mark.parametrize(("end", "option", "event"), KINDS)
async def test_what_the_job_says_counts_more_than_what_the_worker_says(
    queue, start_worker, handler, run_jobs, end, option, event
):
    await start_worker(handler, **{option: Keep(count=100)})

    [gone] = await run_jobs(end, event, 1, **{option: Keep(count=0)})
    [kept] = await run_jobs(end, event, 1, **{option: Keep()})

    assert await queue.job(gone) is None
    assert await queue.all_ids(end) == [kept]


@pytest.mark.parametrize(
    ("stored", "left"),
    [
        pytest.param(True, 0, id="true: none"),
        pytest.param(False, 4, id="false: all"),
        pytest.param(2, 2, id="a count"),
        pytest.param({"count": 3}, 3, id="an object with a count"),
        pytest.param({"age": 3600}, 4, id="an object with an age"),
    ],
)
async def test_remove_on_complete_as_other_producers_write_it(
    queue, start_worker, handler, told, redis_url, prefix, stored, left
):
    # Given jobs from BullMQ's own producer
    producer = Package(redis_url, prefix)
    for _ in range(4):
        await producer.queue.add("task", {"end": "completed"}, {"removeOnComplete": stored})
    await producer.close()

    # When
    await start_worker(handler)
    await told.until(4, lambda event: isinstance(event, JobCompleted))

    # Then
    assert (await queue.counts())["completed"] == left


async def test_default_is_the_last_hundred_completed(queue, start_worker, handler, told):
    await start_worker(handler, concurrency=10)
    for _ in range(110):
        await queue.add("task", {"end": "completed"})

    await told.until(110, lambda event: isinstance(event, JobCompleted))

    assert (await queue.counts())["completed"] == 100
