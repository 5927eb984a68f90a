"""What Prometheus reads of jobs is what the recorder counted, also after it was flushed."""

import pytest

from oxyq.statistics.histogram import BUCKETS, bucket_of, mean
from oxyq.statistics.job_metrics import job_metrics
from oxyq.statistics.recorder import Tally
from oxyq.telemetry.metrics.measured import Histogram
from oxyq.telemetry.metrics.table import DURATIONS


@pytest.mark.parametrize("seconds", [0.0005, 0.001, 0.0011, 0.9, 1.024, 1.0241, 4000.0, 5000.0, 1e6])
def test_each_time_is_in_the_bucket_that_it_fits(seconds: float) -> None:
    tally = Tally()
    tally.runs[bucket_of(seconds)] += 1

    run = job_metrics({"message": tally})["oxyq_job_run_seconds"]["message",]

    assert isinstance(run, Histogram)
    [place] = [place for place, count in enumerate(run.counts) if count]
    assert place == next((number for number, end in enumerate(DURATIONS) if seconds <= end), len(DURATIONS))
    assert sum(run.counts) == 1


def test_all_of_what_was_counted_is_told() -> None:
    tally = Tally(
        counts=[5, 2, 3], waits=list(range(BUCKETS)), runs=list(range(BUCKETS)), postponed=7, wait_seconds=1.5,
        run_seconds=2.5,
    )  # fmt: skip
    tally.add(Tally(counts=[1, 0, 0], run_seconds=0.5, postponed=1))

    found = job_metrics({"message": tally})

    assert found["oxyq_jobs_total"] == {
        ("message", "completed"): 6, ("message", "failed"): 2, ("message", "retried"): 3, ("message", "postponed"): 8,
    }  # fmt: skip
    wait, run = (found[f"oxyq_job_{name}_seconds"]["message",] for name in ("wait", "run"))
    assert isinstance(wait, Histogram) and isinstance(run, Histogram)
    assert (sum(wait.counts), wait.total) == (sum(range(BUCKETS)), 1.5)
    assert (sum(run.counts), run.total) == (sum(range(BUCKETS)), 3.0)


def test_a_mean_out_of_buckets_is_off_by_a_fifth_at_most() -> None:
    counts, times = [0] * BUCKETS, [0.05 * number for number in range(1, 200)]
    for seconds in times:
        counts[bucket_of(seconds)] += 1

    assert mean(counts) == pytest.approx(sum(times) / len(times), rel=0.2)
    assert mean([0] * BUCKETS) is None
