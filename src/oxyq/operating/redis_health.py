"""What Redis says about itself, and which of its settings put jobs at risk."""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from oxyq.engine.hub import Hub
from oxyq.operating.command_rate import CommandCounter, CommandRate

Danger: TypeAlias = Literal["evicts", "not-on-disk", "over-budget"]
"""Jobs are thrown away when memory is full; jobs are lost when Redis stops; it gets more commands than are paid for."""


@dataclass(frozen=True, slots=True)
class RedisHealth:
    """Redis as it answers now; None where it does not say.

    latency_ms: of one PING. max_bytes: None when no limit is set. on_disk: whether jobs are written to its append-only
    file. budget: commands an hour that are allowed, None without a limit.
    """

    latency_ms: float
    server: Literal["redis", "valkey"]
    version: str | None
    used_bytes: int | None
    max_bytes: int | None
    commands: CommandRate | None
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
        reply = await commands.call("INFO")
        info = _parse_info(reply if isinstance(reply, bytes) else b"")
        total, up_seconds = _number(info, "total_commands_processed"), _number(info, "uptime_in_seconds")
        rate = None
        if total is not None and up_seconds is not None:
            rate = self._counter.look(time.monotonic(), total, up_seconds)
        return _redis_health(info, latency_seconds, rate, self._budget)


def _parse_info(info: bytes) -> dict[str, str]:
    return dict(re.findall(r"^(\w+):([^\r\n]*)", info.decode("utf-8", "replace"), re.MULTILINE))


def _redis_health(
    info: Mapping[str, str], latency_seconds: float, rate: CommandRate | None, budget: int | None
) -> RedisHealth:
    policy, on_disk = info.get("maxmemory_policy"), {"0": False, "1": True}.get(info.get("aof_enabled", ""))
    found: dict[Danger, bool] = {
        "evicts": policy not in (None, "noeviction"),
        "not-on-disk": on_disk is False,
        "over-budget": rate is not None and budget is not None and rate.is_beyond(budget),
    }
    return RedisHealth(
        latency_ms=round(latency_seconds * 1000, 2),
        server="valkey" if "valkey_version" in info else "redis",
        version=info.get("valkey_version") or info.get("redis_version"),
        used_bytes=_number(info, "used_memory"),
        max_bytes=_number(info, "maxmemory") or None,
        commands=rate,
        budget=budget,
        policy=policy,
        on_disk=on_disk,
        dangers=tuple(danger for danger, is_there in found.items() if is_there),
    )


def _number(info: Mapping[str, str], name: str) -> int | None:
    text = info.get(name, "")
    return int(text) if re.fullmatch(r"[0-9]{1,18}", text) else None
