"""Jobs and schedulers of one queue, whole: reading them to be made again elsewhere, and making them."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, Literal, get_args

from oxyq.engine.atomically import PATIENCE_SECONDS, atomically
from oxyq.engine.connection import Argument, Connection, Reply
from oxyq.engine.keys import CANARY_ID, QueueKeys
from oxyq.engine.lua_runner import ScriptRunner
from oxyq.engine.scripts import our_script

#: Where a job may be made. What was active waits again; what was sorted into turns is sorted anew (turns.lua).
State = Literal["wait", "prioritized", "delayed", "completed", "failed", "waiting-children"]

#: The sorted sets in the order in which read_jobs.lua looks through them.
_SETS: Final[tuple[State, ...]] = ("completed", "failed", "waiting-children", "delayed", "prioritized")
#: The order in which put_jobs.lua has their keys.
_PLACES: Final[tuple[State, ...]] = get_args(State)
#: Places in the order in which jobs are read. Parents come before those that wait for them no more, what is in hand
#: before what waits, and that as it would be taken: made in this order, jobs are taken in this order.
_ORDER: Final = (
    "completed", "failed", "waiting-children", "delayed", "active", "prioritized", "paused", "wait",
)  # fmt: skip
_LISTS: Final = frozenset(("active", "paused", "wait"))
#: From this score on a prioritized job has no priority of its own but a turn (turns.lua).
_FIRST_TURN: Final = float(2**52)
_READ_AT_ONCE: Final = 100


@dataclass(frozen=True, slots=True)
class StoredJob:
    """One job: its fields as they are stored, and where it stands, with its score there ("0" in `wait`)."""

    id: bytes
    state: State
    score: bytes
    in_hand: bool
    """A worker had it: it may have done a part, or all, of what there is to do."""
    fields: tuple[bytes, ...]
    """Names and values, one after the other."""
    parts: tuple[str, ...] = ()
    """What there is beside it, under its key: logs, dependencies …"""

    def field(self, name: bytes) -> bytes | None:
        """The value of one field."""
        names = self.fields[::2]
        return self.fields[2 * names.index(name) + 1] if name in names else None


@dataclass(frozen=True, slots=True)
class StoredScheduler:
    """One scheduler: when its next job is due (as Redis writes the score), and its fields."""

    id: bytes
    score: bytes
    fields: tuple[bytes, ...]


class QueueTransfer:
    """Everything in one queue, to be read or made. All raise QueueUnavailable without Redis."""

    def __init__(self, name: str, connection: Connection, prefix: str) -> None:
        self.keys = QueueKeys(name, prefix)
        self._connection = connection
        self._runner = ScriptRunner(connection)

    async def ids(self) -> list[bytes]:
        """All jobs at one moment, in the order in which to make them again (a million take some 60 MB).

        A job is listed once, even if it stands in two places.
        """
        replies = await atomically(
            self._connection,
            *(("LRANGE" if place in _LISTS else "ZRANGE", self.keys.base + place, 0, -1) for place in _ORDER),
        )
        found = dict[bytes, None]()
        for place, reply in zip(_ORDER, replies, strict=True):
            # Lists run from their right end.
            found.update(dict.fromkeys(_many(reply)[:: -1 if place in _LISTS else 1]))
        found.pop(CANARY_ID.encode(), None)
        return list(found)

    async def active_ids(self) -> list[bytes]:
        """The jobs that workers have, or that a dead one had."""
        await self._connection.ready(PATIENCE_SECONDS)
        return list(_many(await self._connection.call("LRANGE", self.keys.active, 0, -1)))

    async def jobs(self, ids: Sequence[bytes]) -> AsyncIterator[StoredJob]:
        """Those of these jobs that there are, as each is when it is read."""
        k, start = self.keys, 0
        sets = [k.completed, k.failed, k.waiting_children, k.delayed, k.prioritized]
        while start < len(ids):
            await self._connection.ready(PATIENCE_SECONDS)
            wanted = list[Argument](islice(ids, start, start + _READ_AT_ONCE))
            reply = _list(await self._runner.run(our_script("read_jobs"), sets, [k.base, *wanted]))
            start += _int(reply[0])
            for found in reply[1:]:
                yield _stored(_list(found))

    async def put(self, jobs: Sequence[StoredJob]) -> int:
        """Make jobs, and have them worked; returns how many were not there before."""
        k = self.keys
        keys = [k.base + place for place in _PLACES]
        arguments = list[Argument]([k.base])
        for job in jobs:
            arguments += (job.id, _PLACES.index(job.state) + 1, job.score, len(job.fields), *job.fields)
        await self._connection.ready(PATIENCE_SECONDS)
        return _int(await self._runner.run(our_script("put_jobs"), [*keys, k.marker, k.meta, k.active], arguments))

    async def schedulers(self) -> list[StoredScheduler]:
        """All schedulers (and the repeatable jobs of older BullMQ), soonest first."""
        await self._connection.ready(PATIENCE_SECONDS)
        flat = _list(await self._connection.call("ZRANGE", self.keys.repeat, 0, -1, "WITHSCORES"))
        found = list[StoredScheduler]()
        for scheduler_id, score in zip(flat[::2], flat[1::2], strict=True):
            fields = await self._connection.call("HGETALL", self._scheduler(_bytes(scheduler_id)))
            found.append(StoredScheduler(_bytes(scheduler_id), _bytes(score), _many(fields)))
        return found

    async def put_scheduler(self, scheduler: StoredScheduler) -> bool:
        """Make a scheduler; False when there is one of this id. Its next job is a job like others."""
        await self._connection.ready(PATIENCE_SECONDS)
        is_new = await self._connection.call("ZADD", self.keys.repeat, "NX", scheduler.score, scheduler.id)
        # Also when it was there: whoever made it may have been cut off here.
        if scheduler.fields and (is_new or not await self._connection.call("EXISTS", self._scheduler(scheduler.id))):
            await self._connection.call("HSET", self._scheduler(scheduler.id), *scheduler.fields)
        return is_new == 1

    async def forget_turns(self, value: str) -> None:
        """Forget when whoever has this value in the field of fair turns may have its next one; its jobs are gone."""
        await self._connection.ready(PATIENCE_SECONDS)
        await self._connection.call("HDEL", self.keys.turns, f"new:{value}", f"begun:{value}")

    def _scheduler(self, scheduler_id: bytes) -> bytes:
        return self.keys.repeat.encode() + b":" + scheduler_id


def _stored(reply: list[Reply]) -> StoredJob:
    job_id, set_number, score, is_locked, fields, parts = reply
    number = _int(set_number)
    state: State = _SETS[number - 1] if number else "wait"
    if state == "prioritized" and float(_bytes(score)) >= _FIRST_TURN:
        state = "wait"
    return StoredJob(
        _bytes(job_id),
        state,
        b"0" if state == "wait" else _bytes(score),
        in_hand=is_locked == b"1",
        fields=_many(fields),
        parts=tuple(part.decode() for part in _many(parts)),
    )


def _list(reply: Reply) -> list[Reply]:
    return reply if isinstance(reply, list) else []


def _many(reply: Reply) -> tuple[bytes, ...]:
    return tuple(_bytes(one) for one in _list(reply))


def _bytes(reply: Reply) -> bytes:
    return reply if isinstance(reply, bytes) else str(reply).encode()


def _int(reply: Reply) -> int:
    return reply if isinstance(reply, int) else 0
