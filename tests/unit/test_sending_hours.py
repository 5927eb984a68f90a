"""When campaigns may send: on the recipient's clock, whatever that clock does."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oxyq.errors import InvalidPayload
from oxyq.jobs import parse_new, parse_stored, wire
from oxyq.outcomes import JsonValue
from oxyq.sending_hours import COMMERCIAL, SendingHours, closes_at, next_open, zone_of

SAO_PAULO, MANAUS, NEW_YORK = "America/Sao_Paulo", "America/Manaus", "America/New_York"
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
ALL_DAY = [["00:00", "24:00"]]
CLOSED_WEEK: dict[str, JsonValue] = {day: [] for day in DAYS}
DAY_MS = 86_400_000


def hours(**fields: object) -> SendingHours:
    return parse_new(SendingHours, fields)


def at(written: str, zone: str = SAO_PAULO) -> int:
    """The ms of a wall clock's time; "… UTC" where a clock change makes the wall ambiguous."""
    clock = UTC if written.endswith(" UTC") else ZoneInfo(zone)
    return int(datetime.fromisoformat(written.removesuffix(" UTC")).replace(tzinfo=clock).timestamp() * 1000)


# --- on the wire -------------------------------------------------------------------------------------------


def test_nothing_said_is_monday_to_saturday_from_9_to_20() -> None:
    shop_day = [["09:00", "20:00"]]

    assert hours() == COMMERCIAL
    assert wire(COMMERCIAL) == {
        "days": dict.fromkeys(DAYS[:6], shop_day) | {"sun": []},
        "holidays": False,
        "closed": [],
    }


def test_hours_are_json_and_back() -> None:
    written: dict[str, JsonValue] = {
        "days": {**CLOSED_WEEK, "fri": [["09:00", "12:00"], ["14:00", "24:00"]]},
        "holidays": True,
        "closed": ["2026-12-24"],
    }

    assert wire(parse_new(SendingHours, written)) == written
    assert parse_stored(SendingHours, written) == parse_new(SendingHours, written)


def test_a_day_that_is_not_named_is_closed() -> None:
    only_friday = hours(days={"fri": [["09:00", "20:00"]]})

    assert next_open(only_friday, SAO_PAULO, at("2026-11-28 10:00")) == at("2026-12-04 09:00")


def windows(*pairs: Any) -> dict[str, object]:
    return {"days": {"fri": list(pairs)}}


@pytest.mark.parametrize(
    ("fields", "field", "problem"),
    [
        (windows(["9h", "20:00"]), "days.fri[0]", "write 09:00"),
        (windows(["9:00", "20:00"]), "days.fri[0]", "write 09:00"),
        (windows(["09:00", "20h30"]), "days.fri[0]", "write 20:30"),
        (windows(["09:00", "8pm"]), "days.fri[0]", "write it as 09:00 or 20:30"),
        (windows(["25:00", "26:00"]), "days.fri[0]", "no time of day from 00:00 to 24:00"),
        (windows(["09:00", "24:01"]), "days.fri[0]", "no time of day from 00:00 to 24:00"),
        (windows(["\u0660\u0669:\u0660\u0660", "20:00"]), "days.fri[0]", "no time of day"),
        (windows(["9" * 1_000_000, "20:00"]), "days.fri[0]", "no time of day"),
        (windows(["22:00", "06:00"]), "days.fri[0]", 'split it at midnight: ["22:00", "24:00"] on this day'),
        (windows(["18:00", "00:00"]), "days.fri[0]", 'write ["18:00", "24:00"]'),
        (windows(["24:00", "24:00"]), "days.fri[0]", "write 00:00 of the next day"),
        (windows(["09:00", "09:00"]), "days.fri[0]", 'for a whole day write ["00:00", "24:00"]'),
        (windows("09:00", "20:00"), "days.fri[0]", 'a pair of times such as ["09:00", "20:00"], not text'),
        (windows(["09:00"]), "days.fri[0]", "not a list of 1"),
        (windows([9, 20]), "days.fri[0]", 'as text such as "09:00", not a number'),
        (windows(["11:00", "20:00"], ["09:00", "12:00"]), "days.fri", 'make them one: ["09:00", "20:00"]'),
        (windows(*[["09:00", "20:00"]] * 25), "days.fri", "at most 24 are taken"),
        ({"days": {"fri": "09:00-20:00"}}, "days.fri", "must be a list, not text"),
        ({"days": {"fri": None}}, "days.fri", "write [] for none"),
        ({"days": {"sunday": ALL_DAY}}, "days.sunday", "did you mean sun?"),
        ({"days": {}}, "days", "is never open; give at least one day a window"),
        ({"days": CLOSED_WEEK}, "days", "is never open"),
        ({"holidays": "yes"}, "holidays", "valid boolean"),
        ({"closed": ["25/12/2026"]}, "closed[0]", "a date such as 2026-12-24 (year, month, day), not '25/12/2026'"),
        ({"closed": ["20261225"]}, "closed[0]", "a date such as 2026-12-24"),
        ({"closed": ["2026-02-30"]}, "closed[0]", "a day that no calendar has"),
        ({"closed": "2026-12-25"}, "closed", "must be a list, not text"),
        ({"closed": ["2026-12-25"] * 367}, "closed", "at most 366 are taken"),
        ({"close": []}, "close", "did you mean closed?"),
    ],
    ids=lambda value: str(value)[:60] if isinstance(value, dict) else "",
)  # fmt: skip
def test_bad_hours_are_refused_with_the_fix(fields: dict[str, object], field: str, problem: str) -> None:
    with pytest.raises(InvalidPayload) as caught:
        hours(**fields)

    assert problem in dict(caught.value.problems)[field]


# --- open and closed ---------------------------------------------------------------------------------------


def test_within_a_window_it_is_open_until_the_window_ends() -> None:
    """Opening is the first ms of the window, closing the first one behind it."""
    opens, closes = at("2026-11-23 09:00"), at("2026-11-23 20:00")

    assert next_open(COMMERCIAL, SAO_PAULO, opens - 1) == opens
    assert next_open(COMMERCIAL, SAO_PAULO, opens) == opens
    assert next_open(COMMERCIAL, SAO_PAULO, closes - 1) == closes - 1
    assert next_open(COMMERCIAL, SAO_PAULO, closes) == at("2026-11-24 09:00")
    assert closes_at(COMMERCIAL, SAO_PAULO, opens) == closes_at(COMMERCIAL, SAO_PAULO, closes - 1) == closes


def test_where_it_is_closed_it_closes_at_once() -> None:
    sunday = at("2026-11-29 12:00")

    assert closes_at(COMMERCIAL, SAO_PAULO, sunday) == sunday


def test_saturday_evening_waits_for_monday() -> None:
    assert next_open(COMMERCIAL, SAO_PAULO, at("2026-11-28 20:00")) == at("2026-11-30 09:00")


def test_lunch_is_a_gap_between_two_windows() -> None:
    with_lunch = hours(days={"mon": [["14:00", "18:00"], ["09:00", "12:00"]]})

    assert closes_at(with_lunch, SAO_PAULO, at("2026-11-23 10:00")) == at("2026-11-23 12:00")
    assert next_open(with_lunch, SAO_PAULO, at("2026-11-23 12:00")) == at("2026-11-23 14:00")


def test_the_far_west_opens_later() -> None:
    """9 o'clock in Manaus is 10 o'clock in São Paulo."""
    early = at("2026-11-23 09:00")

    assert next_open(COMMERCIAL, SAO_PAULO, early) == early
    assert next_open(COMMERCIAL, MANAUS, early) == early + 3_600_000


def test_campaigns_rest_on_national_holidays_unless_told_otherwise() -> None:
    """Friday, 20 November 2026 is Consciência Negra."""
    holiday = at("2026-11-20 12:00")

    assert next_open(COMMERCIAL, SAO_PAULO, holiday) == at("2026-11-21 09:00")
    assert next_open(hours(holidays=True), SAO_PAULO, holiday) == holiday


def test_holidays_that_move_are_known() -> None:
    """Good Friday 2027 is the 26th of March; carnival is none by law."""
    assert next_open(COMMERCIAL, SAO_PAULO, at("2027-03-26 12:00")) == at("2027-03-27 09:00")
    assert next_open(COMMERCIAL, SAO_PAULO, at("2027-02-09 12:00")) == at("2027-02-09 12:00")


def test_nothing_goes_out_on_a_closed_day() -> None:
    closed = hours(closed=["2026-12-24"])

    assert next_open(closed, SAO_PAULO, at("2026-12-23 20:00")) == at("2026-12-26 09:00")


def test_windows_that_meet_at_midnight_are_one() -> None:
    night = hours(days={"fri": [["18:00", "24:00"]], "sat": [["00:00", "02:00"]]})

    assert closes_at(night, SAO_PAULO, at("2026-11-27 19:00")) == at("2026-11-28 02:00")


def test_every_midnight_of_two_months_opens_and_closes_on_time() -> None:
    """Also those at which one stretch of remembered times ends and the next begins."""
    mornings = hours(days={day: [["00:00", "12:00"]] for day in DAYS}, holidays=True)
    evenings = hours(days={day: [["12:00", "24:00"]] for day in DAYS}, holidays=True)
    first = at("2026-11-01 18:00 UTC")

    for evening in range(first, first + 60 * DAY_MS, DAY_MS):
        midnight = evening + DAY_MS // 4
        assert next_open(mornings, "UTC", evening) == closes_at(evenings, "UTC", evening) == midnight


def test_without_hours_it_is_always_open() -> None:
    assert next_open(None, SAO_PAULO, 5) == 5
    assert closes_at(None, SAO_PAULO, 5) is None


def test_what_never_closes_says_so_and_a_far_closed_day_is_found() -> None:
    always, now = {"days": dict.fromkeys(DAYS, ALL_DAY), "holidays": True}, at("2026-11-23 12:00")

    assert closes_at(hours(**always), SAO_PAULO, now) is None
    assert closes_at(hours(**always, closed=["2027-10-01"]), SAO_PAULO, now) == at("2027-10-01 00:00")


def test_who_closes_for_a_year_is_asked_again_after_it() -> None:
    first = date(2026, 11, 23)
    closed = hours(closed=[(first + timedelta(days)).isoformat() for days in range(366)])
    fridays = [(first + timedelta(days)).isoformat() for days in range(4, 2560, 7)]
    only_fridays = hours(days={"fri": ALL_DAY}, holidays=True, closed=fridays)
    now = at("2026-11-23 12:00")

    assert next_open(closed, SAO_PAULO, now) == at("2027-11-24 09:00")
    assert 390 * DAY_MS < next_open(only_fridays, SAO_PAULO, now) - now < 410 * DAY_MS


# --- clock changes -----------------------------------------------------------------------------------------


def test_a_window_that_opens_in_a_skipped_hour_opens_when_the_clock_has_jumped() -> None:
    """New York, 8 March 2026: 02:00 becomes 03:00."""
    early = hours(days={"sun": [["02:30", "04:00"]]})

    assert next_open(early, NEW_YORK, at("2026-03-08 01:00", NEW_YORK)) == at("2026-03-08 07:00 UTC")
    assert closes_at(early, NEW_YORK, at("2026-03-08 07:00 UTC")) == at("2026-03-08 08:00 UTC")


def test_a_window_within_a_skipped_hour_does_not_open() -> None:
    skipped = hours(days={"sun": [["02:15", "02:45"]]})

    assert next_open(skipped, NEW_YORK, at("2026-03-08 00:00", NEW_YORK)) == at("2026-03-15 02:15", NEW_YORK)


def test_a_repeated_hour_is_open_both_times() -> None:
    """New York, 1 November 2026: 02:00 becomes 01:00."""
    twice = hours(days={"sun": [["01:00", "01:30"]]})

    assert next_open(twice, NEW_YORK, at("2026-11-01 00:00", NEW_YORK)) == at("2026-11-01 05:00 UTC")
    assert next_open(twice, NEW_YORK, at("2026-11-01 05:30 UTC")) == at("2026-11-01 06:00 UTC")


def test_a_day_without_midnight_opens_an_hour_later() -> None:
    """São Paulo, 4 November 2018: 00:00 became 01:00."""
    all_sunday = hours(days={"sun": ALL_DAY})

    assert next_open(all_sunday, SAO_PAULO, at("2018-11-04 02:00 UTC")) == at("2018-11-04 03:00 UTC")
    assert closes_at(all_sunday, SAO_PAULO, at("2018-11-04 03:00 UTC")) == at("2018-11-05 02:00 UTC")


CLOCK_CHANGES = {
    SAO_PAULO: ["2018-11-04 03:00", "2019-02-17 02:00", "2026-11-20 12:00"],
    NEW_YORK: ["2026-03-08 07:00", "2026-11-01 06:00"],
    "Australia/Lord_Howe": ["2026-04-04 15:00", "2026-10-03 15:30"],  # by half an hour
    "Africa/Casablanca": ["2026-02-15 02:00", "2026-03-22 02:00"],  # Ramadan
    "America/Havana": ["2026-03-08 05:00", "2026-11-01 05:00"],  # at midnight
    "Pacific/Apia": ["2011-12-30 10:00"],  # a whole day is missing
    "Asia/Kathmandu": ["2026-06-01 00:00"],
}
WEEK_OF_MINUTES = 7 * 24 * 60

clocks = st.builds(lambda minutes: f"{minutes // 60:02}:{minutes % 60:02}", st.integers(0, 1440))
day_windows = st.lists(clocks, max_size=6, unique=True).map(
    lambda times: [list(pair) for pair in zip(sorted(times)[::2], sorted(times)[1::2], strict=False)]
)
weeks = st.fixed_dictionaries(dict.fromkeys(DAYS, day_windows)).filter(lambda week: any(week.values()))
moments = st.sampled_from([(zone, change) for zone, changes in CLOCK_CHANGES.items() for change in changes])


def is_open_by_the_wall(hours: SendingHours, zone: str, at_ms: int) -> bool:
    """The promise said again, without thought for speed."""
    wall = datetime.fromtimestamp(at_ms / 1000, ZoneInfo(zone))
    clock = wall.strftime("%H:%M")
    in_window = any(opens <= clock < closes for opens, closes in getattr(hours.days, DAYS[wall.weekday()]))
    return in_window and wall.date() not in hours.closed


@settings(deadline=None, max_examples=60)
@given(weeks, moments, st.integers(-2000, 2000), st.lists(st.integers(-2, 2), max_size=2))
def test_it_is_open_when_the_wall_clock_says_so(
    week: dict[str, Any], moment: tuple[str, str], minutes: int, closed_days: list[int]
) -> None:
    """Around every kind of clock change: the answers are those of looking at the clock each minute."""
    zone, change = moment
    change_ms = at(f"{change} UTC")
    closed = [(datetime.fromtimestamp(change_ms / 1000, UTC) + timedelta(days)).date() for days in closed_days]
    some = hours(days=week, holidays=True, closed=[day.isoformat() for day in closed])
    now = change_ms + minutes * 60_000
    was_open = is_open_by_the_wall(some, zone, now)

    changes = next(
        (ms for ms in range(now, now + WEEK_OF_MINUTES * 60_000, 60_000)
         if is_open_by_the_wall(some, zone, ms) != was_open), None,
    )  # fmt: skip

    assert (next_open(some, zone, now) == now) == was_open
    answer = closes_at(some, zone, now) if was_open else next_open(some, zone, now)
    if changes is not None:
        assert answer == changes
    else:
        assert answer is None or answer >= now + WEEK_OF_MINUTES * 60_000


# --- the recipient's zone ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "zone"),
    [
        ("5511999990001", SAO_PAULO),
        ("5581999990001", SAO_PAULO),
        ("551133334444", SAO_PAULO),
        ("5565999990001", "America/Cuiaba"),
        ("5566999990001", "America/Cuiaba"),
        ("5567999990001", "America/Campo_Grande"),
        ("5568999990001", "America/Rio_Branco"),
        ("5569999990001", "America/Porto_Velho"),
        ("5592999990001", MANAUS),
        ("5595999990001", "America/Boa_Vista"),
        ("5597999990001", MANAUS),
        ("16505551234", "Europe/Lisbon"),
        ("6599999999", "Europe/Lisbon"),
        ("541168999001", "Europe/Lisbon"),
    ],
)
def test_a_brazilian_number_tells_its_zone_and_others_live_by_the_default(number: str, zone: str) -> None:
    assert zone_of(number, "Europe/Lisbon") == zone
    ZoneInfo(zone)
