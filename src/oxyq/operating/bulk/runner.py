"""Running bulk tasks inside a process: chunk by chunk, under a lease, so that another one can go on."""

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from typing import Final

from oxyq.errors import InvalidPayload, NotAllowed, NotFound, QueueUnavailable
from oxyq.maintenance.periodic import Periodic
from oxyq.operating.bulk.kind import Kind
from oxyq.operating.bulk.store import Lease, LeaseLost, TaskStore
from oxyq.operating.bulk.task import Tally, Task, TaskState
from oxyq.telemetry.events import ChoreFailed, Telemetry

#: Items dealt with between two looks at whether the task is to end.
CHUNK: Final = 200
#: Items of one task: some 40 bytes of Redis's memory each until they are dealt with.
MOST_ITEMS: Final = 1_000_000
#: Tasks that one process runs at the same time; a throttled one must not keep all others waiting.
AT_ONCE: Final = 4
#: How often a process looks for tasks that nobody runs.
LOOK_SECONDS: Final = 5.0
STOP_SECONDS: Final = 5.0


class BulkRunner:
    """Runs open tasks that nobody else runs, while it is started."""

    def __init__(self, store: TaskStore, kinds: Mapping[str, Kind], telemetry: Telemetry) -> None:
        self._store = store
        self._kinds = kinds
        self._telemetry = telemetry
        self._looking: Periodic | None = None
        self._running = dict[str, asyncio.Task[None]]()
        self._stop = asyncio.Event()

    def start(self) -> None:
        """Begin to look for tasks."""
        self._stop.clear()
        self._looking = Periodic("bulk tasks", self._look, LOOK_SECONDS, self._telemetry)
        self._looking.start()

    async def stop(self) -> None:
        """End after the chunk in hand, and give the leases back."""
        if self._looking is None:
            return
        await self._looking.stop()
        self._looking = None
        self._stop.set()
        running = list(self._running.values())
        if running:
            _, late = await asyncio.wait(running, timeout=STOP_SECONDS)
            for task in late:
                task.cancel()

    def notice(self, task_id: str) -> None:
        """Run this task at once, if there is room; it is found with the next look otherwise."""
        if self._looking is not None and task_id not in self._running and len(self._running) < AT_ONCE:
            task = asyncio.get_running_loop().create_task(self._run(task_id), name=f"bulk task {task_id}")
            self._running[task_id] = task
            task.add_done_callback(lambda _: self._running.pop(task_id, None))

    async def _look(self) -> str | None:
        for task_id in await self._store.open_ids():
            self.notice(task_id)
        return None

    async def _run(self, task_id: str) -> None:
        lease = Lease(task_id, secrets.token_hex(8))
        try:
            if not await self._store.take(lease):
                return
            task = await self._store.get(task_id)
            if task is None:
                await self._store.forget(task_id)
                return
            await self._carry_out(task, lease)
        except LeaseLost:
            return
        except QueueUnavailable as error:
            # The lease runs out, and with Redis back somebody goes on.
            self._telemetry.emit(ChoreFailed(f"bulk task {task_id}", str(error)))

    async def _carry_out(self, task: Task, lease: Lease) -> None:
        kind = self._kinds.get(task.order.kind)
        try:
            if kind is None:
                raise NotFound(f"there is no kind of task called {task.order.kind!r} in this version")
            is_cancelled = task.is_cancelled
            if not is_cancelled and task.state in (TaskState.WAITING, TaskState.COLLECTING):
                is_cancelled = await self._collect(task, kind, lease)
            if not is_cancelled and not self._stop.is_set():
                is_cancelled = await self._work(task, kind, lease)
        except (InvalidPayload, NotFound, NotAllowed) as error:
            await self._store.finish(lease, TaskState.FAILED, str(error))
            return
        except (LeaseLost, QueueUnavailable):
            raise
        except Exception as error:
            self._telemetry.emit(ChoreFailed(f"bulk task {task.id}", f"{type(error).__name__} in {task.order.kind}"))
            await self._store.finish(lease, TaskState.FAILED, f"an error of ours: {type(error).__name__}")
            return
        if is_cancelled:
            await self._store.finish(lease, TaskState.CANCELLED)
        elif self._stop.is_set():
            await self._store.leave(lease)
        else:
            await self._store.finish(lease, TaskState.DONE)

    async def _collect(self, task: Task, kind: Kind, lease: Lease) -> bool:
        """Write down which items are meant, anew after another process died over it; True when it is cancelled."""
        if await self._store.collect(lease, (), anew=True):
            return True
        left = MOST_ITEMS
        async for page in kind.items(task.order):
            kept = page[:left]
            left -= len(kept)
            if await self._store.collect(lease, kept, at_end=kind.newest_first):
                return True
            if self._stop.is_set() or len(kept) < len(page):
                break
        return False

    async def _work(self, task: Task, kind: Kind, lease: Lease) -> bool:
        """Deal with the items; True when it is cancelled."""
        if await self._store.run(lease):
            return True
        per_second = task.order.per_second
        chunk = CHUNK if per_second is None else min(CHUNK, per_second)
        clock = asyncio.get_running_loop().time
        while ids := await self._store.next(lease, chunk):
            began = clock()
            tally = await self._applied(task, kind, ids)
            if await self._store.run(lease, tally):
                return True
            if per_second is not None and await self._stopped_within(began + len(ids) / per_second - clock()):
                break
            if self._stop.is_set():
                break
        return False

    async def _applied(self, task: Task, kind: Kind, ids: Sequence[str]) -> Tally:
        tally = await kind.apply(task.order, ids)
        if tally.all != len(ids):
            raise ValueError(f"{kind.name} told of {tally.all} items and got {len(ids)}")
        return tally

    async def _stopped_within(self, seconds: float) -> bool:
        """Wait so long; True when the runner is to stop."""
        try:
            async with asyncio.timeout(max(seconds, 0)):
                return await self._stop.wait()
        except TimeoutError:
            return False
