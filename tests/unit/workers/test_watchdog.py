"""Who is stuck is ended, and who waits for a good reason is not; the thread that ends is real, the end is not."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from types import SimpleNamespace

import pytest

from oxyq.engine.duty import Duty
from oxyq.telemetry.events import Event, LoopLagged, ProcessStuck, Telemetry
from oxyq.workers import watchdog as module
from oxyq.workers.watchdog import Watchdog

STUCK_SECONDS = 0.2
#: What must not happen is waited for so long.
LONGER = 3 * STUCK_SECONDS
DEADLINE_SECONDS = 20.0


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Set where the process would end with code 1; the thread that would end it gets no further."""
    ended, test_is_over = threading.Event(), threading.Event()

    def end(code: int) -> None:
        if code == 1:
            ended.set()
        test_is_over.wait(DEADLINE_SECONDS)

    monkeypatch.setattr(module, "os", SimpleNamespace(_exit=end))
    yield ended
    test_is_over.set()


@pytest.fixture
def told() -> list[Event]:
    return []


@pytest.fixture
def telemetry(told: list[Event]) -> Telemetry:
    telemetry = Telemetry()
    telemetry.listen(told.append)
    return telemetry


async def until_ended(ended: threading.Event) -> bool:
    return await asyncio.to_thread(ended.wait, DEADLINE_SECONDS)


async def lives_on(ended: threading.Event) -> bool:
    return not await asyncio.to_thread(ended.wait, LONGER)


async def test_one_duty_that_owes_and_goes_round_no_more_ends_the_process(
    ended: threading.Event, telemetry: Telemetry, told: list[Event]
) -> None:
    going = iter(range(10**9))
    duties = lambda: [Duty("going", True, next(going)), Duty("hanging", True, 7)]  # noqa: E731
    watchdog = Watchdog(STUCK_SECONDS, duties, telemetry)
    watchdog.start()

    assert await until_ended(ended)
    await watchdog.stop()

    assert [event for event in told if isinstance(event, ProcessStuck)] == [ProcessStuck(STUCK_SECONDS, "hanging")]


GOOD_REASONS: dict[str, Callable[[int], Iterable[Duty]]] = {
    "nothing to do": lambda look: [Duty("idle", False, 0)],
    "work that goes on": lambda look: [Duty("busy", True, look)],
    "stuck now and then, and never for long": lambda look: [Duty("slow", True, look // 5)],
    "an end of what it owed": lambda look: [Duty("done in time", look < 5, 0)],
}


@pytest.mark.parametrize("duties", GOOD_REASONS.values(), ids=GOOD_REASONS)
async def test_who_waits_for_a_good_reason_lives_on(
    ended: threading.Event, telemetry: Telemetry, duties: Callable[[int], Iterable[Duty]]
) -> None:
    looks = iter(range(10**9))
    watchdog = Watchdog(STUCK_SECONDS, lambda: duties(next(looks)), telemetry)
    watchdog.start()

    assert await lives_on(ended)
    await watchdog.stop()


async def test_a_loop_that_is_blocked_is_told_with_the_place_and_ends_the_process(
    ended: threading.Event, telemetry: Telemetry, told: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given
    monkeypatch.setattr(module, "LAG_SECONDS", 0.1)
    watchdog = Watchdog(STUCK_SECONDS, lambda: [], telemetry)
    watchdog.start()
    await asyncio.sleep(0)

    # When it is blocked until the process would have ended
    assert ended.wait(DEADLINE_SECONDS)

    # Then
    [last_words] = [event for event in told if isinstance(event, ProcessStuck)]
    assert "the event loop is blocked at" in last_words.what
    assert ".py:" in last_words.what
    while not any(isinstance(event, LoopLagged) for event in told):  # noqa: ASYNC110 - told by the loop's own task
        await asyncio.sleep(0.01)
    [lagged] = [event for event in told if isinstance(event, LoopLagged)]
    assert lagged.seconds > STUCK_SECONDS / 2
    assert lagged.where is not None
    await watchdog.stop()


async def test_last_words_that_never_end_do_not_keep_the_process_alive(
    ended: threading.Event, telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever reads the log may be what the process is stuck at."""
    monkeypatch.setattr(module, "_LAST_WORDS_SECONDS", 0.1)
    read = threading.Event()
    telemetry.listen(lambda _: read.wait(DEADLINE_SECONDS) and None)
    watchdog = Watchdog(STUCK_SECONDS, lambda: [Duty("hanging", True, 0)], telemetry)
    watchdog.start()

    assert await until_ended(ended)

    read.set()
    await watchdog.stop()


async def test_a_process_that_was_frozen_as_a_whole_is_not_stuck(
    ended: threading.Event, telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looks are counted and no seconds: given a clock that jumps by minutes, nothing was missed."""
    jumps = iter(range(10**9))
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: time.monotonic() + 600 * next(jumps)))
    going = iter(range(10**9))
    watchdog = Watchdog(STUCK_SECONDS, lambda: [Duty("going", True, next(going))], telemetry)
    watchdog.start()

    assert await lives_on(ended)
    await watchdog.stop()
