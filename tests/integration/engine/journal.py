"""What happened, in order, for a test to wait on: signals with a deadline instead of sleeps."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import redis.asyncio

T = TypeVar("T")

#: Seconds after which something that should have happened has not; generous, since the machine may be busy.
DEADLINE_SECONDS = 10.0
#: Pause between two looks at a state in Redis that nothing announces.
LOOK_SECONDS = 0.02


class Journal(Generic[T]):
    """Entries in the order they were noted, with the time of each."""

    def __init__(self) -> None:
        self.entries: list[T] = []
        self.times: list[float] = []
        self._changed = asyncio.Event()

    def note(self, entry: T) -> None:
        """Write down what happened now."""
        self.entries.append(entry)
        self.times.append(time.monotonic())
        self._changed.set()

    def matching(self, wanted: Callable[[T], bool]) -> list[T]:
        """The entries so far that are `wanted`."""
        return [entry for entry in self.entries if wanted(entry)]

    async def until(
        self, count: int = 1, wanted: Callable[[T], bool] = lambda _: True, within: float = DEADLINE_SECONDS
    ) -> list[T]:
        """Wait for `count` wanted entries and return them; fails the test after `within` seconds."""
        assert await self._reaches(count, wanted, within), (
            f"{len(self.matching(wanted))} of {count} within {within:g} s; so far: {self.entries[-20:]}"
        )
        return self.matching(wanted)

    async def quiet_for(self, seconds: float, wanted: Callable[[T], bool] = lambda _: True) -> None:
        """Watch for `seconds` that no further wanted entry comes; fails the test at once when one does."""
        before = len(self.matching(wanted))
        assert not await self._reaches(before + 1, wanted, seconds), f"one more: {self.matching(wanted)[before:]}"

    async def _reaches(self, count: int, wanted: Callable[[T], bool], within: float) -> bool:
        deadline = time.monotonic() + within
        while len(self.matching(wanted)) < count:
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), max(deadline - time.monotonic(), 0))
            except TimeoutError:
                return False
        return True


async def eventually(look: Callable[[], Awaitable[T]], wanted: T, within: float = DEADLINE_SECONDS) -> None:
    """Look at a state that nothing announces until it is `wanted`; fails the test after `within` seconds."""
    deadline = time.monotonic() + within
    while (seen := await look()) != wanted:
        assert time.monotonic() < deadline, f"still {seen!r} after {within:g} s, not {wanted!r}"
        await asyncio.sleep(LOOK_SECONDS)


class QueueEvents:
    """The event stream of a queue in Redis, which every kind of worker writes."""

    def __init__(self, client: "redis.asyncio.Redis", prefix: str, queue: str = "work") -> None:
        self._client = client
        self._key = f"{prefix}:{queue}:events"
        self._last = "0"
        self.seen: list[dict[str, str]] = []

    def of(self, event: str, job_id: str | None = None) -> list[dict[str, str]]:
        """Such events that were read so far."""
        return [one for one in self.seen if one["event"] == event and job_id in (None, one.get("jobId"))]

    async def until(
        self, event: str, job_id: str | None = None, count: int = 1, within: float = DEADLINE_SECONDS
    ) -> list[dict[str, str]]:
        """Wait until `event` was written `count` times (of the job `job_id`); fails the test after `within` seconds."""
        deadline = time.monotonic() + within
        while len(self.of(event, job_id)) < count:
            left_ms = int((deadline - time.monotonic()) * 1000)
            assert left_ms > 0, f"{len(self.of(event, job_id))} of {count} {event!r} of {job_id}: {self.seen[-20:]}"
            for _, entries in await self._client.xread({self._key: self._last}, block=min(left_ms, 1000)) or ():
                for self._last, fields in entries:
                    self.seen.append(fields)
        return self.of(event, job_id)
