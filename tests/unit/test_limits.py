"""What may go out: settings on the wire, what gateways bear, and the limits that follow."""

from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oxyq.errors import InvalidPayload
from oxyq.jobs import parse_new, parse_stored, wire
from oxyq.limits import GATEWAY_LIMITS, LaneLimits, Level, NumberSettings, RateLimit, lane_limits

SAO_PAULO = "America/Sao_Paulo"
DAY_MS = 86_400_000


def at(written: str, zone: str = SAO_PAULO) -> int:
    return int(datetime.fromisoformat(written).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


NOW_MS = at("2026-11-23 10:07")


def limits(
    usual: str,
    /,
    *,
    organization: RateLimit | None = None,
    now_ms: int = NOW_MS,
    zone: str = SAO_PAULO,
    **number: object,
) -> LaneLimits:
    return lane_limits(usual, parse_new(NumberSettings, number), organization, now_ms, zone)


def level(most: int, seconds: int, share: float = 0.2) -> Level:
    number = limits("simulator", rate={"max": most, "perSeconds": seconds}, answersShare=share).number
    assert number is not None
    return number


# --- on the wire -------------------------------------------------------------------------------------------


def test_settings_come_back_from_redis_as_they_were_given() -> None:
    given_settings = {
        "gateway": "baileys",
        "connectedSince": "2026-11-20",
        "rate": {"max": 5, "perSeconds": 60},
        "gapSeconds": [10.0, 40.0],
        "daily": 100,
        "pair": {"max": 3, "perSeconds": 60},
        "answersShare": 0.3,
    }

    stored = wire(parse_new(NumberSettings, given_settings))

    assert stored == given_settings
    assert parse_stored(NumberSettings, stored) == parse_new(NumberSettings, given_settings)


@pytest.mark.parametrize(
    ("settings", "field", "problem"),
    [
        ({"rate": {"max": 0, "perSeconds": 1}}, "rate.max", "is out of bounds; use 1 to 1000000"),
        ({"rate": {"max": 1, "perSeconds": 86_401}}, "rate.perSeconds", "is out of bounds; use 1 to 86400"),
        ({"rate": {"max": 2001, "perSeconds": 2}}, "rate", "more than 1000 a second"),
        ({"rate": {"max": 1}}, "rate.perSeconds", "is missing; give in how many seconds"),
        ({"gapSeconds": [30, 8]}, "gapSeconds", "has the longer pause first; write [8, 30]"),
        ({"gapSeconds": [8]}, "gapSeconds", "must be the shortest and the longest pause, such as [8, 30]"),
        ({"gapSeconds": [-1, 8]}, "gapSeconds[0]", "is out of bounds; use 0 to 3600"),
        ({"gapSeconds": [1, float("nan")]}, "gapSeconds[1]", "is out of bounds; use 0 to 3600"),
        ({"connectedSince": "23/11/2026"}, "connectedSince", "must be a date such as 2026-12-24"),
        ({"connectedSince": 1}, "connectedSince", "must be a date such as 2026-12-24"),
        ({"connectedSince": "2026-02-30"}, "connectedSince", "is a day that no calendar has"),
        ({"daily": 0}, "daily", "is out of bounds; use 1 to 1000000"),
        ({"answersShare": 0.95}, "answersShare", "is out of bounds; use 0 to 0.9"),
        ({"gateway": "telegram"}, "gateway", "must be 'simulator', 'cloud', 'baileys', 'evolution' or 'waha'"),
    ],
)
def test_wrong_settings_name_the_field_and_the_fix(settings: dict[str, object], field: str, problem: str) -> None:
    with pytest.raises(InvalidPayload) as caught:
        parse_new(NumberSettings, settings)

    assert caught.value.field == field
    assert problem in caught.value.problem


@pytest.mark.parametrize("gateway", ["baileys", "evolution", "waha"])
@pytest.mark.parametrize(
    ("settings", "fix"),
    [
        ({"rate": {"max": 21, "perSeconds": 60}}, '{"max": 20, "perSeconds": 60} or less'),
        ({"rate": {"max": 1, "perSeconds": 2}}, '{"max": 20, "perSeconds": 60} or less'),
        ({"rate": {"max": 1200, "perSeconds": 3600}}, "lets 1200 messages go in one minute"),
        ({"daily": 681}, "680 or less"),
    ],
)
def test_no_tenant_can_ask_for_more_than_a_number_survives(gateway: str, settings: dict[str, object], fix: str) -> None:
    with pytest.raises(InvalidPayload, match="WhatsApp bans numbers") as caught:
        parse_new(NumberSettings, settings, gateway=gateway)

    assert fix in str(caught.value)


def test_a_number_that_does_not_name_its_gateway_is_held_to_the_ceiling_all_the_same() -> None:
    bounded = limits("baileys", rate={"max": 600, "perSeconds": 60}, daily=5000)

    assert bounded.number is not None
    assert (bounded.number.most, bounded.number.window_ms) == (20, 60_000)
    assert {day.most for day in bounded.days} == {680}


# --- what gateways bear ------------------------------------------------------------------------------------


def test_nothing_limits_the_simulator() -> None:
    assert lane_limits("simulator", None, None, NOW_MS, SAO_PAULO).is_none
    assert lane_limits("a gateway of a test", None, None, NOW_MS, SAO_PAULO).is_none
    assert not limits("simulator", organization=RateLimit(max=1, per_seconds=1)).is_none


def test_the_cloud_api_takes_80_a_second_and_10_a_minute_to_one_person() -> None:
    cloud = limits("cloud")

    assert cloud.number is not None and cloud.pair is not None
    assert (cloud.number.most, cloud.number.window_ms) == (80, 1000)
    assert (cloud.pair.most, cloud.pair.window_ms) == (10, 60_000)
    assert (cloud.gap_ms, cloud.days) == (None, ())


def test_a_number_says_itself_what_it_sends_through() -> None:
    assert limits("baileys", gateway="cloud") == limits("cloud")
    assert limits("cloud", gateway="evolution") == limits("baileys")


def test_the_settings_of_a_number_go_before_what_is_usual() -> None:
    own = limits("baileys", rate={"max": 5, "perSeconds": 60}, gapSeconds=[10, 20], daily=50)

    assert own.number is not None
    assert (own.number.most, own.gap_ms, own.days[0].most) == (5, (10_000, 20_000), 50)


def test_a_new_number_warms_up_to_what_a_grown_one_may_send() -> None:
    """On its first day 20, and never more than the cap of every day."""
    assert [day.most for day in limits("baileys", connectedSince="2026-11-23").days] == [
        *(20, 36, 65, 117),
        *(200, 200, 200, 200),
    ]
    assert [day.most for day in limits("baileys", connectedSince="2026-11-21").days][:2] == [65, 117]
    assert limits("baileys", connectedSince="2027-01-01").days[0].most == 20
    assert {day.most for day in limits("baileys").days} == {200}
    assert limits("baileys", connectedSince="2026-11-23", daily=30).days[1].most == 30


def test_the_table_never_lets_a_new_number_send_more_than_an_older_one() -> None:
    for bears in GATEWAY_LIMITS.values():
        assert list(bears.warm_up) == sorted(bears.warm_up)
        assert bears.daily is None or bears.most_a_day is None or bears.daily <= bears.most_a_day
        if bears.rate is not None and bears.most_a_minute is not None:
            assert bears.rate.in_a_minute() <= bears.most_a_minute


# --- days --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "zone"),
    [
        ("2026-11-23 23:59", SAO_PAULO),
        ("2018-11-03 12:00", SAO_PAULO),  # on the 4th clocks skip midnight
        ("2026-10-31 12:00", "America/New_York"),
        ("2026-11-23 00:00", "Asia/Kathmandu"),
    ],
)
def test_days_follow_each_other_without_a_gap_by_the_clock_of_the_organization(now: str, zone: str) -> None:
    now_ms = at(now, zone)
    days = limits("baileys", now_ms=now_ms, zone=zone).days

    assert len(days) == 8
    assert days[0].starts_ms <= now_ms < days[0].ends_ms
    assert days[0].name == now[:10]
    for day, following in pairwise(days):
        assert day.ends_ms == following.starts_ms
        begins = datetime.fromtimestamp(following.starts_ms / 1000, ZoneInfo(zone))
        assert begins.date().isoformat() == following.name
        before = datetime.fromtimestamp(following.starts_ms / 1000 - 1, ZoneInfo(zone))
        assert before.date() == begins.date() - timedelta(days=1)


def test_the_limits_of_a_number_change_with_the_day_and_are_made_once_for_each() -> None:
    settings, midnight = NumberSettings(gateway="baileys"), at("2026-11-24 00:00")

    before = lane_limits("cloud", settings, None, midnight - 1, SAO_PAULO)
    after = lane_limits("cloud", settings, None, midnight, SAO_PAULO)

    assert (before.days[0].name, after.days[0].name) == ("2026-11-23", "2026-11-24")
    assert lane_limits("cloud", settings, None, midnight + 1000, SAO_PAULO) is after


# --- how a rate is divided ---------------------------------------------------------------------------------


def test_campaigns_leave_a_share_to_answers_and_answers_a_reserve_to_campaigns() -> None:
    hundred = level(100, 60)

    assert (hundred.campaigns, hundred.automations, hundred.answers, hundred.reserve) == (80, 90, 95, 5)
    # 75 by slots and 5 by the reserve, both 2 in a hundred slower than that.
    assert (hundred.slot_us, hundred.reserve_us) == (816_000, 12_240_000)


def test_a_share_of_nothing_leaves_all_to_campaigns() -> None:
    assert level(100, 60, 0.0).campaigns == 100


@pytest.mark.parametrize(
    ("rate", "expected"),
    [
        ((1000, 60), (1000, 60_000)),
        ((6000, 60), (100, 1000)),
        ((1001, 3600), (99, 359_640)),
        ((60_000, 60), (1000, 1000)),
    ],
)
def test_a_large_limit_is_kept_by_a_shorter_window(rate: tuple[int, int], expected: tuple[int, int]) -> None:
    short = level(*rate)

    assert (short.most, short.window_ms) == expected


@given(st.integers(1, 100_000), st.integers(1, 86_400), st.floats(0, 0.9))
def test_whatever_the_rate_everybody_has_a_part_and_nobody_more_than_all(most: int, seconds: int, share: float) -> None:
    if most > 1000 * seconds:
        return
    divided = level(most, seconds, round(share, 3))

    assert divided.most / divided.window_ms <= most / seconds / 1000 + 1e-12
    assert divided.most <= 1000
    assert 1 <= divided.campaigns <= divided.automations <= divided.most
    assert divided.answers + divided.reserve == divided.most
    assert divided.answers >= 1 and divided.reserve <= divided.campaigns
    assert divided.slot_us >= 1000
    per_window = divided.window_ms * 1000 / divided.slot_us
    per_window += divided.window_ms * 1000 / divided.reserve_us if divided.reserve_us else 0
    assert 0.97 * divided.campaigns <= per_window <= divided.campaigns / 1.02 + 1e-9
