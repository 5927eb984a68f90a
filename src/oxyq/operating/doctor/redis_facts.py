"""What is asked of a Redis server, once, over a connection of its own; what it does not say is None or left out."""

import asyncio
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from oxyq.engine.connection import Connection, RedisReplyError, Reply
from oxyq.engine.hub import Hub
from oxyq.engine.json_text import as_int
from oxyq.operating.doctor.needed_commands import refused_commands
from oxyq.redis_info import read_info

CONNECT_SECONDS: Final = 3.0
#: For each answer; a server that is slower than this has other troubles than its settings.
ANSWER_SECONDS: Final = 5.0
_PINGS: Final = 5
_CONFIG: Final = ("appendfsync", "timeout")


@dataclass(frozen=True, slots=True)
class RedisFacts:
    """How a server answered. info, config: {} where it may not be asked.

    skew_seconds: how far this machine's clock is ahead of the server's. latency_ms: of one PING, the middle of five.
    refused: commands that we need and may not use; None when that was not asked.
    """

    info: Mapping[str, str]
    config: Mapping[str, str]
    skew_seconds: float | None
    latency_ms: float
    refused: tuple[str, ...] | None


async def ask_redis(hub: Hub, clock: Callable[[], float] = time.time, *, commands: bool = True) -> RedisFacts:
    """Ask all of it; `commands` also which of them are allowed, which is some eighty questions.

    Raises QueueUnavailable when nobody answers in time, ConfigurationError when we are not let in by our own doing.
    """
    connection = Connection(
        hub.address, command_timeout_seconds=ANSWER_SECONDS, connect_timeout_seconds=CONNECT_SECONDS
    )
    try:
        await connection.ready(CONNECT_SECONDS)
        latency_ms = statistics.median([await _ping_ms(connection) for _ in range(_PINGS)])
        info = read_info(await _said(connection, "INFO"))
        return RedisFacts(
            info=info,
            config=await _config(connection),
            skew_seconds=await _skew(connection, clock),
            latency_ms=round(latency_ms, 2),
            refused=await refused_commands(connection, hub.prefix) if commands else None,
        )
    finally:
        await connection.close()


async def _said(connection: Connection, *command: str) -> Reply:
    """The answer; None when it may not be asked, or is not known there."""
    try:
        return await connection.call(*command)
    except RedisReplyError:
        return None


async def _ping_ms(connection: Connection) -> float:
    start = time.perf_counter()
    await connection.call("PING")
    return (time.perf_counter() - start) * 1000


async def _config(connection: Connection) -> dict[str, str]:
    """One by one: servers before 7 take one name at a time, and a hosted one may know some only."""
    answers = await asyncio.gather(*(_said(connection, "CONFIG", "GET", name) for name in _CONFIG))
    found = dict[str, str]()
    for answer in answers:
        match answer:
            case [bytes(name), bytes(value)]:
                found[name.decode()] = value.decode("utf-8", "replace")
    return found


async def _skew(connection: Connection, clock: Callable[[], float]) -> float | None:
    """Half of the way there and back is in it, which is far less than what matters."""
    before = clock()
    answer = await _said(connection, "TIME")
    here = (before + clock()) / 2
    match answer:
        case [seconds, microseconds]:
            whole, rest = as_int(seconds), as_int(microseconds)
            return None if whole is None or rest is None else here - whole - rest / 1_000_000
        case _:
            return None
