"""How everything stands now: each queue, who works on it, and Redis."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from oxyq.clock import now_ms
from oxyq.dead_letters import DeadLetters
from oxyq.engine.connection import RedisReplyError
from oxyq.engine.hub import Hub
from oxyq.engine.json_text import as_int
from oxyq.engine.queue import DELAYED_SHIFT, Queue
from oxyq.engine.stored_options import read_options
from oxyq.operating.finish_rate import Finished, FinishRates
from oxyq.operating.redis_health import RedisHealth, RedisHealthCheck
from oxyq.queues import DEAD_LETTER, QueuePolicy
from oxyq.statistics.heartbeats import Heartbeats, WorkerProcess
from oxyq.statistics.reading import Statistics

QueueState: TypeAlias = Literal["fine", "late", "stopped", "paused"]
"""late: a job waits longer than the queue's target; stopped: jobs wait and nobody works; paused: told to stop."""

#: Of those that are next, the first so many are asked since when they wait: some do not say, since they ran before.
_ASKED: Final = 3


@dataclass(frozen=True, slots=True)
class QueueNow:
    """One queue as it stands.

    counts: jobs by state, in the words of Queue.counts. completed_ever, failed_ever: since the queue exists.
    per_second: what ended in a second just now, by whoever worked; None at the first look.
    oldest_waiting_ms: for how long the job that is next could have run already; None when none waits, or none says.
    next_due_ms: when the next delayed job is due (ms since 1970). workers: processes of ours that work on it.
    """

    name: str
    counts: Mapping[str, int]
    completed_ever: int
    failed_ever: int
    is_paused: bool
    per_second: Finished | None
    oldest_waiting_ms: int | None
    next_due_ms: int | None
    target_seconds: float
    workers: int
    state: QueueState


@dataclass(frozen=True, slots=True)
class InstallationNow:
    """All of it, for who may see all; `redis` is None where hosted Redis does not let us ask."""

    queues: Sequence[QueueNow]
    dead_letters: int
    workers: Sequence[WorkerProcess]
    redis: RedisHealth | None


@dataclass(frozen=True, slots=True)
class OrganizationQueue:
    """What was done for one organization in one queue within 24 hours."""

    name: str
    completed: int
    failed: int
    retried: int


@dataclass(frozen=True, slots=True)
class OrganizationNow:
    """What one organization may see: its own. `is_counted`: see statistics.Series."""

    queues: Sequence[OrganizationQueue]
    is_counted: bool


class Overview:
    """Looks at everything in a few round trips, of which none depends on how many jobs there are."""

    def __init__(
        self,
        hub: Hub,
        queues: Mapping[str, Queue],
        policies: Mapping[str, QueuePolicy],
        dead_letters: DeadLetters,
        heartbeats: Heartbeats,
        redis_health: RedisHealthCheck,
        statistics: Statistics,
    ) -> None:
        self._hub = hub
        self._queues = {name: queue for name, queue in queues.items() if name != DEAD_LETTER}
        self._policies = policies
        self._dead_letters = dead_letters
        self._heartbeats = heartbeats
        self._redis_health = redis_health
        self._statistics = statistics
        self._rates = FinishRates()

    async def now(self) -> InstallationNow:
        """Everything. Raises QueueUnavailable."""
        workers, dead_letters, redis, seen = await asyncio.gather(
            self._heartbeats.alive(),
            self._dead_letters.count(),
            self._redis(),
            asyncio.gather(*(self._look(queue) for queue in self._queues.values())),
        )
        rates = self._rates.look(time.monotonic(), {one.name: one.finished for one in seen})
        queues = [self._queue(one, rates[one.name], workers) for one in seen]
        return InstallationNow(queues, dead_letters, workers, redis)

    async def of_organization(self, organization_id: str) -> OrganizationNow:
        """What one organization may see. Raises QueueUnavailable."""
        found = await asyncio.gather(
            *(self._statistics.throughput(name, "24h", organization_id) for name in self._queues)
        )
        queues = [
            OrganizationQueue(name, one.total("completed"), one.total("failed"), one.total("retried"))
            for name, one in zip(self._queues, found, strict=True)
        ]
        return OrganizationNow(queues, all(one.is_counted for one in found))

    async def _redis(self) -> RedisHealth | None:
        try:
            return await self._redis_health.look()
        except RedisReplyError:
            return None

    async def _look(self, queue: Queue) -> "_Seen":
        counts, ever, is_paused, waiting, prioritized, delayed = await asyncio.gather(
            queue.counts(),
            queue.finished_ever(),
            queue.is_paused(),
            queue.ids("wait", 0, _ASKED - 1),
            queue.ids("prioritized", 0, _ASKED - 1),
            queue.delayed_ids(count=1),
        )
        oldest = await self._ready_since_ms(queue, [*waiting, *prioritized])
        due = delayed[0][1] >> DELAYED_SHIFT if delayed else None
        return _Seen(queue.name, counts, Finished(*ever), is_paused, oldest, due)

    async def _ready_since_ms(self, queue: Queue, ids: Sequence[str]) -> int | None:
        """When the first of these could have run; those that ran before do not say."""
        replies = await asyncio.gather(
            *(self._hub.commands.call("HMGET", queue.keys.job(one), "timestamp", "opts", "ats", "pb") for one in ids),
            return_exceptions=True,
        )
        return min((since for reply in replies if (since := _ready_ms(reply)) is not None), default=None)

    def _queue(self, seen: "_Seen", rate: Finished | None, workers: Sequence[WorkerProcess]) -> QueueNow:
        processes = sum(seen.name in process.queues for process in workers)
        age_ms = None if seen.ready_since_ms is None else max(now_ms() - seen.ready_since_ms, 0)
        target = self._policies[seen.name].target_p95_seconds
        return QueueNow(
            name=seen.name,
            counts=seen.counts,
            completed_ever=int(seen.finished.completed),
            failed_ever=int(seen.finished.failed),
            is_paused=seen.is_paused,
            per_second=rate,
            oldest_waiting_ms=age_ms,
            next_due_ms=seen.next_due_ms,
            target_seconds=target,
            workers=processes,
            state=_state(seen, processes, age_ms, target),
        )


@dataclass(frozen=True, slots=True)
class _Seen:
    """A queue before it is known who works on it and how fast."""

    name: str
    counts: Mapping[str, int]
    finished: Finished
    is_paused: bool
    ready_since_ms: int | None
    next_due_ms: int | None


def _state(seen: _Seen, processes: int, age_ms: int | None, target_seconds: float) -> QueueState:
    if seen.is_paused:
        return "paused"
    # Node's workers have no heartbeat; where jobs are running, somebody works.
    if seen.counts["waiting"] and not processes and not seen.counts["active"]:
        return "stopped"
    return "late" if age_ms is not None and age_ms > target_seconds * 1000 else "fine"


def _ready_ms(reply: object) -> int | None:
    """When a job could first run (ms since 1970); None for one that ran before: nobody notes when it could again."""
    match reply:
        case [bytes(timestamp), bytes(options), None, None]:
            try:
                return (as_int(timestamp) or 0) + read_options(options).delay_ms
            except ValueError:
                return None
        case _:
            return None
