"""The health of an installation on several shards: sums, and ready only when all of them are."""

import asyncio

from oxyq.api.health import HealthChecks, QueueHealth, QueuesHealth, Ready
from oxyq.shards.shards import Shards


class ShardedHealth(HealthChecks):
    """Asks all shards. Whether jobs are taken in (`/ready/intake`) is asked of home alone: the shard that is away keeps
    out its own organizations only."""

    def __init__(self, shards: Shards) -> None:
        super().__init__(shards.home.app)
        self._each = [HealthChecks(shard.app) for shard in shards.by_name.values()]

    async def _queues(self) -> QueuesHealth:
        each = await asyncio.gather(*(one.queues() for one in self._each))
        queues = {
            name: _sum([health.queues[name] for health in each if name in health.queues]) for name in each[0].queues
        }
        return QueuesHealth(queues=queues, dead_letters=sum(health.dead_letters for health in each))

    async def _ready(self) -> Ready:
        await asyncio.gather(*(one.ready() for one in self._each))
        return Ready()


def _sum(each: list[QueueHealth]) -> QueueHealth:
    """All together; paused only where all are."""
    [first, *_] = each
    counts = {
        name: sum(getattr(one, name) for one in each)
        for name in QueueHealth.model_fields
        if not isinstance(getattr(first, name), bool)
    }
    return QueueHealth(**counts, paused=all(one.paused for one in each))
