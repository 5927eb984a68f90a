"""The jobs of an index that fit one filter, found while the index grows; a text is asked of Redis, chunk by chunk."""

import asyncio
from array import array
from collections.abc import Callable
from typing import Final

from oxyq.engine.queue import Queue
from oxyq.errors import QueueUnavailable
from oxyq.operating.search.job_filter import JobFilter
from oxyq.operating.search.state_index import IDLE_SECONDS, StateIndex

#: Bits of a hit's place that say which row of its chunk it is.
_ROW_BITS: Final = 10
#: Chunks that are looked through in one go without a text: 2 ms.
_CHUNKS_AT_ONCE: Final = 100


class Finding:
    """What fits one filter, so far; 4 bytes a hit."""

    def __init__(self, index: StateIndex, wanted: JobFilter, queue: Queue) -> None:
        self.wanted = wanted
        self.asked = index.clock()
        self.looked = 0
        """Jobs of the state that were looked at, one way or the other."""
        self._index = index
        self._queue = queue
        self._hits = array("I")
        self._news = asyncio.Event()
        """Set, and replaced by another, each time more was looked at, and in the end."""
        self._looking = asyncio.get_running_loop().create_task(self._look())

    @property
    def count(self) -> int:
        """How many fit, so far."""
        return len(self._hits)

    @property
    def is_complete(self) -> bool:
        """Whether every job of the index was looked at, and the index is all there is."""
        return self._index.is_complete and self.looked == self._index.looked

    @property
    def has_stopped(self) -> bool:
        """Whether nothing more will come."""
        return self._looking.done()

    async def wait(self, is_enough: Callable[[], bool], seconds: float) -> None:
        """Until it is enough, or nothing more comes, or so many seconds have passed."""
        try:
            async with asyncio.timeout(seconds):
                while not is_enough() and not self._looking.done():
                    await self._news.wait()
        except TimeoutError:
            return

    def ids(self, start: int, count: int) -> list[str]:
        """The ids of some hits, in the order in which they are shown."""
        found = list[str]()
        for place in self._hits[start : start + count]:
            found += self._index.chunks[place >> _ROW_BITS].ids((place & (1 << _ROW_BITS) - 1,))
        return found

    def close(self) -> None:
        """Stop looking."""
        self._looking.cancel()

    async def _look(self) -> None:
        number = 0
        try:
            while True:
                grown = self._index.grown
                while number < len(self._index.chunks):
                    if self._is_left():
                        return
                    await self._look_at(number)
                    number += 1
                if self._index.has_stopped:
                    return
                await grown.wait()
        except QueueUnavailable:
            return  # what was found can still be shown; the next one who asks begins anew
        finally:
            self._tell()

    async def _look_at(self, number: int) -> None:
        chunk = self._index.chunks[number]
        rows = chunk.fitting(self.wanted)
        if self.wanted.text is not None and rows:
            began = self._index.clock()
            ids = chunk.ids(rows)
            holding = set(await self._queue.glimpses.holding(ids, self.wanted.text))
            rows = [row for row, job_id in zip(rows, ids, strict=True) if job_id in holding]
            await asyncio.sleep(self._index.clock() - began)
        elif number % _CHUNKS_AT_ONCE == 0:
            await asyncio.sleep(0)
        self._hits.extend(number << _ROW_BITS | row for row in rows)
        self.looked += chunk.size
        self._tell()

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    def _is_left(self) -> bool:
        return self._index.clock() - self.asked > IDLE_SECONDS
