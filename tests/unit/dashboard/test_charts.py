"""Bars are as high as what they stand for, and what failed is seen however little it is."""

import re

import pytest

from oxyq.dashboard.charts import HEIGHT, bars
from oxyq.statistics.reading import Point, Series


def drawn(*points: tuple[int, int]):
    return bars(Series("1h", 60, [Point(60_000 * n, done, failed, 0) for n, (done, failed) in enumerate(points)]))


def spans(path: str) -> list[tuple[float, float, float]]:
    """(left, bottom, top) of each bar of a path."""
    return [tuple(float(one) for one in found) for found in re.findall(r"M([\d.]+) ([\d.]+)V([\d.]+)h", path)]


def test_nothing_is_an_empty_drawing_with_a_scale() -> None:
    chart = drawn((0, 0), (0, 0))

    assert (chart.done, chart.failed, chart.top, chart.width, chart.is_empty) == ("", "", 2, 20, True)


def test_a_bar_is_as_high_as_its_number_and_failures_stand_on_it() -> None:
    chart = drawn((50, 0), (0, 0), (60, 40))

    assert chart.top == 100
    assert spans(chart.done) == [(1, 100, 50), (21, 100, 40)]
    assert spans(chart.failed) == [(21, 40, 0)]


def test_one_failure_among_thousands_is_seen() -> None:
    [(_, bottom, top)] = spans(drawn((999_999, 1)).failed)

    assert bottom - top == pytest.approx(2.0, abs=0.01)
    assert top >= 0


def test_no_bar_leaves_the_drawing() -> None:
    for many in (1, 7, 99, 100, 12_345):
        for _, bottom, top in spans(drawn((many, many // 2), (0, many)).failed):
            assert 0 <= top < bottom <= HEIGHT


@pytest.mark.parametrize(
    ("most", "top"),
    [(0, 2), (1, 2), (2, 2), (3, 4), (5, 6), (7, 8), (9, 10), (11, 12), (13, 16), (17, 20), (21, 30), (41, 60),
     (99, 100), (100, 100), (101, 120), (12_345, 16_000), (999_999, 1_000_000)],
)  # fmt: skip
def test_the_scale_ends_at_a_number_whose_half_is_whole(most: int, top: int) -> None:
    assert drawn((most, 0)).top == top


def test_marks_are_the_first_point_and_each_third() -> None:
    assert [mark.at_ms // 60_000 for mark in drawn(*[(1, 0)] * 60).marks] == [0, 20, 40]


def test_the_script_gets_what_the_page_has() -> None:
    chart = drawn((3, 1), (0, 0))

    assert chart.to_json() == {
        "first": 0, "step": 60_000, "top": 4, "done": chart.done, "failed": chart.failed,
        "points": [[3, 1, 0], [0, 0, 0]],
    }  # fmt: skip
