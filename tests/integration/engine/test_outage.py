"""Redis goes away and comes back: the worker goes on by itself, and nothing that was acknowledged is lost."""

import asyncio
import time
from collections import Counter

import pytest

from oxyq.engine import Entry, Hub, Queue
from oxyq.engine.events import JobCompleted, JobLost, WorkerTrouble
from oxyq.errors import QueueUnavailable
from tests.integration.engine.journal import Journal, eventually

BACK_SECONDS = 5.0


class Counting:
    """A handler that counts."""

    def __init__(self) -> None:
        self.runs: Journal[str] = Journal()

    async def __call__(self, job):
        self.runs.note(job.id)


def is_done(event):
    return isinstance(event, JobCompleted)


@pytest.mark.parametrize("down_seconds", [0.2, 3.0])
async def test_idle_worker_works_again_soon_after_redis_is_back(own_redis, prefix, start_worker, told, down_seconds):
    # Given an idle worker
    counting = Counting()
    await start_worker(counting, redis_url=own_redis.url)
    queue = Queue("work", redis_url=own_redis.url, prefix=prefix)
    await queue.add("task", {})
    await told.until(1, is_done)

    # When Redis is killed, is away for a while and comes back
    own_redis.kill()
    await counting.runs.quiet_for(down_seconds)
    await asyncio.to_thread(own_redis.restart)
    back = time.monotonic()
    second = await queue.add("task", {})

    # Then
    assert (await counting.runs.until(2, within=BACK_SECONDS))[1] == second
    assert counting.runs.times[1] - back <= BACK_SECONDS
    await queue.close()


async def test_nothing_acknowledged_is_lost_when_redis_is_killed_under_load(own_redis, prefix, start_worker, told):
    # Given a producer and a worker that are busy
    counting = Counting()
    await start_worker(counting, redis_url=own_redis.url, concurrency=5, lock_seconds=1, stalled_interval_seconds=0.5)
    queue = Queue("work", redis_url=own_redis.url, prefix=prefix, patience_seconds=0.2)
    acknowledged: list[str] = []
    enough = asyncio.Event()

    async def produce():
        number = 0
        while not enough.is_set():
            number += 1
            try:
                acknowledged.append(await queue.add("task", {"n": number}, job_id=f"n-{number}"))
            except QueueUnavailable:
                continue

    producing = asyncio.ensure_future(produce())
    await counting.runs.until(200)

    # When Redis is killed and started again
    own_redis.kill()
    await asyncio.to_thread(own_redis.restart)
    before = len(counting.runs.entries)
    await counting.runs.until(before + 200)
    enough.set()
    await producing

    # Then every job that was acknowledged is done; one that was in hand when it struck may have run again
    await eventually(lambda: unfinished(queue), 0)
    runs = Counter(counting.runs.entries)
    assert set(acknowledged) <= set(runs)
    assert max(runs.values()) <= 2
    assert len([job_id for job_id, times in runs.items() if times == 2]) <= 5
    await queue.close()


async def unfinished(queue: Queue) -> int:
    counts = await queue.counts()
    return counts["waiting"] + counts["active"] + counts["delayed"] + counts["failed"]


async def test_broken_connections_under_load_repeat_nothing(queue, proxy, prefix, start_worker, told):
    # Given a busy worker
    counting = Counting()
    ids = await queue.add_many([Entry("task", {"n": n}) for n in range(2000)])
    await start_worker(counting, redis_url=proxy.url, prefix=prefix, concurrency=10, lock_seconds=5)

    # When its connections break again and again
    for cut in range(1, 9):
        await counting.runs.until(cut * 200)
        proxy.cut()

    # Then each job is done once: what was handed over or settled in a lost answer is found again
    await eventually(lambda: unfinished(queue), 0)
    await told.until(len(ids), is_done)
    assert sorted(counting.runs.entries) == sorted(ids)
    assert sorted(event.job.id for event in told.matching(is_done)) == sorted(ids)
    assert told.matching(lambda event: isinstance(event, JobLost)) == []
    assert proxy.accepted_count > 8


async def test_job_whose_completion_was_written_but_not_answered_is_told_as_completed(
    queue, proxy, prefix, start_worker, told
):
    # Given a job in hand
    counting = Counting()
    finish = asyncio.Event()

    async def handler(job):
        await counting(job)
        await finish.wait()

    await start_worker(handler, redis_url=proxy.url, prefix=prefix, lock_seconds=10)
    job_id = await queue.add("task", {})
    await counting.runs.until(1)

    # When the answer to its completion is lost
    proxy.drop_reply_matching(lambda request: job_id.encode() in request)
    finish.set()
    await asyncio.wait_for(proxy.reply_dropped.wait(), 5)

    # Then it is said again, and "no such lock" understood
    [completed] = await told.until(1, is_done)
    assert completed.job.id == job_id
    assert told.matching(lambda event: isinstance(event, JobLost)) == []
    assert await queue.state(job_id) == "completed"
    assert len(counting.runs.entries) == 1


async def test_frozen_redis_costs_time_and_nothing_else(own_redis, prefix, start_worker, told):
    # Given jobs in hand and commands that are answered within half a second, or the connection is taken for dead
    hub = Hub(own_redis.url, prefix=prefix, command_timeout_seconds=0.5)
    queue = Queue("work", hub=hub)
    counting = Counting()
    finish = asyncio.Event()

    async def handler(job):
        await counting(job)
        await finish.wait()

    await start_worker(handler, hub=hub, concurrency=3, lock_seconds=10)
    ids = await queue.add_many([Entry("task", {"n": n}) for n in range(6)])
    await counting.runs.until(3)

    # When Redis stands still while they end
    own_redis.pause()
    finish.set()
    await told.until(1, lambda event: isinstance(event, WorkerTrouble))
    own_redis.resume()

    # Then
    await told.until(6, is_done)
    assert sorted(counting.runs.entries) == sorted(ids)
    await hub.close()


async def test_ending_over_a_half_open_connection_is_written_over_a_new_one(queue, proxy, prefix, start_worker, told):
    # Given a job in hand
    hub = Hub(proxy.url, prefix=prefix, command_timeout_seconds=0.5)
    counting = Counting()
    finish = asyncio.Event()

    async def handler(job):
        await counting(job)
        await finish.wait()
        return "done"

    await start_worker(handler, hub=hub, lock_seconds=10)
    job_id = await queue.add("task", {})
    await counting.runs.until(1)

    # When the connections go silent
    proxy.blackhole()
    finish.set()

    # Then
    await told.until(1, is_done, within=4)
    assert (await queue.state(job_id), (await queue.job(job_id)).result) == ("completed", "done")
    assert len(counting.runs.entries) == 1
    await hub.close()


async def test_redis_that_forgot_its_scripts_is_told_again(own_redis, prefix, start_worker, told):
    # Given
    counting = Counting()
    await start_worker(counting, redis_url=own_redis.url)
    queue = Queue("work", redis_url=own_redis.url, prefix=prefix)
    await queue.add("task", {})
    await told.until(1, is_done)

    # When
    with own_redis.client() as redis:
        redis.script_flush()
    await queue.add("task", {})

    # Then
    await told.until(2, is_done)
    await queue.close()


async def test_trouble_is_told_a_few_times_and_not_for_ever(own_redis, start_worker, told):
    # Given
    await start_worker(Counting(), redis_url=own_redis.url)

    # When Redis refuses for a while
    with own_redis.client() as redis:
        redis.execute_command("REPLICAOF", "127.0.0.1", "1")
        redis_queue = Queue("work", redis_url=own_redis.url)
        with pytest.raises(QueueUnavailable, match="READONLY"):
            await redis_queue.add("task", {})
        await redis_queue.close()

        # Then
        await told.quiet_for(2, lambda event: len(told.entries) > 20)


async def test_adding_while_redis_is_away_says_so_in_time(own_redis, prefix):
    # Given
    queue = Queue("work", redis_url=own_redis.url, prefix=prefix, patience_seconds=0.5)
    await queue.add("task", {})
    own_redis.kill()

    # When, Then
    asked = time.monotonic()
    with pytest.raises(QueueUnavailable, match="cannot be reached"):
        await queue.add("task", {})
    assert time.monotonic() - asked < 2
    await queue.close()


async def test_wrong_password_is_told_as_such(start_redis, prefix):
    # Given
    own = start_redis(password="right")
    queue = Queue("work", redis_url=own.url.replace("right", "wrong"), prefix=prefix, patience_seconds=0.5)

    # When, Then
    with pytest.raises(QueueUnavailable, match="WRONGPASS") as refused:
        await queue.add("task", {})
    assert "wrong" not in str(refused.value).replace("WRONGPASS", "")
    await queue.close()
