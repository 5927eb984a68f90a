"""Pauses between attempts."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oxyq.engine.backoff import LONGEST_BACKOFF_MS, Backoff, BackoffRules
from oxyq.engine.job import Job
from oxyq.engine.settlement import RawJob

NO_JITTER = BackoffRules(default_jitter=0)
ERROR = ValueError("boom")


def job(backoff: object, attempt: int = 1) -> Job:
    """A job at its `attempt`th attempt, with such a backoff option."""
    options = json.dumps({"attempts": 50, "backoff": backoff}).encode()
    fields = {b"name": b"n", b"data": b"{}", b"opts": options, b"atm": str(attempt - 1).encode()}
    return Job(RawJob("j", "t", fields), "work", None)


@pytest.mark.parametrize(
    ("backoff", "pauses"),
    [
        ({"type": "exponential", "delay": 2000}, [2000, 4000, 8000, 16_000]),
        ({"type": "exponential", "delay": 1}, [1, 2, 4, 8]),
        ({"type": "fixed", "delay": 500}, [500, 500, 500, 500]),
        (500, [500, 500, 500, 500]),
        (None, [0, 0, 0, 0]),
        (False, [0, 0, 0, 0]),
        (0, [0, 0, 0, 0]),
        ({"type": "exponential", "delay": 0}, [0, 0, 0, 0]),
        # What other producers write by mistake: never later than a sane pause, never an error.
        ({"type": "exponential", "delay": "2000"}, [2000, 4000, 8000, 16_000]),
        ({"type": "exponential"}, [0, 0, 0, 0]),
        ({"type": "fixed", "delay": -5}, [0, 0, 0, 0]),
        ({"type": "fixed", "delay": None}, [0, 0, 0, 0]),
        ({"type": "unheard-of", "delay": 10}, [10, 20, 40, 80]),
        ({"type": None, "delay": 10}, [10, 20, 40, 80]),
        ({"type": ["x"], "delay": 10}, [10, 20, 40, 80]),
        ({"delay": 10}, [10, 20, 40, 80]),
        ("2000", [2000, 2000, 2000, 2000]),
        (True, [0, 0, 0, 0]),
        ([], [0, 0, 0, 0]),
    ],
    ids=str,
)
def test_pause_before_each_attempt(backoff, pauses):
    assert [NO_JITTER.delay_ms(job(backoff, attempt), ERROR) for attempt in range(1, 5)] == pauses


@pytest.mark.parametrize("attempt", [40, 49, 5000])
@pytest.mark.parametrize("delay", [1, 2000, 10**9])
def test_pause_stays_a_date_however_many_attempts(attempt, delay):
    pause = NO_JITTER.delay_ms(job({"type": "exponential", "delay": delay}, attempt), ERROR)

    assert pause <= LONGEST_BACKOFF_MS


@pytest.mark.parametrize("delay", [10**15, 1e300])
def test_fixed_pause_stays_a_date_too(delay):
    assert NO_JITTER.delay_ms(job({"type": "fixed", "delay": delay}), ERROR) <= LONGEST_BACKOFF_MS


@given(
    st.floats(0, 1),
    st.integers(0, 100_000),
    st.integers(1, 12),
    st.sampled_from(["exponential", "fixed"]),
)
def test_jitter_only_shortens_and_by_no_more_than_its_share(jitter, delay, attempt, kind):
    backoff = {"type": kind, "delay": delay, "jitter": jitter}
    whole = delay if kind == "fixed" else delay * 2 ** (attempt - 1)

    pause = NO_JITTER.delay_ms(job(backoff, attempt), ERROR)

    assert int(whole * (1 - jitter)) - 1 <= pause <= whole


@pytest.mark.parametrize("jitter", [-1, 2, "much", None, True, [0.5]])
def test_jitter_that_makes_no_sense_keeps_the_pause_in_bounds(jitter):
    backoff = {"type": "fixed", "delay": 1000, "jitter": jitter}

    for _ in range(50):
        assert 0 <= BackoffRules(default_jitter=0.2).delay_ms(job(backoff), ERROR) <= 1000


def test_jobs_that_say_nothing_get_the_jitter_of_the_worker():
    rules = BackoffRules(default_jitter=0.5)

    pauses = {rules.delay_ms(job({"type": "fixed", "delay": 10_000}), ERROR) for _ in range(100)}

    assert len(pauses) > 50
    assert 5000 <= min(pauses) <= max(pauses) <= 10_000


def test_strategy_is_asked_with_the_attempt_the_error_and_the_job():
    asked = []

    def strategy(attempt, error, job):
        asked.append((attempt, error, job.id))
        return 12.9

    rules = BackoffRules({"mine": strategy})

    assert rules.delay_ms(job({"type": "mine", "delay": 1}, 3), ERROR) == 12
    assert asked == [(3, ERROR, "j")]


def test_strategy_may_stand_in_for_a_known_kind_and_is_bounded():
    rules = BackoffRules({"exponential": lambda attempt, error, job: 10**15})

    assert rules.delay_ms(job({"type": "exponential", "delay": 1}), ERROR) == LONGEST_BACKOFF_MS


def test_option_is_written_in_bullmqs_words():
    assert Backoff("fixed", 500, 0.1).option() == {"type": "fixed", "delay": 500, "jitter": 0.1}
    assert Backoff().option() == {"type": "exponential", "delay": 2000, "jitter": 0.2}
