"""Timeouts of attempts, at the price of a dictionary entry each: one timer of the loop, for the oldest attempt."""

import asyncio

from oxyq.engine.attempt import Attempt


class Deadlines:
    """Ends every attempt that runs longer than `seconds` (None: as long as it likes).

    All may run equally long, so they come due in the order in which they began, and only the first needs a timer.
    """

    def __init__(self, seconds: float | None) -> None:
        self._seconds = seconds
        self._due = dict[Attempt, float]()
        self._timer: asyncio.TimerHandle | None = None

    def watch(self, attempt: Attempt) -> None:
        """An attempt begins now."""
        if self._seconds is None:
            return
        loop = asyncio.get_running_loop()
        self._due[attempt] = due = loop.time() + self._seconds
        if self._timer is None:
            self._timer = loop.call_at(due, self._look)

    def forget(self, attempt: Attempt) -> None:
        """It ended. The timer stays as it is: it then finds the next one, or nothing."""
        self._due.pop(attempt, None)

    def _look(self) -> None:
        self._timer = None
        loop = asyncio.get_running_loop()
        while self._due:
            attempt, due = next(iter(self._due.items()))
            if due > loop.time():
                self._timer = loop.call_at(due, self._look)
                return
            del self._due[attempt]
            attempt.time_out(self._seconds or 0)
