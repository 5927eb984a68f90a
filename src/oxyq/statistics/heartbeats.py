"""Which worker processes are alive: each says so once a minute, and nobody has to ask Redis for its connections."""

import asyncio
import json
import os
import secrets
import socket
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError

from oxyq import redis_keys
from oxyq.clock import now_ms
from oxyq.engine.hub import Hub
from oxyq.engine.lua_runner import Script, ScriptRunner
from oxyq.engine.scripts import as_text

#: A heartbeat is one command. An idle process may send 12 a minute beside its canaries, and sends 10 without it: 3 that
#: wait for markers, 6 that look for stalled jobs, 1 for the weights; and in every third minute 4 of the sweep.
BEAT_SECONDS: Final = 60.0
#: One may be lost before a process is taken for dead, and is gone from the list.
DEAD_AFTER_SECONDS: Final = 150
_READY_SECONDS: Final = 5.0
_BEAT: Final = Script.build(
    "beat", (Path(__file__).parent / "lua" / "beat.lua").read_text(encoding="utf-8"), allow_oom=True
)


class WorkerProcess(BaseModel):
    """One worker process, as it said of itself: times in ms since 1970, `queues` with the jobs it takes at once."""

    model_config = ConfigDict(frozen=True)

    id: str
    host: str
    pid: int
    version: str
    queues: dict[str, int]
    started_ms: int
    in_hand: int
    rss_bytes: int | None
    heard_ms: int
    #: Whether its workers know a canary when they meet one (engine/lua/canary.lua asks); those before did not say.
    knows_canaries: bool = False


class Heartbeat:
    """The sign of life of this process; `in_hand` tells how many jobs it is running."""

    def __init__(self, hub: Hub, queues: Mapping[str, int], in_hand: Callable[[], int]) -> None:
        self._hub = hub
        self._runner = ScriptRunner(hub.commands)
        self._in_hand = in_hand
        host, pid = socket.gethostname(), os.getpid()
        # Not host and pid alone: in containers every process is number 1, on hosts that may have one name.
        self._about = {
            "id": f"{host}-{pid}-{secrets.token_hex(3)}", "host": host, "pid": pid, "version": version("oxyq"),
            "queues": dict(queues), "started_ms": now_ms(), "knows_canaries": True,
        }  # fmt: skip

    async def beat(self) -> None:
        """Say that we are alive. Raises QueueUnavailable."""
        await self._hub.commands.ready(_READY_SECONDS)
        about = {**self._about, "in_hand": self._in_hand(), "rss_bytes": _rss_bytes()}
        process_id = str(self._about["id"])
        await self._runner.run(_BEAT, list(self._keys()), [process_id, json.dumps(about), DEAD_AFTER_SECONDS * 1000])

    async def end(self) -> None:
        """Say that we stop. Raises QueueUnavailable."""
        await self._hub.commands.ready(_READY_SECONDS)
        index, own = self._keys()
        await asyncio.gather(
            self._hub.commands.call("ZREM", index, str(self._about["id"])), self._hub.commands.call("DEL", own)
        )

    def _keys(self) -> tuple[str, str]:
        prefix = self._hub.prefix
        return redis_keys.workers(prefix=prefix), redis_keys.worker(str(self._about["id"]), prefix=prefix)


class Heartbeats:
    """Who is alive."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    async def alive(self) -> list[WorkerProcess]:
        """The worker processes that were heard within DEAD_AFTER_SECONDS, by host and id. Raises QueueUnavailable."""
        commands, prefix = self._hub.commands, self._hub.prefix
        await commands.ready(_READY_SECONDS)
        found = await commands.call("ZRANGE", redis_keys.workers(prefix=prefix), 0, -1, "WITHSCORES")
        flat = iter(found if isinstance(found, list) else ())
        heard = {as_text(one): int(float(as_text(score))) for one, score in zip(flat, flat, strict=True)}
        if not heard:
            return []
        said = await commands.call("MGET", *(redis_keys.worker(one, prefix=prefix) for one in heard))
        processes = (
            _process(text, heard_ms)
            for text, heard_ms in zip(said if isinstance(said, list) else (), heard.values(), strict=True)
        )
        return sorted((one for one in processes if one is not None), key=lambda one: (one.host, one.id))


def _process(said: object, heard_ms: int) -> WorkerProcess | None:
    """What a process said; None when it is gone, or said what this version does not understand."""
    try:
        return WorkerProcess(**json.loads(said), heard_ms=heard_ms) if isinstance(said, bytes) else None
    except (ValidationError, ValueError, TypeError):
        return None


def _rss_bytes() -> int | None:
    """The memory this process has in use; None where the system does not say it in Linux's way."""
    try:
        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return None
