"""The routes that machines watch: no token, and nothing in them that a stranger may not know."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Final, Literal, TypeVar

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from oxyq.api.deadline import redis_deadline
from oxyq.api.errors import unavailable
from oxyq.api.openapi import error_answers
from oxyq.app import App
from oxyq.engine.connection import RedisReplyError
from oxyq.errors import QueueUnavailable
from oxyq.operating import redis_health as redis
from oxyq.operating.liveness import QueueLiveness
from oxyq.operating.redis_health import Danger

T = TypeVar("T")

HEALTH_PATHS: Final = ("/health", "/health/redis", "/health/queues", "/ready", "/ready/intake")


class _Wire(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class Health(_Wire):
    """The process is alive."""

    status: Literal["ok"] = "ok"


class Ready(_Wire):
    """All that was asked about is as it should be."""

    status: Literal["ready"] = "ready"


class Memory(_Wire):
    """Redis's memory; `max_bytes` None: no limit set."""

    used_bytes: int | None
    max_bytes: int | None


class Commands(_Wire):
    """How busy Redis is: commands of everybody, those inside scripts included."""

    per_hour: int | None = Field(description="in the last hour, or since Redis started")
    over_seconds: int | None = Field(description="the time this was measured over")
    budget_per_hour: int | None = Field(description="`OXYQ_REDIS_BUDGET`; None: no limit set")


class RedisHealth(_Wire):
    """What Redis says about itself; None where it does not say."""

    status: Literal["ok"] = "ok"
    latency_ms: float = Field(description="of one PING")
    server: Literal["redis", "valkey"]
    version: str | None
    memory: Memory
    commands: Commands
    maxmemory_policy: str | None
    aof: bool | None = Field(description="whether jobs are written to disk at once (append-only file)")
    warnings: list[str] = Field(description="settings that put jobs at risk, or a budget that is overdrawn")


class QueueHealth(_Wire):
    """Jobs by state; `waiting` is every job that is ready to run."""

    waiting: int
    active: int
    delayed: int
    waiting_children: int
    completed: int = Field(description="since the queue exists")
    completed_kept: int = Field(description="of these, still there to be looked at")
    failed: int = Field(description="that are in failed now")
    paused: bool = Field(description="whether workers are told to take nothing")


class QueuesHealth(_Wire):
    """All queues."""

    status: Literal["ok"] = "ok"
    queues: dict[str, QueueHealth]
    dead_letters: int


class HealthChecks:
    """Asks Redis, in time."""

    def __init__(self, app: App) -> None:
        self._app = app

    def routes(self) -> APIRouter:
        """GET and HEAD of HEALTH_PATHS."""
        router = APIRouter(tags=["health"])
        redis_away = error_answers(503)
        for path, endpoint, responses in zip(
            HEALTH_PATHS,
            (self.alive, self.redis, self.queues, self.ready, self.ready_intake),
            ({}, redis_away, redis_away, redis_away, redis_away),
            strict=True,
        ):
            router.add_api_route(path, endpoint, methods=["GET"], responses=responses)
            # Many uptime watchers ask with HEAD.
            router.add_api_route(path, endpoint, methods=["HEAD"], include_in_schema=False)
        return router

    async def alive(self) -> Health:
        """Whether this process is alive; asks nobody else."""
        return Health()

    async def redis(self) -> RedisHealth:
        """What Redis says about itself."""
        return await _asked(self._redis)

    async def queues(self) -> QueuesHealth:
        """How many jobs are where."""
        return await _asked(self._queues)

    async def ready(self) -> Ready:
        """Whether jobs can be added and get done: Redis takes writes, and a job came through each queue just now.

        For who watches an installation. Load balancers ask `/ready/intake`: jobs are taken while no worker works too.
        """
        return await _asked(self._ready)

    async def ready_intake(self) -> Ready:
        """Whether jobs can be added: Redis answers and takes writes."""
        return await _asked(self._ready_intake)

    async def _redis(self) -> RedisHealth:
        return redis_health(await self._app.redis_health.look())

    async def _queues(self) -> QueuesHealth:
        counts, dead_letters = await asyncio.gather(self._app.queue_counts(), self._app.dead_letters.count())
        queues = {
            name: QueueHealth.model_validate({**now, "paused": now["paused"] > 0}) for name, now in counts.items()
        }
        return QueuesHealth(queues=queues, dead_letters=dead_letters)

    async def _ready(self) -> Ready:
        await self._ready_intake()
        queues = (await self._app.liveness.look()).values()
        if dead := [_how_it_stands(queue) for queue in queues if not queue.alive]:
            raise unavailable(f"no work gets through: {'; '.join(dead)}; see that workers run: oxyq workers start")
        return Ready()

    async def _ready_intake(self) -> Ready:
        commands = self._app.hub.commands
        await commands.ready()
        [any_queue, *_] = self._app.queues.values()
        # Writes nothing at a key that never exists, and yet is refused whenever a real write would be: memory full,
        # disk full, a replica. PING alone is answered in all these.
        await commands.call("SETRANGE", any_queue.keys.accepted_key("nothing"), 0, b"")
        return Ready()


async def _asked(question: Callable[[], Awaitable[T]]) -> T:
    try:
        async with redis_deadline():
            return await question()
    except RedisReplyError as error:
        # Only the first word, such as OOM or READONLY: the rest may name hosts and keys.
        raise unavailable(f"Redis refuses ({error.code}); see its memory, disk and settings") from None
    except QueueUnavailable:
        raise unavailable("Redis does not answer; check that it runs and REDIS_URL is right") from None


def _how_it_stands(queue: QueueLiveness) -> str:
    """Since when nothing comes through a queue that is not alive."""
    if queue.last_ms is None:
        since = "nothing within a day"
    else:
        since = f"nothing since {datetime.fromtimestamp(queue.last_ms / 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"
    return f"{queue.queue} ({since}, {queue.heard})"


_WARNINGS: Final[Mapping[Danger, str]] = {
    "evicts": "maxmemory-policy is {policy}: jobs may be thrown away; set it to noeviction",
    "not-on-disk": "the append-only file is off: jobs are lost when Redis stops; set appendonly to yes",
    "over-budget": "Redis gets {per_hour} commands an hour, more than OXYQ_REDIS_BUDGET={budget}; "
    "look for idle workers that could share a process, and for clients that poll",
}


def redis_health(found: redis.RedisHealth) -> RedisHealth:
    """What Redis says about itself, as it is answered."""
    per_hour = None if found.commands is None else found.commands.per_hour
    return RedisHealth(
        latency_ms=found.latency_ms,
        server=found.server,
        version=found.version,
        memory=Memory(used_bytes=found.used_bytes, max_bytes=found.max_bytes),
        commands=Commands(
            per_hour=per_hour,
            over_seconds=None if found.commands is None else found.commands.over_seconds,
            budget_per_hour=found.budget,
        ),
        maxmemory_policy=found.policy,
        aof=found.on_disk,
        warnings=[
            _WARNINGS[danger].format(policy=found.policy, per_hour=per_hour, budget=found.budget)
            for danger in found.dangers
        ],
    )
