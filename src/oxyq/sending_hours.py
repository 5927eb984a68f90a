"""When campaigns may send: windows of the week as the recipient's clock shows them, holidays, closed days.

Open means: the wall clock of the zone stands in a window of its day. So an hour that a clock change skips is not made
up for, and one that it repeats counts both times.
"""

import re
from array import array
from bisect import bisect_right
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Annotated, Final, TypeAlias
from zoneinfo import ZoneInfo

from dateutil.easter import easter  # type: ignore[import-untyped]  # it has no stubs
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, model_validator

from oxyq.jobs import WIRE_CONFIG
from oxyq.payload_errors import json_type

MAX_WINDOWS_A_DAY: Final = 24
MAX_CLOSED_DAYS: Final = 366

_MINUTE_MS: Final = 60_000
_DAY_MS: Final = 86_400_000
_CLOCK: Final = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]|24:00")


# --- checks of single values -------------------------------------------------------------------------------


def _checked_window(value: object) -> tuple[str, str]:
    if not isinstance(value, list | tuple) or len(value) != 2:
        given = f"a list of {len(value)}" if isinstance(value, list | tuple) else json_type(value)
        raise ValueError(f'must be a pair of times such as ["09:00", "20:00"], not {given}')
    opens, closes = _checked_clock(value[0]), _checked_clock(value[1])
    if opens < closes:
        return opens, closes
    if opens == "24:00":
        raise ValueError("opens at 24:00, when the day is over; write 00:00 of the next day")
    if opens == closes:
        raise ValueError(f'opens and closes at {opens}; for a whole day write ["00:00", "24:00"]')
    if closes == "00:00":
        raise ValueError(f'ends before it begins; midnight at the end of a day is 24:00, so write ["{opens}", "24:00"]')
    raise ValueError(
        f'ends before it begins; split it at midnight: ["{opens}", "24:00"] on this day '
        f'and ["00:00", "{closes}"] on the next'
    )


def _checked_clock(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f'must have times as text such as "09:00", not {json_type(value)}')
    if _CLOCK.fullmatch(value):
        return value
    raise ValueError(f"has {value[:20]!a}, which is no time of day from 00:00 to 24:00; write {_meant(value)}")


def _meant(value: str) -> str:
    """How the time is written that somebody meant by "9h", "9:00" or "9.30"."""
    parts = re.fullmatch(r"([0-9]{1,2})[h:.]?([0-9]{2})?h?", value, re.IGNORECASE)
    clock = f"{parts[1]:0>2}:{parts[2] or '00'}" if parts else ""
    return clock if _CLOCK.fullmatch(clock) else "it as 09:00 or 20:30"


def _as_tuple(value: object) -> tuple[object, ...]:
    if not isinstance(value, list | tuple):
        raise ValueError(f"must be a list, not {json_type(value)}; write [] for none")
    return tuple(value)


def _without_overlap(windows: tuple["Window", ...]) -> tuple["Window", ...]:
    in_order = sorted(windows)
    for (opens, closes), (next_opens, next_closes) in pairwise(in_order):
        if next_opens < closes:
            raise ValueError(
                f"has windows that overlap, {opens}-{closes} and {next_opens}-{next_closes}; "
                f'make them one: ["{opens}", "{max(closes, next_closes)}"]'
            )
    return windows


def checked_date(value: object) -> date:
    """A day as it is written in settings, such as 2026-12-24; ValueError says what is wrong."""
    if type(value) is date:
        return value
    if isinstance(value, str) and re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value, re.ASCII):
        try:
            return date.fromisoformat(value)
        except ValueError:
            raise ValueError("is a day that no calendar has; correct it") from None
    given = ascii(value[:20]) if isinstance(value, str) else json_type(value)
    raise ValueError(f"must be a date such as 2026-12-24 (year, month, day), not {given}")


Window: TypeAlias = Annotated[tuple[str, str], BeforeValidator(_checked_window)]
"""When it opens and when it closes, as ("09:00", "20:00"); the end may be "24:00"."""

_Windows = Annotated[
    tuple[Window, ...],
    Field(max_length=MAX_WINDOWS_A_DAY, description='a list of windows such as [["09:00", "20:00"]]; [] is closed'),
    BeforeValidator(_as_tuple),
    AfterValidator(_without_overlap),
]


# --- the model ---------------------------------------------------------------------------------------------


class Week(BaseModel):
    """The windows of each day of the week; a day without any is closed."""

    model_config = WIRE_CONFIG

    mon: _Windows = ()
    tue: _Windows = ()
    wed: _Windows = ()
    thu: _Windows = ()
    fri: _Windows = ()
    sat: _Windows = ()
    sun: _Windows = ()

    @model_validator(mode="after")
    def _opens_at_all(self) -> "Week":
        if not any(self.days()):
            raise ValueError('is never open; give at least one day a window, such as {"mon": [["09:00", "20:00"]]}')
        return self

    def days(self) -> tuple[tuple[Window, ...], ...]:
        """Monday's windows first, as `date.weekday` counts."""
        return (self.mon, self.tue, self.wed, self.thu, self.fri, self.sat, self.sun)


_SHOP_DAY: Final = (("09:00", "20:00"),)


class SendingHours(BaseModel):
    """When campaigns may go out, on the recipient's clock; by default Monday to Saturday, 9 to 20, no holidays."""

    model_config = WIRE_CONFIG

    days: Week = Field(
        default=Week(mon=_SHOP_DAY, tue=_SHOP_DAY, wed=_SHOP_DAY, thu=_SHOP_DAY, fri=_SHOP_DAY, sat=_SHOP_DAY),
        description='the windows of each day, such as {"mon": [["09:00", "20:00"]]}',
    )
    holidays: bool = Field(default=False, description="true to send on Brazil's national holidays too")
    closed: Annotated[
        tuple[Annotated[date, BeforeValidator(checked_date)], ...],
        Field(max_length=MAX_CLOSED_DAYS, description='dates without sending, such as ["2026-12-24"]'),
        BeforeValidator(_as_tuple),
    ] = ()


COMMERCIAL: Final = SendingHours()


# --- the recipient's zone ----------------------------------------------------------------------------------

_ZONE_OF_AREA: Final = {
    "65": "America/Cuiaba",
    "66": "America/Cuiaba",
    "67": "America/Campo_Grande",
    "68": "America/Rio_Branco",
    "69": "America/Porto_Velho",
    "92": "America/Manaus",
    "95": "America/Boa_Vista",
    # The far west of Amazonas shares 97 and is an hour behind; the number does not tell.
    "97": "America/Manaus",
}
"""Brazil's area codes (DDD) that are not on Brasília's time, by state; no clock has changed there since 2019."""


def zone_of(number: str, default: str) -> str:
    """The time zone a number lives in: by area code in Brazil, `default` (an organization's zone) elsewhere.

    `number` is what `normalize_number` gave.
    """
    if number.startswith("55"):
        return _ZONE_OF_AREA.get(number[2:4], "America/Sao_Paulo")
    return default


# --- open and closed ---------------------------------------------------------------------------------------


def next_open(hours: SendingHours | None, zone: str, at_ms: int) -> int:
    """`at_ms` when it is open then, else when it opens next, in ms since 1970; `hours` None is always open.

    Who closes every day of the next year is told a time about 400 days ahead, to ask again then.
    """
    if hours is None:
        return at_ms
    is_open, changes_ms = _now_and_next(hours, zone, at_ms)
    if is_open:
        return at_ms
    return at_ms + _AHEAD * _BLOCK_MS if changes_ms is None else changes_ms


def closes_at(hours: SendingHours | None, zone: str, at_ms: int) -> int | None:
    """When what is open at `at_ms` closes, in ms since 1970: `at_ms` if it is closed, None if not within 400 days."""
    if hours is None:
        return None
    is_open, changes_ms = _now_and_next(hours, zone, at_ms)
    return changes_ms if is_open else at_ms


#: Opening and closing times are worked out and kept for four weeks at a time, and looked up by bisection: a few
#: hundred bytes each, so that thousands of organizations with hours of their own fit.
_BLOCK_MS: Final = 28 * _DAY_MS
_AHEAD: Final = 14
_KEPT_BLOCKS: Final = 8192


def _now_and_next(hours: SendingHours, zone: str, at_ms: int) -> tuple[bool, int | None]:
    """Whether it is open, and when that changes; None: not in the next `_AHEAD` blocks."""
    block = at_ms // _BLOCK_MS
    edges = _edges(hours, zone, block)
    passed = bisect_right(edges, at_ms)
    is_open = passed % 2 == 1
    if passed < len(edges):
        return is_open, edges[passed]
    for later in range(block + 1, block + 1 + _AHEAD):
        edges = _edges(hours, zone, later)
        starts_open = len(edges) > 0 and edges[0] == later * _BLOCK_MS
        if starts_open != is_open:
            return is_open, later * _BLOCK_MS
        # What was open goes on in the block's first window, so that it is this window's end that counts.
        if len(edges) > starts_open:
            return is_open, edges[int(starts_open)]
    return is_open, None


@lru_cache(maxsize=_KEPT_BLOCKS)
def _edges(hours: SendingHours, zone: str, block: int) -> "array[int]":
    """When it opens, closes, opens … within a block, in ms; what is open at the block's end has no closing time."""
    week = [[(_minutes(opens), _minutes(closes)) for opens, closes in sorted(day)] for day in hours.days.days()]
    closed = frozenset(hours.closed)
    edges = array("q")
    for start, end, offset in _stretches(zone, block):
        for day in range((start + offset) // _DAY_MS, (end - 1 + offset) // _DAY_MS + 1):
            windows, midnight = week[(day + _EPOCH_WEEKDAY) % 7], day * _DAY_MS - offset
            if not windows or _is_day_off(date.fromordinal(day + _EPOCH_ORDINAL), hours, closed):
                continue
            for opens, closes in windows:
                opens_ms = max(midnight + opens * _MINUTE_MS, start)
                closes_ms = min(midnight + closes * _MINUTE_MS, end)
                if opens_ms >= closes_ms:
                    continue
                if edges and edges[-1] == opens_ms:
                    edges[-1] = closes_ms
                else:
                    edges.extend((opens_ms, closes_ms))
    if edges and edges[-1] == (block + 1) * _BLOCK_MS:
        edges.pop()
    return edges


_EPOCH_ORDINAL: Final = date(1970, 1, 1).toordinal()
_EPOCH_WEEKDAY: Final = date(1970, 1, 1).weekday()


def _minutes(clock: str) -> int:
    return int(clock[:2]) * 60 + int(clock[3:])


def _is_day_off(day: date, hours: SendingHours, closed: frozenset[date]) -> bool:
    return day in closed or (not hours.holidays and day in _national_holidays(day.year))


@lru_cache(maxsize=16)
def _national_holidays(year: int) -> frozenset[date]:
    return frozenset((*(date(year, month, day) for month, day in _HOLIDAYS), easter(year) - timedelta(days=2)))


#: Brazil's national holidays (laws 662/1949, 6,802/1980, 14,759/2023); Good Friday moves. A table, because the library
#: that knows all countries' holds back the version of dateutil that schedulers use.
_HOLIDAYS: Final = ((1, 1), (4, 21), (5, 1), (9, 7), (10, 12), (11, 2), (11, 15), (11, 20), (12, 25))


@lru_cache(maxsize=1024)
def _stretches(zone: str, block: int) -> tuple[tuple[int, int, int], ...]:
    """A block cut where the zone's clock changes: (from ms, to ms, offset from UTC in ms)."""
    clock = ZoneInfo(zone)
    stretches: list[tuple[int, int, int]] = []
    start = block * _BLOCK_MS
    for day_start in range(start, (block + 1) * _BLOCK_MS, _DAY_MS):
        before, after = _offset_ms(clock, day_start), _offset_ms(clock, day_start + _DAY_MS)
        if before != after:
            change = _change_between(clock, day_start, day_start + _DAY_MS)
            stretches.append((start, change, before))
            start = change
    end = (block + 1) * _BLOCK_MS
    stretches.append((start, end, _offset_ms(clock, end - 1)))
    return tuple(stretches)


def _change_between(clock: ZoneInfo, early_ms: int, late_ms: int) -> int:
    """The first ms with the later offset; zones change on whole seconds."""
    before, early, late = _offset_ms(clock, early_ms), early_ms // 1000, late_ms // 1000
    while late - early > 1:
        middle = (early + late) // 2
        if _offset_ms(clock, middle * 1000) == before:
            early = middle
        else:
            late = middle
    return late * 1000


def _offset_ms(clock: ZoneInfo, at_ms: int) -> int:
    seconds = at_ms // 1000
    wall = datetime.fromtimestamp(seconds, clock).replace(tzinfo=UTC)
    return (int(wall.timestamp()) - seconds) * 1000
