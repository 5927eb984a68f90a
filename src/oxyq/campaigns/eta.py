"""When a campaign will be through: how many may go at which pace, while which zones are open."""

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Final, Literal, TypeAlias
from zoneinfo import ZoneInfo

from oxyq.sending_hours import SendingHours, closes_at, next_open

Waits: TypeAlias = Literal["limit", "daily budget", "quiet hours"]

#: Whoever waits for longer has no date: nobody plans so far ahead, and much will have changed.
HORIZON_DAYS: Final = 366

#: Messages a second where only a day's budget counts: how fast that goes out decides little.
_WITHIN_A_DAY: Final = 10.0

_DAY_MS: Final = 86_400_000
# Messages are counted in whole nanoseconds: no sum of rounded pauses drifts.
_SECOND_NS: Final = 1_000_000_000
_MS_NS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast all of a campaign's messages may go together.

    `per_second`: the limit, None without one. `per_day`: how many may go on this day, the next, and so on, the last
    value repeating; None without a budget. `used_today`: how many of today's have gone.
    """

    per_second: float | None = None
    per_day: tuple[int, ...] | None = None
    used_today: int = 0

    def budget(self, day: int) -> int:
        """How many may still go on a day, 0 being today."""
        if not self.per_day:
            return sys.maxsize
        return max(0, self.per_day[min(day, len(self.per_day) - 1)] - (self.used_today if day == 0 else 0))


@dataclass(frozen=True, slots=True)
class Estimate:
    """What may be said of a campaign's end.

    `ends_at_ms`: when the last message goes out; None: not within `HORIZON_DAYS`, or nobody can know yet.
    `waits`: what holds it up now; None: it goes out as fast as it can be sent, or nobody waits.
    `crosses_quiet_hours_at_ms`: the first time that people wait and none of their zones is open; None: not before
    its end, nor within `HORIZON_DAYS`.
    """

    ends_at_ms: int | None
    waits: Waits | None
    crosses_quiet_hours_at_ms: int | None


def estimate(
    now_ms: int,
    waiting: Mapping[str, int],
    pace: Pace,
    hours: SendingHours | None,
    *,
    time_zone: str,
    measured_per_second: float,
) -> Estimate:
    """When `waiting` (people by zone) will have been written to, if all goes on as it is now.

    `time_zone` is the organization's, in which its days of budget begin. `measured_per_second` is how fast messages
    go out where no limit holds them up, 0 when that was not measured yet. When several zones are open, the one that
    closes first goes first.
    """
    zones = [_Zone(name, people) for name, people in sorted(waiting.items()) if people > 0]
    if not zones:
        return Estimate(now_ms, None, None)
    horizon_ms = now_ms + HORIZON_DAYS * _DAY_MS
    for zone in zones:
        zone.look(hours, now_ms, horizon_ms)
    rate = min(math.inf if pace.per_second is None else pace.per_second, measured_per_second or math.inf)
    waits = _waits(zones, pace, is_limited=rate == pace.per_second)
    if rate == math.inf and pace.per_day:
        rate = _WITHIN_A_DAY
    if not 0 < rate < math.inf:
        return Estimate(None, waits, now_ms if waits == "quiet hours" else None)

    step_ns, free_ns, crosses_at_ms = max(1, round(_SECOND_NS / rate)), now_ms * _MS_NS, None
    day, budget, day_ends_ms = 0, pace.budget(0), _next_midnight(now_ms, time_zone) if pace.per_day else horizon_ms
    at_ms = now_ms
    # Each turn is a stretch of time in which the same zones are open on one day of the budget.
    while at_ms < horizon_ms:
        until_ms = min(day_ends_ms, horizon_ms, *(zone.changes_ms for zone in zones))
        open_zones = sorted((zone for zone in zones if zone.is_open), key=lambda zone: zone.changes_ms)
        first_ns = max(free_ns, at_ms * _MS_NS)
        fitting = max(0, _rounded_up(until_ms * _MS_NS - first_ns, step_ns))
        going = min(fitting, budget, sum(zone.people for zone in open_zones))
        last_ms = at_ms
        if going:
            last_ns = first_ns + (going - 1) * step_ns
            free_ns, budget, last_ms = last_ns + step_ns, budget - going, _rounded_up(last_ns, _MS_NS)
            _take(open_zones, going)
            zones = [zone for zone in zones if zone.people]
        if not zones:
            return Estimate(last_ms, waits, crosses_at_ms)
        if crosses_at_ms is None and not any(zone.is_open for zone in zones):
            crosses_at_ms = last_ms
        at_ms = until_ms
        if at_ms == day_ends_ms:
            day, day_ends_ms = day + 1, _next_midnight(at_ms, time_zone)
            budget = pace.budget(day)
        for zone in zones:
            zone.look(hours, at_ms, horizon_ms)
    return Estimate(None, waits, crosses_at_ms)


@dataclass(slots=True)
class _Zone:
    """The people of one zone who still wait, whether it is open, and until when that stays so."""

    name: str
    people: int
    is_open: bool = False
    changes_ms: int = 0

    def look(self, hours: SendingHours | None, at_ms: int, horizon_ms: int) -> None:
        if at_ms < self.changes_ms:
            return
        opens_ms = next_open(hours, self.name, at_ms)
        self.is_open = opens_ms == at_ms
        closes_ms = closes_at(hours, self.name, at_ms) if self.is_open else opens_ms
        self.changes_ms = horizon_ms if closes_ms is None else closes_ms


def _waits(zones: list[_Zone], pace: Pace, *, is_limited: bool) -> Waits | None:
    if not any(zone.is_open for zone in zones):
        return "quiet hours"
    if pace.budget(0) == 0:
        return "daily budget"
    return "limit" if is_limited else None


def _take(zones: list[_Zone], count: int) -> None:
    for zone in zones:
        taken = min(zone.people, count)
        zone.people -= taken
        count -= taken


def _rounded_up(value: int, unit: int) -> int:
    return -(-value // unit)


def _next_midnight(at_ms: int, time_zone: str) -> int:
    clock = ZoneInfo(time_zone)
    tomorrow = datetime.fromtimestamp(at_ms // 1000, clock).date() + timedelta(days=1)
    return int(datetime.combine(tomorrow, time.min, clock).timestamp()) * 1000
