"""The promises of pacing, under traffic: no limit is ever exceeded, and none is left unused while work waits.

Several processes ask in turns, and each message comes up to 300 ms after its time. The seed is fixed.
"""

from collections.abc import AsyncIterator
from itertools import pairwise

import pytest

from oxyq.engine import Hub
from oxyq.limits import LaneLimits, Level, NumberSettings, lane_limits
from oxyq.pacing.limiter import Lane, Limiter
from tests.integration.pacing.traffic import START_MS, Traffic, limits_of

ENOUGH = 0.95
#: How long it takes until plans that were made before the first answers came are over, in seconds.
SETTLED_S = 240


@pytest.fixture
async def traffic(redis_url: str, prefix: str) -> AsyncIterator[Traffic]:
    """Three processes, each with connections of its own."""
    hubs = [Hub(redis_url, prefix=prefix) for _ in range(3)]
    yield Traffic([Limiter(hub) for hub in hubs], seed=20261123)
    for hub in hubs:
        await hub.close()


def lane(limits: LaneLimits, number: str = "wa") -> Lane:
    return Lane("org", number, None, "campaign", limits)


def level(limits: LaneLimits) -> Level:
    assert limits.number is not None
    return limits.number


def again_and_again(traffic: Traffic) -> float:
    """The part of campaigns' messages that were put off more than once after they had a time."""
    hops = traffic.hops()
    return sum(count for hop, count in hops.items() if hop > 1) / sum(hops.values())


RATES = {"100/min": ((100, 60), 900), "80/s": ((80, 1), 30), "8/min": ((8, 60), 7200)}


@pytest.mark.parametrize(("rate", "seconds"), RATES.values(), ids=RATES)
@pytest.mark.parametrize("campaigns", [1, 2])
async def test_campaigns_use_their_part_of_a_rate_and_never_more(
    traffic: Traffic, rate: tuple[int, int], seconds: int, campaigns: int
) -> None:
    limits = limits_of(rate)
    number = level(limits)
    for _ in range(campaigns):
        traffic.campaign(lane(limits))

    await traffic.run(seconds)

    assert traffic.most_in_a_window(number.window_ms) <= number.campaigns
    assert traffic.per_second() >= ENOUGH * number.campaigns / (number.window_ms / 1000)
    assert again_and_again(traffic) <= 0.01


@pytest.mark.parametrize("part", [0.1, 0.2, 0.5])
@pytest.mark.parametrize(
    ("rate", "seconds"), [((100, 60), 900), ((80, 1), 90), ((8, 60), 7200)], ids=["100/min", "80/s", "8/min"]
)
async def test_beside_answers_campaigns_use_what_is_left(
    traffic: Traffic, rate: tuple[int, int], part: float, seconds: int
) -> None:
    """Answers came before the campaigns, at an even pace; none of them waits."""
    limits = limits_of(rate)
    number = level(limits)
    per_second = number.most / (number.window_ms / 1000)
    begins_s = 150
    traffic.answers(lane(limits), per_second * part)
    traffic.campaign(lane(limits), from_ms=START_MS + begins_s * 1000)

    await traffic.run(begins_s + seconds)

    assert traffic.most_in_a_window(number.window_ms) <= number.most
    assert traffic.waited_ms("message") == 0
    everything = traffic.per_second(after_s=begins_s + 1)
    assert everything >= ENOUGH * number.campaigns / (number.window_ms / 1000)
    assert again_and_again(traffic) <= 0.01


@pytest.mark.parametrize(
    ("rate", "seconds", "enough"),
    [
        ((100, 60), 900, ENOUGH),
        ((8, 60), 7200, ENOUGH),
        # Four in a second, each up to 300 ms late: one in eight finds a window with four of them, and loses its time.
        ((80, 1), 30, 0.8),
    ],
)
@pytest.mark.parametrize("part", [1.0, 1.3])
async def test_when_answers_flood_campaigns_keep_their_twentieth(
    traffic: Traffic, rate: tuple[int, int], seconds: int, enough: float, part: float
) -> None:
    """Answers came before the campaign, as many as may go in all, or more."""
    limits = limits_of(rate)
    number = level(limits)
    per_second = number.most / (number.window_ms / 1000)
    traffic.answers(lane(limits), per_second * part)
    traffic.campaign(lane(limits), from_ms=START_MS + 90_000)

    await traffic.run(90 + seconds)

    assert traffic.most_in_a_window(number.window_ms) <= number.most
    assert traffic.per_second(after_s=95, kind="campaign") >= enough * 0.05 * per_second
    assert traffic.per_second(after_s=95) >= (0.9 if part > 1 else ENOUGH) * per_second
    assert again_and_again(traffic) <= 0.02


async def test_when_a_flood_is_over_campaigns_go_on_at_once(traffic: Traffic) -> None:
    limits, ebbs_s = limits_of((100, 60)), 600
    traffic.answers(lane(limits), 95 / 60, until_ms=START_MS + ebbs_s * 1000)
    traffic.campaign(lane(limits), from_ms=START_MS + 90_000)

    await traffic.run(ebbs_s + 180)

    # A minute until the last answers are out of the window, and half of one until campaigns plan again.
    assert traffic.per_second(after_s=ebbs_s + 90) >= ENOUGH * 80 / 60


async def test_answers_within_their_share_never_wait_even_all_at_once(traffic: Traffic) -> None:
    """Twenty of a hundred a minute, in one second, while a campaign uses all that it may."""
    limits = limits_of((100, 60))
    traffic.campaign(lane(limits))
    for minute in range(3, 10):
        begins_ms = START_MS + minute * 61_000
        traffic.answers(lane(limits), 20, from_ms=begins_ms, until_ms=begins_ms + 1000)

    await traffic.run(700)

    assert len([one for one in traffic.gone if one.kind == "message"]) >= 7 * 20
    assert traffic.waited_ms("message") == 0
    assert traffic.most_in_a_window(60_000) <= 100


async def test_when_answers_come_all_of_a_sudden_nothing_is_exceeded_and_it_settles(traffic: Traffic) -> None:
    """What was planned before they came is put off; a few minutes later nothing is any more."""
    limits = limits_of((100, 60))
    traffic.campaign(lane(limits))
    traffic.answers(lane(limits), 50 / 60, from_ms=START_MS + 120_000)

    await traffic.run(1500)

    assert traffic.most_in_a_window(60_000) <= 100
    assert traffic.waited_ms("message") == 0
    assert traffic.per_second(after_s=120 + SETTLED_S) >= ENOUGH * 80 / 60
    assert sum(count for hop, count in traffic.hops(after_s=120 + SETTLED_S).items() if hop) == 0
    assert again_and_again(traffic) <= 0.03


# --- several levels ----------------------------------------------------------------------------------------

LEVELS = {
    "organization tighter than its numbers": (limits_of((80, 60), organization=(100, 60)), 80, 900),
    "numbers tighter than their organization": (limits_of((40, 60), organization=(200, 60)), 64, 900),
    "both about as tight": (limits_of((50, 60), organization=(100, 60)), 80, 900),
    "few, the organization tighter": (limits_of((7, 60), organization=(8, 60)), 6, 7200),
    "few, the numbers tighter": (limits_of((8, 60), organization=(20, 60)), 12, 7200),
}


@pytest.mark.parametrize(("limits", "most", "seconds"), LEVELS.values(), ids=LEVELS)
async def test_the_tightest_level_is_used_and_none_is_exceeded(
    traffic: Traffic, limits: LaneLimits, most: int, seconds: int
) -> None:
    """Two numbers of one organization; `most` is what campaigns may send in a minute."""
    assert limits.organization is not None
    for number in ("wa-1", "wa-2"):
        traffic.campaign(lane(limits, number))

    await traffic.run(seconds)

    assert traffic.most_in_a_window(60_000) <= limits.organization.campaigns
    for number in ("wa-1", "wa-2"):
        assert traffic.most_in_a_window(60_000, number) <= level(limits).campaigns
    assert traffic.per_second() * 60 >= ENOUGH * most
    assert again_and_again(traffic) <= 0.01


async def test_answers_and_campaigns_of_two_numbers_share_their_organization(traffic: Traffic) -> None:
    limits = limits_of((80, 60), organization=(100, 60))
    for number in ("wa-1", "wa-2"):
        traffic.answers(lane(limits, number), 25 / 60)
        traffic.campaign(lane(limits, number), from_ms=START_MS + 150_000)

    await traffic.run(1050)

    assert traffic.most_in_a_window(60_000) <= 100
    assert traffic.waited_ms("message") == 0
    assert traffic.per_second(after_s=155) * 60 >= ENOUGH * 80
    assert again_and_again(traffic) <= 0.01


async def test_reminders_and_campaigns_share_a_calendar(traffic: Traffic) -> None:
    limits = limits_of((100, 60))
    traffic.campaign(lane(limits))
    traffic.campaign(lane(limits), kind="automation")

    await traffic.run(900)

    assert traffic.most_in_a_window(60_000) <= 80
    assert traffic.per_second() * 60 >= ENOUGH * 80


# --- numbers that look like people -------------------------------------------------------------------------


async def test_a_new_number_never_exceeds_its_day_and_warms_up(traffic: Traffic) -> None:
    """A week of a number on Baileys, with a campaign that would send without end."""
    settings = NumberSettings.model_validate({"gateway": "baileys", "connectedSince": "2026-11-23"})

    def today(now_ms: int) -> LaneLimits:
        return lane_limits("cloud", settings, None, now_ms, "America/Sao_Paulo")

    first = today(START_MS)
    traffic.campaign(lane(first), limits=today)

    await traffic.run(6.5 * 86_400)

    days = {day.name: traffic.count(day.starts_ms, day.ends_ms) for day in first.days[:6]}
    assert list(days.values()) == [day.most for day in first.days[:6]]
    assert traffic.most_in_a_window(60_000) <= 8
    times = sorted(one.at_ms for one in traffic.gone)
    assert min(after - before for before, after in pairwise(times)) >= 8_000 - 300


async def test_what_is_slowed_down_goes_on_afterwards_at_its_pace(traffic: Traffic) -> None:
    limits = limits_of((100, 60))
    traffic.campaign(lane(limits))
    await traffic.run(100)
    slowed_ms = traffic.now_ms
    await traffic.limiters[0].slow_down(lane(limits), "number", slowed_ms + 90_000, now_ms=slowed_ms)

    await traffic.run(900)

    assert traffic.count(slowed_ms, slowed_ms + 90_000) == 0
    assert traffic.most_in_a_window(60_000) <= 80
    assert traffic.per_second(after_s=190 + 60) * 60 >= ENOUGH * 80
    assert again_and_again(traffic) <= 0.01
