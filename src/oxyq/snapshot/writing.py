"""Importing: making what was exported, so that doing it twice, or anew after it broke off, is harmless.

What is there already stays. Jobs come last, whatever the order of the records: a worker that takes one of them at once
finds the ledger, the campaigns and the wishes that it must heed.
"""

import asyncio
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from oxyq import redis_keys
from oxyq.clock import now_ms
from oxyq.engine.atomically import PATIENCE_SECONDS
from oxyq.engine.hub import Hub
from oxyq.engine.lua_runner import Script, ScriptRunner
from oxyq.engine.transfer import QueueTransfer, StoredJob, StoredScheduler
from oxyq.errors import InvalidPayload
from oxyq.snapshot.inventory import Family, How, our_key, queue_family
from oxyq.snapshot.prefixes import Renaming
from oxyq.snapshot.records import Job, Key, Record, Scheduler, all_bytes, bytes_of, from_line, to_line

#: What is held in memory of the jobs until they are made; more of them lie in a file that nobody else can open.
_SPOOL_BYTES: Final = 2**24
_READ_BYTES: Final = 2**20
_AT_ONCE: Final = 100
_JOB_BYTES: Final = 2**18


@dataclass(slots=True)
class Counts:
    """How much of each family was made ("jobs of message", "campaign"), and how much was there already, in keys."""

    made: Counter[str] = field(default_factory=Counter)
    there: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    """What is never imported, such as sessions: no snapshot of ours holds it."""
    expired: int = 0
    """Keys whose time was over."""
    in_hand: int = 0
    """Jobs that workers had when they were exported: they may run again."""

    @property
    def all(self) -> int:
        """Everything that was looked at."""
        return sum((*self.made.values(), *self.there.values(), *self.left_out.values(), self.expired))

    def note(self, what: str, made: int, of: int = 1) -> None:
        """So many of `of` were made."""
        self.made[what] += made
        self.there[what] += of - made


async def restore(
    hub: Hub,
    records: AsyncIterator[Record],
    *,
    from_prefix: str | None = None,
    told: Callable[[Counts], None] = lambda _: None,
) -> Counts:
    """Make what is not there yet of these records; `from_prefix` is the prefix they had, if it was another.

    `told` hears how far it is. Raises QueueUnavailable (begin anew: nothing is made twice), InvalidPayload.
    """
    making = _Making(hub, Renaming(from_prefix or hub.prefix, hub.prefix))
    with tempfile.SpooledTemporaryFile(max_size=_SPOOL_BYTES) as spool:
        lines = list[bytes]()
        size = 0
        async for record in records:
            if not isinstance(record, Job):
                await making.take(record)
                told(making.counts)
                continue
            lines.append(to_line(record))
            size += len(lines[-1])
            if size >= _READ_BYTES:
                await asyncio.to_thread(spool.writelines, lines)
                lines, size = [], 0
        await making.flush()
        await asyncio.to_thread(spool.writelines, lines)
        spool.seek(0)
        while lines := await asyncio.to_thread(spool.readlines, _READ_BYTES):
            for line in lines:
                record = from_line(line)
                if isinstance(record, Job):
                    await making.take_job(record)
            told(making.counts)
        await making.flush_jobs()
    return making.counts


class _Making:
    """Makes records, many in one round trip."""

    def __init__(self, hub: Hub, renaming: Renaming) -> None:
        self.counts = Counts()
        self._hub = hub
        self._renaming = renaming
        self._runner = ScriptRunner(hub.commands)
        self._keys = list[Key]()
        self._jobs = list[StoredJob]()
        self._job_bytes = 0
        self._queue: QueueTransfer | None = None

    async def take(self, record: Key | Scheduler) -> None:
        """Make a key or a scheduler, now or with the next ones."""
        if isinstance(record, Scheduler):
            transfer = QueueTransfer(record.queue, self._hub.commands, self._hub.prefix)
            scheduler = StoredScheduler(bytes_of(record.id), record.score.encode(), tuple(all_bytes(record.fields)))
            self.counts.note(f"schedulers of {record.queue}", int(await transfer.put_scheduler(scheduler)))
            return
        self._keys.append(record)
        # Pieces of one key must follow each other.
        if len(self._keys) >= _AT_ONCE or record.part or not record.is_last:
            await self.flush()

    async def flush(self) -> None:
        """Make the keys that wait."""
        keys, self._keys = self._keys, []
        await self._hub.commands.ready(PATIENCE_SECONDS)
        await asyncio.gather(*(self._make(key) for key in keys))

    async def take_job(self, record: Job) -> None:
        """Make a job, now or with the next ones of its queue."""
        if self._queue is None or self._queue.keys.name != record.queue:
            await self.flush_jobs()
            self._queue = QueueTransfer(record.queue, self._hub.commands, self._hub.prefix)
        fields = self._renaming.of_job(all_bytes(record.fields))
        job = StoredJob(bytes_of(record.id), record.state, record.score.encode(), record.in_hand, tuple(fields))
        self._jobs.append(job)
        self.counts.in_hand += record.in_hand
        self._job_bytes += sum(map(len, fields))
        if len(self._jobs) >= _AT_ONCE or self._job_bytes >= _JOB_BYTES:
            await self.flush_jobs()

    async def flush_jobs(self) -> None:
        """Make the jobs that wait."""
        jobs, self._jobs, self._job_bytes = self._jobs, [], 0
        if jobs and self._queue is not None:
            self.counts.note(f"jobs of {self._queue.keys.name}", await self._queue.put(jobs), len(jobs))

    async def _make(self, record: Key) -> None:
        rest = bytes_of(record.key)
        family, name = self._placed(record, rest)
        if family.how in (How.NEVER, How.JOBS):
            self.counts.left_out[family.name] += 1
            return
        if record.expires_at is not None and record.expires_at <= now_ms():
            self.counts.expired += 1
            return
        items = self._renaming.of_part(family.name, all_bytes(record.items))
        expires = "" if record.expires_at is None else record.expires_at
        if family.how is How.HIGHEST:
            made = await self._runner.run(_HIGHEST, [name], [items[0]])
        elif family.how is How.MEMBERS:
            made = await self._runner.run(_MEMBERS, [name], [record.type, expires, now_ms(), *items])
        else:
            growing = redis_keys.snapshot_part(name, prefix=self._hub.prefix)
            last = "1" if record.is_last else "0"
            made = await self._runner.run(
                _WHOLE, [name, growing],
                [record.type, record.part, last, expires, redis_keys.SNAPSHOT_SECONDS, *items],
            )  # fmt: skip
        if record.is_last or family.how is How.MEMBERS:
            self.counts.note(family.name, int(made != 0))

    def _placed(self, record: Key, rest: bytes) -> tuple[Family, str]:
        """Which family a key is of, and its full name here."""
        text = rest.decode("utf-8", "surrogateescape")
        if record.space == "oxyq":
            return our_key(rest).family, f"oxyq:{self._hub.prefix}:{text}"
        queue, colon, tail = rest.partition(b":")
        if not colon or not queue:
            raise InvalidPayload("key", f"{text[:80]!r} is no key of a queue")
        return queue_family(tail), f"{self._hub.prefix}:{text}"


def _script(name: str) -> Script:
    return Script.build(
        name, (Path(__file__).parent / "lua" / f"{name}.lua").read_text(encoding="utf-8"), allow_oom=False
    )


_WHOLE: Final = _script("whole")
_MEMBERS: Final = _script("members")
_HIGHEST: Final = _script("highest")
