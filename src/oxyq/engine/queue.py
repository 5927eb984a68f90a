"""The producer's and operator's side of one queue: adding, counting, looking, cleaning."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Iterable, Iterator, Sequence
from functools import lru_cache

from oxyq.clock import now_ms
from oxyq.engine.adding import Adder, Adding, Said
from oxyq.engine.backoff import Backoff
from oxyq.engine.connection import RedisReplyError, Reply
from oxyq.engine.glimpses import Glimpses
from oxyq.engine.hub import DEFAULT_URL, Hub
from oxyq.engine.job_control import JobControl
from oxyq.engine.job_ids import new_job_id
from oxyq.engine.json_text import as_int, decode_json, encode_json
from oxyq.engine.keys import LISTS, QueueKeys, check_job_id
from oxyq.engine.options import Entry, JobOptions, stored_form
from oxyq.engine.record import JobRecord, read_record
from oxyq.engine.schedulers import PATIENCE_SECONDS, Schedulers
from oxyq.engine.scripts import DELAYED_SHIFT as DELAYED_SHIFT
from oxyq.engine.scripts import NewJob, QueueScripts, as_text
from oxyq.engine.settlement import Keep, RawJob
from oxyq.engine.tracing import CARRIED, Tracing
from oxyq.errors import IdConflict, InvalidPayload, QuotaExceeded
from oxyq.outcomes import JsonValue

#: Where jobs can be, in BullMQ's key names; `wait` and `prioritized` are both ready to run.
STATES = ("wait", "prioritized", "active", "delayed", "waiting-children", "completed", "failed")
#: Jobs removed or moved per call, so that no call keeps Redis busy for long.
BATCH = 200


class Queue:
    """One BullMQ queue. Safe to share between tasks; every call has a deadline."""

    def __init__(
        self,
        name: str,
        *,
        redis_url: str = DEFAULT_URL,
        hub: Hub | None = None,
        prefix: str = "bull",
        dead_letter_queue: str | None = "dead-letter",
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self.name = name
        self._owns_hub = hub is None
        self._hub = hub or Hub(redis_url, prefix=prefix)
        self.keys = QueueKeys(name, self._hub.prefix)
        grave = QueueKeys(dead_letter_queue, self._hub.prefix) if dead_letter_queue else None
        self.scripts = QueueScripts(self.keys, self._hub.commands, grave)
        self.schedulers = Schedulers(self.scripts)
        self.control = JobControl(self.scripts, self._until_ready)
        self.glimpses = Glimpses(self.scripts, self._until_ready)
        self._adder = Adder(self.scripts, self._until_ready)
        self.patience_seconds = patience_seconds

    async def _until_ready(self) -> None:
        await self._hub.commands.ready(self.patience_seconds)

    async def close(self) -> None:
        """Close the connection, if it is this queue's own."""
        if self._owns_hub:
            await self._hub.close()

    # --- adding -----------------------------------------------------------------------------------------------

    async def add(
        self,
        name: str,
        data: JsonValue,
        *,
        job_id: str | None = None,
        delay_ms: int = 0,
        priority: int = 0,
        attempts: int = 1,
        backoff: Backoff | None = None,
        lifo: bool = False,
        keep_completed: Keep | None = None,
        keep_failed: Keep | None = None,
    ) -> str:
        """Add a job and return its id; an id that is in the queue already is left as it is.

        Every job gets an id before it is sent, so a reply that is lost can be asked for again without adding twice.
        Raises InvalidPayload, QueueUnavailable.
        """
        options = _job_options(delay_ms, priority, attempts, backoff, lifo, keep_completed, keep_failed)
        job = _new_job(name, data, job_id, options)
        await self._add(Adding(job))
        return job.id

    async def add_many(self, entries: Iterable[Entry], *, own_traces: bool = False) -> list[str]:
        """Add jobs in order, many per round trip, and return their ids.

        A sequence is checked as a whole first, and nothing is added if one entry is wrong. Anything else, such as a
        generator, is read as fast as Redis takes it, in bounded memory, and adding ends at an entry that is wrong.
        Traced, they are one step of one trace, or with `own_traces` each begins its own, linked to that one.
        Raises InvalidPayload naming the entry, QueueUnavailable (adding again with the same ids is harmless).
        """
        jobs: Iterable[NewJob] = _new_jobs(entries)
        if isinstance(entries, Sequence):
            jobs = list(jobs)
        tracing = self._hub.tracing
        if tracing is None:
            return await self._add_all(jobs)
        if own_traces:
            return await self._add_all(_carrying(job, tracing.adding_apart(self.name, job)) for job in jobs)
        with tracing.adding_together(self.name) as carried:
            return await self._add_all(_carrying(job, carried) for job in jobs)

    async def _add_all(self, jobs: Iterable[NewJob]) -> list[str]:
        ids = list[str]()

        def addings() -> Iterator[Adding]:
            for job in jobs:
                ids.append(job.id)
                yield Adding(job)

        async for _ in self._adder.add_all(addings()):
            pass
        return ids

    async def add_once(
        self, name: str, data: JsonValue, *, job_id: str, options: JobOptions, fingerprint: str, remember_seconds: int,
        quota_key: str = "",
    ) -> bool:  # fmt: skip
        """Add a job unless its id was taken within `remember_seconds`, even if that job is long done and removed.

        A new one is taken from the quota at `quota_key`, a hash as `lua/add_batch.lua` has it, if there is one.
        Returns False when the same body (by `fingerprint`) was added before.
        Raises IdConflict when another body was, QuotaExceeded, InvalidPayload, QueueUnavailable.
        """
        job = _new_job(name, data, job_id, options)
        adding = Adding(job, fingerprint, remember_seconds * 1000, quota_key)
        return _was_added(await self._add(adding), job_id, data)

    def _add(self, adding: Adding) -> Awaitable[Said]:
        return self._adder.add(adding) if self._hub.tracing is None else self._add_traced(adding, self._hub.tracing)

    async def _add_traced(self, adding: Adding, tracing: Tracing) -> Said:
        with tracing.adding(self.name, adding.job) as carried:
            _carrying(adding.job, carried)
            return await self._adder.add(adding)

    # --- looking ----------------------------------------------------------------------------------------------

    async def counts(self) -> dict[str, int]:
        """How many jobs are in each state; `waiting` is every job ready to run, prioritised ones too."""
        await self._hub.commands.ready(self.patience_seconds)
        numbers = dict(zip(STATES, await self.scripts.counts(list(STATES)), strict=True))
        return {
            "waiting": numbers["wait"] + numbers["prioritized"],
            "active": numbers["active"],
            "delayed": numbers["delayed"],
            "waiting_children": numbers["waiting-children"],
            "completed": numbers["completed"],
            "failed": numbers["failed"],
        }

    async def lengths(self, states: Sequence[str]) -> list[int]:
        """How many jobs are in each of these STATES."""
        await self._hub.commands.ready(self.patience_seconds)
        return await self.scripts.counts(list(states))

    async def ended_before(self, state: str, at_ms: int) -> int:
        """How many jobs that are completed, or failed, ended before a time."""
        [count] = await self._calls(("ZCOUNT", self.keys.base + state, "-inf", f"({at_ms}"))
        return as_int(count) or 0

    async def finished_ever(self) -> tuple[int, int]:
        """How many jobs completed and failed since the queue exists (BullMQ's metrics, which never shrink)."""
        completed, failed = await self._calls(
            ("HGET", self.keys.metrics_completed, "count"), ("HGET", self.keys.metrics_failed, "count")
        )
        return as_int(completed) or 0, as_int(failed) or 0

    async def is_paused(self) -> bool:
        """Whether workers are told to take nothing."""
        [paused] = await self._calls(("HEXISTS", self.keys.meta, "paused"))
        return paused == 1

    async def limits(self) -> tuple[bool, int | None, int | None]:
        """Whether it is paused; how many jobs all workers may run at once, and may start per window (None: no limit).

        The window is the workers' own where they have one: BullMQ's scripts take only the number from here.
        """
        [found] = await self._calls(("HMGET", self.keys.meta, "paused", "concurrency", "max"))
        paused, concurrency, most = found if isinstance(found, list) else (None, None, None)
        return paused is not None, as_int(concurrency), as_int(most)

    async def state(self, job_id: str) -> str:
        """Where a job is: completed, failed, delayed, active, waiting, prioritized, waiting-children or unknown."""
        await self._hub.commands.ready(self.patience_seconds)
        return await self.scripts.state(job_id)

    async def job(self, job_id: str) -> JobRecord | None:
        """One job as it stands; None when there is none."""
        [record] = await self.records([job_id])
        return record

    async def jobs(self, state: str, start: int = 0, stop: int = 99, *, newest_first: bool = False) -> list[JobRecord]:
        """A page of the jobs in one of STATES, next to run (or oldest) first; unreadable jobs are marked."""
        ids = await self.ids(state, start, stop, newest_first=newest_first)
        return [record for record in await self.records(ids) if record is not None]

    async def raw(self, job_id: str, token: str) -> RawJob | None:
        """A job's hash as it is, for chores that end a job in a worker's place with `token`."""
        [flat] = await self._calls(("HGETALL", self.keys.job(job_id)))
        if not isinstance(flat, list) or not flat:
            return None
        items = iter(flat)
        return RawJob(job_id, token, dict(zip(items, items, strict=True)))  # type: ignore[arg-type]  # a flat list of bytes

    async def logs(self, job_id: str) -> list[str]:
        """The log lines of a job, oldest first."""
        [lines] = await self._calls(("LRANGE", self.keys.logs(job_id), 0, -1))
        return [line.decode("utf-8", "replace") for line in lines or () if isinstance(line, bytes)]  # type: ignore[union-attr]  # a list, as LRANGE answers

    async def all_ids(self, state: str) -> list[str]:
        """The ids of every job in a state at this moment (a million take some 50 MB)."""
        ids, start = list[str](), 0
        while page := await self.ids(state, start, start + 9_999):
            ids.extend(page)
            start += len(page)
        return ids

    async def ids(self, state: str, start: int, stop: int, *, newest_first: bool = False) -> list[str]:
        """A page of job ids of a state, in the order of `jobs`."""
        if state not in STATES:
            raise InvalidPayload("state", f"{state!r} is none of {', '.join(STATES)}")
        key = self.keys.base + state
        if state in LISTS:
            # Lists run from their right end: -1 is next.
            first, last = (start, stop) if newest_first else (-stop - 1, -start - 1)
            [ids] = await self._calls(("LRANGE", key, first, last))
            found = ids if isinstance(ids, list) else []
            return [as_text(job_id) for job_id in (found if newest_first else reversed(found))]
        [ids] = await self._calls(("ZREVRANGE" if newest_first else "ZRANGE", key, start, stop))
        return [as_text(job_id) for job_id in ids or ()]  # type: ignore[union-attr]  # a list, as both answer

    async def delayed_ids(self, after: int = -1, count: int = 100) -> list[tuple[str, int]]:
        """The next `count` delayed jobs behind the place `after`, soonest first: id and place.

        A place stays what it is while others come and go; its time in ms is `place >> DELAYED_SHIFT`.
        """
        [found] = await self._calls(
            ("ZRANGE", self.keys.delayed, f"({after}", "+inf", "BYSCORE", "LIMIT", 0, count, "WITHSCORES")
        )
        flat = iter(found if isinstance(found, list) else ())
        return [(as_text(job_id), int(float(as_text(place)))) for job_id, place in zip(flat, flat, strict=True)]

    async def records(self, ids: Sequence[str]) -> list[JobRecord | None]:
        """Jobs by id, in one round trip; None where there is none."""
        await self._hub.commands.ready(self.patience_seconds)
        replies = await asyncio.gather(
            *(self._hub.commands.call("HGETALL", self.keys.job(job_id)) for job_id in ids), return_exceptions=True
        )
        return [read_record(job_id, reply) for job_id, reply in zip(ids, replies, strict=True)]

    async def data(self, ids: Sequence[str]) -> list[JsonValue]:
        """What jobs carry, by id, in one round trip; None where there is no job, or no JSON in it."""
        await self._hub.commands.ready(self.patience_seconds)
        replies = await asyncio.gather(
            *(self._hub.commands.call("HGET", self.keys.job(job_id), "data") for job_id in ids), return_exceptions=True
        )
        return [_data(reply) for reply in replies]

    # --- operating --------------------------------------------------------------------------------------------

    async def pause(self) -> None:
        """Tell all workers, Node's too, to take no more jobs."""
        await self._hub.commands.ready(self.patience_seconds)
        await self.scripts.pause(paused=True)

    async def resume(self) -> None:
        """Let workers go on."""
        await self._hub.commands.ready(self.patience_seconds)
        while await self.scripts.pause(paused=False) > 0:
            pass

    async def remove(self, job_id: str) -> bool:
        """Remove a job that is not running; False while it is, and when there is none."""
        [exists] = await self._calls(("EXISTS", self.keys.job(job_id)))
        return exists == 1 and await self.scripts.remove(job_id)

    async def forget(self, job_id: str) -> bool:
        """Remove a job that is not running, and that its id was ever taken; False while it runs.

        Also of a job that is long gone: what is added under this id next is new.
        """
        [exists] = await self._calls(("EXISTS", self.keys.job(job_id)))
        if exists == 1 and not await self.scripts.remove(job_id):
            return False
        await self._calls(("DEL", self.keys.accepted_key(job_id)))
        return True

    async def retry(self, job_id: str, state: str = "failed") -> bool:
        """Run a failed (or completed) job again with all its attempts; False when it is not there."""
        await self._hub.commands.ready(self.patience_seconds)
        return await self.scripts.reprocess(job_id, state)

    async def promote(self, job_id: str) -> bool:
        """Run a delayed job now; False when it is not delayed."""
        await self._hub.commands.ready(self.patience_seconds)
        return await self.scripts.promote(job_id)

    async def clean(self, state: str, *, older_than_ms: int = 0, limit: int = 0) -> AsyncIterator[int]:
        """Remove jobs of a state that are older than `older_than_ms`, yielding how many after each small batch.

        `limit` 0 is no limit. Active jobs are only removed when no worker holds them.
        """
        await self._hub.commands.ready(self.patience_seconds)
        before = now_ms() - older_than_ms
        if older_than_ms and state not in ("completed", "failed"):
            batches = self._clean_by_age(state, before, limit)
        else:
            batches = self._clean_from_the_end(state, before, limit)
        async for removed in batches:
            yield removed

    async def _clean_from_the_end(self, state: str, before_ms: int, limit: int) -> AsyncIterator[int]:
        """For states in the order of their age, and when age does not matter."""
        left = limit or None
        while left is None or left > 0:
            removed = len(await self.scripts.clean(state, before_ms, BATCH if left is None else min(BATCH, left)))
            if not removed:
                return
            left = None if left is None else left - removed
            yield removed

    async def _clean_by_age(self, state: str, before_ms: int, limit: int) -> AsyncIterator[int]:
        """For states in another order than their age: every job's own time is read."""
        ids, removed_ever = await self.all_ids(state), 0
        for start in range(0, len(ids), BATCH):
            page = await self.records(ids[start : start + BATCH])
            old = [record.id for record in page if record is not None and record.timestamp_ms <= before_ms]
            old = old[: limit - removed_ever] if limit else old
            removed = sum(await asyncio.gather(*(self.scripts.remove(job_id) for job_id in old)))
            removed_ever += removed
            if removed:
                yield removed
            if limit and removed_ever >= limit:
                return

    async def obliterate(self) -> None:
        """Remove the queue and every job in it, running ones too."""
        await self._hub.commands.ready(self.patience_seconds)
        await self.scripts.obliterate(force=True)
        await self._calls(("DEL", self.keys.turns))

    async def set_global_concurrency(self, most: int | None) -> None:
        """How many jobs all workers together may run at once; None: no limit."""
        await self._calls(
            ("HDEL", self.keys.meta, "concurrency") if most is None else ("HSET", self.keys.meta, "concurrency", most)
        )

    async def set_global_rate(self, max_jobs: int | None, per_ms: int = 1000) -> None:
        """How many jobs all workers together may start per `per_ms`; None: no limit."""
        if max_jobs is None:
            await self._calls(("HDEL", self.keys.meta, "max", "duration"))
        else:
            await self._calls(("HSET", self.keys.meta, "max", max_jobs, "duration", per_ms))

    async def _calls(self, *commands: tuple[str | int, ...]) -> list[Reply]:
        await self._hub.commands.ready(self.patience_seconds)
        return list(await asyncio.gather(*(self._hub.commands.call(*command) for command in commands)))


#: Typed, since 1, 1.0 and True are one and the same key otherwise, and only one of them is a number of attempts.
_remembered_options = lru_cache(1024, typed=True)(JobOptions)


def _job_options(
    delay_ms: int,
    priority: int,
    attempts: int,
    backoff: Backoff | None,
    lifo: bool,
    keep_completed: Keep | None,
    keep_failed: Keep | None,
) -> JobOptions:
    """The options, checked once for all jobs that share them."""
    try:
        return _remembered_options(delay_ms, priority, attempts, backoff, lifo, keep_completed, keep_failed)
    except TypeError:  # a wrong type that cannot be remembered either
        return JobOptions(delay_ms, priority, attempts, backoff, lifo, keep_completed, keep_failed)


def _new_jobs(entries: Iterable[Entry]) -> Iterator[NewJob]:
    for number, entry in enumerate(entries):
        try:
            yield _new_job(entry.name, entry.data, entry.job_id, entry.options)
        except InvalidPayload as error:
            raise InvalidPayload(f"entries[{number}].{error.field}", error.problem) from None


def _new_job(name: str, data: JsonValue, job_id: str | None, options: JobOptions) -> NewJob:
    if not name:
        raise InvalidPayload("name", "must be a non-empty string")
    job_id = new_job_id() if job_id is None else check_job_id(job_id)
    try:
        data_json = encode_json(data)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidPayload("data", f"is not JSON: {error}") from None
    stored, stored_json = stored_form(options)
    return NewJob(job_id, name, data_json, stored, now_ms(), options.delay_ms, options.priority, stored_json)


def _carrying(job: NewJob, carried: str) -> NewJob:
    """The job with its part of a trace, before it is added."""
    # Its options and their JSON are shared by all jobs of a policy, so not changed in place.
    job.options, job.options_json = {**job.options, CARRIED: carried}, None
    return job


def _data(reply: object) -> JsonValue:
    if isinstance(reply, BaseException) and not isinstance(reply, RedisReplyError):
        raise reply
    try:
        return decode_json(reply) if isinstance(reply, bytes) else None
    except (ValueError, RecursionError):
        return None


def _was_added(answer: int | bytes, job_id: str, data: JsonValue) -> bool:
    """Whether a job is new; raises IdConflict when its id belongs to another body."""
    if isinstance(answer, bytes):
        answer = 1 if _same_json(answer, data) else 2
    if answer == 2:
        raise IdConflict(job_id)
    if answer < 0:
        raise QuotaExceeded(-answer / 1000)
    return answer == 0


def _same_json(stored: bytes, data: JsonValue) -> bool:
    try:
        return bool(json.loads(stored) == data)
    except ValueError:
        return False
