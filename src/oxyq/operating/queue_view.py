"""A queue as it stands, for who sees all of it or one organization's jobs only."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from oxyq.engine.queue import Queue
from oxyq.operating.queue_limits import Limits, QueueLimits
from oxyq.operating.search.job_filter import JobFilter
from oxyq.operating.search.job_search import JobSearch
from oxyq.operating.search.states import SHOWN


@dataclass(frozen=True, slots=True)
class QueueNow:
    """How many jobs are in each state (operating/search/states.py), and what holds for all of the queue.

    `limits` is None for who sees one organization only; their jobs are counted in the background, and `is_counted`
    says whether that is done.
    """

    name: str
    counts: Mapping[str, int]
    is_counted: bool
    limits: Limits | None


class QueueViews:
    """Looks at queues."""

    def __init__(self, queues: Mapping[str, Queue], search: JobSearch, limits: QueueLimits) -> None:
        self._queues = queues
        self._search = search
        self._limits = limits

    async def look(self, queue: str, organization_id: str | None) -> QueueNow:
        """One queue; raises QueueUnavailable."""
        if organization_id is None:
            stored = [name for state in SHOWN.values() for name in state.stored]
            lengths, limits = await asyncio.gather(self._queues[queue].lengths(stored), self._limits.get(queue))
            by_name = dict(zip(stored, lengths, strict=True))
            counts = {name: sum(by_name[one] for one in state.stored) for name, state in SHOWN.items()}
            return QueueNow(queue, counts, True, limits)
        wanted = JobFilter(organization_id=organization_id)
        found = await asyncio.gather(*(self._search.count(queue, state, wanted) for state in SHOWN))
        counts = {state: count for state, (count, _) in zip(SHOWN, found, strict=True)}
        return QueueNow(queue, counts, all(is_complete for _, is_complete in found), None)
