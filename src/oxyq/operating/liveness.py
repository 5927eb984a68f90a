"""Whether work gets through each queue: not whether somebody is connected, but whether a job came through."""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from oxyq.engine.hub import Hub
from oxyq.engine.json_text import as_int
from oxyq.engine.keys import QueueKeys
from oxyq.statistics.heartbeats import Heartbeats

#: So many canaries in a row may be late before a queue counts as dead: a busy machine is not a dead one.
INTERVALS_MISSED: Final = 3
_READY_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class QueueLiveness:
    """One queue. last_ms: when work last got through, ms since 1970 by Redis's clock, None for not in the last day.

    workers: how many processes of ours work on it, as they last said of themselves.
    """

    queue: str
    last_ms: int | None
    alive: bool
    workers: int

    @property
    def heard(self) -> str:
        """Who works on it, in words."""
        match self.workers:
            case 0:
                return "no worker is heard"
            case 1:
                return "1 worker process is heard"
            case many:
                return f"{many} worker processes are heard"


class Liveness:
    """Looks at what the workers' canaries left behind (workers/canary.py).

    canary_seconds: how often workers send them. At 0 they send none, and a queue is alive if a worker of it is.
    """

    def __init__(self, hub: Hub, queues: Collection[str], canary_seconds: float) -> None:
        self._hub = hub
        self._keys = [QueueKeys(name, hub.prefix) for name in queues]
        self._heartbeats = Heartbeats(hub)
        self._patience_ms = INTERVALS_MISSED * canary_seconds * 1000

    async def look(self) -> dict[str, QueueLiveness]:
        """How each queue stands, by name. Raises QueueUnavailable."""
        commands = self._hub.commands
        await commands.ready(_READY_SECONDS)
        clock, lasts, processes = await asyncio.gather(
            commands.call("TIME"),
            commands.call("MGET", *(keys.through for keys in self._keys)),
            self._heartbeats.alive(),
        )
        seconds, microseconds = clock if isinstance(clock, list) else (0, 0)
        now_ms = (as_int(seconds) or 0) * 1000 + (as_int(microseconds) or 0) // 1000
        found = dict[str, QueueLiveness]()
        for keys, last in zip(self._keys, lasts if isinstance(lasts, list) else (), strict=True):
            last_ms, workers = as_int(last), sum(keys.name in process.queues for process in processes)
            alive = self._came_through(last_ms, now_ms) if self._patience_ms else workers > 0
            found[keys.name] = QueueLiveness(keys.name, last_ms, alive, workers)
        return found

    def _came_through(self, last_ms: int | None, now_ms: int) -> bool:
        return last_ms is not None and now_ms - last_ms <= self._patience_ms
