"""A bug of our own inside the worker is told, survived, and in the end not hidden."""

import asyncio

import pytest

from oxyq.engine import worker as worker_module
from oxyq.engine.events import JobCompleted, WorkerTrouble
from oxyq.engine.exchange import Exchange


async def handler(job):
    pass


@pytest.fixture
def broken_exchange(monkeypatch: pytest.MonkeyPatch):
    """A function that makes the next `times` conversations with Redis fail with a bug."""
    monkeypatch.setattr(worker_module, "PAUSE_AFTER_CRASH_SECONDS", 0.01)
    left = 0
    trade = Exchange.trade

    async def buggy(self, endings, wanted):
        nonlocal left
        if left > 0:
            left -= 1
            raise ZeroDivisionError("a bug")
        return await trade(self, endings, wanted)

    def break_(times: int) -> None:
        nonlocal left
        left = times

    monkeypatch.setattr(Exchange, "trade", buggy)
    return break_


async def test_worker_goes_on_after_a_bug_of_its_own(queue, start_worker, told, broken_exchange):
    # Given
    worker = await start_worker(handler)

    # When
    broken_exchange(2)
    await queue.add("task", {})

    # Then
    await told.until(1, lambda event: isinstance(event, JobCompleted))
    troubles = told.matching(lambda event: isinstance(event, WorkerTrouble))
    assert troubles
    assert all("ZeroDivisionError" in trouble.text for trouble in troubles)
    await worker.stop()
    await worker.wait()


async def test_worker_that_cannot_get_on_gives_up_so_that_its_process_can_end(start_worker, broken_exchange):
    broken_exchange(1_000_000)

    worker = await start_worker(handler)

    with pytest.raises(ZeroDivisionError):
        await asyncio.wait_for(worker.wait(), 5)
