"""Schedules are pure data: the same for a seed, all faults in time, and never two on one thing at once."""

import pytest

from tests.chaos.lanes import LANES
from tests.chaos.schedule import FAULTS, schedule

SEEDS = range(60)


@pytest.mark.parametrize("lane", ["short", "long"])
def test_a_seed_is_always_the_same_run_however_many_jobs(lane: str) -> None:
    plans = [schedule(seed, LANES[lane], jobs=1_000) for seed in SEEDS]

    assert plans == [schedule(seed, LANES[lane], jobs=5_000) for seed in SEEDS]
    assert len({plan.strikes for plan in plans}) == len(SEEDS)


def test_every_fault_comes_up_and_redis_is_killed_with_both_kinds_of_file() -> None:
    plans = [schedule(seed, LANES["short"], jobs=1_000) for seed in SEEDS]

    assert {strike.fault for plan in plans for strike in plan.strikes} == {fault.name for fault in FAULTS}
    killed = {plan.appendfsync for plan in plans for strike in plan.strikes if strike.fault == "redis killed"}
    assert killed == {"always", "everysec"}


@pytest.mark.parametrize("lane", ["short", "long"])
def test_nothing_is_broken_twice_at_once_and_each_wave_is_followed_by_calm(lane: str) -> None:
    for seed in SEEDS:
        plan = schedule(seed, LANES[lane], jobs=1_000)
        for strike in plan.strikes:
            at_once = [other for other in plan.strikes if other.second <= strike.ends and other.ends >= strike.second]
            assert len({other.target for other in at_once}) == len(at_once), f"{plan}"
        assert plan.seconds >= max(strike.ends for strike in plan.strikes) + LANES[lane].resumed


def test_a_run_of_the_short_lane_is_short() -> None:
    assert max(schedule(seed, LANES["short"], jobs=1_000).seconds for seed in SEEDS) < 65
