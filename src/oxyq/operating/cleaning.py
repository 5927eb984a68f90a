"""Cleaning a queue: how many jobs of a state are older, and a task that removes them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from oxyq.clock import now_ms
from oxyq.engine.queue import Queue
from oxyq.operating.bulk.task import Task, TaskOrder
from oxyq.operating.bulk.tasks import BulkTasks
from oxyq.operating.job_tasks.kinds import CLEAN, OLDER_THAN_MS
from oxyq.operating.search.job_filter import JobFilter
from oxyq.operating.search.job_search import JobSearch
from oxyq.operating.search.states import shown_state
from oxyq.outcomes import JsonValue

OLDEST_MS: Final = 3660 * 24 * 3600 * 1000
_ENDED: Final = frozenset(("completed", "failed"))


@dataclass(frozen=True, slots=True)
class Count:
    """How many jobs; so far, if not complete."""

    jobs: int
    is_complete: bool


class Cleaning:
    """Counts and removes what is old. All raise InvalidPayload, QueueUnavailable."""

    def __init__(self, queues: Mapping[str, Queue], search: JobSearch, tasks: BulkTasks) -> None:
        self._queues = queues
        self._search = search
        self._tasks = tasks

    async def count(self, queue: str, state: str, older_than_ms: int, organization_id: str | None) -> Count:
        """How many jobs of a state ended, or else were added, longer ago: of one organization, or all."""
        shown_state(state)
        until = _until(older_than_ms)
        if organization_id is None and until is not None and state in _ENDED:
            return Count(await self._queues[queue].ended_before(state, until), True)
        wanted = JobFilter(organization_id=organization_id, until_ms=until)
        return Count(*await self._search.count(queue, state, wanted))

    async def start(
        self, queue: str, state: str, older_than_ms: int, organization_id: str | None, *, by: str,
        key: str | None = None,
    ) -> Task:  # fmt: skip
        """Remove them, as a task; what a worker holds stays."""
        options: dict[str, JsonValue] = {OLDER_THAN_MS: older_than_ms}
        order = TaskOrder(CLEAN, queue, {"state": state, "filter": {}}, options, organization_id, by)
        return await self._tasks.start(order, key=key)


def _until(older_than_ms: int) -> int | None:
    return now_ms() - older_than_ms if older_than_ms else None
