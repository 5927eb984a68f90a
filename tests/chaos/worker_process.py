"""`oxyq workers start` as it is, with a thermometer in it: how many tasks and how much memory it has."""

import asyncio
import json
import os
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Final

import oxyq.process
from oxyq.cli.program import run
from oxyq.clock import now_ms
from oxyq.settings import Settings
from oxyq.telemetry.events import Telemetry

EVERY_SECONDS: Final = 0.5
_PAGE_MIB: Final = os.sysconf("SC_PAGE_SIZE") / 2**20
_serve_workers = oxyq.process.serve_workers


async def _measured(
    settings: Settings, telemetry: Telemetry, queues: Collection[str] = (), shard: str | None = None
) -> int:
    thermometer = asyncio.create_task(_measure(Path(sys.argv[1])))
    try:
        return await _serve_workers(settings, telemetry, queues, shard)
    finally:
        thermometer.cancel()


async def _measure(path: Path) -> None:
    with path.open("a") as file:
        while True:
            resident = int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE_MIB
            tasks = len(asyncio.all_tasks())
            line = {"at": now_ms(), "pid": os.getpid(), "tasks": tasks, "memory": round(resident, 2)}
            file.write(json.dumps(line) + "\n")
            file.flush()
            await asyncio.sleep(EVERY_SECONDS)


if __name__ == "__main__":
    oxyq.process.serve_workers = _measured
    sys.exit(run(["workers", "start"]))
