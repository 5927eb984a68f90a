"""Percentiles out of fixed buckets are near the truth, however the times lie."""

import random

import pytest

from oxyq.statistics.histogram import BOUNDS, BUCKETS, bucket_of, percentile


def counted(times: list[float]) -> list[int]:
    counts = [0] * BUCKETS
    for seconds in times:
        counts[bucket_of(seconds)] += 1
    return counts


@pytest.mark.parametrize(
    ("seconds", "bucket"),
    [(-3.0, 0), (0.0, 0), (0.001, 0), (0.0011, 1), (1.0, 20), (20_000.0, 49), (1e9, 49)],
)
def test_every_time_has_its_bucket(seconds: float, bucket: int) -> None:
    assert bucket_of(seconds) == bucket


def test_the_buckets_reach_from_a_millisecond_to_hours() -> None:
    assert BOUNDS[0] == 0.001
    assert 4 * 3600 < BOUNDS[-1] < 6 * 3600


def test_nothing_counted_has_no_percentile() -> None:
    assert percentile([0] * BUCKETS, 0.95) is None


@pytest.mark.parametrize("share", [0.5, 0.95, 0.99])
@pytest.mark.parametrize("kind", ["even", "exponential", "two humps", "all the same"])
def test_a_percentile_is_off_by_a_fifth_at_most(share: float, kind: str) -> None:
    dice = random.Random(7)
    times = {
        "even": [dice.uniform(0.1, 2.0) for _ in range(5_000)],
        "exponential": [dice.expovariate(5) + 0.002 for _ in range(5_000)],
        "two humps": [dice.choice((dice.gauss(0.05, 0.005), dice.gauss(8.0, 0.5))) for _ in range(5_001)],
        "all the same": [0.3] * 5_000,
    }[kind]
    true = sorted(times)[int(share * len(times))]

    found = percentile(counted(times), share)

    assert found == pytest.approx(true, rel=0.2)


def test_what_is_longer_than_all_buckets_is_told_as_their_end() -> None:
    assert percentile(counted([1e9]), 0.99) == BOUNDS[-1]
