"""How much too late the event loop comes to what is due: everything in the process waits that long."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from oxyq.telemetry.metrics.measured import Tally

LOOK_SECONDS: Final = 0.5


@asynccontextmanager
async def loop_lag_measured(tally: Tally) -> AsyncIterator[None]:
    """Look at the running loop twice a second while the block runs."""
    looking = asyncio.get_running_loop().create_task(_look_for_ever(tally), name="loop lag")
    try:
        yield
    finally:
        looking.cancel()
        await asyncio.wait([looking])


async def _look_for_ever(tally: Tally) -> None:
    while True:
        due = time.monotonic() + LOOK_SECONDS
        await asyncio.sleep(LOOK_SECONDS)
        tally.observe("oxyq_loop_lag_seconds", max(time.monotonic() - due, 0.0))
