"""Remembers what is told to it, and waits for more with a deadline: how these tests wait for anything."""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

#: Longest wait for anything that should happen at once.
DEADLINE_SECONDS = 10.0


class Witness(Generic[T]):
    """What was told, in order; `until` waits for something that was or will be told."""

    def __init__(self) -> None:
        self.told: list[T] = []
        self._more = asyncio.Event()

    def tell(self, what: T) -> None:
        """Take note of `what`; call it on the event loop."""
        self.told.append(what)
        self._more.set()

    async def until(
        self, matches: Callable[[T], bool], count: int = 1, within_seconds: float = DEADLINE_SECONDS
    ) -> list[T]:
        """The first `count` things that match, as soon as there are that many."""
        try:
            async with asyncio.timeout(within_seconds):
                while len(found := [what for what in self.told if matches(what)]) < count:
                    self._more.clear()
                    await self._more.wait()
        except TimeoutError:
            lines = "\n".join(f"  {what}" for what in self.told[-40:])
            raise AssertionError(f"{len(found)} of {count} in {within_seconds} s; the last told:\n{lines}") from None
        return found[:count]
