"""A worker in a process of its own: `python -m tests.integration.engine.worker_process SETTINGS` (see children.py)."""

import asyncio
import json
import sys
import time
from typing import Any

import bullmq
import redis

from oxyq.engine import Worker


def main(settings: dict[str, Any]) -> None:
    """Work until killed; "start ID" and "end ID" are pushed to the list of runs."""
    runs = redis.Redis.from_url(settings["url"])

    async def handler(job: Any) -> None:
        runs.rpush(settings["runs"], f"start {job.id}")
        if settings["work"] == "block":
            block(settings["seconds"])
        else:
            await asyncio.sleep(settings["seconds"])
        runs.rpush(settings["runs"], f"end {job.id}")

    asyncio.run(_package(handler, settings) if settings["kind"] == "package" else _ours(handler, settings))


def block(seconds: float) -> None:
    """Hold up everything in this process."""
    time.sleep(seconds)


async def _ours(handler: Any, settings: dict[str, Any]) -> None:
    worker = Worker(
        settings["queue"],
        handler,
        redis_url=settings["url"],
        prefix=settings["prefix"],
        concurrency=settings["concurrency"],
        lock_seconds=settings["lock_seconds"],
        stalled_interval_seconds=settings["stalled_seconds"],
    )
    await worker.start()
    await worker.wait()


async def _package(handler: Any, settings: dict[str, Any]) -> None:
    port = redis.connection.parse_url(settings["url"])["port"]
    options = {
        "connection": {"port": port, "socket_timeout": 30},
        "prefix": settings["prefix"],
        "autorun": False,
        "concurrency": settings["concurrency"],
        "lockDuration": int(settings["lock_seconds"] * 1000),
        "stalledInterval": int(settings["stalled_seconds"] * 1000),
    }

    async def processor(job: Any, token: str) -> None:
        await handler(job)

    await bullmq.Worker(settings["queue"], processor, options).run()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
