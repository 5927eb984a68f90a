"""How much may go out: what tenants set, what each gateway bears, and the limits that follow for one number now."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from typing import Annotated, Final, Literal, TypeAlias
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, model_validator

from oxyq.jobs import WIRE_CONFIG
from oxyq.payload_errors import json_type
from oxyq.sending_hours import checked_date

ANSWERS_SHARE: Final = 0.2
"""Which part of a rate campaigns leave to answers, so that somebody who writes gets an answer while they run."""
MAX_PER_SECOND: Final = 1000
"""What the Cloud API lets its largest numbers send (Meta's page on throughput)."""
BUDGET_DAYS: Final = 8
"""Days of budget that are known ahead: the seven of a warm-up, and one as all that follow."""

#: A longer log of times would cost memory for nothing: the same pace in a shorter window is stricter.
_LONGEST_LOG: Final = 1000
#: A slot is so much longer than the pace asks for, so that a few ms of lateness do not meet the guard.
_MARGIN: Final = Fraction(2, 100)
#: Campaigns and reminders get so much of every rate, whatever the answers do: nothing waits for ever.
_RESERVE: Final = Fraction(5, 100)
_MINUTE: Final = 60
#: No time zone is off by anything but quarters of an hour, so no day begins within one.
_QUARTER_MS: Final = 15 * _MINUTE * 1000


# --- what tenants set --------------------------------------------------------------------------------------


def _between(least: int, most: float) -> AfterValidator:
    def check(value: float) -> float:
        if not least <= value <= most:  # NaN too
            raise ValueError(f"is out of bounds; use {least} to {most}")
        return value

    return AfterValidator(check)


class RateLimit(BaseModel):
    """At most `max` messages in any window of `per_seconds`."""

    model_config = WIRE_CONFIG

    max: Annotated[int, _between(1, 1_000_000)] = Field(description="how many messages")
    per_seconds: Annotated[int, _between(1, 24 * 3600)] = Field(description="in how many seconds, at most a day")

    @model_validator(mode="after")
    def _can_be_kept(self) -> "RateLimit":
        if self.max > MAX_PER_SECOND * self.per_seconds:
            raise ValueError(
                f"is more than {MAX_PER_SECOND} a second, the most a number can send; lower max or raise perSeconds"
            )
        return self

    def in_a_minute(self) -> float:
        """How many it may let go within one minute."""
        return self.max * max(1.0, _MINUTE / self.per_seconds)


def _checked_gap(value: object) -> tuple[object, object]:
    if not isinstance(value, list | tuple) or len(value) != 2:
        given = f"a list of {len(value)}" if isinstance(value, list | tuple) else json_type(value)
        raise ValueError(f"must be the shortest and the longest pause, such as [8, 30], not {given}")
    return value[0], value[1]


def _in_order(gap: tuple[float, float]) -> tuple[float, float]:
    if gap[0] > gap[1]:
        raise ValueError(f"has the longer pause first; write [{gap[1]:g}, {gap[0]:g}]")
    return gap


GatewayName: TypeAlias = Literal["simulator", "cloud", "baileys", "evolution", "waha"]
_Seconds = Annotated[float, _between(0, 3600)]


class NumberSettings(BaseModel):
    """What a tenant says of one number; what is not said is as usual for its gateway."""

    model_config = WIRE_CONFIG

    gateway: GatewayName | None = Field(default=None, description="what it sends through; without it, what all do")
    connected_since: Annotated[date, BeforeValidator(checked_date)] | None = Field(
        default=None, description="its first day, such as 2026-12-24, from which it warms up; without it, it is warm"
    )
    rate: RateLimit | None = Field(default=None, description='such as {"max": 5, "perSeconds": 60}')
    gap_seconds: (
        Annotated[tuple[_Seconds, _Seconds], BeforeValidator(_checked_gap), AfterValidator(_in_order)] | None
    ) = Field(default=None, description="the shortest and the longest pause between campaigns' messages, as [8, 30]")
    daily: Annotated[int, _between(1, 1_000_000)] | None = Field(
        default=None, description="how many campaigns' messages and reminders a day"
    )
    pair: RateLimit | None = Field(default=None, description="what one person may get from it")
    answers_share: Annotated[float, _between(0, 0.9)] | None = Field(
        default=None, description="which part of its rate is kept for answers, such as 0.2"
    )

    @model_validator(mode="after")
    def _is_bearable(self) -> "NumberSettings":
        if self.gateway is not None:
            check_ceiling(self.gateway, self)
        return self


# --- what each gateway bears -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class GatewayLimits:
    """What applies to a number unless its settings say otherwise; `most_*` is what no settings can exceed."""

    rate: RateLimit | None = None
    gap_seconds: tuple[float, float] | None = None
    daily: int | None = None
    warm_up: tuple[int, ...] = ()
    """How many campaigns and reminders on the first day, the second, and so on."""
    pair: RateLimit | None = None
    most_a_minute: int | None = None
    most_a_day: int | None = None


_UNOFFICIAL: Final = GatewayLimits(
    # Library defaults of kobie3717/baileys-antiban: 8 a minute. Five a minute were called very risky with strangers
    # (tulir/whatsmeow#506), so campaigns are slower still, by the gap.
    rate=RateLimit(max=8, per_seconds=60),
    # What people run: 5 to 30 s (evolution-api#1863), 30 to 60 s (waha#468).
    gap_seconds=(8.0, 30.0),
    # Our judgement from reports of bans: 40 to 50 a day where it had been 1,000 (evolution-api#1870), 600 in one day
    # (Kalebu/alright#136).
    daily=200,
    # kobie3717/baileys-antiban, days 1 to 7; `daily` caps it.
    warm_up=(20, 36, 65, 117, 210, 378, 680),
    # Our judgement: twice the slowest rate that was called very risky has always ended in a ban.
    most_a_minute=20,
    most_a_day=680,
)

GATEWAY_LIMITS: Final[Mapping[str, GatewayLimits]] = {
    "simulator": GatewayLimits(),
    "cloud": GatewayLimits(
        # Meta, page on throughput: 80 a second for each number; beyond it error 130429.
        rate=RateLimit(max=80, per_seconds=1),
        # Meta: about one in 6 s to the same person, with bursts; beyond it error 131056.
        pair=RateLimit(max=10, per_seconds=60),
    ),
    "baileys": _UNOFFICIAL,
    "evolution": _UNOFFICIAL,  # Baileys inside
    "waha": _UNOFFICIAL,  # Baileys, whatsmeow or a browser inside
}


def check_ceiling(gateway: str, number: NumberSettings) -> None:
    """Raise ValueError when the settings let more go than a number of this gateway survives."""
    bears = GATEWAY_LIMITS.get(gateway, GatewayLimits())
    minute, day, rate = bears.most_a_minute, bears.most_a_day, number.rate
    if minute is not None and rate is not None and rate.in_a_minute() > minute:
        raise ValueError(
            f"has a rate that lets {rate.in_a_minute():g} messages go in one minute; WhatsApp bans numbers on "
            f'{gateway} for that, so write {{"max": {minute}, "perSeconds": {_MINUTE}}} or less'
        )
    if day is not None and number.daily is not None and number.daily > day:
        raise ValueError(
            f"has {number.daily} as daily; WhatsApp bans numbers on {gateway} for that, so write {day} or less"
        )


# --- the limits of one lane --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Level:
    """One rate: at most `most` messages in any `window_ms`, and how they are divided.

    Campaigns go while the window holds fewer than `campaigns` messages of any kind, reminders while it holds fewer
    than `automations`; answers may be `answers` of them. The rest, `reserve`, is for campaigns and reminders.
    """

    most: int
    window_ms: int
    campaigns: int
    automations: int
    answers: int
    reserve: int
    slot_us: int
    """How long a slot of the calendar is."""
    reserve_us: int
    """The pause between two that go by the reserve; 0 when the calendar has nothing that others might use up."""


@dataclass(frozen=True, slots=True)
class Day:
    """How many campaigns and reminders may go on a day that begins at `starts_ms`."""

    name: str
    starts_ms: int
    ends_ms: int
    most: int


@dataclass(frozen=True, slots=True)
class LaneLimits:
    """Everything that limits one organization's messages by one number, as it is today."""

    organization: Level | None = None
    number: Level | None = None
    pair: Level | None = None
    gap_ms: tuple[int, int] | None = None
    days: tuple[Day, ...] = ()
    """Today and the days that follow; none without a daily budget."""

    @property
    def is_none(self) -> bool:
        """Whether nothing limits it."""
        return not (self.organization or self.number or self.pair or self.gap_ms or self.days)


def lane_limits(
    gateway: str, number: NumberSettings | None, organization_rate: RateLimit | None, now_ms: int, time_zone: str
) -> LaneLimits:
    """The limits of a number of an organization, at `now_ms` (ms since 1970), whose days are those of `time_zone`.

    `gateway` is what all numbers send through, unless this number's settings name another.
    """
    return _lane_limits(gateway, number, organization_rate, now_ms // _QUARTER_MS, time_zone)


@lru_cache(maxsize=4096)
def _lane_limits(
    gateway: str, number: NumberSettings | None, organization_rate: RateLimit | None, quarter: int, time_zone: str
) -> LaneLimits:
    number = number or NumberSettings()
    bears = GATEWAY_LIMITS.get(number.gateway or gateway, GatewayLimits())
    rate = number.rate or bears.rate
    if rate is not None and bears.most_a_minute is not None and rate.in_a_minute() > bears.most_a_minute:
        rate = RateLimit(max=bears.most_a_minute, per_seconds=_MINUTE)
    gap = number.gap_seconds or bears.gap_seconds
    pair = number.pair or bears.pair
    share = ANSWERS_SHARE if number.answers_share is None else number.answers_share
    return LaneLimits(
        organization=None if organization_rate is None else _level(organization_rate, ANSWERS_SHARE),
        number=None if rate is None else _level(rate, share),
        pair=None if pair is None else _level(pair, 0.0),
        gap_ms=None if gap is None else (round(gap[0] * 1000), round(gap[1] * 1000)),
        days=_days(bears, number, quarter, time_zone),
    )


def _level(rate: RateLimit, answers_share: float) -> Level:
    most, window_ms = rate.max, rate.per_seconds * 1000
    if most > _LONGEST_LOG:
        # About a hundred in a window, and no window below a second: more would be refused for being a little late.
        window_ms = max(1000, window_ms * 100 // most)
        most = rate.max * window_ms // (rate.per_seconds * 1000)
    share = Fraction(str(answers_share))
    reserve = 0 if most == 1 else max(1, int(most * _RESERVE))
    campaigns = max(1, int(most * (1 - share)))
    return Level(
        most=most,
        window_ms=window_ms,
        campaigns=campaigns,
        automations=max(1, int(most * (1 - share / 2))),
        answers=most - reserve,
        reserve=reserve,
        slot_us=_interval_us(window_ms, campaigns - reserve or campaigns),
        reserve_us=_interval_us(window_ms, reserve) if campaigns > reserve > 0 else 0,
    )


def _interval_us(window_ms: int, count: int) -> int:
    return math.ceil(window_ms * 1000 * (1 + _MARGIN) / count)


def _days(bears: GatewayLimits, number: NumberSettings, quarter: int, time_zone: str) -> tuple[Day, ...]:
    daily = number.daily or bears.daily
    if daily is None:
        return ()
    most = min(daily, bears.most_a_day or daily)
    clock = ZoneInfo(time_zone)
    today = datetime.fromtimestamp(quarter * _QUARTER_MS // 1000, clock).date()
    days = [today + timedelta(days=ahead) for ahead in range(BUDGET_DAYS + 1)]
    return tuple(
        Day(day.isoformat(), _begins_ms(day, clock), _begins_ms(following, clock), _of_day(day, most, bears, number))
        for day, following in pairwise(days)
    )


def _of_day(day: date, most: int, bears: GatewayLimits, number: NumberSettings) -> int:
    age = 0 if number.connected_since is None else max(0, (day - number.connected_since).days)
    is_warm = number.connected_since is None or age >= len(bears.warm_up)
    return most if is_warm else min(most, bears.warm_up[age])


def _begins_ms(day: date, clock: ZoneInfo) -> int:
    # Where clocks skip midnight, as Brazil's did, the day begins with the first hour there is.
    at = datetime.combine(day, time.min, clock).astimezone(UTC)
    return int(at.timestamp()) * 1000
