"""The routes that machines watch: no token, and nothing in them that a stranger may not know."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Literal, TypeVar

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from oxyq.api.command_rate import CommandCounter, CommandRate
from oxyq.api.deadline import redis_deadline
from oxyq.api.errors import unavailable
from oxyq.api.openapi import error_answers
from oxyq.app import App
from oxyq.engine.connection import RedisReplyError
from oxyq.errors import QueueUnavailable

T = TypeVar("T")

HEALTH_PATHS: Final = ("/health", "/health/redis", "/health/queues", "/ready")


class _Wire(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class Health(_Wire):
    """The process is alive."""

    status: Literal["ok"] = "ok"


class Ready(_Wire):
    """Redis answers and takes writes."""

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
        self._commands = CommandCounter()

    def routes(self) -> APIRouter:
        """GET and HEAD of HEALTH_PATHS."""
        router = APIRouter(tags=["health"])
        redis_away = error_answers(503)
        for path, endpoint, responses in zip(
            HEALTH_PATHS,
            (self.alive, self.redis, self.queues, self.ready),
            ({}, redis_away, redis_away, redis_away),
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
        """Whether jobs can be added: Redis answers and takes writes."""
        return await _asked(self._ready)

    async def _redis(self) -> RedisHealth:
        commands = self._app.hub.commands
        await commands.ready()
        start = time.perf_counter()
        await commands.call("PING")
        latency_seconds = time.perf_counter() - start
        reply = await commands.call("INFO")
        info = _parse_info(reply if isinstance(reply, bytes) else b"")
        total, up_seconds = _number(info, "total_commands_processed"), _number(info, "uptime_in_seconds")
        rate = None
        if total is not None and up_seconds is not None:
            rate = self._commands.look(time.monotonic(), total, up_seconds)
        return _redis_health(info, latency_seconds, rate, self._app.settings.redis_budget)

    async def _queues(self) -> QueuesHealth:
        counts, dead_letters = await asyncio.gather(self._app.queue_counts(), self._app.dead_letters.count())
        queues = {
            name: QueueHealth.model_validate({**now, "paused": now["paused"] > 0}) for name, now in counts.items()
        }
        return QueuesHealth(queues=queues, dead_letters=dead_letters)

    async def _ready(self) -> Ready:
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


def _parse_info(info: bytes) -> dict[str, str]:
    return dict(re.findall(r"^(\w+):([^\r\n]*)", info.decode("utf-8", "replace"), re.MULTILINE))


def _redis_health(
    info: Mapping[str, str], latency_seconds: float, rate: CommandRate | None, budget: int | None
) -> RedisHealth:
    policy = info.get("maxmemory_policy")
    aof = {"0": False, "1": True}.get(info.get("aof_enabled", ""))
    warnings = []
    if policy not in (None, "noeviction"):
        warnings.append(f"maxmemory-policy is {policy}: jobs may be thrown away; set it to noeviction")
    if aof is False:
        warnings.append("the append-only file is off: jobs are lost when Redis stops; set appendonly to yes")
    if rate is not None and budget is not None and rate.is_beyond(budget):
        warnings.append(
            f"Redis gets {rate.per_hour} commands an hour, more than OXYQ_REDIS_BUDGET={budget}; "
            "look for idle workers that could share a process, and for clients that poll"
        )
    return RedisHealth(
        latency_ms=round(latency_seconds * 1000, 2),
        server="valkey" if "valkey_version" in info else "redis",
        version=info.get("valkey_version") or info.get("redis_version"),
        memory=Memory(used_bytes=_number(info, "used_memory"), max_bytes=_number(info, "maxmemory") or None),
        commands=Commands(
            per_hour=None if rate is None else rate.per_hour,
            over_seconds=None if rate is None else rate.over_seconds,
            budget_per_hour=budget,
        ),
        maxmemory_policy=policy,
        aof=aof,
        warnings=warnings,
    )


def _number(info: Mapping[str, str], name: str) -> int | None:
    text = info.get(name, "")
    return int(text) if re.fullmatch(r"[0-9]{1,18}", text) else None
