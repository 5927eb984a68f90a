"""A handler that takes too long gives its slot back."""

import asyncio
import threading

from oxyq.engine.events import JobCompleted, JobFailed


async def test_timeout_is_a_failed_attempt_and_cancels_the_handler(queue, start_worker, told):
    # Given
    cancelled = asyncio.Event()

    async def handler(job):
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    await start_worker(handler, timeout_seconds=0.2)

    # When
    job_id = await queue.add("task", {}, attempts=1)

    # Then
    [failure] = await told.until(1, lambda event: isinstance(event, JobFailed))
    assert failure.reason == "Timeout: not finished within 0.2 s"
    assert cancelled.is_set()
    assert await queue.state(job_id) == "failed"


async def test_timeout_frees_the_slot_of_a_handler_that_swallows_its_cancellation(queue, start_worker, told):
    # Given a worker for one job at a time, and a handler that cannot be stopped
    release = asyncio.Event()

    async def handler(job):
        while job.data["stubborn"] and not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue
        return "late"

    await start_worker(handler, timeout_seconds=0.2)
    stubborn = await queue.add("task", {"stubborn": True}, attempts=1)

    # When its time is up
    good = await queue.add("task", {"stubborn": False})

    # Then the next job runs, and what the handler still returns is thrown away
    [completed] = await told.until(1, lambda event: isinstance(event, JobCompleted))
    assert completed.job.id == good
    release.set()
    await told.quiet_for(0.2)
    job = await queue.job(stubborn)
    assert (await queue.state(stubborn), job.result) == ("failed", None)


async def test_timeout_of_a_plain_function_frees_the_slot_too(queue, start_worker, told):
    # Given a blocking handler, in its thread
    release = threading.Event()

    def handler(job):
        if job.data["slow"]:
            release.wait(30)

    await start_worker(handler, timeout_seconds=0.2)

    # When
    await queue.add("task", {"slow": True}, attempts=1)
    good = await queue.add("task", {"slow": False})

    # Then
    [completed] = await told.until(1, lambda event: isinstance(event, JobCompleted))
    assert completed.job.id == good
    release.set()


async def test_plain_function_does_not_hold_up_the_event_loop(queue, start_worker, told):
    # Given two jobs that need each other to be running
    both = threading.Barrier(2, timeout=10)

    def handler(job):
        both.wait()
        return threading.current_thread() is threading.main_thread()

    await start_worker(handler, concurrency=2)

    # When
    ids = [await queue.add("task", {}) for _ in range(2)]

    # Then
    await told.until(2, lambda event: isinstance(event, JobCompleted))
    assert [(await queue.job(job_id)).result for job_id in ids] == [False, False]
