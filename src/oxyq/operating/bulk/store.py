"""Bulk tasks in Redis: each step is one script, written only by who holds the task's lease."""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from oxyq import redis_keys
from oxyq.clock import now_ms
from oxyq.engine.connection import Argument, Reply
from oxyq.engine.hub import Hub
from oxyq.engine.json_text import encode_json
from oxyq.engine.lua_runner import Script, ScriptRunner
from oxyq.engine.scripts import as_text
from oxyq.errors import IdConflict
from oxyq.operating.bulk.task import Tally, Task, TaskOrder, TaskState, read_task

READY_SECONDS: Final = 5.0
#: Whoever runs a task renews its lease with each step; after this long without one, another process goes on.
LEASE_MS: Final = 20_000
_LIFE: Final = redis_keys.TASK_SECONDS


class LeaseLost(Exception):
    """Another process runs this task now."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to run one task, proved by a token."""

    task_id: str
    token: str


class TaskStore:
    """The bulk tasks of one installation. All raise QueueUnavailable."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._runner = ScriptRunner(hub.commands)

    # --- ordering and looking ---------------------------------------------------------------------------------

    async def make(self, task_id: str, order: TaskOrder) -> bool:
        """Write a task down; False when this very order was written before. Raises IdConflict for another one."""
        selection, options = encode_json(dict(order.selection)), encode_json(dict(order.options))
        fields: list[Argument] = [
            "kind", order.kind, "queue", order.queue, "selection", selection, "options", options,
            "org", order.organization_id or "", "by", order.by, "state", TaskState.WAITING,
        ]  # fmt: skip
        fingerprint = hashlib.sha256("\n".join(str(field) for field in fields).encode()).hexdigest()
        lists = {self._list(None), self._list(order.organization_id)}
        made = await self._run(
            _MAKE, [self._task(task_id), self._open(), *lists], [task_id, now_ms(), _LIFE, fingerprint, *fields]
        )
        if made == -1:
            raise IdConflict(task_id)
        return made == 1

    async def get(self, task_id: str) -> Task | None:
        """One task; None when there is none, or it is long past."""
        return read_task(task_id, _fields(await self._call("HGETALL", self._task(task_id))))

    async def latest(self, organization_id: str | None, before: str | None, limit: int) -> list[Task]:
        """Tasks, the one that was ordered last first; those before the task `before`."""
        start = 0
        if before is not None:
            rank = await self._call("ZREVRANK", self._list(organization_id), before)
            if not isinstance(rank, int):
                return []  # it is long past, and so are all before it
            start = rank + 1
        ids = await self._call("ZREVRANGE", self._list(organization_id), start, start + limit - 1)
        found = await asyncio.gather(*(self.get(as_text(one)) for one in (ids if isinstance(ids, list) else ())))
        return [task for task in found if task is not None]

    async def open_ids(self) -> list[str]:
        """The tasks that have not ended."""
        ids = await self._call("SMEMBERS", self._open())
        return sorted(as_text(one) for one in (ids if isinstance(ids, list) else ()))

    async def cancel(self, task_id: str) -> bool:
        """Want a task to end; False when it has ended."""
        return await self._run(_CANCEL, [self._task(task_id)], [now_ms()]) == 1

    # --- running ----------------------------------------------------------------------------------------------

    async def take(self, lease: Lease) -> bool:
        """Get the lease of a task that nobody runs; False when somebody does."""
        key = redis_keys.task_lease(lease.task_id, prefix=self._hub.prefix)
        return await self._call("SET", key, lease.token, "NX", "PX", LEASE_MS) is not None

    async def forget(self, task_id: str) -> None:
        """Take a task off the open ones that does not exist any more."""
        await self._call("SREM", self._open(), task_id)

    async def collect(self, lease: Lease, ids: Sequence[str], *, at_end: bool = False, anew: bool = False) -> bool:
        """Put items before those found so far (`at_end`: behind, `anew`: instead); True when the task is to end."""
        return await self._step(lease, TaskState.COLLECTING, ids, cut=-1 if anew else 0, at_end=at_end)

    async def next(self, lease: Lease, count: int) -> list[str]:
        """The next items to deal with."""
        items = await self._call("LRANGE", self._items(lease.task_id), 0, count - 1)
        return [as_text(one) for one in (items if isinstance(items, list) else ())]

    async def run(self, lease: Lease, tally: Tally = Tally()) -> bool:  # noqa: B008 - it is immutable
        """Write down what became of the next items; True when the task is to end."""
        return await self._step(lease, TaskState.RUNNING, (), cut=tally.all, tally=tally)

    async def leave(self, lease: Lease) -> None:
        """Give the lease back, so that another process goes on at once."""
        await self._step(lease, "", (), leaves=True)

    async def finish(self, lease: Lease, state: TaskState, problem: str = "") -> None:
        """End a task; raises LeaseLost."""
        keys = [*self._keys(lease), self._open()]
        if await self._run(_FINISH, keys, [lease.token, lease.task_id, now_ms(), _LIFE, state, problem]) != 1:
            raise LeaseLost

    async def _step(
        self, lease: Lease, state: str, items: Sequence[str], *, cut: int = 0, tally: Tally | None = None,
        at_end: bool = False, leaves: bool = False,
    ) -> bool:  # fmt: skip
        tally = tally or Tally()
        answer = await self._run(
            _STEP, self._keys(lease),
            [lease.token, 0 if leaves else LEASE_MS, now_ms(), _LIFE, state, cut, tally.done, tally.skipped,
             tally.failed, tally.problem, "RPUSH" if at_end else "LPUSH", *items],
        )  # fmt: skip
        if answer == -1:
            raise LeaseLost
        return answer == 1

    # --- keys and calls ---------------------------------------------------------------------------------------

    def _keys(self, lease: Lease) -> list[str]:
        lease_key = redis_keys.task_lease(lease.task_id, prefix=self._hub.prefix)
        return [lease_key, self._task(lease.task_id), self._items(lease.task_id)]

    def _task(self, task_id: str) -> str:
        return redis_keys.task(task_id, prefix=self._hub.prefix)

    def _items(self, task_id: str) -> str:
        return redis_keys.task_items(task_id, prefix=self._hub.prefix)

    def _open(self) -> str:
        return redis_keys.open_tasks(prefix=self._hub.prefix)

    def _list(self, organization_id: str | None) -> str:
        return redis_keys.tasks(organization_id, prefix=self._hub.prefix)

    async def _call(self, *command: Argument) -> Reply:
        await self._hub.commands.ready(READY_SECONDS)
        return await self._hub.commands.call(*command)

    async def _run(self, script: Script, keys: list[str], arguments: list[Argument]) -> Reply:
        await self._hub.commands.ready(READY_SECONDS)
        return await self._runner.run(script, keys, arguments)


def _script(name: str) -> Script:
    text = (Path(__file__).parent / "lua" / f"{name}.lua").read_text(encoding="utf-8")
    # A task that empties a full Redis must be able to write down how far it is.
    return Script.build(name, text, allow_oom=True)


_MAKE: Final = _script("make")
_STEP: Final = _script("step")
_FINISH: Final = _script("finish")
_CANCEL: Final = _script("cancel")


def _fields(reply: Reply) -> dict[str, str]:
    flat = iter([as_text(part) for part in reply] if isinstance(reply, list) else [])
    return dict(zip(flat, flat, strict=True))
