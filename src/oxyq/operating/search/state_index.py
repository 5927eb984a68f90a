"""An index of one state of a queue, kept in this process while somebody looks: nothing of it is written to Redis."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Final

from oxyq.engine.queue import Queue
from oxyq.errors import QueueUnavailable
from oxyq.operating.search.columns import Columns, code
from oxyq.operating.search.job_filter import FIELDS, JobFilter, Traits, traits_of
from oxyq.operating.search.states import ShownState

#: Jobs read per call: 1 to 2 ms of Redis's time, or a megabyte of data.
CHUNK: Final = 200
#: Jobs in one index: 70 MB. What lies behind them is not found by a filter, and the page says so.
MOST_ROWS: Final = 1_000_000
#: Values of one trait whose names are kept, to be chosen from.
MOST_VALUES: Final = 5_000
#: Facets are told of so many values, the most frequent first.
MOST_TOLD: Final = 50
#: The traits that are offered to choose from.
FACETS: Final = ("organization_id", "campaign_id", "name", "error")
#: Nobody asked for so long: what is being read is left half read.
IDLE_SECONDS: Final = 10.0


class StateIndex:
    """What the jobs of one state are found by, in the order in which they are shown, as they were when it was made.

    It is made in the background; what has been read can be used before it is complete.
    """

    def __init__(self, queue: Queue, state: ShownState, total: int) -> None:
        self.state = state
        self.total = total
        self.looked = 0
        self.is_complete = False
        self.is_cut = False
        """There are more jobs than an index takes."""
        self.chunks = list[Columns]()
        self.clock = asyncio.get_running_loop().time
        self.began = self.asked = self.clock()
        self.seconds = 0.0
        """How long it took to make."""
        self.grown = asyncio.Event()
        """Set, and replaced by another, each time there is more; also when nothing more will come."""
        self._names: dict[str, dict[int, str]] = {name: {} for name in FACETS}
        self._queue = queue
        self.making = asyncio.get_running_loop().create_task(self._make())

    @property
    def has_stopped(self) -> bool:
        """Whether nothing more will come: it is complete, or Redis went away, or nobody looked."""
        return self.making.done()

    def close(self) -> None:
        """Stop making it."""
        self.making.cancel()

    async def facets(self, organization_id: str | None) -> dict[str, list[tuple[str, int]]]:
        """How many jobs there are of each value of a trait, so far: of one organization, or all."""
        counts: dict[str, Counter[int]] = {name: Counter() for name in FACETS}
        wanted = JobFilter(organization_id=organization_id)
        for number, chunk in enumerate(self.chunks):
            rows = chunk.fitting(wanted)
            for name, counter in counts.items():
                counter.update(chunk.codes(name, rows))
            if number % 20 == 19:
                await asyncio.sleep(0)
        return {
            name: [
                (self._names[name][value], count)
                for value, count in counter.most_common(MOST_TOLD + 1)
                if value in self._names[name]
            ][:MOST_TOLD]
            for name, counter in counts.items()
        }

    async def _make(self) -> None:
        try:
            for stored in self.state.stored:
                await self._read(stored)
            self.is_complete = not self._is_left()
        except QueueUnavailable:
            pass  # what there is can still be shown; the next one who asks begins anew
        finally:
            self.seconds = self.clock() - self.began
            self._tell()

    async def _read(self, stored: str) -> None:
        place = 0
        backwards = self.state.is_reversed(stored)
        while not self._is_left():
            if self.looked >= MOST_ROWS:
                self.is_cut = True
                return
            began = self.clock()
            found = await self._queue.glimpses.at(stored, place, place + CHUNK - 1, FIELDS, reversed=backwards)
            if not found:
                return
            place += len(found)
            traits = [traits_of(one) for one in found]
            self.chunks.append(Columns([one.id for one in found], traits))
            self.looked += len(found)
            self._note_names(traits)
            self._tell()
            # Others get at least as much of Redis's time, and of this process's, as this takes.
            await asyncio.sleep(0 if self.looked <= CHUNK * 10 else self.clock() - began)

    def _is_left(self) -> bool:
        return self.clock() - self.asked > IDLE_SECONDS

    def _note_names(self, traits: Sequence[Traits]) -> None:
        for name, known in self._names.items():
            for value in {getattr(one, name) for one in traits}:
                if value and len(known) < MOST_VALUES:
                    known.setdefault(code(value), value)

    def _tell(self) -> None:
        self.grown.set()
        self.grown = asyncio.Event()
