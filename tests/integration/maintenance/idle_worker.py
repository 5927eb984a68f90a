"""A worker in a process of its own that takes one job and never finishes it: arguments are URL, prefix, queue."""

import asyncio
import sys

from oxyq.engine import Job, Worker


async def main(url: str, prefix: str, queue: str) -> None:
    async def handler(job: Job) -> None:
        print(job.id, flush=True)
        await asyncio.Event().wait()

    worker = Worker(
        queue, handler, redis_url=url, prefix=prefix, concurrency=1, lock_seconds=1.0, stalled_interval_seconds=600.0
    )
    await worker.start()
    await worker.wait()


asyncio.run(main(*sys.argv[1:4]))
