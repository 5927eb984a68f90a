"""When a worker should look for work again: a marker, a delayed job that is due, a rate limit that opens."""

import asyncio
import time
from collections.abc import Callable

from oxyq.clock import now_ms
from oxyq.engine.markers import Markers

#: A rate limit is looked at again after this long at most, in case Node lifted it by hand (BullMQ does the same).
LONGEST_LIMIT_SLEEP_MS = 30_000


class Alarm:
    """Knows whether looking may find something, and calls `look` when it may again; nothing here polls."""

    def __init__(self, markers: Markers, marker_key: str, look: Callable[[], None]) -> None:
        self._look = look
        self._watch = markers.watch(marker_key, self._marker_seen)
        self._due: asyncio.TimerHandle | None = None
        self._due_ms = 0
        self._limit_opens = 0.0
        self._limit_timer: asyncio.TimerHandle | None = None
        self._worth_a_look = True
        #: Grows with every reason to look, so that an answer asked for before a reason cannot silence it.
        self.reasons = 0
        self._closed = False

    def worth_a_look(self) -> bool:
        """Whether asking Redis now may bring a job."""
        return self._worth_a_look

    def limit_is_open(self) -> bool:
        """Whether the rate limit lets jobs start, as far as we know."""
        return time.monotonic() >= self._limit_opens

    def heard_of_work(self, due_ms: int) -> None:
        """There is work: now when `due_ms` has passed, else then."""
        if due_ms > now_ms():
            self._wake_at(due_ms)
        else:
            self.ring()

    def ring(self) -> None:
        """There is a reason to look now."""
        self.reasons += 1
        self._worth_a_look = True
        self._look()

    def nothing_found(self, reasons_before: int, next_at_ms: int, limited_ms: int) -> None:
        """Redis had nothing (more): sleep until a delayed job is due, the limit opens or a marker appears."""
        if self._closed:
            return
        if next_at_ms:
            self._wake_at(next_at_ms)
        if limited_ms:
            self._sleep_until_limit_opens(limited_ms)
        if reasons_before == self.reasons:
            self._worth_a_look = False
            if not limited_ms:
                self._watch.arm()

    def close(self) -> None:
        """Be silent from now on."""
        self._closed = True
        if self._due is not None and self._due_ms > now_ms():
            self._watch.put_back(self._due_ms)  # the mark we took is what would have woken the others
        self._watch.close()
        for timer in (self._due, self._limit_timer):
            if timer is not None:
                timer.cancel()

    def _marker_seen(self, due_ms: int) -> None:
        if due_ms > now_ms():
            self._watch.arm()
        self.heard_of_work(due_ms)

    def _wake_at(self, due_ms: int) -> None:
        if self._due is not None and now_ms() < self._due_ms <= due_ms:
            return
        if self._due is not None:
            self._due.cancel()
        self._due_ms = due_ms
        # One ms late rather than early: asked too early, BullMQ answers "not yet".
        pause = max(due_ms - now_ms(), 0) / 1000 + 0.001
        self._due = asyncio.get_running_loop().call_later(pause, self._is_due)

    def _sleep_until_limit_opens(self, limited_ms: int) -> None:
        pause = min(limited_ms, LONGEST_LIMIT_SLEEP_MS) / 1000 + 0.001
        self._limit_opens = time.monotonic() + pause - 0.0005
        if self._limit_timer is not None:
            self._limit_timer.cancel()
        self._limit_timer = asyncio.get_running_loop().call_later(pause, self._limit_opened)

    # A timer may go off a little early (uvloop counts whole ms). Asking then must bring a new answer and a new timer,
    # so nothing of the old one is kept.

    def _is_due(self) -> None:
        self._due = None
        self.ring()

    def _limit_opened(self) -> None:
        self._limit_timer = None
        self._limit_opens = 0.0
        self.ring()
