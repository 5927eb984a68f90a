"""Whether something new may be taken in: not while Redis's memory is nearly full, so that what was accepted can end."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final

from oxyq.engine.connection import RedisReplyError
from oxyq.engine.hub import Hub
from oxyq.engine.schedulers import PATIENCE_SECONDS
from oxyq.errors import MemoryFull, QueueUnavailable
from oxyq.redis_info import read_info, used_percent

#: An answer of Redis is good for so long; the next look goes on beside the adding, which does not wait for it.
LOOK_SECONDS: Final = 2.0
#: One that is older is waited for: this process has added nothing for a while.
STALE_SECONDS: Final = 2 * LOOK_SECONDS
#: How long a look is waited for. Whoever adds has a deadline, and is told by Redis itself when it does not answer.
ANSWER_SECONDS: Final = 1.0
#: So many percent less must be used before intake opens again, or it would open and close with every job.
HYSTERESIS_PERCENT: Final = 5


class Admission:
    """The door's keeper of one process. It asks Redis at most every LOOK_SECONDS, and only while somebody adds.

    From `percent` of `maxmemory` on nothing is admitted, until it is HYSTERESIS_PERCENT less. Everything is where Redis
    has no `maxmemory`, or does not say (a hosted server, a user without INFO).
    """

    def __init__(self, hub: Hub, percent: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._commands = hub.commands
        self._limit = percent
        self._clock = clock
        self._full: int | None = None
        self._looked_at = float("-inf")
        self._look: asyncio.Task[None] | None = None

    async def admit(self) -> None:
        """Return when something new may be added; raises MemoryFull, QueueUnavailable."""
        age = self._clock() - self._looked_at
        if age > LOOK_SECONDS:
            await self._look_again(is_waited_for=age > STALE_SECONDS)
        if self._full is not None:
            raise MemoryFull(self._full, self._limit)

    async def _look_again(self, *, is_waited_for: bool) -> None:
        await self._commands.ready(PATIENCE_SECONDS)
        if self._look is None or self._look.done():
            self._look = asyncio.get_running_loop().create_task(self._ask())
        if is_waited_for:
            # Not cancelled with whoever waits: others wait for the same look.
            await asyncio.wait([self._look], timeout=ANSWER_SECONDS)

    async def _ask(self) -> None:
        try:
            used = used_percent(read_info(await self._commands.call("INFO", "memory")))
        except RedisReplyError:
            used = None  # not allowed here, or not known: nobody can say
        except QueueUnavailable:
            return  # as it was; whoever adds will hear it from Redis
        self._looked_at = self._clock()
        opens_below = self._limit if self._full is None else self._limit - HYSTERESIS_PERCENT
        was_full, self._full = self._full, None if used is None or used < opens_below else used
        if (was_full is None) != (self._full is None):
            _tell(used, self._limit)


def _tell(used: int | None, limit: int) -> None:
    """Once for each change: who runs this must know, even if nobody who is refused says so."""
    log = logging.getLogger("oxyq")
    if used is not None and used >= limit:
        log.warning("Redis has used %d %% of its memory: nothing new is taken in until it is %d %%",
                    used, limit - HYSTERESIS_PERCENT)  # fmt: skip
    else:
        log.warning("Redis has room again: new jobs are taken in")
