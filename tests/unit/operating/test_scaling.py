"""Workers are wanted by the work that waits, and never more than the limit can keep busy."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oxyq.operating.scaling import Load

#: As in docs/how-to/metrics.md.
EXAMPLE = Load(
    ready=400, active=10, mean_run_seconds=0.2, slots=10, slots_per_worker=5, target_seconds=5.0, limit_per_second=100
)


def test_the_example_of_the_documentation() -> None:
    assert EXAMPLE.work_seconds == pytest.approx(80)
    assert EXAMPLE.drain_seconds == pytest.approx(8)
    assert EXAMPLE.wanted_workers == pytest.approx(4)


def test_a_thousand_short_jobs_are_less_work_than_ten_long_ones() -> None:
    short, long = (
        replace(EXAMPLE, ready=ready, mean_run_seconds=run, limit_per_second=1e6)
        for ready, run in ((1000, 0.005), (10, 8))
    )

    assert short.wanted_workers < long.wanted_workers


def test_under_a_steady_load_those_that_see_to_it_stay() -> None:
    assert replace(EXAMPLE, ready=0, active=20).wanted_workers == pytest.approx(4)


def test_an_idle_queue_wants_nobody() -> None:
    idle = replace(EXAMPLE, ready=0, active=0)

    assert (idle.wanted_workers, idle.drain_seconds) == (0, 0)


def test_without_workers_it_never_drains() -> None:
    assert replace(EXAMPLE, slots=0).drain_seconds == math.inf


def test_the_limit_decides_where_it_is_what_holds_up() -> None:
    limited = replace(EXAMPLE, limit_per_second=10, active=2)

    assert limited.wanted_workers == pytest.approx(2 / 5)  # 10 a second of 0.2 s each keep 2 places busy
    assert limited.drain_seconds == pytest.approx(40)


@given(
    ready=st.integers(0, 10**7),
    active=st.integers(0, 1000),
    run=st.floats(0.0001, 1e4),
    limit=st.floats(0.001, 1e6),
    more=st.integers(0, 10**6),
)
def test_more_work_never_wants_fewer_and_what_runs_is_never_sent_away(
    ready: int, active: int, run: float, limit: float, more: int
) -> None:
    load = replace(EXAMPLE, ready=ready, active=active, mean_run_seconds=run, limit_per_second=limit)

    assert load.wanted_workers >= active / load.slots_per_worker * (1 - 1e-9)
    assert replace(load, ready=ready + more).wanted_workers >= load.wanted_workers * (1 - 1e-9)
