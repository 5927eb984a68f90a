"""When a campaign will be through: as if every message had been sent, without sending one."""

import time
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oxyq.campaigns.eta import Estimate, Pace, estimate
from oxyq.jobs import parse_new
from oxyq.sending_hours import COMMERCIAL, SendingHours, closes_at, next_open

SAO_PAULO, MANAUS, RIO_BRANCO, NEW_YORK = (
    "America/Sao_Paulo", "America/Manaus", "America/Rio_Branco", "America/New_York"
)  # fmt: skip
MINUTE_MS = 60_000


def at(written: str, zone: str = SAO_PAULO) -> int:
    return int(datetime.fromisoformat(written).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


MONDAY_10 = at("2026-11-23 10:00")


def eta(
    waiting: dict[str, int],
    pace: Pace,
    hours: SendingHours | None = COMMERCIAL,
    *,
    now_ms: int = MONDAY_10,
    time_zone: str = SAO_PAULO,
    measured: float = 1000,
) -> Estimate:
    return estimate(now_ms, waiting, pace, hours, time_zone=time_zone, measured_per_second=measured)


# --- stories -----------------------------------------------------------------------------------------------


def test_a_campaign_ends_when_its_last_message_goes_out() -> None:
    """The first goes at once, and each next one a second later."""
    assert eta({SAO_PAULO: 61}, Pace(per_second=1)) == Estimate(MONDAY_10 + MINUTE_MS, "limit", None)


def test_nobody_waiting_is_through() -> None:
    assert eta({SAO_PAULO: 0}, Pace()) == eta({}, Pace()) == Estimate(MONDAY_10, None, None)


def test_without_a_limit_it_goes_as_fast_as_was_measured() -> None:
    assert eta({SAO_PAULO: 101}, Pace(), measured=10) == Estimate(MONDAY_10 + 10_000, None, None)


def test_the_slower_of_limit_and_measured_speed_counts() -> None:
    assert eta({SAO_PAULO: 101}, Pace(per_second=80), measured=10) == Estimate(MONDAY_10 + 10_000, None, None)


@pytest.mark.parametrize("pace", [Pace(), Pace(per_second=0)], ids=["nothing measured", "a limit of nothing"])
def test_without_any_speed_nobody_can_know(pace: Pace) -> None:
    assert eta({SAO_PAULO: 1}, pace, measured=0).ends_at_ms is None


def test_a_limit_alone_is_enough_to_know() -> None:
    assert eta({SAO_PAULO: 61}, Pace(per_second=1), measured=0).ends_at_ms == MONDAY_10 + MINUTE_MS


def test_what_does_not_fit_before_closing_goes_on_in_the_morning() -> None:
    """Ten hours of sending from 10:00 fit exactly; the message after them goes out at 9 the next day."""
    ten_hours = 10 * 60

    assert eta({SAO_PAULO: ten_hours}, Pace(per_second=1 / 60)).crosses_quiet_hours_at_ms is None
    assert eta({SAO_PAULO: ten_hours + 1}, Pace(per_second=1 / 60)) == Estimate(
        at("2026-11-24 09:00"), "limit", at("2026-11-23 20:00")
    )


def test_at_night_a_campaign_waits_for_the_morning() -> None:
    night = at("2026-11-28 22:00")

    assert eta({SAO_PAULO: 1}, Pace(), now_ms=night) == Estimate(at("2026-11-30 09:00"), "quiet hours", night)


def test_a_used_up_budget_waits_for_the_organizations_midnight() -> None:
    """Without quiet hours the next day begins at 00:00 of the organization, wherever the people live."""
    pace = Pace(per_day=(20,), used_today=20)

    assert eta({MANAUS: 1}, pace, None) == Estimate(at("2026-11-24 00:00"), "daily budget", None)


def test_where_only_the_budget_counts_nothing_has_to_be_measured() -> None:
    """5 a day and 12 people: the last goes on the day after tomorrow, however fast that is."""
    assert eta({SAO_PAULO: 12}, Pace(per_day=(5,)), None, measured=0).ends_at_ms == at("2026-11-25 00:00") + 100


def test_a_day_of_25_hours_has_one_budget() -> None:
    """New York, 1 November 2026: 02:00 becomes 01:00."""
    pace, noon = Pace(per_day=(1,), used_today=1), at("2026-10-31 12:00", NEW_YORK)

    answer = eta({NEW_YORK: 3}, pace, None, now_ms=noon, time_zone=NEW_YORK)

    assert answer.ends_at_ms == at("2026-11-03 00:00", NEW_YORK)


def test_a_growing_budget_is_used_day_by_day() -> None:
    """5 of today's 20 have gone: 15 today, 36 on Tuesday, 65 on Wednesday and on each day after it."""
    pace = Pace(per_second=1, per_day=(20, 36, 65), used_today=5)

    assert eta({SAO_PAULO: 15 + 36 + 65 + 1}, pace).ends_at_ms == at("2026-11-26 09:00")
    assert eta({SAO_PAULO: 15 + 36 + 1}, pace) == Estimate(at("2026-11-25 09:00"), "limit", at("2026-11-23 20:00"))


def test_who_closes_first_goes_first() -> None:
    """At 19:00 in São Paulo 60 fit there before 20:00; the 60 of Manaus, still open then, come after them."""
    assert eta({MANAUS: 60, SAO_PAULO: 60}, Pace(per_second=1 / 60), now_ms=at("2026-11-23 19:00")) == Estimate(
        at("2026-11-23 20:59"), "limit", None
    )


def test_a_zone_that_still_sleeps_is_waited_for() -> None:
    """At 9 in São Paulo it is 7 in Rio Branco: São Paulo is through at once, and then nobody may be written to."""
    nine = at("2026-11-23 09:00")

    assert eta({SAO_PAULO: 2, RIO_BRANCO: 1}, Pace(per_second=1), now_ms=nine) == Estimate(
        at("2026-11-23 11:00"), "limit", nine + 1000
    )


def test_a_million_people_at_five_a_day_have_no_date_and_the_answer_comes_at_once() -> None:
    waiting = {SAO_PAULO: 700_000, MANAUS: 100_000, RIO_BRANCO: 100_000, NEW_YORK: 100_000}
    started = time.thread_time()

    answer = eta(waiting, Pace(per_second=80, per_day=(5,)))

    assert (answer.ends_at_ms, answer.crosses_quiet_hours_at_ms) == (None, at("2026-11-23 20:00", NEW_YORK))
    assert time.thread_time() - started < 1


def test_a_budget_of_nothing_has_no_end() -> None:
    assert eta({SAO_PAULO: 1}, Pace(per_day=(0,))) == Estimate(None, "daily budget", at("2026-11-23 20:00"))


def test_many_messages_do_not_drift() -> None:
    """A pause that no decimal writes exactly: a million of them are still right to the ms."""
    assert eta({SAO_PAULO: 1_000_001}, Pace(per_second=30), None).ends_at_ms == pytest.approx(
        MONDAY_10 + 1_000_000 / 30 * 1000, abs=1
    )


# --- the same, sent one by one ------------------------------------------------------------------------------

DAYS = 5
clocks = st.integers(0, 24).map(lambda hour: f"{hour:02}:00")
day_windows = st.lists(clocks, max_size=4, unique=True).map(
    lambda times: [list(pair) for pair in zip(sorted(times)[::2], sorted(times)[1::2], strict=False)]
)
some_hours = st.one_of(
    st.none(),
    st.fixed_dictionaries(dict.fromkeys(("mon", "tue", "wed", "thu", "fri", "sat", "sun"), day_windows))
    .filter(lambda week: any(week.values()))
    .map(lambda week: parse_new(SendingHours, days=week, holidays=True)),
)
people = st.dictionaries(st.sampled_from([SAO_PAULO, MANAUS, RIO_BRANCO, NEW_YORK]), st.integers(1, 15), min_size=1)
budgets = st.one_of(st.none(), st.lists(st.integers(0, 12), min_size=1, max_size=4).map(tuple))
# Also the weekends on which New York's clocks change.
nights = st.sampled_from(["2026-11-23", "2026-03-06", "2026-10-30"]).map(at)


def sent_one_by_one(
    now_ms: int, waiting: dict[str, int], every_ms: int, pace: Pace, hours: SendingHours | None
) -> tuple[int | None, int | None]:
    """When the last one goes out and when all first must wait, looking at the clock each minute for some days."""
    left, free_ms, crosses_ms = dict(waiting), now_ms, None
    clock = ZoneInfo(SAO_PAULO)
    first_day, sent_on = datetime.fromtimestamp(now_ms / 1000, clock).date(), {0: pace.used_today}
    for minute_ms in range(now_ms, now_ms + DAYS * 24 * 60 * MINUTE_MS, MINUTE_MS):
        day = (datetime.fromtimestamp(minute_ms / 1000, clock).date() - first_day).days
        is_within_budget = pace.per_day is None or sent_on.get(day, 0) < pace.per_day[min(day, len(pace.per_day) - 1)]
        may_go = [zone for zone in sorted(left) if next_open(hours, zone, minute_ms) == minute_ms]
        if may_go and is_within_budget and minute_ms >= free_ms:
            zone = min(may_go, key=lambda zone: closes_at(hours, zone, minute_ms) or float("inf"))
            left[zone] -= 1
            sent_on[day] = sent_on.get(day, 0) + 1
            free_ms = minute_ms + every_ms
            if not left[zone]:
                del left[zone]
                may_go.remove(zone)
        if not left:
            return minute_ms, crosses_ms
        if not may_go and crosses_ms is None:
            crosses_ms = minute_ms
    return None, crosses_ms


@settings(deadline=None, max_examples=80)
@given(nights, st.integers(0, 24 * 60), people, st.integers(1, 180), budgets, st.integers(0, 12), some_hours)
def test_the_estimate_is_what_sending_one_by_one_gives(
    night_ms: int,
    minutes: int,
    waiting: dict[str, int],
    every_minutes: int,
    per_day: tuple[int, ...] | None,
    used_today: int,
    hours: SendingHours | None,
) -> None:
    """Any windows, zones, budgets and paces."""
    now_ms = night_ms + minutes * MINUTE_MS
    pace = Pace(1 / (60 * every_minutes), per_day, used_today)

    ends_ms, crosses_ms = sent_one_by_one(now_ms, waiting, every_minutes * MINUTE_MS, pace, hours)
    answer = eta(waiting, pace, hours, now_ms=now_ms)

    last_seen_ms = now_ms + DAYS * 24 * 60 * MINUTE_MS
    if ends_ms is not None:
        assert answer.ends_at_ms == ends_ms
    else:
        assert answer.ends_at_ms is None or answer.ends_at_ms >= last_seen_ms
    if ends_ms is not None or crosses_ms is not None:
        assert answer.crosses_quiet_hours_at_ms == crosses_ms
