"""The HTTP side as a process that has to bear what is done to it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from tests.integration.api.server_process import ServerProcess


@asynccontextmanager
async def api_process(folder: Path, redis_url: str, prefix: str) -> AsyncIterator[ServerProcess]:
    """The API of an installation while the block runs; it must end in order, and show no traceback."""
    process = ServerProcess(folder, redis_url, prefix)
    await asyncio.to_thread(process.start)
    try:
        yield process
    finally:
        code = await asyncio.to_thread(process.stop)
    assert code == 0
    log = process.log.read_text()
    assert "Traceback" not in log, log


async def takes_jobs(api: ServerProcess) -> bool:
    """Whether it says that it is ready for jobs."""
    async with httpx.AsyncClient(base_url=api.url, timeout=10) as client:
        return (await client.get("/ready/intake")).status_code == 200
