"""Queues that stand still while an exact snapshot is made."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from oxyq.engine.atomically import PATIENCE_SECONDS
from oxyq.engine.hub import Hub
from oxyq.engine.queue import Queue
from oxyq.errors import NotAllowed
from oxyq.snapshot.scope import Scope
from oxyq.snapshot.walk import Walk

_LOOK_SECONDS: Final = 0.2


async def queue_names(hub: Hub) -> list[str]:
    """The queues there are under the prefix, Node's own too."""
    names, walk = set[str](), Walk(hub, Scope())
    async for _ in walk.queue_keys(names):
        pass
    # What is no queue's key looks like one of a queue: only queues have this one.
    await hub.commands.ready(PATIENCE_SECONDS)
    are_queues = await asyncio.gather(*(hub.commands.call("EXISTS", f"{hub.prefix}:{name}:meta") for name in names))
    return sorted(name for name, is_queue in zip(names, are_queues, strict=True) if is_queue == 1)


@asynccontextmanager
async def paused(hub: Hub, *, wait_seconds: float) -> AsyncIterator[frozenset[str]]:
    """Pause all queues, wait until nothing is in hand, and let them go on in the end.

    Yields those that were not paused before. Raises NotAllowed when workers take longer than `wait_seconds`.
    """
    queues = [Queue(name, hub=hub) for name in await queue_names(hub)]
    ours = [queue for queue in queues if not await queue.is_paused()]
    try:
        for queue in ours:
            await queue.pause()
        until = time.monotonic() + wait_seconds
        while in_hand := sum([sum(await queue.lengths(["active"])) for queue in queues]):
            if time.monotonic() > until:
                raise NotAllowed(
                    f"workers still have {in_hand} jobs in hand after {wait_seconds:g} seconds, so the queues go on "
                    "and nothing was exported; wait longer (--wait), or export without --pause"
                )
            await asyncio.sleep(_LOOK_SECONDS)
        yield frozenset(queue.keys.name for queue in ours)
    finally:
        for queue in ours:
            await queue.resume()
