"""How long an answer may wait for Redis."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Final, TypeVar

from oxyq.errors import QueueUnavailable

T = TypeVar("T")

REDIS_SECONDS: Final = 1.5
"""The API promises its answer within 2 s; the rest is for a busy process and the way to the caller."""
PREPARED_BYTES_PER_SECOND: Final = 2 * 1024 * 1024
"""At least so much of a campaign is checked and written per second; that is our own work and not Redis's delay."""


@asynccontextmanager
async def redis_deadline(body_bytes: int = 0) -> AsyncIterator[None]:
    """Give up in time with QueueUnavailable: what was sent to Redis still runs, nobody waits for its reply."""
    try:
        async with asyncio.timeout(REDIS_SECONDS + body_bytes / PREPARED_BYTES_PER_SECOND):
            yield
    except TimeoutError:
        raise QueueUnavailable(f"Redis gave no answer within {REDIS_SECONDS} s") from None


async def carried_through(steps: Coroutine[None, None, T]) -> T:
    """What these steps give; whoever is cancelled here stops waiting, but the steps are gone to their end.

    For steps of which some without the others do harm, such as a job that is removed and not put back into its plan.
    """
    going = asyncio.get_running_loop().create_task(steps)
    _GOING.add(going)
    going.add_done_callback(_ended)
    return await asyncio.shield(going)


#: The loop itself does not keep its tasks alive.
_GOING: Final = set[asyncio.Task[object]]()


def _ended(task: "asyncio.Task[object]") -> None:
    _GOING.discard(task)
    # Perhaps nobody waits for it any more, and then an error is nobody's.
    if not task.cancelled():
        task.exception()
