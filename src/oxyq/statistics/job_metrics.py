"""What the recorder counted since the process began, as metrics: it counts each job anyway, so this costs none."""

from collections.abc import Iterator, Mapping, Sequence

from oxyq.statistics.recorder import Tally
from oxyq.statistics.rows import COUNTED
from oxyq.telemetry.metrics.measured import Histogram, Labels, Values
from oxyq.telemetry.metrics.table import DURATIONS


def job_metrics(totals: Mapping[str, Tally]) -> dict[str, Values]:
    """The metrics of these totals, by queue."""
    return {
        "oxyq_jobs_total": {labels: count for queue, tally in totals.items() for labels, count in _jobs(queue, tally)},
        "oxyq_job_wait_seconds": {
            (queue,): _histogram(tally.waits, tally.wait_seconds) for queue, tally in totals.items()
        },
        "oxyq_job_run_seconds": {
            (queue,): _histogram(tally.runs, tally.run_seconds) for queue, tally in totals.items()
        },
    }


def _jobs(queue: str, tally: Tally) -> Iterator[tuple[Labels, int]]:
    for outcome, count in zip(COUNTED, tally.counts, strict=True):
        yield (queue, outcome), count
    yield (queue, "postponed"), tally.postponed


def _histogram(counts: Sequence[int], seconds: float) -> Histogram:
    """Two of the statistics' buckets in one: each of ours ends where every second of theirs does."""
    inner = [sum(counts[2 * step - 1 : 2 * step + 1]) for step in range(1, len(DURATIONS))]
    return Histogram([counts[0], *inner, sum(counts[2 * len(DURATIONS) - 1 :])], seconds)
