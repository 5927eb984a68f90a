"""How fast a queue may run: what its workers are set to, and what is laid down for all of them together, live."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from oxyq.engine.queue import Queue
from oxyq.errors import InvalidPayload
from oxyq.queues import QueuePolicy

MOST_CONCURRENCY: Final = 100_000
MOST_RATE: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Limits:
    """What holds for a queue now.

    `concurrency` and `rate` are laid down in Redis for all workers together (BullMQ's global limits, which Node's
    workers keep to as well), may be changed at any time, and None is none. The others are settings of the worker
    processes and change with their restart. `rate` goes before the workers' own; of both concurrencies each holds.
    """

    is_paused: bool
    concurrency: int | None
    """Jobs that may run at once, over all workers."""
    rate: int | None
    """Jobs that may start in each window, over all workers."""
    window_ms: int
    """How long a window is. The workers' own setting holds here also for `rate`: so BullMQ's scripts do it."""
    worker_concurrency: int
    """Jobs in hand at once, of each worker process."""
    worker_rate: int
    """Jobs that start in each window, over all workers, while no `rate` is laid down."""


class QueueLimits:
    """Reads and changes the limits of queues."""

    def __init__(self, queues: Mapping[str, Queue], policies: Mapping[str, QueuePolicy]) -> None:
        self._queues = queues
        self._policies = policies

    async def get(self, queue: str) -> Limits:
        """What holds for a queue; raises QueueUnavailable."""
        policy = self._policies[queue]
        is_paused, concurrency, rate = await self._queues[queue].limits()
        return Limits(is_paused, concurrency, rate, _window_ms(policy), policy.concurrency, policy.rate_max)

    async def change(self, queue: str, concurrency: int | None, rate: int | None) -> Limits:
        """Lay down both for all workers together, from the next job on; raises InvalidPayload, QueueUnavailable."""
        _require("concurrency", concurrency, MOST_CONCURRENCY)
        _require("rate", rate, MOST_RATE)
        await self._queues[queue].set_global_concurrency(concurrency)
        await self._queues[queue].set_global_rate(rate, _window_ms(self._policies[queue]))
        return await self.get(queue)


def _window_ms(policy: QueuePolicy) -> int:
    return round(policy.rate_seconds * 1000)


def _require(field: str, value: int | None, most: int) -> None:
    if value is not None and not 1 <= value <= most:
        raise InvalidPayload(field, f"must be a whole number from 1 to {most}, or nothing for no limit")
