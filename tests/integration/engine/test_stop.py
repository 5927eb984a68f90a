"""Stopping: finish what is in hand, hand back what takes too long, leave nothing behind."""

import asyncio
import threading
import time

import pytest

from oxyq.engine import Entry, Queue, Worker
from oxyq.engine.events import JobCompleted, JobHandedBack
from tests.conftest import StartRedis
from tests.integration.engine.journal import Journal, eventually


class Held:
    """A handler that runs until `finish`."""

    def __init__(self) -> None:
        self.starts: Journal[str] = Journal()
        self.finish = asyncio.Event()
        self.cancelled: list[str] = []

    async def __call__(self, job):
        self.starts.note(job.id)
        try:
            await self.finish.wait()
        except asyncio.CancelledError:
            self.cancelled.append(job.id)
            raise


async def test_jobs_in_hand_finish_and_no_other_is_taken(queue, start_worker, told):
    # Given a full worker with more to do
    held = Held()
    worker = await start_worker(held, concurrency=2)
    ids = await queue.add_many([Entry("task", {"n": n}) for n in range(5)])
    await held.starts.until(2)

    # When it is stopped and its jobs finish in time
    stop = asyncio.ensure_future(worker.stop(grace_seconds=10))
    await held.starts.quiet_for(0.2)
    held.finish.set()
    await asyncio.wait_for(stop, 5)

    # Then
    completed = told.matching(lambda event: isinstance(event, JobCompleted))
    assert sorted(event.job.id for event in completed) == sorted(ids[:2])
    assert (await queue.counts())["waiting"] == 3
    assert (await queue.counts())["active"] == 0


async def test_job_that_outlives_the_grace_goes_back_unharmed(queue, start_worker, told):
    # Given
    held, other = Held(), Held()
    other.finish.set()
    worker = await start_worker(held)
    first = await queue.add("task", {}, attempts=1)
    await held.starts.until(1)
    second = await queue.add("task", {})

    # When
    stopping = time.monotonic()
    await worker.stop(grace_seconds=0.3)

    # Then it is cancelled when the grace is over, and waits at the front with all its attempts
    assert 0.3 <= time.monotonic() - stopping < 2
    assert held.cancelled == [first]
    assert [event.job_id for event in told.matching(lambda event: isinstance(event, JobHandedBack))] == [first]
    job = await queue.job(first)
    assert (await queue.state(first), job.attempts_made, job.failed_reason) == ("waiting", 0, None)

    # And the next worker does it first, though it had a single attempt
    await start_worker(other)
    assert await other.starts.until(2) == [first, second]
    await eventually(lambda: queue.state(first), "completed")


async def test_handed_back_job_is_taken_at_once_by_an_idle_worker(queue, start_worker):
    # Given a busy worker, and another one that found nothing
    held, other = Held(), Held()
    other.finish.set()
    leaving = await start_worker(held)
    job_id = await queue.add("task", {})
    await held.starts.until(1)
    await start_worker(other)
    await other.starts.quiet_for(0.2)

    # When
    await leaving.stop(grace_seconds=0)

    # Then
    assert await other.starts.until(1, within=1) == [job_id]


async def test_handed_back_job_keeps_its_priority(queue, start_worker):
    held, other = Held(), Held()
    other.finish.set()
    worker = await start_worker(held)
    urgent = await queue.add("task", {}, priority=1)
    await held.starts.until(1)
    await queue.add("task", {}, priority=5)

    await worker.stop(grace_seconds=0)

    assert await queue.state(urgent) == "prioritized"
    await start_worker(other)
    assert (await other.starts.until(2))[0] == urgent


async def test_handler_that_swallows_its_cancellation_does_not_hold_up_the_stop(queue, start_worker):
    # Given
    release = asyncio.Event()
    started: Journal[str] = Journal()

    async def stubborn(job):
        started.note(job.id)
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue

    worker = await start_worker(stubborn)
    job_id = await queue.add("task", {})
    await started.until(1)

    # When
    await asyncio.wait_for(worker.stop(grace_seconds=0.1), 3)

    # Then
    assert await queue.state(job_id) == "waiting"
    release.set()


async def test_job_that_arrives_while_stopping_is_handed_back(queue, start_worker, proxy, redis_client, prefix, told):
    # Given an idle worker on a slow network, whose question for a new job is on its way
    held = Held()
    worker = await start_worker(held, redis_url=proxy.url, prefix=prefix)
    await told.quiet_for(0.2)
    proxy.delay_seconds = 0.3
    job_id = await queue.add("task", {}, attempts=1)
    await eventually(lambda: redis_client.exists(f"{prefix}:work:marker"), 0)

    # When it is told to stop before the answer comes
    await worker.stop(grace_seconds=2)

    # Then the job is back, and nobody noticed
    assert [event.job_id for event in told.entries] == [job_id]
    assert isinstance(told.entries[0], JobHandedBack)
    assert held.starts.entries == []
    assert (await queue.state(job_id), (await queue.job(job_id)).attempts_made) == ("waiting", 0)


async def test_second_stop_is_harmless(queue, start_worker):
    # Given
    held = Held()
    worker = await start_worker(held)
    job_id = await queue.add("task", {})
    await held.starts.until(1)

    # When it is told again and again, with another grace
    stops = [asyncio.ensure_future(worker.stop(grace_seconds=grace)) for grace in (5, 0, 60)]
    await held.starts.quiet_for(0.2)
    held.finish.set()
    await asyncio.wait_for(asyncio.gather(*stops), 5)
    await worker.stop()
    await worker.wait()

    # Then the job was not cut off
    assert held.cancelled == []
    assert await queue.state(job_id) == "completed"


async def test_worker_that_was_never_started_can_be_stopped(redis_url, prefix):
    worker = Worker("work", Held(), redis_url=redis_url, prefix=prefix)

    await worker.stop()
    await worker.wait()


async def test_nothing_is_left_behind(redis_client, redis_url, prefix, queue):
    # Given
    await queue.counts()
    tasks, threads = asyncio.all_tasks(), set(threading.enumerate())
    clients = {client["id"] for client in await redis_client.client_list()}
    held = Held()
    held.finish.set()
    worker = Worker("work", held, redis_url=redis_url, prefix=prefix, lock_seconds=0.5)
    await worker.start()
    await queue.add("task", {})
    await held.starts.until(1)

    # When
    await worker.stop()

    # Then
    assert asyncio.all_tasks() == tasks

    async def left() -> set[object]:
        new_threads = {thread for thread in threading.enumerate() if "oxyq" in thread.name} - threads
        return new_threads | {client["id"] for client in await redis_client.client_list()} - clients

    await eventually(left, set())


@pytest.mark.parametrize("stopped", [0, 1], ids=["the one that waited longest", "the other one"])
async def test_delayed_job_is_in_time_though_the_worker_that_watched_for_it_stops(queue, start_worker, stopped):
    # Given two idle workers, one of which saw the mark of a delayed job
    held = Held()
    held.finish.set()
    workers = []
    for _ in range(2):
        workers.append(await start_worker(held))
        await held.starts.quiet_for(0.2)
    added = time.monotonic()
    await queue.add("task", {}, delay_ms=1000)
    await held.starts.quiet_for(0.3)

    # When one of them stops
    await workers[stopped].stop()

    # Then the other runs the job when it is due
    await held.starts.until(1, within=3)
    assert held.starts.times[0] - added < 3


async def test_stop_while_redis_is_away_ends(start_redis: StartRedis, prefix, start_worker):
    # Given a worker with a job in hand, and no Redis any more
    own = start_redis()
    held = Held()
    queue = Queue("work", redis_url=own.url, prefix=prefix)
    worker = await start_worker(held, redis_url=own.url, prefix=prefix)
    await queue.add("task", {})
    await held.starts.until(1)
    await queue.close()
    own.kill()

    # When, Then
    stopping = time.monotonic()
    await asyncio.wait_for(worker.stop(grace_seconds=0.2), 10)
    assert held.cancelled
    assert time.monotonic() - stopping < 8
