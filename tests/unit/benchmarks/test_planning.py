"""The simulation gives what queueing theory says where theory has a formula, and the same each time."""

import pytest

from benchmarks.planning.__main__ import PAGE, plans_of_the_page
from benchmarks.planning.simulation import (
    Service,
    Stations,
    Waits,
    erlang_c_wait,
    simulate,
    spread,
    zipf_weights,
)
from benchmarks.planning.sizing import BUSY, measured_costs, plan
from benchmarks.planning.wanted import Wanted

SECONDS = 600.0


def _alone(rate: float, servers: int, service: float, seed: int = 1) -> Waits:
    """One organization, single messages, a gateway that takes exponential time, everything else at once: M/M/c."""
    return simulate(
        rate, SECONDS, Stations(1, 1, servers), Service(0, 0, service), burst=1.0, weights=[1.0], placed=[0], seed=seed
    )


@pytest.mark.parametrize(("rate", "servers"), [(7.0, 1), (30.0, 4)])
def test_the_mean_wait_is_erlangs(rate: float, servers: int) -> None:
    found = [_alone(rate, servers, 0.1, seed).mean for seed in range(4)]
    assert sum(found) / 4 == pytest.approx(erlang_c_wait(rate, 0.1, servers), rel=0.2)


def test_jobs_in_the_queue_are_rate_times_wait() -> None:
    """Little's law, on one run: how many wait at a moment, against the rate and the mean wait."""
    waits = _alone(30.0, 4, 0.1)
    rate = len(waits.came) / SECONDS
    at_moments = [
        sum(came + wait > moment for came, wait in zip(waits.came, waits.queue, strict=True) if came <= moment)
        for moment in (SECONDS * (number + 0.5) / 200 for number in range(200))
    ]
    assert sum(at_moments) / len(at_moments) == pytest.approx(rate * waits.mean, rel=0.3)


def test_bursts_make_jobs_wait_longer_and_the_rate_stays() -> None:
    def waits(burst: float) -> Waits:
        return simulate(
            30, SECONDS, Stations(1, 4, 4), Service(0, 0.001, 0.1), burst=burst, weights=[1.0], placed=[0], seed=1
        )

    alone, bursts = waits(1.0), waits(10.0)
    assert len(bursts.queue) == pytest.approx(len(alone.queue), rel=0.05)
    assert bursts.percentile(0.95) > 1.5 * alone.percentile(0.95)


def test_the_same_seed_is_the_same_run() -> None:
    assert _alone(30, 4, 0.1).queue == _alone(30, 4, 0.1).queue
    assert _alone(30, 4, 0.1).queue != _alone(30, 4, 0.1, seed=2).queue


def test_organizations_are_spread_evenly_and_the_largest_is_no_shard_s_doom() -> None:
    weights = zipf_weights(10_000, 0.8)
    placed, loads = spread(weights, 8), [0.0] * 8
    for weight, shard in zip(weights, placed, strict=True):
        loads[shard] += weight
    assert max(loads) < 1.05 / 8


def test_a_plan_leaves_room_and_grows_with_what_is_wanted() -> None:
    costs = measured_costs()
    small, large = (plan(Wanted(1_000, messages), costs, seconds=5) for messages in (1_000_000, 50_000_000))
    assert large.redis_cores / large.shards <= BUSY
    assert large.memory_gb == pytest.approx(
        50 * small.memory_gb, rel=0.5
    )  # what is kept of organizations and chats does not grow along
    assert large.self_hosted_dollars > small.self_hosted_dollars
    assert large.shards > small.shards


def test_the_page_has_the_table_that_is_made_now() -> None:
    """Remake it with: python -m benchmarks.planning --docs."""
    assert plans_of_the_page() in PAGE.read_text(encoding="utf-8")
