"""Canaries: jobs of nobody's that go through a queue, so that health means that work gets through.

A worker takes one as any other job: marker, fetch, lock, run, settle. It leaves nothing behind but the time: it is in
no event, no metric and no rate limit, is not kept and never a dead letter (settle_and_fetch.lua, processor.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from oxyq import redis_keys
from oxyq.engine.connection import Argument
from oxyq.engine.hub import Hub
from oxyq.engine.keys import CANARY_ID, THROUGH_MS, QueueKeys
from oxyq.engine.lua_runner import ScriptRunner
from oxyq.engine.scripts import as_text, our_script

_READY_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Visit:
    """A queue to be visited: how many jobs may start in a window of its limit, and whether it gave a sign of life."""

    queue: str
    rate_max: int
    lives: bool


class Canaries:
    """Sends canaries through queues, each time with one command for all of them."""

    def __init__(self, hub: Hub, every_seconds: float) -> None:
        self._hub = hub
        self._every_ms = round(every_seconds * 1000)
        self._runner = ScriptRunner(hub.commands)

    async def send(self, visits: Sequence[Visit]) -> list[tuple[str, str]]:
        """Send one through each queue that gave no sign of life for `every_seconds`, and note the signs of the others.

        Returns (queue, what is wrong) for those where it could not be done. Raises QueueUnavailable.
        """
        await self._hub.commands.ready(_READY_SECONDS)
        prefix = self._hub.prefix
        keys = [redis_keys.workers(prefix=prefix)]
        arguments: list[Argument] = [self._every_ms, THROUGH_MS, CANARY_ID, redis_keys.worker("", prefix=prefix)]
        for visit in visits:
            k = QueueKeys(visit.queue, prefix)
            keys += (k.meta, k.active, k.limiter, k.prioritized, k.marker, k.through)
            arguments += (visit.queue, k.base, visit.rate_max, "1" if visit.lives else "")
        wrong = await self._runner.run(our_script("canary"), keys, arguments)
        found = map(as_text, wrong if isinstance(wrong, list) else ())
        return [(visit.queue, error) for visit, error in zip(visits, found, strict=True) if error]
