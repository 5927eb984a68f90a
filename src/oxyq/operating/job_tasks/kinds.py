"""What can be done to many jobs at once, each as a kind of bulk task."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from oxyq.clock import now_ms
from oxyq.dead_letters import DeadLetters
from oxyq.engine.connection import RedisReplyError
from oxyq.engine.json_text import as_int
from oxyq.engine.queue import Queue
from oxyq.errors import InvalidPayload
from oxyq.maintenance.retry_failed import retry_one
from oxyq.operating.bulk.task import Tally, TaskOrder
from oxyq.operating.job_tasks.burial import letter_of
from oxyq.operating.job_tasks.selection import Selection, selected, selection_of
from oxyq.operating.search.job_filter import JobFilter
from oxyq.operating.search.states import SHOWN

#: The option of `clean`.
OLDER_THAN_MS: Final = "olderThanMs"

RETRY, PROMOTE, REMOVE, CLEAN, BURY = "retry", "promote", "remove", "clean", "bury"


class JobTask(ABC):
    """What all of them share: which jobs are meant, and each dealt with by itself."""

    name: str
    states: frozenset[str]
    """Jobs of which states it can be done to."""
    newest_first = False

    def __init__(self, queues: Mapping[str, Queue]) -> None:
        self._queues = queues

    def check(self, order: TaskOrder) -> None:
        """Raise InvalidPayload for an order that names no jobs, or those it cannot be done to."""
        if order.queue not in self._queues:
            raise InvalidPayload("queue", f"must be one of {', '.join(self._queues)}")
        selection = selection_of(order)
        if selection.shown.name not in self.states:
            raise InvalidPayload("state", f"must be {' or '.join(sorted(self.states))} to {self.name} jobs")
        selection.wanted(order.organization_id)

    def items(self, order: TaskOrder) -> AsyncIterator[Sequence[str]]:
        """The ids of the jobs."""
        return selected(self._queues[order.queue], order)

    async def apply(self, order: TaskOrder, ids: Sequence[str]) -> Tally:
        """Do it to some of them; what is not in its state any more is skipped."""
        queue, selection = self._queues[order.queue], selection_of(order)

        async def one(job_id: str) -> Tally:
            try:
                return Tally(done=1) if await self._do(queue, selection, order, job_id) else Tally(skipped=1)
            except RedisReplyError as error:  # its key is no job, or Redis is full
                return Tally(failed=1, problem=f"{job_id}: Redis answered {error.code}")

        return sum(await asyncio.gather(*(one(job_id) for job_id in ids)), Tally())

    @abstractmethod
    async def _do(self, queue: Queue, selection: Selection, order: TaskOrder, job_id: str) -> bool:
        """Do it to one job; False when it is not in the state that is meant."""


class Retry(JobTask):
    """Runs failed or completed jobs again, with all their attempts; dead letters of theirs are taken back."""

    name = RETRY
    states = frozenset(("failed", "completed"))

    def __init__(self, queues: Mapping[str, Queue], letters: DeadLetters) -> None:
        super().__init__(queues)
        self._letters = letters

    async def _do(self, queue: Queue, selection: Selection, order: TaskOrder, job_id: str) -> bool:
        if selection.state == "completed":
            return await queue.retry(job_id, "completed")
        return await retry_one(queue, self._letters, job_id, by=order.by)


class Promote(JobTask):
    """Lets delayed jobs run now."""

    name = PROMOTE
    states = frozenset(("delayed",))

    async def _do(self, queue: Queue, selection: Selection, order: TaskOrder, job_id: str) -> bool:
        return await queue.promote(job_id)


class Remove(JobTask):
    """Throws jobs away for good, with their children; what a worker holds stays.

    The newest first: BullMQ looks for a job in a list from that end, and would look through all of it for each.
    """

    name = REMOVE
    states = frozenset(SHOWN)
    newest_first = True

    async def _do(self, queue: Queue, selection: Selection, order: TaskOrder, job_id: str) -> bool:
        # Not what was let run again meanwhile, and nothing that is no job: "meta" would be the queue itself.
        [is_there] = await queue.glimpses.are_in(selection.shown.stored, [job_id])
        return is_there and await queue.remove(job_id)


class Clean(Remove):
    """The same, of those that ended, or else were added, longer ago than the option `olderThanMs` (0: all)."""

    name = CLEAN

    def items(self, order: TaskOrder) -> AsyncIterator[Sequence[str]]:
        """The ids of those that are older now."""
        age_ms = as_int(order.options.get(OLDER_THAN_MS)) or 0
        if not age_ms:
            return super().items(order)
        selection = {**order.selection, "filter": JobFilter(until_ms=now_ms() - age_ms).to_json()}
        return super().items(replace(order, selection=selection))


class Bury(JobTask):
    """Puts jobs that have not run among the dead letters, from where they can be replayed."""

    name = BURY
    states = frozenset(("waiting", "delayed"))
    newest_first = True

    async def _do(self, queue: Queue, selection: Selection, order: TaskOrder, job_id: str) -> bool:
        letter = await letter_of(queue, job_id, f"put here by {order.by}")
        if letter is None:
            return False
        for stored in selection.shown.stored:
            if await queue.scripts.bury_ready(job_id, stored, letter):
                return True
        return False


#: The kinds by which people order something to be done to jobs, in the order in which they are offered.
ORDERED: Final = (RETRY, PROMOTE, BURY, REMOVE)
