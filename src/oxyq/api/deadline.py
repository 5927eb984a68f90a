"""How long an answer may wait for Redis."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from oxyq.errors import QueueUnavailable

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
