"""What Redis says about itself, and which of its settings put jobs at risk."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from oxyq.engine.connection import RedisReplyError
from oxyq.engine.hub import Hub
from oxyq.operating.command_rate import CommandCounter, CommandRate
from oxyq.redis_info import info_number, is_on_disk, read_info

Danger: TypeAlias = Literal["evicts", "not-on-disk", "over-budget"]
"""Jobs are thrown away when memory is full; jobs are lost when Redis stops; it gets more commands than are paid for."""


@dataclass(frozen=True, slots=True)
class RedisHealth:
    """Redis as it answers now; None where it does not say.

    latency_ms: of one PING. max_bytes: None when no limit is set. on_disk: whether jobs are written to its append-only
    file. commands_ever: since Redis started. budget: commands an hour that are allowed, None without a limit.
    """

    latency_ms: float
    server: Literal["redis", "valkey"]
    version: str | None
    used_bytes: int | None
    max_bytes: int | None
    commands: CommandRate | None
    commands_ever: int | None
    budget: int | None
    policy: str | None
    on_disk: bool | None
    dangers: tuple[Danger, ...]


class RedisHealthCheck:
    """Asks Redis, and remembers its counter of commands for the next time."""

    def __init__(self, hub: Hub, budget: int | None) -> None:
        self._hub = hub
        self._budget = budget
        self._counter = CommandCounter()

    async def look(self) -> RedisHealth:
        """Two round trips: one that is timed, one that tells. Raises QueueUnavailable, RedisReplyError."""
        commands = self._hub.commands
        await commands.ready()
        start = time.perf_counter()
        await commands.call("PING")
        latency_seconds = time.perf_counter() - start
        info = await self._info()
        total, up_seconds = info_number(info, "total_commands_processed"), info_number(info, "uptime_in_seconds")
        rate = None
        if total is not None and up_seconds is not None:
            rate = self._counter.look(time.monotonic(), total, up_seconds)
        return _redis_health(info, latency_seconds, rate, self._budget)

    async def _info(self) -> dict[str, str]:
        try:
            return read_info(await self._hub.commands.call("INFO"))
        except RedisReplyError as error:
            if error.code not in ("NOPERM", "ERR"):
                raise
            return {}  # not allowed to this user, or not known there: nobody can say


def _redis_health(
    info: Mapping[str, str], latency_seconds: float, rate: CommandRate | None, budget: int | None
) -> RedisHealth:
    policy, on_disk = info.get("maxmemory_policy"), is_on_disk(info)
    found: dict[Danger, bool] = {
        "evicts": policy not in (None, "noeviction"),
        "not-on-disk": on_disk is False,
        "over-budget": rate is not None and budget is not None and rate.is_beyond(budget),
    }
    return RedisHealth(
        latency_ms=round(latency_seconds * 1000, 2),
        server="valkey" if "valkey_version" in info else "redis",
        version=info.get("valkey_version") or info.get("redis_version"),
        used_bytes=info_number(info, "used_memory"),
        max_bytes=info_number(info, "maxmemory") or None,
        commands=rate,
        commands_ever=info_number(info, "total_commands_processed"),
        budget=budget,
        policy=policy,
        on_disk=on_disk,
        dangers=tuple(danger for danger, is_there in found.items() if is_there),
    )
