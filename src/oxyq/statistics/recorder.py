"""Counts what the workers of this process do, and adds it to everybody's counts in Redis now and then."""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from oxyq import redis_keys
from oxyq.engine.connection import Argument
from oxyq.engine.events import EngineEvent, JobCompleted, JobFailed, JobPostponed
from oxyq.engine.hub import Hub
from oxyq.engine.job import Job
from oxyq.statistics.histogram import BUCKETS, bucket_of
from oxyq.statistics.rows import COUNTED, ORGANIZATION_COUNTS, QUEUE_COUNTS, QUEUE_TIMES, Rows, adding
from oxyq.statistics.tracked import TrackedOrganizations

#: How often counts go to Redis; as much is lost when a process is killed, and a job may be counted that much late.
FLUSH_SECONDS: Final = 10.0
#: Commands written in one go.
_AT_ONCE: Final = 200
_READY_SECONDS: Final = 5.0
_COMPLETED, _FAILED, _RETRIED = range(len(COUNTED))


@dataclass(slots=True)
class Tally:
    """What happened in one queue: since the last flush, or since the process began; sums in seconds."""

    counts: list[int] = field(default_factory=lambda: [0] * len(COUNTED))
    waits: list[int] = field(default_factory=lambda: [0] * BUCKETS)
    runs: list[int] = field(default_factory=lambda: [0] * BUCKETS)
    organizations: dict[str, list[int]] = field(default_factory=dict)
    postponed: int = 0
    wait_seconds: float = 0.0
    run_seconds: float = 0.0

    def add(self, other: "Tally") -> None:
        """Add what was counted elsewhere; organizations, of which there is no end, are left out."""
        self.counts = [one + more for one, more in zip(self.counts, other.counts, strict=True)]
        self.waits = [one + more for one, more in zip(self.waits, other.waits, strict=True)]
        self.runs = [one + more for one, more in zip(self.runs, other.runs, strict=True)]
        self.postponed += other.postponed
        self.wait_seconds += other.wait_seconds
        self.run_seconds += other.run_seconds


@dataclass(frozen=True, slots=True)
class _Addition:
    """What is added to one row: the command, and its counts, which it answers when the row was empty."""

    key: str
    command: list[Argument]
    counts: list[int]
    expires_ms: int


class Recorder:
    """Hears what workers tell. A job costs it less than a microsecond, and Redis nothing.

    Counted is what *our* workers end: Node's jobs only show in the queue's own counters. A wait is how long a job was
    ready before it first ran; of later runs nobody knows since when the job was ready again. Run times are those of
    attempts that completed or failed. `clock` gives seconds since 1970.
    """

    def __init__(self, hub: Hub, clock: Callable[[], float] = time.time) -> None:
        self._hub = hub
        self._clock = clock
        self._tracked = TrackedOrganizations(hub)
        self._tallies: dict[str, Tally] = {}
        self._flushed: dict[str, Tally] = {}

    def heard(self, event: EngineEvent) -> None:
        """Count an event; called for every job, so it does little and in few calls."""
        if isinstance(event, JobCompleted):
            self._ended(event.job, _COMPLETED, event.seconds)
        elif isinstance(event, JobPostponed):
            self._postponed(event.job, event.seconds)
        elif isinstance(event, JobFailed):
            self._ended(event.job, _FAILED if event.retry_in_ms is None else _RETRIED, event.seconds)

    async def flush(self) -> None:
        """Add what was counted to Redis; nothing is sent when there is nothing. Raises QueueUnavailable.

        What is on its way when the connection breaks is not sent again: better a job too few than one too many.
        """
        if not self._tallies:
            return
        await self._hub.commands.ready(_READY_SECONDS)
        # Meanwhile jobs go on to end, also of further organizations.
        while unknown := self._tracked.unknown(
            {one for tally in self._tallies.values() for one in tally.organizations}
        ):
            await self._tracked.learn(unknown)
        tallies, self._tallies = self._tallies, {}
        for queue, tally in tallies.items():
            self._flushed.setdefault(queue, Tally()).add(tally)
        additions = list(self._additions(tallies, self._clock()))
        for start in range(0, len(additions), _AT_ONCE):
            await self._add(additions[start : start + _AT_ONCE])

    def totals(self) -> dict[str, Tally]:
        """What was counted since the process began, by queue, without organizations."""
        totals = dict[str, Tally]()
        for tallies in (self._flushed, self._tallies):
            for queue, tally in tallies.items():
                totals.setdefault(queue, Tally()).add(tally)
        return totals

    async def _add(self, additions: Sequence[_Addition]) -> None:
        call = self._hub.commands.call
        replies = await asyncio.gather(*(call(*one.command) for one in additions))
        # Whoever opens a row says how long its string lives, also when Redis has lost it and it is a new one.
        await asyncio.gather(
            *(
                call("PEXPIREAT", one.key, one.expires_ms)
                for one, reply in zip(additions, replies, strict=True)
                if isinstance(reply, list) and reply[: len(one.counts)] == one.counts
            )
        )

    def _tally(self, queue: str) -> Tally:
        tally = self._tallies.get(queue)
        if tally is None:
            tally = self._tallies[queue] = Tally()
        return tally

    def _ended(self, job: Job, which: int, seconds: float | None) -> None:
        tally, data = self._tally(job.queue), job.data
        tally.counts[which] += 1
        organization_id = data.get("organizationId") if isinstance(data, dict) else None
        if isinstance(organization_id, str):
            counts = tally.organizations.get(organization_id)
            if counts is None:
                counts = tally.organizations[organization_id] = [0] * len(COUNTED)
            counts[which] += 1
        if seconds is not None:
            tally.runs[bucket_of(seconds)] += 1
            tally.run_seconds += seconds
            if (ready_ms := job.ready_ms) is not None:
                waited = self._clock() - seconds - ready_ms / 1000
                tally.waits[bucket_of(waited)] += 1
                if waited > 0:  # the clocks of two machines differ, and a sum must not go back
                    tally.wait_seconds += waited

    def _postponed(self, job: Job, seconds: float) -> None:
        tally = self._tally(job.queue)
        tally.postponed += 1
        if (ready_ms := job.ready_ms) is not None:
            waited = self._clock() - seconds - ready_ms / 1000
            tally.waits[bucket_of(waited)] += 1
            if waited > 0:
                tally.wait_seconds += waited

    def _additions(self, tallies: dict[str, Tally], now: float) -> Iterator[_Addition]:
        for queue, tally in tallies.items():
            yield from self._rows(QUEUE_COUNTS, queue, None, now, tally.counts)
            yield from self._rows(QUEUE_TIMES, queue, None, now, [*tally.waits, *tally.runs])
            for organization_id, counts in tally.organizations.items():
                if self._tracked.is_tracked(organization_id):
                    yield from self._rows(ORGANIZATION_COUNTS, queue, organization_id, now, counts)

    def _rows(
        self, rows: Rows, queue: str, organization_id: str | None, now: float, counts: Sequence[int]
    ) -> Iterator[_Addition]:
        if not any(counts):
            return
        prefix = self._hub.prefix
        for one in (rows.fine, rows.coarse):
            block = one.block(now)
            key = redis_keys.statistics(queue, rows.kind, one.slot_seconds, block, organization_id, prefix=prefix)
            command = adding(key, rows.width, one, now, counts)
            yield _Addition(key, command, [count for count in counts if count], one.expires_ms(block))
