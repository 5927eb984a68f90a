"""The arithmetic of the benchmarks."""

import pytest

from benchmarks.figures import (
    OURS,
    Bar,
    Figure,
    Measured,
    judge,
    most_in_any_window,
    paired_ratio,
    percentile,
    steady_rate,
)

SPEED = Figure("speed", "Speed", "jobs/s")
LATENCY = Figure("latency", "Latency", "ms", higher_is_better=False)


def measured(figure: Figure, **values: list[float]) -> Measured:
    """A figure with these rounds."""
    return Measured(figure, {name: dict(enumerate(rounds)) for name, rounds in values.items()})


def test_a_ratio_is_the_median_of_the_ratios_within_the_rounds() -> None:
    # Given a machine that was ten times as fast in the second round, for both
    ours, theirs = {0: 20.0, 1: 300.0, 2: 40.0}, {0: 10.0, 1: 100.0, 2: 10.0}

    assert paired_ratio(ours, theirs) == 3.0


def test_rounds_that_only_one_of_them_has_do_not_count() -> None:
    assert paired_ratio({0: 20.0, 1: 999.0}, {0: 10.0, 2: 1.0}) == 2.0
    assert paired_ratio({0: 20.0}, {1: 10.0}) is None
    assert paired_ratio({}, {}) is None


def test_a_median_is_of_all_rounds_of_one_contestant() -> None:
    one = measured(SPEED, ours=[3.0, 100.0, 5.0])

    assert one.median(OURS) == 5.0
    assert one.median("nobody") is None


def test_the_best_opponent_is_the_one_with_the_best_median() -> None:
    assert measured(SPEED, a=[1.0, 9.0, 9.0], b=[5.0, 5.0, 5.0]).best(["a", "b", "absent"]) == "a"
    assert measured(LATENCY, a=[1.0, 9.0, 9.0], b=[5.0, 5.0, 5.0]).best(["a", "b"]) == "b"
    assert measured(SPEED).best(["a"]) is None


@pytest.mark.parametrize(
    ("bar", "ours", "theirs", "word"),
    [
        (Bar(SPEED, 2.0, 4.0, ("node",)), 39.0, 10.0, "met"),
        (Bar(SPEED, 2.0, 4.0, ("node",)), 40.0, 10.0, "met, and the aim"),
        (Bar(SPEED, 2.0, 4.0, ("node",)), 19.0, 10.0, "**missed**"),
        (Bar(LATENCY, 0.6, 0.3, ("node",)), 5.0, 10.0, "met"),
        (Bar(LATENCY, 0.6, 0.3, ("node",)), 7.0, 10.0, "**missed**"),
        (Bar(LATENCY, 2.0, 1.0), 2.0, 10.0, "met"),
        (Bar(LATENCY, 2.0, 1.0), 2.1, 10.0, "**missed**"),
    ],
)
def test_a_bar_is_met_from_the_side_its_figure_has(bar: Bar, ours: float, theirs: float, word: str) -> None:
    assert judge(bar, measured(bar.figure, ours=[ours], node=[theirs])).word == word


def test_a_bar_against_many_is_held_against_the_best_of_them() -> None:
    verdict = judge(
        Bar(SPEED, 3.0, 5.0, ("slow", "fast", "absent")), measured(SPEED, ours=[30.0], slow=[1.0], fast=[10.0])
    )

    assert (verdict.opponent, verdict.value) == ("fast", 3.0)


def test_what_was_not_measured_is_not_met() -> None:
    assert judge(Bar(SPEED, 3.0, 5.0, ("node",)), measured(SPEED, ours=[30.0])).word == "not measured"
    assert judge(Bar(SPEED, 3.0, 5.0), measured(SPEED)).word == "not measured"


def test_a_percentile_is_the_smallest_value_that_so_many_do_not_exceed() -> None:
    values = [float(number) for number in range(100, 0, -1)]

    assert [percentile(values, share) for share in (0.0, 0.5, 0.95, 0.99, 1.0)] == [1.0, 50.0, 95.0, 99.0, 100.0]
    assert percentile([7.0], 0.99) == 7.0
    with pytest.raises(ValueError, match="nothing"):
        percentile([], 0.5)


def test_a_rate_leaves_out_the_warming_up() -> None:
    # Given a slow first event, then one each 100 microseconds
    moments = [0, *range(1_000_000, 1_000_900, 100)]

    assert steady_rate(moments, skip=0.1) == 10_000.0
    assert steady_rate(list(reversed(moments)), skip=0.1) == 10_000.0
    with pytest.raises(ValueError, match="too few"):
        steady_rate([5], skip=0.1)


def test_a_window_may_begin_anywhere() -> None:
    # Given three starts at the end of one second and three at the beginning of the next
    moments = [0, 900_000, 950_000, 1_000_000, 1_050_000, 3_000_000]

    assert most_in_any_window(moments, 1_000_000) == 4
    assert most_in_any_window(moments, 60_000) == 2
    assert most_in_any_window([], 1_000) == 0
