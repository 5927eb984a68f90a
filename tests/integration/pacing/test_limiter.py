"""When a message may go out: one question, all limits, exact; what is promised is kept for whom it was promised."""

import asyncio
from dataclasses import replace
from itertools import pairwise

import pytest
import redis.asyncio

from oxyq.campaigns.eta import Pace
from oxyq.engine import Hub
from oxyq.gateways.base import Scope
from oxyq.limits import LaneLimits, NumberSettings, RateLimit, lane_limits
from oxyq.pacing.limiter import Go, Kind, Lane, Limiter, Planned, Used, Wait
from tests.integration.pacing.traffic import START_MS, limits_of

MINUTE_MS, DAY_MS = 60_000, 86_400_000
#: Midnight of the day of START_MS in São Paulo, at UTC-3.
MIDNIGHT_MS = START_MS - (START_MS - 3 * 3_600_000) % DAY_MS + DAY_MS
BULK: tuple[Kind, Kind] = ("automation", "campaign")


def lane(limits: LaneLimits, kind: Kind = "message", *, to: str | None = "5511999990001", number: str = "wa") -> Lane:
    return Lane("org", number, to, kind, limits)


async def went(limiter: Limiter, lane: Lane, count: int, *, at: int, held: bool = False) -> int:
    """How many of so many may go at once."""
    verdicts = [await limiter.go(lane, held_ms=at if held else None, now_ms=at) for _ in range(count)]
    return sum(isinstance(verdict, Go) for verdict in verdicts)


# --- without limits ----------------------------------------------------------------------------------------


async def test_without_limits_redis_is_not_asked() -> None:
    """There is no Redis at this address."""
    hub = Hub("redis://127.0.0.1:1")
    limiter, free = Limiter(hub), lane(limits_of())

    assert await limiter.go(free, now_ms=START_MS) == Go()
    assert await limiter.plan(free, 3, from_ms=7, until_ms=9, now_ms=5) == Planned([7, 7, 7], None, None)
    await limiter.refund(free, [7], now_ms=START_MS)
    assert await limiter.pace(free, now_ms=START_MS) == Pace()
    await hub.close()


async def test_one_question_is_one_round_trip(limiter: Limiter, redis_client: redis.asyncio.Redis) -> None:
    """However many limits there are; the server counts what it was asked from outside."""
    full = limits_of((100, 60), organization=(100, 60), daily=50, pair=RateLimit(max=10, per_seconds=60))
    campaign = lane(full, "campaign")
    await limiter.go(campaign, now_ms=START_MS)  # loads the script
    await limiter.plan(campaign, 1, from_ms=START_MS, until_ms=START_MS + MINUTE_MS, now_ms=START_MS)

    before = (await redis_client.info("commandstats"))["cmdstat_evalsha"]["calls"]
    await limiter.go(campaign, now_ms=START_MS)
    await limiter.plan(campaign, 100, from_ms=START_MS, until_ms=START_MS + MINUTE_MS, now_ms=START_MS)
    after = (await redis_client.info("commandstats"))["cmdstat_evalsha"]["calls"]

    assert after - before == 2


# --- the guard ---------------------------------------------------------------------------------------------


async def test_no_more_go_in_a_window_than_the_limit_and_the_next_when_the_first_is_out(limiter: Limiter) -> None:
    answers = lane(limits_of((1, 60)))

    assert await limiter.go(answers, now_ms=START_MS) == Go()
    assert await limiter.go(answers, now_ms=START_MS + 1) == Wait(START_MS + MINUTE_MS, "number limit", True)
    assert await limiter.go(answers, now_ms=START_MS + MINUTE_MS) == Go()


async def test_answers_leave_a_twentieth_to_what_else_is_to_go(limiter: Limiter) -> None:
    limits = limits_of((100, 60))

    assert await went(limiter, lane(limits), 200, at=START_MS) == 95
    assert await went(limiter, lane(limits, "campaign"), 20, at=START_MS, held=True) == 5


@pytest.mark.parametrize(("kind", "most"), [("automation", 90), ("campaign", 80)])
async def test_campaigns_leave_a_share_to_answers_and_reminders_half_of_it(
    limiter: Limiter, kind: Kind, most: int
) -> None:
    limits = limits_of((100, 60))

    assert await went(limiter, lane(limits, kind), 100, at=START_MS, held=True) == most
    assert await went(limiter, lane(limits), 100, at=START_MS) == 100 - most


async def test_the_tightest_level_decides(limiter: Limiter) -> None:
    """Two numbers of one organization: each has room, but together they have not."""
    limits = limits_of((10, 60), organization=(4, 60))

    one, other = lane(limits, number="wa-1"), lane(limits, number="wa-2")
    assert await went(limiter, one, 2, at=START_MS) == 2
    assert await went(limiter, other, 2, at=START_MS + 1) == 1
    assert await limiter.go(other, now_ms=START_MS + 2) == Wait(START_MS + MINUTE_MS, "organization limit", True)


async def test_one_person_gets_no_more_than_the_pair_limit_and_others_are_not_kept_back(limiter: Limiter) -> None:
    cloud = lane_limits("cloud", None, None, START_MS, "America/Sao_Paulo")

    assert await went(limiter, lane(cloud), 12, at=START_MS) == 10
    assert await limiter.go(lane(cloud), now_ms=START_MS + 5) == Wait(START_MS + MINUTE_MS, "pair limit", False)
    assert await limiter.go(lane(cloud, to="5511999990002"), now_ms=START_MS + 5) == Go()
    assert await limiter.go(lane(cloud, number="other"), now_ms=START_MS + 5) == Go()


async def test_who_waits_for_a_person_gets_a_time_at_which_the_number_has_room_too(limiter: Limiter) -> None:
    limits, later = limits_of((8, 60), pair=RateLimit(max=1, per_seconds=60)), START_MS + MINUTE_MS
    assert await limiter.go(lane(limits, "campaign"), held_ms=START_MS, now_ms=START_MS) == Go()
    await limiter.plan(lane(limits, "campaign"), 9, from_ms=later, until_ms=later + MINUTE_MS // 2, now_ms=START_MS)

    verdict = await limiter.go(lane(limits, "campaign"), held_ms=START_MS, now_ms=START_MS)

    assert isinstance(verdict, Wait) and (verdict.why, verdict.held) == ("pair limit", True)
    assert verdict.at_ms >= later + MINUTE_MS // 2


async def test_what_is_kept_waiting_comes_back_one_after_the_other(limiter: Limiter) -> None:
    answers = lane(limits_of((2, 60)))
    assert await limiter.go(answers, now_ms=START_MS) == Go()

    times = [verdict.at_ms for _ in range(3) if isinstance(verdict := await limiter.go(answers, now_ms=START_MS), Wait)]

    # One a minute; those behind the first a little slower, as a few ms of lateness add up.
    assert times == [START_MS + MINUTE_MS, START_MS + 121_200, START_MS + 182_400]


async def test_a_process_whose_clock_is_behind_counts_as_exactly(limiter: Limiter) -> None:
    """The ten of the fast clock stand for the slow one as well, for a whole window of its own."""
    answers, behind_ms = lane(limits_of((10, 60), answersShare=0)), 700
    fast, slow = START_MS, START_MS - behind_ms

    assert await went(limiter, answers, 5, at=fast) == 5
    assert await went(limiter, answers, 5, at=slow) == 4  # nine, and one for campaigns
    assert await went(limiter, answers, 1, at=fast + MINUTE_MS - 1) == 0
    assert await went(limiter, answers, 9, at=fast + MINUTE_MS) == 9


async def test_what_went_is_forgotten_when_its_window_is_over(
    limiter: Limiter, hub: Hub, redis_client: redis.asyncio.Redis
) -> None:
    """Every key has an end, so that a tenant who leaves leaves nothing."""
    limits = limits_of((100, 60), organization=(100, 60), daily=50, pair=RateLimit(max=10, per_seconds=60))
    gap = limits_of((100, 60), gapSeconds=[1, 2])
    for kind in ("message", "automation", "campaign"):
        await limiter.go(lane(limits, kind), now_ms=START_MS)
        await limiter.go(lane(gap, kind, number="gap"), now_ms=START_MS)
    await limiter.plan(lane(limits, "campaign"), 50, from_ms=START_MS, until_ms=START_MS + 9e9, now_ms=START_MS)
    await limiter.slow_down(lane(limits), "pair", START_MS + 1000, now_ms=START_MS)

    keys = [key async for key in redis_client.scan_iter(f"oxyq:{hub.prefix}:*")]

    assert len(keys) > 10
    assert all(key.startswith(f"oxyq:{hub.prefix}:org:org:pacing") for key in keys)
    lives_ms = {key: await redis_client.pttl(key) for key in keys}
    assert all(lives > 0 for lives in lives_ms.values())
    assert all(lives <= MINUTE_MS + 10_000 for key, lives in lives_ms.items() if key.endswith((":all", ":bulk")))


# --- the calendar ------------------------------------------------------------------------------------------


async def test_a_plan_spreads_times_and_says_when_there_would_be_more(limiter: Limiter) -> None:
    campaign = lane(limits_of((100, 60)), "campaign", to=None)

    planned = await limiter.plan(campaign, 200, from_ms=START_MS, until_ms=START_MS + MINUTE_MS, now_ms=START_MS)

    # 75 by the calendar and 5 by the reserve, 2 in a hundred slower than that, and one begun.
    assert 78 <= len(planned.times) <= 80
    assert planned.times == sorted(planned.times)
    assert planned.times[0] == START_MS and planned.times[-1] < START_MS + MINUTE_MS
    assert planned.next_ms is not None and planned.next_ms >= START_MS + MINUTE_MS
    assert planned.why == "number limit"


async def test_what_was_enough_says_nothing_of_more(limiter: Limiter) -> None:
    campaign = lane(limits_of((100, 60)), "campaign", to=None)

    planned = await limiter.plan(campaign, 5, from_ms=START_MS, until_ms=START_MS + MINUTE_MS, now_ms=START_MS)

    assert (len(planned.times), planned.next_ms, planned.why) == (5, None, None)


async def test_a_plan_ends_before_its_end(limiter: Limiter) -> None:
    campaign = lane(limits_of((100, 60)), "campaign", to=None)

    planned = await limiter.plan(campaign, 1, from_ms=START_MS, until_ms=START_MS, now_ms=START_MS)

    assert planned == Planned([], START_MS, None)


async def test_what_two_plans_are_promised_never_is_the_same(limiter: Limiter) -> None:
    campaign = lane(limits_of((100, 60), answersShare=0), "campaign", to=None)

    plans = await asyncio.gather(
        *(limiter.plan(campaign, 20, from_ms=START_MS, until_ms=START_MS + MINUTE_MS, now_ms=START_MS) for _ in "ab")
    )

    times = sorted(time for planned in plans for time in planned.times)
    slots = [time for time in times if time != START_MS]
    assert len(times) == 40 and len(set(slots)) == len(slots) >= 38


async def test_a_time_far_ahead_leaves_the_time_before_it_to_others(limiter: Limiter) -> None:
    campaign = lane(limits_of((100, 60), organization=(100, 60)), "campaign", to=None)
    tomorrow = START_MS + DAY_MS
    for _ in range(3):
        await limiter.plan(campaign, 20, from_ms=tomorrow, until_ms=tomorrow + MINUTE_MS, now_ms=START_MS)

    today = await limiter.plan(campaign, 80, from_ms=START_MS, until_ms=START_MS + MINUTE_MS, now_ms=START_MS)

    assert len(today.times) >= 78


async def test_a_wide_limit_keeps_for_others_what_a_narrow_one_leaves(limiter: Limiter) -> None:
    """A slow number plans far ahead; a fast one of the same organization fits in between."""
    organization = (100, 60)
    slow = lane(limits_of((8, 60), organization=organization), "campaign", to=None, number="slow")
    fast = lane(limits_of((100, 60), organization=organization), "campaign", to=None, number="fast")
    ends = START_MS + MINUTE_MS
    few = await limiter.plan(slow, 50, from_ms=START_MS, until_ms=ends, now_ms=START_MS)

    many = await limiter.plan(fast, 100, from_ms=START_MS, until_ms=ends, now_ms=START_MS)

    assert 5 <= len(few.times) <= 7
    assert 78 <= len(few.times) + len(many.times) <= 81


async def test_what_is_given_back_others_get(limiter: Limiter) -> None:
    campaign, ends = lane(limits_of((100, 60), daily=200), "campaign", to=None), START_MS + MINUTE_MS
    planned = await limiter.plan(campaign, 200, from_ms=START_MS, until_ms=ends, now_ms=START_MS)
    back = planned.times[10:30]

    await limiter.refund(campaign, back, now_ms=START_MS)
    await limiter.refund(campaign, back, now_ms=START_MS)  # a pause that was cut off, and is done once more
    again = await limiter.plan(campaign, 200, from_ms=START_MS, until_ms=ends, now_ms=START_MS)

    # What was promised by the reserve in between is not promised again.
    assert set(again.times) <= set(back) and len(again.times) >= 18
    used = await limiter.used(campaign, now_ms=START_MS)
    assert used.today == len(planned.times) - len(back) + len(again.times)


async def test_a_reminder_goes_now_or_holds_a_time(limiter: Limiter) -> None:
    reminder = lane(limits_of((8, 60)), "automation")
    verdicts = [await limiter.go(reminder, now_ms=START_MS) for _ in range(5)]

    waits = [verdict for verdict in verdicts if isinstance(verdict, Wait)]
    assert 1 <= len(waits) < 5
    assert all(wait.held and wait.why == "number limit" for wait in waits)
    for wait in waits:
        assert await limiter.go(reminder, held_ms=wait.at_ms, now_ms=wait.at_ms) == Go()


async def test_answers_go_although_all_times_are_promised(limiter: Limiter) -> None:
    limits = limits_of((100, 60))
    await limiter.plan(lane(limits, "campaign"), 500, from_ms=START_MS, until_ms=START_MS + 9e6, now_ms=START_MS)

    assert await went(limiter, lane(limits), 20, at=START_MS) == 20


async def test_a_number_with_random_gaps_never_looks_like_a_machine(limiter: Limiter) -> None:
    baileys = lane(lane_limits("baileys", None, None, START_MS, "America/Sao_Paulo"), "campaign", to=None)

    planned = await limiter.plan(baileys, 100, from_ms=START_MS, until_ms=START_MS + 30 * MINUTE_MS, now_ms=START_MS)

    gaps = [after - before for before, after in pairwise(planned.times)]
    assert all(8_000 <= gap <= 30_000 for gap in gaps)
    assert len(set(gaps)) > 50
    assert 30 * 60 / 30 <= len(gaps) + 1 <= 30 * 60 / 8


async def test_a_number_with_random_gaps_has_no_slots_besides(limiter: Limiter) -> None:
    campaign = lane(limits_of((8, 60), gapSeconds=[1, 2]), "campaign", to=None)

    planned = await limiter.plan(campaign, 20, from_ms=START_MS, until_ms=START_MS + MINUTE_MS, now_ms=START_MS)

    assert all(1_000 <= after - before <= 2_000 for before, after in pairwise(planned.times))


async def test_gaps_that_were_given_back_are_planned_anew(limiter: Limiter) -> None:
    baileys = lane(lane_limits("baileys", None, None, START_MS, "America/Sao_Paulo"), "campaign", to=None)
    ends = START_MS + MINUTE_MS * 10
    planned = await limiter.plan(baileys, 20, from_ms=START_MS, until_ms=ends, now_ms=START_MS)

    await limiter.refund(baileys, planned.times[3:], now_ms=START_MS)
    again = await limiter.plan(baileys, 1, from_ms=START_MS, until_ms=ends, now_ms=START_MS)

    assert 8_000 <= again.times[0] - planned.times[2] <= 30_000
    assert (await limiter.used(baileys, now_ms=START_MS)).today == 4


async def test_a_number_with_random_gaps_finds_room_in_its_organization(limiter: Limiter) -> None:
    settings, rate = NumberSettings(gateway="baileys"), RateLimit(max=10, per_seconds=60)
    tight = lane_limits("cloud", settings, rate, START_MS, "America/Sao_Paulo")
    ends = START_MS + 2 * MINUTE_MS

    plans = [
        await limiter.plan(lane(tight, "campaign", number=number), 50, from_ms=START_MS, until_ms=ends, now_ms=START_MS)
        for number in "abcdef"
    ]

    # Eight a minute: two are for answers.
    assert 14 <= sum(len(planned.times) for planned in plans) <= 17
    assert plans[-1].why == "organization limit"


# --- the day's budget --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", BULK)
async def test_when_the_budget_of_a_day_is_used_up_the_next_day_has_one(limiter: Limiter, kind: Kind) -> None:
    limits = limits_of((1000, 60), daily=5)
    sent = lane(limits, kind)

    planned = await limiter.plan(sent, 12, from_ms=START_MS, until_ms=START_MS + 3 * DAY_MS, now_ms=START_MS)

    days = [(time - MIDNIGHT_MS) // DAY_MS for time in planned.times]
    assert days == [-1] * 5 + [0] * 5 + [1] * 2
    assert (await limiter.used(sent, now_ms=START_MS)).today == 5
    waits = await limiter.go(sent, now_ms=START_MS)
    assert isinstance(waits, Wait) and (waits.why, waits.held) == ("daily budget", True)
    assert waits.at_ms >= MIDNIGHT_MS + DAY_MS
    assert await limiter.go(lane(limits), now_ms=START_MS) == Go()  # answers have no budget


async def test_beyond_the_days_that_are_known_nothing_is_promised(limiter: Limiter) -> None:
    sent = lane(limits_of((1000, 60), daily=2), "campaign", to=None)

    planned = await limiter.plan(sent, 100, from_ms=START_MS, until_ms=START_MS + 99 * DAY_MS, now_ms=START_MS)

    assert len(planned.times) == 16
    assert (planned.next_ms, planned.why) == (MIDNIGHT_MS + 7 * DAY_MS, "daily budget")


async def test_who_was_promised_the_last_minute_and_comes_after_midnight_counts_on_the_new_day(
    limiter: Limiter,
) -> None:
    settings, late = NumberSettings(daily=1), MIDNIGHT_MS + 200
    before = lane(lane_limits("simulator", settings, None, MIDNIGHT_MS - 1000, "America/Sao_Paulo"), "campaign")
    after = lane(lane_limits("simulator", settings, None, late, "America/Sao_Paulo"), "campaign")
    [promised] = (
        await limiter.plan(before, 1, from_ms=MIDNIGHT_MS - 50, until_ms=MIDNIGHT_MS, now_ms=MIDNIGHT_MS - 1000)
    ).times

    assert await limiter.go(after, held_ms=promised, now_ms=late) == Go()
    full = await limiter.go(after, held_ms=promised, now_ms=late)
    assert isinstance(full, Wait) and full.at_ms == MIDNIGHT_MS + DAY_MS and full.why == "daily budget"


async def test_another_time_on_the_same_day_uses_no_more_of_its_budget(limiter: Limiter) -> None:
    sent = lane(limits_of((1000, 60), daily=1), "campaign")
    assert (await limiter.plan(sent, 1, from_ms=START_MS, until_ms=START_MS + 1, now_ms=START_MS)).times == [START_MS]
    await limiter.slow_down(sent, "number", START_MS + 5000, now_ms=START_MS)

    verdict = await limiter.go(sent, held_ms=START_MS, now_ms=START_MS)

    assert isinstance(verdict, Wait) and verdict.at_ms - START_MS < 6000 and verdict.held
    assert (await limiter.used(sent, now_ms=START_MS)).today == 1
    assert await limiter.go(sent, held_ms=verdict.at_ms, now_ms=verdict.at_ms) == Go()


# --- slowing down ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scope", "goes"),
    [
        ("number", {"message": False, "automation": False, "campaign": False, "other person": False}),
        ("campaign", {"message": True, "automation": True, "campaign": False, "other person": True}),
        ("pair", {"message": False, "automation": False, "campaign": False, "other person": True}),
    ],
)
async def test_what_is_to_slow_down_waits_and_nothing_else(
    limiter: Limiter, scope: Scope, goes: dict[str, bool]
) -> None:
    limits, until = limits_of((1000, 60)), START_MS + 5000
    await limiter.slow_down(lane(limits), scope, until, now_ms=START_MS)

    kinds: tuple[Kind, ...] = ("message", "automation", "campaign")
    verdicts = {kind: await limiter.go(lane(limits, kind), held_ms=START_MS, now_ms=START_MS) for kind in kinds}
    verdicts["other person"] = await limiter.go(lane(limits, to="5511999990002"), now_ms=START_MS)  # type: ignore[index]

    assert {name: isinstance(verdict, Go) for name, verdict in verdicts.items()} == goes
    for verdict in verdicts.values():
        assert isinstance(verdict, Go) or (verdict.at_ms >= until and verdict.why == "slowed down")
    assert await limiter.go(lane(limits, number="other"), now_ms=START_MS) == Go()
    assert await limiter.go(lane(limits), now_ms=until) == Go()


async def test_plans_begin_after_it_and_those_who_had_a_time_get_others(limiter: Limiter) -> None:
    campaign, until = lane(limits_of((100, 60)), "campaign"), START_MS + 20_000
    before = await limiter.plan(campaign, 20, from_ms=START_MS, until_ms=START_MS + MINUTE_MS, now_ms=START_MS)
    await limiter.slow_down(campaign, "campaign", until, now_ms=START_MS)

    verdicts = [await limiter.go(campaign, held_ms=time, now_ms=START_MS + 10) for time in before.times]
    after = await limiter.plan(campaign, 5, from_ms=START_MS, until_ms=until, now_ms=START_MS)

    times = [verdict.at_ms for verdict in verdicts if isinstance(verdict, Wait) and verdict.held]
    assert len(set(times)) == 20 and min(times) >= until  # not all at once
    assert (after.times, after.why) == ([], "slowed down")
    assert after.next_ms is not None and after.next_ms >= until


async def test_a_shorter_pause_does_not_end_a_longer_one(limiter: Limiter) -> None:
    answers = lane(limits_of((100, 60)))
    await limiter.slow_down(answers, "number", START_MS + 9000, now_ms=START_MS)
    await limiter.slow_down(answers, "number", START_MS + 1000, now_ms=START_MS)

    assert await limiter.go(answers, now_ms=START_MS + 2000) == Wait(START_MS + 9000, "slowed down", False)
    assert (await limiter.used(answers, now_ms=START_MS)).slowed_until_ms == START_MS + 9000


async def test_the_later_of_two_reasons_to_wait_is_told(limiter: Limiter) -> None:
    answers = lane(limits_of((1, 60)))
    assert await limiter.go(answers, now_ms=START_MS) == Go()
    await limiter.slow_down(answers, "number", START_MS + 1000, now_ms=START_MS)

    assert await limiter.go(answers, now_ms=START_MS) == Wait(START_MS + MINUTE_MS, "number limit", True)


async def test_where_nothing_limits_a_number_this_process_remembers(limiter: Limiter) -> None:
    free = lane(limits_of())
    await limiter.slow_down(free, "number", START_MS + 1000, now_ms=START_MS)

    assert await limiter.go(free, now_ms=START_MS + 999) == Wait(START_MS + 1000, "slowed down", False)
    assert await limiter.go(free, now_ms=START_MS + 1000) == Go()


# --- for people who look -----------------------------------------------------------------------------------


async def test_it_tells_how_much_is_used_and_how_fast_campaigns_may_go(limiter: Limiter) -> None:
    limits = limits_of((100, 60), organization=(200, 60), daily=50)
    assert await went(limiter, lane(limits), 3, at=START_MS) == 3
    assert await went(limiter, lane(limits, "campaign"), 2, at=START_MS + 30_000, held=True) == 2

    assert await limiter.used(lane(limits), now_ms=START_MS + 30_000) == Used(5, 5, 0, None)
    assert await limiter.used(lane(limits), now_ms=START_MS + MINUTE_MS) == Used(2, 2, 0, None)
    assert await limiter.used(lane(limits_of()), now_ms=START_MS) == Used(None, None, None, None)
    pace = await limiter.pace(lane(limits, "campaign"), now_ms=START_MS)
    assert pace.per_second == pytest.approx(80 / 60 / 1.02, rel=0.001)
    assert (pace.per_day, pace.used_today) == ((50,) * 8, 0)
    gap = await limiter.pace(lane(replace(limits, gap_ms=(8_000, 30_000))), now_ms=START_MS)
    assert gap.per_second == pytest.approx(1 / 19)
