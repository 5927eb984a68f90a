"""Ends a process that looks alive and does nothing, so that its supervisor starts it anew; tells when the loop lags.

Two look, each at the other's place: a task on the event loop looks at the duties of the process, and a thread looks at
that task. Both count looks and no seconds, so that a process that was frozen as a whole is not taken for a stuck one.
"""

import asyncio
import math
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable
from typing import Final

from oxyq.engine.duty import Duty
from oxyq.telemetry.events import LoopLagged, ProcessStuck, Telemetry
from oxyq.telemetry.places import place

#: A loop that comes this much too late is told of: locks last for 30 s, and people wait for answers.
LAG_SECONDS: Final = 1.0
_LONGEST_PAUSE_SECONDS: Final = 1.0
_FEWEST_LOOKS: Final = 10
#: For so long the last words may take: whoever reads our log may be what we are stuck at.
_LAST_WORDS_SECONDS: Final = 2.0
_EXIT_CODE: Final = 1


class Watchdog:
    """Ends the process with code 1 when one of its `duties` owes something for `stuck_seconds` and goes round no more.

    An idle worker owes nothing, nor does one whose queue is paused or whose slots are all busy. While Redis is away
    it is connecting that must go on, for however long. A loop that is blocked for as long is stuck too.
    """

    def __init__(self, stuck_seconds: float, duties: Callable[[], Iterable[Duty]], telemetry: Telemetry) -> None:
        self._pause = min(_LONGEST_PAUSE_SECONDS, stuck_seconds / _FEWEST_LOOKS)
        self._most_looks = math.ceil(stuck_seconds / self._pause)
        self._seconds = stuck_seconds
        self._duties = duties
        self._telemetry = telemetry
        self._rounds: dict[str, int] = {}
        self._still: dict[str, int] = {}
        self._looks = 0
        self._stuck_at: str | None = None
        self._blocked_at: str | None = None
        self._over = threading.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to watch the loop that runs now."""
        self._task = asyncio.get_running_loop().create_task(self._look_for_ever(), name="watchdog")
        threading.Thread(
            target=self._watch_the_loop, args=(threading.get_ident(),), name="oxyq-watchdog", daemon=True
        ).start()

    async def stop(self) -> None:
        """Watch no more."""
        self._over.set()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _look_for_ever(self) -> None:
        while True:
            due = time.monotonic() + self._pause
            await asyncio.sleep(self._pause)
            lag = time.monotonic() - due
            if lag > LAG_SECONDS:
                self._telemetry.emit(LoopLagged(lag, self._blocked_at))
            self._blocked_at = None
            self._looks += 1
            self._look()

    def _look(self) -> None:
        for duty in self._duties():
            goes_on = not duty.owes or duty.rounds != self._rounds.get(duty.name)
            self._rounds[duty.name] = duty.rounds
            self._still[duty.name] = 0 if goes_on else self._still.get(duty.name, 0) + 1
            if self._still[duty.name] >= self._most_looks:
                self._stuck_at = duty.name

    def _watch_the_loop(self, loop_thread: int) -> None:
        seen, same = 0, 0
        while not self._over.wait(self._pause):
            same = same + 1 if self._looks == seen else 0
            seen = self._looks
            if same:
                self._blocked_at = _place_of(loop_thread)
            if self._stuck_at is not None:
                self._end(self._stuck_at)
            elif same >= self._most_looks:
                self._end(f"the event loop is blocked at {self._blocked_at}")

    def _end(self, what: str) -> None:
        hard_end = threading.Timer(_LAST_WORDS_SECONDS, os._exit, (_EXIT_CODE,))
        hard_end.daemon = True
        hard_end.start()
        self._telemetry.emit(ProcessStuck(self._seconds, what))
        os._exit(_EXIT_CODE)


def _place_of(thread: int) -> str | None:
    """Where in the code a thread is now."""
    frame = sys._current_frames().get(thread)
    if frame is None:
        return None
    return place(traceback.extract_stack(frame, limit=1)[0])
