"""Looking at many jobs without reading all they carry: a few of their fields, which hold a text, which are there."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from oxyq.engine.connection import RedisReplyError, Reply
from oxyq.engine.keys import LISTS
from oxyq.engine.scripts import Glimpse, QueueScripts


class Glimpses:
    """Looks at the jobs of one queue, some hundreds at a time; `until_ready` waits for Redis."""

    def __init__(self, scripts: QueueScripts, until_ready: Callable[[], Awaitable[None]]) -> None:
        self._scripts = scripts
        self._until_ready = until_ready

    async def at(
        self, state: str, first: int, last: int, names: Sequence[str], *, reversed: bool = False
    ) -> list[Glimpse]:
        """The jobs at these places of a state, in Redis's order or from its end; fewer when they carry much.

        `names`: the fields of their data that are read; of "from recipient" the first that is there.
        """
        await self._until_ready()
        return await self._scripts.peek(state, first, last, names, reversed=reversed)

    async def of(self, ids: Sequence[str], names: Sequence[str]) -> list[Glimpse]:
        """The same of these jobs, however much they carry."""
        await self._until_ready()
        found = list[Glimpse]()
        while len(found) < len(ids):
            found += await self._scripts.peek_at(ids[len(found) :], names)
        return found

    async def holding(self, ids: Sequence[str], text: str) -> list[str]:
        """Those of these jobs that hold a text in their id, data or last error, whatever the case of A to Z."""
        await self._until_ready()
        found, looked = list[str](), 0
        while looked < len(ids):
            rest = ids[looked:]
            now, places = await self._scripts.find_text(rest, text)
            found += [rest[place] for place in places]
            looked += now
        return found

    async def are_in(self, states: Sequence[str], ids: Sequence[str]) -> list[bool]:
        """Whether each job is in one of these STATES still.

        Of a list it is only told whether it has not ended: to find a job in a list takes as long as the list is.
        """
        await self._until_ready()
        sets = [state for state in states if state not in LISTS]

        async def is_in(job_id: str) -> bool:
            keys, call = self._scripts.keys, self._scripts.connection.call
            scores = await asyncio.gather(*(call("ZSCORE", keys.base + state, job_id) for state in sets))
            if any(score is not None for score in scores):
                return True
            return len(sets) < len(states) and _has_not_ended(
                await call("HMGET", keys.job(job_id), "finishedOn", "name")
            )

        found = await asyncio.gather(*(is_in(job_id) for job_id in ids), return_exceptions=True)
        for error in found:
            # What has the key of a job and is none is not there.
            if isinstance(error, BaseException) and not isinstance(error, RedisReplyError):
                raise error
        return [one is True for one in found]


def _has_not_ended(reply: Reply) -> bool:
    ended, name = reply if isinstance(reply, list) else (None, None)
    return ended is None and name is not None
