"""How the queues, Redis and the numbers stand, as metrics: read from Redis when somebody asks, and not too often."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sized
from dataclasses import dataclass
from typing import Final, get_args

from oxyq.clock import now_ms
from oxyq.errors import QueueUnavailable
from oxyq.gateways.base import ConnectionState
from oxyq.operating.busiest_organizations import BusiestOrganizations, OrganizationJobs
from oxyq.operating.liveness import Liveness, QueueLiveness
from oxyq.operating.overview import InstallationNow, Overview, QueueNow
from oxyq.operating.redis_health import Danger, RedisHealth
from oxyq.operating.scaling import GUESSED_RUN_SECONDS, Load
from oxyq.operating.shared_look import SharedLook
from oxyq.queues import QueuePolicy
from oxyq.statistics.heartbeats import WorkerProcess
from oxyq.statistics.reading import Statistics
from oxyq.telemetry.metrics.measured import Values

#: What is told is at most this old, however many ask and however often.
FRESH_SECONDS: Final = 5.0
#: The same for what costs a command per number or organization.
SLOWLY_FRESH_SECONDS: Final = 60.0
#: As of the other routes; much shorter than Prometheus's own patience (10 s), so that it hears of an outage.
PATIENCE_SECONDS: Final = 1.5


@dataclass(frozen=True, slots=True)
class _Seen:
    """One look."""

    installation: InstallationNow
    liveness: Mapping[str, QueueLiveness]
    loads: Mapping[str, Load]


@dataclass(frozen=True, slots=True)
class _SeenSlowly:
    """One look at what costs more."""

    numbers: Mapping[str, int]
    away: Sized
    stopped: Sized
    organizations: Mapping[str, OrganizationJobs]


class QueueMetrics:
    """Looks at everything at most once in FRESH_SECONDS.

    `numbers` tells how many stand how; `away` and `stopped` are numbers and campaigns that somebody should see to.
    """

    def __init__(
        self,
        overview: Overview,
        liveness: Liveness,
        statistics: Statistics,
        policies: Mapping[str, QueuePolicy],
        numbers: Callable[[], Awaitable[Mapping[str, int]]],
        away: Callable[[], Awaitable[Sized]],
        stopped: Callable[[], Awaitable[Sized]],
        organizations: BusiestOrganizations,
        intake_ratio: float,
    ) -> None:
        self._overview = overview
        self._liveness = liveness
        self._statistics = statistics
        self._policies = policies
        self._numbers = numbers
        self._away = away
        self._stopped = stopped
        self._organizations = organizations
        self._intake_ratio = intake_ratio
        self._quick = SharedLook(self._look, FRESH_SECONDS)
        self._slow = SharedLook(self._look_slowly, SLOWLY_FRESH_SECONDS)

    async def measured(self) -> dict[str, Values]:
        """All of it; only `oxyq_up 0` while Redis is away. Never raises for Redis, and never waits for long."""
        quick, slow = await asyncio.gather(
            self._quick.found(PATIENCE_SECONDS), self._slow.found(PATIENCE_SECONDS), return_exceptions=True
        )
        for found in (quick, slow):
            if isinstance(found, BaseException) and not isinstance(found, QueueUnavailable):
                raise found
        if isinstance(quick, BaseException):
            return {"oxyq_up": {(): 0.0}}
        measured: dict[str, Values] = {"oxyq_up": {(): 1.0}, **self._measured(quick)}
        if not isinstance(slow, BaseException):
            measured |= _measured_slowly(slow)
        return measured

    async def loads(self) -> Mapping[str, Load]:
        """What each queue has to do, and with what. Raises QueueUnavailable."""
        return (await self._quick.found(PATIENCE_SECONDS)).loads

    async def close(self) -> None:
        """End looks that are under way."""
        await asyncio.gather(self._quick.close(), self._slow.close())

    async def _look(self) -> _Seen:
        installation, liveness, runs = await asyncio.gather(
            self._overview.now(),
            self._liveness.look(),
            asyncio.gather(*(self._statistics.mean_run_seconds(name) for name in self._policies)),
        )
        means = dict(zip(self._policies, runs, strict=True))
        loads = {queue.name: self._load(queue, means[queue.name], installation) for queue in installation.queues}
        return _Seen(installation, liveness, loads)

    async def _look_slowly(self) -> _SeenSlowly:
        return _SeenSlowly(
            *await asyncio.gather(self._numbers(), self._away(), self._stopped(), self._organizations.look())
        )

    def _load(self, queue: QueueNow, mean_run_seconds: float | None, installation: InstallationNow) -> Load:
        policy = self._policies[queue.name]
        return Load(
            ready=0 if queue.is_paused else queue.counts["waiting"],
            active=queue.counts["active"],
            mean_run_seconds=mean_run_seconds or GUESSED_RUN_SECONDS,
            slots=sum(process.queues.get(queue.name, 0) for process in installation.workers),
            slots_per_worker=policy.concurrency,
            target_seconds=policy.target_p95_seconds,
            limit_per_second=policy.rate_max / policy.rate_seconds,
        )

    def _measured(self, seen: _Seen) -> dict[str, Values]:
        queues, now = seen.installation.queues, now_ms()
        return {
            "oxyq_queue_jobs": {(one.name, state): count for one in queues for state, count in one.counts.items()},
            "oxyq_queue_oldest_seconds": {
                (one.name,): (one.oldest_waiting_ms or 0) / 1000
                for one in queues
                # Jobs that ran before do not say since when they wait: where only such are next, nothing is told.
                if one.oldest_waiting_ms is not None or not one.counts["waiting"]
            },
            "oxyq_queue_target_seconds": {(one.name,): one.target_seconds for one in queues},
            "oxyq_queue_paused": {(one.name,): float(one.is_paused) for one in queues},
            "oxyq_queue_finished_total": {
                (one.name, outcome): count
                for one in queues
                for outcome, count in (("completed", one.completed_ever), ("failed", one.failed_ever))
            },
            "oxyq_queue_workers": {(one.name,): one.workers for one in queues},
            "oxyq_queue_alive": {(one.queue,): float(one.alive) for one in seen.liveness.values()},
            "oxyq_queue_through_seconds": {
                (one.queue,): max(now - one.last_ms, 0) / 1000
                for one in seen.liveness.values()
                if one.last_ms is not None
            },
            **_of_loads(seen.loads),
            "oxyq_dead_letters": {(): seen.installation.dead_letters},
            "oxyq_workers": _by_version(seen.installation.workers),
            "oxyq_redis_intake_limit_ratio": {(): self._intake_ratio},
            **({} if seen.installation.redis is None else _of_redis(seen.installation.redis)),
        }


def _of_loads(loads: Mapping[str, Load]) -> dict[str, Values]:
    return {
        "oxyq_queue_slots": {(name,): load.slots for name, load in loads.items()},
        "oxyq_queue_limit_jobs_per_second": {(name,): load.limit_per_second for name, load in loads.items()},
        "oxyq_queue_mean_run_seconds": {(name,): load.mean_run_seconds for name, load in loads.items()},
        "oxyq_queue_work_seconds": {(name,): load.work_seconds for name, load in loads.items()},
        "oxyq_queue_drain_seconds": {(name,): load.drain_seconds for name, load in loads.items()},
        "oxyq_queue_wanted_workers": {(name,): load.wanted_workers for name, load in loads.items()},
    }


def _by_version(workers: Iterable[WorkerProcess]) -> Values:
    counts = Counter((process.version,) for process in workers)
    return {labels: float(count) for labels, count in counts.items()}


def _of_redis(redis: RedisHealth) -> dict[str, Values]:
    told: dict[str, float | None] = {
        "oxyq_redis_ping_seconds": redis.latency_ms / 1000,
        "oxyq_redis_memory_bytes": redis.used_bytes,
        "oxyq_redis_memory_limit_bytes": redis.max_bytes,
        "oxyq_redis_commands_total": redis.commands_ever,
        "oxyq_redis_commands_per_hour": None if redis.commands is None else redis.commands.per_hour,
        "oxyq_redis_budget_commands_per_hour": redis.budget,
    }
    dangers: Values = {(danger,): float(danger in redis.dangers) for danger in get_args(Danger)}
    return {"oxyq_redis_danger": dangers, **{name: {(): value} for name, value in told.items() if value is not None}}


def _in_known_states(numbers: Mapping[str, int]) -> Counter[str]:
    """Redis may hold a word of another release; labels are only ours."""
    counts = Counter[str]({state: 0 for state in get_args(ConnectionState)})
    for state, count in numbers.items():
        counts[state if state in counts else "unknown"] += count
    return counts


def _measured_slowly(seen: _SeenSlowly) -> dict[str, Values]:
    return {
        "oxyq_numbers": {(state,): count for state, count in _in_known_states(seen.numbers).items()},
        "oxyq_numbers_away": {(): len(seen.away)},
        "oxyq_campaigns_stopped": {(): len(seen.stopped)},
        "oxyq_organization_jobs": {
            (name, outcome): count
            for name, jobs in seen.organizations.items()
            for outcome, count in (("completed", jobs.completed), ("failed", jobs.failed), ("retried", jobs.retried))
        },
    }
