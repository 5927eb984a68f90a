"""Looks at a counter become a rate, whoever looks and however often."""

import pytest

from oxyq.operating.command_rate import CommandCounter, CommandRate


def test_first_look_gives_the_mean_since_redis_started():
    assert CommandCounter().look(now=5_000, total=1_000, up_seconds=7_200) == CommandRate(500, 7_200, 1_000)


def test_redis_that_has_just_started_has_no_rate():
    assert CommandCounter().look(now=5_000, total=30, up_seconds=0) is None


def test_later_looks_give_the_rate_since_the_first():
    counter = CommandCounter()
    counter.look(now=0, total=1_000_000, up_seconds=86_400)

    assert counter.look(now=120, total=1_000_200, up_seconds=86_520) == CommandRate(6_000, 120, 200)


def test_only_the_last_hour_counts():
    counter = CommandCounter()
    for minute in range(120):  # a busy hour, then a quiet one
        busy = min(minute, 60)
        rate = counter.look(now=minute * 60, total=busy * 1_000 + (minute - busy) * 10, up_seconds=minute * 60)

    assert rate is not None
    assert rate.over_seconds == pytest.approx(3_600, abs=61)
    assert rate.per_hour == pytest.approx(600, abs=1_100)  # the edge of the window may hold one busy minute


def test_looks_in_quick_succession_do_not_push_out_the_older_ones():
    counter = CommandCounter()
    counter.look(now=0, total=0, up_seconds=10_000)
    for second in range(1, 1_000):
        rate = counter.look(now=second, total=second, up_seconds=10_000 + second)

    assert rate == CommandRate(3_600, 999, 999)


def test_redis_that_started_anew_is_counted_anew():
    counter = CommandCounter()
    counter.look(now=0, total=5_000_000, up_seconds=86_400)

    assert counter.look(now=600, total=100, up_seconds=100) == CommandRate(3_600, 100, 100)


@pytest.mark.parametrize(
    ("rate", "is_beyond"),
    [
        (CommandRate(per_hour=900_000, over_seconds=6, count=1_500), False),  # a start
        (CommandRate(per_hour=3_600_000, over_seconds=20, count=20_001), True),  # the whole hour's in 20 seconds
        (CommandRate(per_hour=20_001, over_seconds=60, count=334), True),
        (CommandRate(per_hour=20_000, over_seconds=3_600, count=20_000), False),
    ],
)
def test_budget_is_overdrawn_by_what_was_used_or_by_a_rate_that_has_lasted(rate, is_beyond):
    assert rate.is_beyond(20_000) is is_beyond
