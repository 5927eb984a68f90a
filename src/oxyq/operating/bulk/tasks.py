"""Bulk tasks as the doors see them: order one, look at it, cancel it."""

import hashlib
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from oxyq.engine.hub import Hub
from oxyq.errors import InvalidPayload, NotAllowed, NotFound
from oxyq.operating.bulk.kind import Kind
from oxyq.operating.bulk.runner import BulkRunner
from oxyq.operating.bulk.store import TaskStore
from oxyq.operating.bulk.task import Task, TaskOrder
from oxyq.telemetry.events import Telemetry


class BulkTasks:
    """The bulk tasks of one installation, kept for 7 days.

    They run in processes that hold `running()`, as the API does; in others they are only written down.
    """

    def __init__(self, hub: Hub, kinds: Sequence[Kind], telemetry: Telemetry) -> None:
        self._kinds = {kind.name: kind for kind in kinds}
        self._store = TaskStore(hub)
        self._runner = BulkRunner(self._store, self._kinds, telemetry)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run tasks while the block runs, also those that a process left behind that died; stops in order."""
        self._runner.start()
        try:
            yield
        finally:
            await self._runner.stop()

    async def start(self, order: TaskOrder, *, key: str | None = None) -> Task:
        """Order a task, which is under way at once; with the same `key` and order again it is the same task.

        Raises InvalidPayload, IdConflict when the key belongs to another order, QueueUnavailable.
        """
        kind = self._kinds.get(order.kind)
        if kind is None:
            raise InvalidPayload("kind", f"must be one of {', '.join(sorted(self._kinds))}")
        kind.check(order)
        _ = order.per_second
        task_id = _task_id(order, key)
        await self._store.make(task_id, order)
        self._runner.notice(task_id)
        return await self.get(task_id)

    async def get(self, task_id: str) -> Task:
        """One task; raises NotFound."""
        task = await self._store.get(task_id)
        if task is None:
            raise NotFound(f"there is no task {task_id}; tasks are kept for 7 days")
        return task

    async def cancel(self, task_id: str) -> Task:
        """End a task after the chunk in hand; what it has not touched stays as it is. Raises NotFound, NotAllowed."""
        task = await self.get(task_id)
        if not await self._store.cancel(task_id):
            raise NotAllowed(f"task {task_id} has ended already; there is nothing to cancel")
        self._runner.notice(task_id)
        return await self.get(task.id)

    async def list(
        self, organization_id: str | None = None, *, before: str | None = None, limit: int = 50
    ) -> Sequence[Task]:
        """Tasks, the one that was ordered last first: of one organization, or all; those before the task `before`."""
        return await self._store.latest(organization_id, before, limit)


def _task_id(order: TaskOrder, key: str | None) -> str:
    """Random, or made of who orders and their key, so that the same key finds the same task."""
    if key is None:
        return f"task-{secrets.token_hex(8)}"
    owned = "\n".join((order.organization_id or "", order.by, key))
    return f"task-{hashlib.sha256(owned.encode()).hexdigest()[:16]}"
