"""Looking through the jobs of a queue: by their places, or through an index that is made while somebody looks."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from oxyq.engine.queue import Queue
from oxyq.engine.record import JobRecord
from oxyq.operating.search.finding import Finding
from oxyq.operating.search.job_filter import JobFilter, traits_of_record
from oxyq.operating.search.state_index import StateIndex
from oxyq.operating.search.states import ShownState, shown_state

#: A page that filters waits so long; states of some thousand jobs are looked through in this time.
PATIENCE_SECONDS: Final = 0.08
#: What was made a moment ago is not made again. Beyond that, nine tenths of the time nothing is being made.
FRESH_SECONDS: Final = 1.0
REST: Final = 10.0
#: An index nobody asked for is forgotten after so long.
KEEP_SECONDS: Final = 600.0
#: Jobs in all indexes of a process, 130 MB; what was not asked for longest goes first.
MOST_IN_ALL: Final = 2_000_000
FINDINGS_OF_INDEX: Final = 16
_NOTHING: Final = "nothing is stored under its id"


@dataclass(frozen=True, slots=True)
class Search:
    """How far looking through a state is."""

    looked: int
    total: int
    is_complete: bool
    is_cut: bool
    """There are more jobs than are looked through."""
    age_seconds: float
    """How long ago it began: what came since is not among the hits."""


@dataclass(frozen=True, slots=True)
class JobPage:
    """Some jobs of a state; `search` is None when nothing had to be looked for."""

    jobs: Sequence[JobRecord]
    start: int
    has_more: bool
    count: int
    """How many there are in all that fit, or were found so far."""
    search: Search | None = None


@dataclass(frozen=True, slots=True)
class Facets:
    """The values of each trait and how many jobs have each, so far; the most frequent first."""

    values: Mapping[str, list[tuple[str, int]]]
    search: Search


class JobSearch:
    """Pages of jobs and what they can be filtered by; one for a process, with bounded memory."""

    def __init__(self, queues: Mapping[str, Queue]) -> None:
        self._queues = queues
        self._indexes = dict[tuple[str, str], StateIndex]()
        #: What is being made to take the place of one above.
        self._coming = dict[tuple[str, str], StateIndex]()
        self._findings = dict[StateIndex, dict[JobFilter, Finding]]()

    async def page(self, queue: str, state: str, wanted: JobFilter, start: int, limit: int) -> JobPage:
        """The jobs at the places from `start` among those that fit, in the order in which a state is shown.

        What was found while looking goes on is in the page, so asking again shows more. Every hit is read as it is
        now: one that has left the state, or does not fit any more, is left out.
        Raises InvalidPayload, QueueUnavailable.
        """
        shown = shown_state(state)
        if wanted.is_empty:
            return await self._plain_page(self._queues[queue], shown, start, limit)
        index, finding = await self._found(queue, shown, wanted, start + limit + 1)
        ids = finding.ids(start, limit)
        return JobPage(
            await self._still_there(self._queues[queue], shown, wanted, ids),
            start,
            finding.count > start + limit,
            finding.count,
            _search(index, finding.looked, finding.is_complete),
        )

    async def stopped(self, queue: str, state: str, wanted: JobFilter, start: int, limit: int) -> JobPage:
        """What was found so far by looking for this, which ends with that."""
        shown = shown_state(state)
        index = self._indexes.get((queue, shown.name))
        finding = None if index is None else self._findings.get(index, {}).get(wanted)
        if index is None or finding is None:
            return JobPage((), start, False, 0, Search(0, 0, False, False, 0.0))
        finding.close()
        jobs = await self._still_there(self._queues[queue], shown, wanted, finding.ids(start, limit))
        search = _search(index, finding.looked, finding.is_complete)
        return JobPage(jobs, start, finding.count > start + limit, finding.count, search)

    async def count(self, queue: str, state: str, wanted: JobFilter) -> tuple[int, bool]:
        """How many jobs fit so far, and whether all were looked at."""
        shown = shown_state(state)
        if wanted.is_empty:
            return sum(await self._lengths(self._queues[queue], shown)), True
        _, finding = await self._found(queue, shown, wanted, None)
        return finding.count, finding.is_complete

    async def facets(self, queue: str, state: str, organization_id: str | None = None) -> Facets:
        """What the jobs of a state can be filtered by: of one organization, or all."""
        index = await self._index(queue, shown_state(state))
        await asyncio.wait({index.making}, timeout=PATIENCE_SECONDS)
        return Facets(await index.facets(organization_id), _search(index, index.looked, index.is_complete))

    def close(self) -> None:
        """Stop all that goes on."""
        for key in [*self._indexes]:
            self._forget(key)
        for coming in self._coming.values():
            coming.close()

    # --- without a filter -------------------------------------------------------------------------------------

    async def _plain_page(self, queue: Queue, shown: ShownState, start: int, limit: int) -> JobPage:
        lengths = await self._lengths(queue, shown)
        ids, begins = list[str](), 0
        for stored, length in zip(shown.stored, lengths, strict=True):
            first, last = max(start - begins, 0), min(start + limit - begins, length) - 1
            if first <= last:
                ids += await queue.ids(stored, first, last, newest_first=shown.newest_first)
            begins += length
        records = await queue.records(ids)
        # It is counted, so it is shown: an id without a job stays there until a worker comes to it.
        jobs = [record or JobRecord(job_id, broken=_NOTHING) for job_id, record in zip(ids, records, strict=True)]
        return JobPage(jobs, start, sum(lengths) > start + limit, sum(lengths))

    async def _lengths(self, queue: Queue, shown: ShownState) -> list[int]:
        return await queue.lengths(shown.stored)

    # --- with one ---------------------------------------------------------------------------------------------

    async def _found(
        self, queue: str, shown: ShownState, wanted: JobFilter, enough: int | None
    ) -> tuple[StateIndex, Finding]:
        index = await self._index(queue, shown)
        findings = self._findings.setdefault(index, {})
        finding = findings.pop(wanted, None)
        if finding is None or (finding.has_stopped and not finding.is_complete):
            finding = Finding(index, wanted, self._queues[queue])
        findings[wanted] = finding
        finding.asked = index.clock()
        while len(findings) > FINDINGS_OF_INDEX:
            findings.pop(next(iter(findings))).close()
        await finding.wait(lambda: enough is not None and finding.count >= enough, PATIENCE_SECONDS)
        return index, finding

    async def _still_there(
        self, queue: Queue, shown: ShownState, wanted: JobFilter, ids: Sequence[str]
    ) -> list[JobRecord]:
        records, places = await asyncio.gather(queue.records(ids), queue.glimpses.are_in(shown.stored, ids))
        return [
            record
            for record, is_there in zip(records, places, strict=True)
            if record is not None and is_there and wanted.fits(traits_of_record(record))
        ]

    async def _index(self, queue: str, shown: ShownState) -> StateIndex:
        """The index to be used now; begins another one when it is old."""
        key = (queue, shown.name)
        self._take_what_came(key)
        index = self._indexes.get(key)
        if index is None or (index.has_stopped and not index.is_complete):
            self._forget(key)
            index = self._indexes[key] = await self._begun(queue, shown)
        elif _is_old(index) and key not in self._coming:
            coming = self._coming[key] = await self._begun(queue, shown)
            await asyncio.wait({coming.making}, timeout=PATIENCE_SECONDS)
            self._take_what_came(key)
            index = self._indexes[key]
        index.asked = index.clock()
        if key in self._coming:
            self._coming[key].asked = index.asked
        return index

    async def _begun(self, queue: str, shown: ShownState) -> StateIndex:
        total = sum(await self._lengths(self._queues[queue], shown))
        self._make_room(total)
        asyncio.get_running_loop().call_later(KEEP_SECONDS + 1, self._forget_unasked)
        return StateIndex(self._queues[queue], shown, total)

    def _take_what_came(self, key: tuple[str, str]) -> None:
        coming = self._coming.get(key)
        if coming is None or not coming.has_stopped:
            return
        del self._coming[key]
        if coming.is_complete:
            self._forget(key)
            self._indexes[key] = coming

    def _make_room(self, rows: int) -> None:
        """Forget what nobody asked for, and beyond the bound what was not asked for longest."""
        self._forget_unasked()
        by_age = sorted(self._indexes, key=lambda key: self._indexes[key].asked)
        held = sum(index.looked for index in self._indexes.values())
        for key in by_age:
            if held + rows <= MOST_IN_ALL:
                return
            held -= self._indexes[key].looked
            self._forget(key)

    def _forget_unasked(self) -> None:
        for key, index in [*self._indexes.items()]:
            if index.clock() - index.asked > KEEP_SECONDS:
                self._forget(key)

    def _forget(self, key: tuple[str, str]) -> None:
        index = self._indexes.pop(key, None)
        if index is None:
            return
        index.close()
        for finding in self._findings.pop(index, {}).values():
            finding.close()


def _is_old(index: StateIndex) -> bool:
    return index.clock() - index.began > max(FRESH_SECONDS, index.seconds * REST)


def _search(index: StateIndex, looked: int, is_complete: bool) -> Search:
    return Search(looked, max(index.total, looked), is_complete, index.is_cut, index.clock() - index.began)
