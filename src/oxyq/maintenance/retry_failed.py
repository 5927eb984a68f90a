"""Running all failed jobs of a queue again."""

import asyncio
from collections.abc import AsyncIterator

from oxyq.dead_letters import DeadLetters
from oxyq.engine.attempt import dead_letter_id
from oxyq.engine.hub import Hub
from oxyq.engine.queue import Queue
from oxyq.errors import NotFound

PAGE = 100


async def retry_failed(hub: Hub, name: str, *, by: str = "retry-failed") -> AsyncIterator[int]:
    """Put every failed job of a queue back to work with all its attempts, yielding how many so far."""
    queue, letters = Queue(name, hub=hub), DeadLetters(hub)
    retried = 0
    ids = await queue.all_ids("failed")
    for start in range(0, len(ids), PAGE):
        page = ids[start : start + PAGE]
        retried += sum(await asyncio.gather(*(retry_one(queue, letters, job_id, by=by) for job_id in page)))
        yield retried


async def retry_one(queue: Queue, letters: DeadLetters, job_id: str, *, by: str) -> bool:
    """Put one failed job back to work with all its attempts; False when it is not failed any more.

    Where it has a dead letter, the letter is replayed: it would otherwise lie there for a job that runs again.
    """
    try:
        letter = await letters.get(dead_letter_id(queue.name, job_id))
    except NotFound:
        return await queue.retry(job_id)
    if letter.is_readable:
        return await letters.replay(letter, by=by)
    return await queue.retry(job_id) and await letters.purge(letter)
