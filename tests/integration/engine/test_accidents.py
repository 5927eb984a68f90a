"""Whatever a handler or a listener raises is an accident of that job, or of nobody: the worker goes on."""

import asyncio

import pytest

from oxyq.engine.attempt import Attempt
from oxyq.engine.events import JobCompleted, JobFailed, WorkerTrouble
from oxyq.engine.job import Job
from oxyq.engine.settlement import RawJob


async def leak_a_cancellation() -> None:
    inner = asyncio.ensure_future(asyncio.sleep(60))
    inner.cancel()
    await inner


def raising(error: BaseException):
    async def accident() -> None:
        raise error

    return accident


async def endless(depth: int = 0) -> None:
    await endless(depth + 1)


HANDLERS = {
    "a leaked CancelledError": (leak_a_cancellation, "cancelled from inside"),
    "CancelledError": (raising(asyncio.CancelledError()), "cancelled from inside"),
    "RecursionError": (endless, "maximum recursion depth"),
    "SystemExit": (raising(SystemExit(3)), "3"),
    "KeyboardInterrupt": (raising(KeyboardInterrupt()), "KeyboardInterrupt"),
    "GeneratorExit": (raising(GeneratorExit()), "GeneratorExit"),
    "StopAsyncIteration": (raising(StopAsyncIteration()), "StopAsyncIteration"),
    "a group": (raising(BaseExceptionGroup("many", [SystemExit(1), asyncio.CancelledError()])), "many"),
}
LISTENERS = [RuntimeError("a bug"), RecursionError(), MemoryError(), asyncio.CancelledError(), SystemExit(1),
             KeyboardInterrupt(), GeneratorExit()]  # fmt: skip
MEMORY = [MemoryError(), ExceptionGroup("in a task group", [ValueError(), MemoryError()])]


@pytest.mark.parametrize(("accident", "reason"), HANDLERS.values(), ids=HANDLERS)
async def test_whatever_a_handler_raises_that_job_fails_and_the_next_one_runs(
    queue, start_worker, told, accident, reason
):
    # Given a worker with one slot, so that the next job needs that of the accident
    async def handler(job):
        if job.data["accident"]:
            await accident()

    worker = await start_worker(handler)

    # When
    unlucky = await queue.add("task", {"accident": True})
    good = await queue.add("task", {"accident": False})

    # Then
    [completed] = await told.until(1, lambda event: isinstance(event, JobCompleted))
    [failed] = told.matching(lambda event: isinstance(event, JobFailed))
    assert (failed.job.id, completed.job.id) == (unlucky, good)
    assert reason in failed.reason
    await worker.stop()
    await worker.wait()


@pytest.mark.parametrize("error", MEMORY, ids=["MemoryError", "one in a group"])
async def test_a_handler_that_runs_out_of_memory_fails_its_job_and_the_worker_gives_up_in_order(
    queue, start_worker, told, error
):
    """What else is in hand is finished; then its process is to be started anew, with its memory to itself."""
    started, release = asyncio.Event(), asyncio.Event()

    async def handler(job):
        if job.data["greedy"]:
            raise error
        started.set()
        await release.wait()

    worker = await start_worker(handler, concurrency=2)
    other = await queue.add("task", {"greedy": False})
    await started.wait()

    # When
    greedy = await queue.add("task", {"greedy": True})

    # Then
    with pytest.raises(type(error)):
        await asyncio.wait_for(worker.wait(), 10)
    [failed] = await told.until(1, lambda event: isinstance(event, JobFailed))
    assert failed.job.id == greedy
    assert told.matching(lambda event: isinstance(event, WorkerTrouble) and "out of memory" in event.text)
    release.set()
    await worker.stop()
    assert await queue.state(other) == "completed"


@pytest.mark.parametrize("error", LISTENERS, ids=lambda error: type(error).__name__)
async def test_whatever_a_listener_raises_changes_nothing(queue, start_worker, told, error):
    heard = asyncio.Event()

    def listener(event):
        told.note(event)
        heard.set()
        raise error

    async def handler(job):
        if job.data["fails"]:
            raise ValueError

    worker = await start_worker(handler, on_event=listener)

    ids = [await queue.add("task", {"fails": fails}) for fails in (False, True, False)]

    ended = await told.until(3, lambda event: isinstance(event, JobCompleted | JobFailed))
    assert [event.job.id for event in ended] == ids
    assert [await queue.state(job_id) for job_id in ids] == ["completed", "failed", "completed"]
    await worker.stop()
    await worker.wait()


async def test_handlers_that_hang_for_ever_are_stopped_and_all_slots_come_back(queue, start_worker, told):
    # Given all slots taken by jobs that never end
    slots = 4

    async def handler(job):
        if job.data["hangs"]:
            await asyncio.Event().wait()

    await start_worker(handler, concurrency=slots, timeout_seconds=0.5)
    hanging = [await queue.add("task", {"hangs": True}) for _ in range(slots)]

    # When others wait behind them
    others = [await queue.add("task", {"hangs": False}) for _ in range(slots)]

    # Then
    completed = await told.until(slots, lambda event: isinstance(event, JobCompleted))
    failed = told.matching(lambda event: isinstance(event, JobFailed))
    assert {event.job.id for event in completed} == set(others)
    assert {event.job.id for event in failed} == set(hanging)
    assert all("Timeout" in event.reason for event in failed)


async def test_a_run_that_python_closes_is_not_taken_for_one_that_raised():
    """A loop that ends in the middle of a job closes its coroutine by a GeneratorExit, and that is no accident."""
    endings = []
    raw = RawJob("job-1", "token", {b"name": b"task", b"data": b"{}"})

    async def forever(job):
        await asyncio.sleep(60)

    attempt = Attempt(Job(raw, "work", None), forever, lambda _, ending: endings.append(ending))
    unfinished = attempt._run(forever)
    unfinished.send(None)

    unfinished.close()

    assert endings == []
    attempt.stop()
