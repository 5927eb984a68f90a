"""A chore goes on, whatever befalls one run of it."""

import asyncio

import pytest

from oxyq.maintenance.periodic import Periodic
from oxyq.telemetry.events import ChoreFailed, Event, Telemetry


async def leak_a_cancellation() -> None:
    inner = asyncio.ensure_future(asyncio.sleep(60))
    inner.cancel()
    await inner


async def fail() -> None:
    raise ZeroDivisionError("a bug")


@pytest.mark.parametrize(
    ("accident", "words"), [(fail, "a bug"), (leak_a_cancellation, "cancelled from inside")], ids=["raises", "leaks"]
)
async def test_a_run_that_fails_is_told_and_the_next_one_comes(accident, words) -> None:
    told: list[Event] = []
    telemetry, again, runs = Telemetry(), asyncio.Event(), iter(range(9))
    telemetry.listen(told.append)

    async def run_once() -> None:
        if next(runs) == 0:
            await accident()
        again.set()

    chore = Periodic("chore", run_once, 0.001, telemetry)
    chore.start()

    await asyncio.wait_for(again.wait(), 10)
    await chore.stop()
    assert told == [ChoreFailed("chore", words)]


async def test_a_chore_that_is_stopped_in_the_middle_of_a_run_ends() -> None:
    running = asyncio.Event()

    async def run_once() -> None:
        running.set()
        await asyncio.sleep(60)

    chore = Periodic("chore", run_once, 0.001, Telemetry())
    chore.start()
    await running.wait()

    await asyncio.wait_for(chore.stop(), 10)
