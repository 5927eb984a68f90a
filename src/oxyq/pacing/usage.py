"""Limits as people look at them: how much may go in which time, and how much of it is used now."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from oxyq.clock import now_ms
from oxyq.errors import ConfigurationError, InvalidPayload
from oxyq.limits import LaneLimits, Level
from oxyq.organizations import Organization
from oxyq.pacing.limiter import Limiter, Used
from oxyq.sending.lanes import Lanes


@dataclass(frozen=True, slots=True)
class LimitUse:
    """One limit: `used` of `most` in any window of `window_ms`."""

    used: int
    most: int
    window_ms: int


@dataclass(frozen=True, slots=True)
class DayUse:
    """The budget of today: campaigns and reminders that went, or have their time, of `most`; until `ends_ms`."""

    used: int
    most: int
    ends_ms: int


@dataclass(frozen=True, slots=True)
class NumberUse:
    """The limits of one number; None for those that do not apply, all None when nobody can say, for the `problem`."""

    instance_id: str
    rate: LimitUse | None = None
    day: DayUse | None = None
    gap_ms: tuple[int, int] | None = None
    slowed_until_ms: int | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class OrganizationUse:
    """The limit of all numbers together, and those of each that was asked for."""

    rate: LimitUse | None
    numbers: tuple[NumberUse, ...]


class PacingUsage:
    """Looks at the limits; a look is one round trip for all numbers, and counts as nothing. Raises QueueUnavailable."""

    def __init__(self, limiter: Limiter, lanes: Lanes) -> None:
        self._limiter = limiter
        self._lanes = lanes

    async def of(self, organization: Organization, instance_ids: Sequence[str]) -> OrganizationUse:
        """The use of an organization's limits, and of those of these numbers."""
        now = now_ms()
        # Without a number too: then the limit of all is still there.
        looks = await asyncio.gather(*(self._look(organization, one, now) for one in instance_ids or [""]))
        rate = next((whole for whole, _ in looks if whole is not None), None)
        return OrganizationUse(rate, tuple(number for _, number in looks) if instance_ids else ())

    async def _look(self, organization: Organization, instance_id: str, now: int) -> tuple[LimitUse | None, NumberUse]:
        try:
            # Campaigns, since what slows them down alone is worth telling too.
            lane = await self._lanes.of(organization, instance_id, None, "campaign", now)
        except (ConfigurationError, InvalidPayload) as error:
            return None, NumberUse(instance_id, problem=str(error))
        used, limits = await self._limiter.used(lane, now_ms=now), lane.limits
        number = NumberUse(
            instance_id,
            rate=_level(limits.number, used.number),
            day=_day(limits, used, now),
            gap_ms=limits.gap_ms,
            slowed_until_ms=used.slowed_until_ms,
        )
        return _level(limits.organization, used.organization), number


def _level(level: Level | None, used: int | None) -> LimitUse | None:
    return None if level is None else LimitUse(used or 0, level.most, level.window_ms)


def _day(limits: LaneLimits, used: Used, now: int) -> DayUse | None:
    today = next((day for day in limits.days if now < day.ends_ms), None)
    return None if today is None else DayUse(used.today or 0, today.most, today.ends_ms)
