"""Worker processes whose death is noticed soon."""

import asyncio
import time

from tests.journeys.conftest import OxyqProcess

LOCK_SECONDS, STALLED_SECONDS = 2.0, 1.0
#: What a dead or frozen worker had in hand goes on within `LOCK_SECONDS + 2 * STALLED_SECONDS`.
TUNED = {
    "OXYQ_LOCK_SECONDS": f"{LOCK_SECONDS:g}",
    "OXYQ_STALLED_INTERVAL_SECONDS": f"{STALLED_SECONDS:g}",
    "OXYQ_AUTOMATION_CONCURRENCY": "5",
}


async def are_working(*workers: OxyqProcess, seconds: float = 30.0) -> None:
    """Wait until each of these has begun to take jobs."""
    deadline = time.monotonic() + seconds
    while not all("working on" in worker.output for worker in workers):
        assert time.monotonic() < deadline, [worker.output for worker in workers]
        assert all(worker.popen.poll() is None for worker in workers), [worker.output for worker in workers]
        await asyncio.sleep(0.02)
