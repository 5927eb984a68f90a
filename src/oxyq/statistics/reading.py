"""What was counted, as series and percentiles for charts."""

import asyncio
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from oxyq import redis_keys
from oxyq.engine.hub import Hub
from oxyq.statistics.histogram import BUCKETS, mean, percentile
from oxyq.statistics.rows import (
    COUNTED,
    ORGANIZATION_COUNTS,
    QUEUE_COUNTS,
    QUEUE_TIMES,
    Resolution,
    Rows,
    read,
    reading,
    stretches,
)
from oxyq.statistics.tracked import TrackedOrganizations

SpanName: TypeAlias = Literal["1h", "24h", "7d", "90d"]
_HOUR: Final = 3600
_DAY: Final = 24 * _HOUR
#: Days begin at midnight in Brasília, which has had no summer time since 2019.
_DAY_BEGINS: Final = 3 * _HOUR


@dataclass(frozen=True, slots=True)
class Span:
    """A time up to now, and the length of a point in its chart; `fine` says which counters have it."""

    seconds: int
    point_seconds: int
    fine: bool


SPANS: Final[dict[SpanName, Span]] = {
    "1h": Span(_HOUR, 60, fine=True),
    "24h": Span(_DAY, 20 * 60, fine=True),
    "7d": Span(7 * _DAY, 3 * _HOUR, fine=False),
    "90d": Span(90 * _DAY, _DAY, fine=False),
}


@dataclass(frozen=True, slots=True)
class Point:
    """What ended within one point of a chart that begins at `at_ms` (ms since 1970)."""

    at_ms: int
    completed: int
    failed: int
    retried: int


@dataclass(frozen=True, slots=True)
class Series:
    """The points of a span, oldest first; the last goes on.

    `is_counted`: False for an organization that is not counted by itself (tracked.MOST_ORGANIZATIONS); all are 0 then.
    """

    span: SpanName
    point_seconds: int
    points: Sequence[Point]
    is_counted: bool = True

    def total(self, what: Literal["completed", "failed", "retried"]) -> int:
        """All of it within the span."""
        return sum(int(getattr(point, what)) for point in self.points)


@dataclass(frozen=True, slots=True)
class Times:
    """How many were measured, and how long half, 95 % and 99 % of them took at most, in seconds; None without any."""

    count: int
    p50: float | None
    p95: float | None
    p99: float | None


@dataclass(frozen=True, slots=True)
class Percentiles:
    """How long jobs waited before they first ran, and how long their attempts ran."""

    wait: Times
    run: Times


class Statistics:
    """Reads what the workers counted; `clock` gives seconds since 1970. All raise QueueUnavailable."""

    def __init__(self, hub: Hub, queues: Collection[str], clock: Callable[[], float] = time.time) -> None:
        self._hub = hub
        self._queues = tuple(queues)
        self._clock = clock
        self._tracked = TrackedOrganizations(hub)

    async def throughput(self, queue: str | None, span: SpanName, organization_id: str | None = None) -> Series:
        """What ended within a span: in one queue or (None) all, of one organization or (None) all."""
        rows = QUEUE_COUNTS if organization_id is None else ORGANIZATION_COUNTS
        resolution = rows.fine if SPANS[span].fine else rows.coarse
        point_seconds = max(SPANS[span].point_seconds, resolution.slot_seconds)
        begin, until = self._bounds(SPANS[span], point_seconds, resolution)
        queues = self._queues if queue is None else (queue,)
        *all_counts, is_counted = await asyncio.gather(
            *(self._read(rows, resolution, one, organization_id, begin, until) for one in queues),
            self._is_counted(organization_id),
        )
        sums = [sum(row) for row in zip(*(counts for counts in all_counts if isinstance(counts, list)), strict=True)]
        points, width = list[Point](), point_seconds // resolution.slot_seconds * len(COUNTED)
        for number, start in enumerate(range(0, len(sums), width)):
            counted = (sum(sums[start + place : start + width : len(COUNTED)]) for place in range(len(COUNTED)))
            points.append(Point((begin + number * point_seconds) * 1000, *counted))
        return Series(span, point_seconds, points, bool(is_counted))

    async def percentiles(self, queue: str | None, span: SpanName) -> Percentiles:
        """How long jobs of one queue or (None) all took within a span."""
        resolution = QUEUE_TIMES.fine if SPANS[span].fine else QUEUE_TIMES.coarse
        begin, until = self._bounds(SPANS[span], resolution.slot_seconds, resolution)
        queues = self._queues if queue is None else (queue,)
        found = await asyncio.gather(*(self._read(QUEUE_TIMES, resolution, one, None, begin, until) for one in queues))
        width = QUEUE_TIMES.width
        sums = [sum(sum(counts[place::width]) for counts in found) for place in range(width)]
        return Percentiles(wait=_times(sums[:BUCKETS]), run=_times(sums[BUCKETS:]))

    async def counted_organizations(self) -> list[str]:
        """Those that are counted by themselves: a bounded number (tracked.MOST_ORGANIZATIONS)."""
        return await self._tracked.all()

    async def mean_run_seconds(self, queue: str) -> float | None:
        """How long attempts of a queue ran on average in the last 10 to 20 minutes, or else in the last hour.

        Off by a fifth at most; None when none ended.
        """
        resolution, width = QUEUE_TIMES.fine, QUEUE_TIMES.width
        begin, until = self._bounds(SPANS["1h"], resolution.slot_seconds, resolution)
        counts = await self._read(QUEUE_TIMES, resolution, queue, None, begin, until)
        rows = [counts[start + BUCKETS : start + width] for start in range(0, len(counts), width)]
        lately, hour = ([sum(row) for row in zip(*some, strict=True)] for some in (rows[-2:], rows))
        return mean(lately) or mean(hour)

    def _bounds(self, span: Span, point_seconds: int, resolution: Resolution) -> tuple[int, int]:
        """When the first point begins, and when the slot that runs now ends (s since 1970)."""
        now, shift = int(self._clock()), _DAY_BEGINS if point_seconds == _DAY else 0
        last = (now - shift) // point_seconds * point_seconds + shift
        until = now // resolution.slot_seconds * resolution.slot_seconds + resolution.slot_seconds
        return last - span.seconds + point_seconds, until

    async def _is_counted(self, organization_id: str | None) -> bool:
        return organization_id is None or await self._tracked.is_counted(organization_id)

    async def _read(
        self, rows: Rows, resolution: Resolution, queue: str, organization_id: str | None, begin: int, until: int
    ) -> list[int]:
        """The counters of every row from `begin` on: at most eight commands, sent together."""
        commands, prefix = self._hub.commands, self._hub.prefix
        await commands.ready()
        where = list(stretches(resolution, begin, until))
        replies = await asyncio.gather(
            *(
                commands.call(
                    *reading(
                        redis_keys.statistics(
                            queue, rows.kind, resolution.slot_seconds, one.block, organization_id, prefix=prefix
                        ),
                        rows.width,
                        one,
                    )
                )
                for one in where
            )
        )
        counters = list[int]()
        for one, reply in zip(where, replies, strict=True):
            counters += read(reply, rows.width, one)
        return counters


def _times(counts: Sequence[int]) -> Times:
    return Times(sum(counts), *(percentile(counts, share) for share in (0.5, 0.95, 0.99)))
