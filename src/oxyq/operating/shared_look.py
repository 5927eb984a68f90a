"""One look for all who ask at about the same time: ten who watch cost what one does."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from oxyq.errors import QueueUnavailable

Found = TypeVar("Found")


class SharedLook(Generic[Found]):
    """Remembers what `look` found for `fresh_seconds`; a look under way is shared, and never cut off."""

    def __init__(self, look: Callable[[], Awaitable[Found]], fresh_seconds: float) -> None:
        self._look = look
        self._fresh_seconds = fresh_seconds
        self._looking: asyncio.Task[Found] | None = None
        self._stale_at = 0.0

    async def found(self, patience_seconds: float) -> Found:
        """What was found last, or is now. Raises what the look raises, QueueUnavailable when it takes too long."""
        looking = self._looking
        if looking is None or (looking.done() and time.monotonic() >= self._stale_at):
            looking = self._looking = asyncio.get_running_loop().create_task(self._look_now())
            looking.add_done_callback(_told)
        # Waited for beside it: who asked before us, and Redis's reply, must not be cut off with us.
        await asyncio.wait({looking}, timeout=patience_seconds)
        if not looking.done():
            raise QueueUnavailable(f"Redis did not answer within {patience_seconds:g} s")
        return looking.result()

    async def close(self) -> None:
        """End a look that is under way."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait({self._looking})

    async def _look_now(self) -> Found:
        found = await self._look()
        self._stale_at = time.monotonic() + self._fresh_seconds
        return found


def _told(looking: "asyncio.Task[Found]") -> None:
    # Perhaps nobody had the patience for it, and then its error is nobody's.
    if not looking.cancelled():
        looking.exception()
