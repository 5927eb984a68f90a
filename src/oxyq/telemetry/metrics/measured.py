"""What was measured, as plain values: a metric's name, its labels, a number or a histogram."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from oxyq.telemetry.metrics.table import BY_NAME, METRICS, Where

Labels: TypeAlias = tuple[str, ...]

#: Sets of labels that a counter has at most; further ones are counted as `other`. A word of a stranger's must not be
#: able to fill our memory, or Prometheus's.
MOST_SETS: Final = 200


@dataclass(slots=True)
class Histogram:
    """Counts per bucket, the last for what is beyond all bounds, and the sum of all values."""

    counts: list[int]
    total: float = 0.0


Values: TypeAlias = Mapping[Labels, float | Histogram]
Measured: TypeAlias = Mapping[str, Values]
"""Values by metric; the labels are in the order of the table."""


def starts(where: Where) -> dict[str, Values]:
    """The counters that who tells these metrics tells from the beginning, at 0."""
    return {one.name: dict.fromkeys(one.starts, 0.0) for one in METRICS if one.where == where and one.starts}


def added(parts: Iterable[Measured]) -> dict[str, Values]:
    """All of these together; where several have one metric and labels, their sum."""
    sums = defaultdict[str, dict[Labels, float | Histogram]](dict)
    for part in parts:
        for metric, values in part.items():
            for labels, value in values.items():
                before = sums[metric].get(labels)
                sums[metric][labels] = value if before is None else _sum(before, value)
    return dict(sums)


def _sum(one: float | Histogram, other: float | Histogram) -> float | Histogram:
    if isinstance(one, Histogram) and isinstance(other, Histogram):
        counts = [first + second for first, second in zip(one.counts, other.counts, strict=True)]
        return Histogram(counts, one.total + other.total)
    assert not isinstance(one, Histogram) and not isinstance(other, Histogram)  # noqa: S101 - one metric, one kind
    return one + other


class Tally:
    """Counts since the process began. No locks: it belongs to the event loop."""

    def __init__(self) -> None:
        self._counters = defaultdict[str, dict[Labels, float]](dict)
        self._histograms = defaultdict[str, dict[Labels, Histogram]](dict)

    def count(self, metric: str, labels: Labels = (), amount: float = 1.0) -> None:
        """Add to a counter."""
        counter = self._counters[metric]
        known = labels if labels in counter or len(counter) < MOST_SETS else ("other",) * len(labels)
        counter[known] = counter.get(known, 0.0) + amount

    def observe(self, metric: str, value: float, labels: Labels = ()) -> None:
        """Add a value to a histogram; its labels are words of ours, so there are few."""
        bounds, values = BY_NAME[metric].bounds, self._histograms[metric]
        histogram = values.get(labels)
        if histogram is None:
            histogram = values[labels] = Histogram([0] * (len(bounds) + 1))
        histogram.counts[bisect_left(bounds, value)] += 1
        histogram.total += value

    def measured(self) -> dict[str, Values]:
        """All of it; it goes on to count in the same objects."""
        return {**self._counters, **self._histograms}
