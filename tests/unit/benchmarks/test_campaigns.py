"""The arithmetic of the question about campaigns."""

import pytest

from benchmarks.campaigns import second_of, slowest_second


def test_a_rate_is_regained_where_the_first_full_second_begins() -> None:
    # Given one send at first, and from 5 s on one each 100 ms
    moments = [2_000, *range(5_000, 8_000, 100)]

    assert second_of(10, moments) == 5_000
    assert second_of(10, list(reversed(moments))) == 5_000


def test_a_second_holds_no_moment_of_the_next() -> None:
    # Given eleven sends of which the last comes exactly a second after the first
    moments = list(range(0, 1_001, 100))

    assert second_of(10, moments) == 0
    assert second_of(11, moments) is None


def test_a_rate_that_is_never_reached_has_no_such_second() -> None:
    assert second_of(3, [0, 900, 1_800, 2_700]) is None
    assert second_of(3, [0, 1]) is None
    assert second_of(3, []) is None


def test_the_slowest_second_is_one_of_the_whole_seconds() -> None:
    # Given ten sends in the first second, two in the next, one in the half second that is left
    moments = [*range(10_000, 11_000, 100), 11_000, 11_999, 12_000]

    assert slowest_second(moments, 10_000, 12_500) == 2
    assert slowest_second(moments, 10_000, 13_000) == 1
    assert slowest_second(moments, 11_000, 12_000.9) == 2


def test_less_than_a_second_has_no_slowest_one() -> None:
    with pytest.raises(ValueError, match="empty"):
        slowest_second([10_000], 10_000, 10_999)
