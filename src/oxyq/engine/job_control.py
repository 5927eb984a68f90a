"""One job of a queue: looked at with all that surrounds it, changed, taken away from a worker that hangs."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from oxyq.clock import now_ms
from oxyq.engine.connection import Reply
from oxyq.engine.json_text import encode_json
from oxyq.engine.options import LONGEST_DELAY_MS
from oxyq.engine.record import JobRecord, read_record
from oxyq.engine.scripts import QueueScripts, Sight, as_text
from oxyq.engine.settlement import RawJob
from oxyq.engine.turns import TURNS_FROM
from oxyq.errors import InvalidPayload
from oxyq.outcomes import JsonValue

#: Bytes of the longest field that is read: payloads have 64 KiB, and only campaign requests are larger.
LONGEST_FIELD: Final = 256 * 1024
#: How long a job that was taken away may stay without an end, should the process that took it die; after that it
#: counts as stalled and goes back to its queue.
SEIZED_MS: Final = 30_000
LOWEST_PRIORITY: Final = TURNS_FROM - 1
"""Higher numbers are the places of jobs in turns."""

Refused: TypeAlias = Literal["gone", "running", "elsewhere", "changed"]
"""Why a job was left as it is: there is none, a worker has it, it is in another state, somebody else changed it."""

_REFUSED: Final[Mapping[int, Refused]] = {-1: "gone", -3: "elsewhere", -6: "running", -7: "changed"}


@dataclass(frozen=True, slots=True)
class Relative:
    """A parent or child of a job: its queue and id."""

    queue: str
    job_id: str


@dataclass(frozen=True, slots=True)
class ChildCounts:
    """How many children a job waits for, and what became of the others."""

    open: int = 0
    done: int = 0
    failed: int = 0
    ignored: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.open + self.done + self.failed + self.ignored


@dataclass(frozen=True, slots=True)
class JobSnapshot:
    """A job at one moment; times are ms since 1970.

    too_long: bytes of the fields that are longer than LONGEST_FIELD, and left out of `record`.
    version: of its data, for `JobControl.update_data`.     lock_ms: until its worker must renew its lock.
    """

    record: JobRecord
    state: str
    version: str = ""
    too_long: Mapping[str, int] = field(default_factory=dict)
    due_ms: int | None = None
    lock_ms: int | None = None
    worker: str | None = None
    scheduler_id: str | None = None
    parent: Relative | None = None
    children: ChildCounts = field(default_factory=ChildCounts)
    log_lines: int = 0
    is_buried: bool = False
    stored_options: bytes = b"{}"


class JobControl:
    """The jobs of one queue, one at a time. All raise QueueUnavailable."""

    def __init__(self, scripts: QueueScripts, until_ready: Callable[[], Awaitable[None]]) -> None:
        self._scripts = scripts
        self._until_ready = until_ready

    async def snapshot(self, job_id: str) -> JobSnapshot | None:
        """A job as it stands; None when there is none."""
        await self._until_ready()
        sight = await self._scripts.look(job_id, LONGEST_FIELD)
        if isinstance(sight, str):
            return JobSnapshot(JobRecord(job_id, broken=f"its key holds a {sight}, not a job"), "unknown")
        return None if sight is None else self._snapshot(job_id, sight)

    async def log_lines(self, job_id: str, start: int, count: int) -> tuple[list[str], int]:
        """`count` log lines from line `start` on (0 is the oldest), and how many there are."""
        key = self._scripts.keys.logs(job_id)
        await self._until_ready()
        call = self._scripts.connection.call
        lines, total = await asyncio.gather(call("LRANGE", key, start, start + count - 1), call("LLEN", key))
        found = [line.decode("utf-8", "replace") for line in _bytes(lines)]
        return found, total if isinstance(total, int) else 0

    async def children(self, job_id: str, count: int) -> list[Relative]:
        """Some `count` children of a job: open ones first, then those that failed."""
        key, call = self._scripts.keys.job(job_id), self._scripts.connection.call
        await self._until_ready()
        found = await asyncio.gather(
            call("SRANDMEMBER", f"{key}:dependencies", count),
            call("ZRANGE", f"{key}:unsuccessful", 0, count - 1),
            call("HRANDFIELD", f"{key}:failed", count),
            call("HRANDFIELD", f"{key}:processed", count),
        )
        read = (self._relative(as_text(child)) for some in found for child in _bytes(some))
        return [child for child in read if child is not None][:count]

    async def reschedule(self, snapshot: JobSnapshot, at_ms: int) -> Refused | None:
        """Run a delayed job at another time (ms since 1970); None when that is done.

        Its option `delay` moves along: handlers tell by it when the job was to run. Raises InvalidPayload.
        """
        delay_ms = max(at_ms - now_ms(), 0)
        if delay_ms > LONGEST_DELAY_MS:
            raise InvalidPayload("at", "is more than 366 days ahead")
        record = snapshot.record
        options = {**record.options, "delay": max(at_ms - record.timestamp_ms, 1)}
        await self._until_ready()
        code = await self._scripts.reschedule(record.id, delay_ms, snapshot.stored_options, encode_json(options))
        return _REFUSED.get(code)

    async def change_priority(self, job_id: str, priority: int) -> bool:
        """Give a job another priority: 1 is the most urgent, 0 goes before all; False when it is gone.

        Ready jobs are put where that belongs at once, and sorted into turns anew. Raises InvalidPayload.
        """
        if not 0 <= priority <= LOWEST_PRIORITY:
            raise InvalidPayload("priority", f"must be a whole number from 0 to {LOWEST_PRIORITY}; 1 is most urgent")
        await self._until_ready()
        return await self._scripts.change_priority(job_id, priority)

    async def update_data(self, job_id: str, version: str, data: JsonValue) -> Refused | None:
        """Replace the data of a job that nobody runs, if they are still those of this version; None when done."""
        await self._until_ready()
        return _REFUSED.get(await self._scripts.update_data(job_id, version, encode_json(data)))

    async def seize(self, job_id: str) -> RawJob | None:
        """Take an active job away from whoever runs it: only the one who has the answer can end it; None if not active.

        Its worker is told that the job is lost, and what it says of it later is refused.
        """
        await self._until_ready()
        return await self._scripts.seize(job_id, f"seized:{secrets.token_hex(8)}", SEIZED_MS)

    def _snapshot(self, job_id: str, sight: Sight) -> JobSnapshot:
        # What was too long to be read must not make a job look broken.
        fields = {**({b"data": b"null"} if "data" in sight.too_long else {}), **sight.fields}
        record = read_record(job_id, [part for pair in fields.items() for part in pair])
        return JobSnapshot(
            record=record or JobRecord(job_id, broken="it has no fields"),
            state=sight.state,
            version=sight.data_sha1,
            too_long=sight.too_long,
            due_ms=sight.due_ms,
            lock_ms=sight.lock_ms,
            worker=_text(fields, b"pb"),
            scheduler_id=_text(fields, b"rjk"),
            parent=self._relative(_text(fields, b"parentKey") or ""),
            children=ChildCounts(*sight.children),
            log_lines=sight.log_lines,
            is_buried=b"buried" in fields and fields[b"buried"] == fields.get(b"finishedOn"),
            stored_options=fields.get(b"opts", b""),
        )

    def _relative(self, key: str) -> Relative | None:
        """The queue and id in the key of a job; None if it is none of this installation."""
        queue, _, job_id = key.removeprefix(f"{self._scripts.keys.prefix}:").partition(":")
        is_ours = key.startswith(f"{self._scripts.keys.prefix}:") and job_id
        return Relative(queue, job_id) if is_ours else None


def _text(fields: Mapping[bytes, bytes], name: bytes) -> str | None:
    value = fields.get(name)
    return None if value is None else value.decode("utf-8", "replace")


def _bytes(reply: Reply) -> list[bytes]:
    return [part for part in reply if isinstance(part, bytes)] if isinstance(reply, list) else []
