"""Looks at counters become a rate of just now, whoever looks and however often."""

import pytest

from oxyq.operating.finish_rate import Finished, FinishRates


def looks(*at: tuple[float, int]) -> Finished | None:
    """The rate after looks at these times, at which so many jobs were completed, and a tenth as many failed."""
    rates = FinishRates()
    found = None
    for now, completed in at:
        found = rates.look(now, {"message": Finished(completed, completed / 10)})["message"]
    return found


def test_the_first_look_knows_nothing() -> None:
    assert looks((100.0, 5_000)) is None


def test_two_looks_are_a_rate() -> None:
    assert looks((100.0, 5_000), (102.0, 5_100)) == Finished(50.0, 5.0)


def test_the_rate_is_that_of_about_ten_seconds() -> None:
    busy = [(100.0 + second, 1_000 * second) for second in range(30)]
    quiet = [(130.0 + second, 30_000) for second in range(12)]

    assert looks(*busy) == Finished(1_000.0, 100.0)
    assert looks(*busy, *quiet) == Finished(0.0, 0.0)


def test_what_was_seen_long_ago_says_nothing_about_now() -> None:
    assert looks((100.0, 5_000), (161.0, 9_000)) is None


def test_looks_of_many_at_once_are_one() -> None:
    assert looks((100.0, 0), (104.0, 200), (104.125, 200), (104.25, 170)) == Finished(40.0, 4.0)


@pytest.mark.parametrize("now", [Finished(3, 9), Finished(9, 3)])
def test_a_queue_that_was_emptied_counts_anew(now: Finished) -> None:
    rates = FinishRates()
    rates.look(100.0, {"message": Finished(5, 5)})

    assert rates.look(102.0, {"message": now})["message"] is None


def test_a_queue_that_is_new_has_no_rate_yet() -> None:
    rates = FinishRates()
    rates.look(100.0, {"message": Finished(1, 0)})

    assert rates.look(101.0, {"message": Finished(1, 0), "campaign": Finished(1, 0)})["campaign"] is None
