"""Says when a message may go out, so that no limit is ever exceeded and none is left unused while work waits.

Two things are kept for each limit. The *guard* remembers what went: it is exact. The *calendar* remembers what was
promised, one bit per slot of time, so that jobs are put off once, until a time that will be theirs. Why it is so is
told in docs/decisions/pacing.md.
"""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final, Literal, TypeAlias

from oxyq import redis_keys
from oxyq.campaigns.eta import Pace
from oxyq.engine.connection import Argument, Reply
from oxyq.engine.hub import Hub
from oxyq.engine.lua_runner import Script, ScriptRunner
from oxyq.gateways.base import Scope
from oxyq.limits import LaneLimits, Level

Kind: TypeAlias = Literal["message", "automation", "campaign"]
"""What goes first when there is not room for all: answers, then reminders, then campaigns."""


@dataclass(frozen=True, slots=True)
class Lane:
    """The way of a message: whose it is, by which number, to whom, of which kind, and what limits it.

    `recipient` may be None when only a time is asked for.
    """

    organization_id: str
    instance_id: str
    recipient: str | None
    kind: Kind
    limits: LaneLimits


@dataclass(frozen=True, slots=True)
class Go:
    """It may go now, and is counted as gone."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Not before `at_ms` (ms since 1970), because of `why`; `held`: that time is promised to it."""

    at_ms: int
    why: str
    held: bool


@dataclass(frozen=True, slots=True)
class Planned:
    """Reserved times (ms since 1970), in order; `next_ms`: when there would be one more, None if there were enough."""

    times: list[int]
    next_ms: int | None
    why: str | None


@dataclass(frozen=True, slots=True)
class Used:
    """How much of each limit is used now; None for a limit that does not apply, or a time that is not set.

    `organization` and `number`: messages in the window; `today`: campaigns and reminders that went or have a time.
    """

    organization: int | None
    number: int | None
    today: int | None
    slowed_until_ms: int | None


class Limiter:
    """Asks Redis, where all processes meet; a question is one round trip, and none where nothing limits a lane.

    `now_ms` is always the caller's time in ms since 1970. Every method raises QueueUnavailable without Redis.
    """

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._runner = ScriptRunner(hub.commands)
        self._random = random.Random()  # noqa: S311 - to look like a person, not to keep a secret
        self._slowed_until = dict[tuple[str, str], int]()

    async def go(self, lane: Lane, *, held_ms: int | None = None, now_ms: int) -> Go | Wait:
        """Ask right before sending; `held_ms` is the time that was promised to it."""
        if lane.limits.is_none and not self._is_slowed(lane, now_ms):
            return Go()
        held = -1 if held_ms is None else held_ms
        reply = await self._run(_GO, lane, now_ms, held, *self._gaps(lane.limits, 1))
        match reply:
            case []:
                return Go()
            case [int(at_ms), bytes(why), int(is_held)]:
                return Wait(at_ms, why.decode(), is_held == 1)
            case _:
                raise AssertionError(f"go.lua answered {reply!r}")

    async def plan(self, lane: Lane, count: int, *, from_ms: int, until_ms: int, now_ms: int) -> Planned:
        """Reserve up to `count` times from `from_ms` on and before `until_ms`."""
        if lane.limits.is_none and not self._is_slowed(lane, now_ms):
            return Planned([from_ms] * count, None, None)
        reply = await self._run(_PLAN, lane, now_ms, from_ms, until_ms, count, *self._gaps(lane.limits, count))
        match reply:
            case [list(times), [int(next_ms), bytes(why)]]:
                return Planned(_integers(times), next_ms, why.decode() or None)
            case [list(times), []]:
                return Planned(_integers(times), None, None)
            case _:
                raise AssertionError(f"plan.lua answered {reply!r}")

    async def refund(self, lane: Lane, times: Sequence[int], *, now_ms: int) -> None:
        """Give back times that nobody will use: others get them, and the budgets of their days."""
        if not lane.limits.is_none and times:
            await self._run(_REFUND, lane, now_ms, *times)

    async def slow_down(self, lane: Lane, scope: Scope, until_ms: int, *, now_ms: int) -> None:
        """Let nothing of this scope go before `until_ms`; an earlier time than one asked for before changes nothing.

        Where nothing limits a lane, only this process knows of it.
        """
        if lane.limits.is_none:
            number = (lane.organization_id, lane.instance_id)
            self._slowed_until[number] = max(until_ms, self._slowed_until.get(number, 0))
        keys = self._keys(lane)
        key = f"{keys[-1] if scope == 'pair' else keys[1]}:slowed:{scope}"
        await self._hub.commands.ready(_READY_SECONDS)
        await self._runner.run(_SLOW_DOWN, [key], [until_ms, now_ms])

    async def used(self, lane: Lane, *, now_ms: int) -> Used:
        """How much of each limit is used, for people who look."""
        reply = await self._run(_USED, lane, now_ms)
        slowed, *counts = _integers(reply if isinstance(reply, list) else [])
        organization, number, today = (None if count < 0 else count for count in counts)
        return Used(organization, number, today, slowed if slowed > now_ms else None)

    async def pace(self, lane: Lane, *, now_ms: int) -> Pace:
        """How fast campaigns may go on this lane as long as nobody writes, and what is left of its days."""
        limits = lane.limits
        rates = [_campaigns_per_second(level) for level in (limits.organization, limits.number) if level is not None]
        shortest, longest = limits.gap_ms or (0, 0)
        if longest:
            rates.append(2000 / (shortest + longest))
        per_day = tuple(day.most for day in limits.days) or None
        used = await self.used(lane, now_ms=now_ms) if per_day else None
        return Pace(min(rates, default=None), per_day, (used.today or 0) if used else 0)

    def _is_slowed(self, lane: Lane, now_ms: int) -> bool:
        number = (lane.organization_id, lane.instance_id)
        until_ms = self._slowed_until.get(number)
        if until_ms is not None and until_ms <= now_ms:
            del self._slowed_until[number]
        return until_ms is not None and until_ms > now_ms

    def _gaps(self, limits: LaneLimits, count: int) -> list[int]:
        # Here and not in Lua, where chance is the same in every run of a script.
        shortest, longest = limits.gap_ms or (0, 0)
        return [self._random.randint(shortest, longest) for _ in range(count)] if longest else [0]

    async def _run(self, script: Script, lane: Lane, now_ms: int, *arguments: Argument) -> Reply:
        await self._hub.commands.ready(_READY_SECONDS)
        return await self._runner.run(script, self._keys(lane), [_as_json(lane.limits), lane.kind, now_ms, *arguments])

    def _keys(self, lane: Lane) -> list[str]:
        prefix, organization_id, instance_id = self._hub.prefix, lane.organization_id, lane.instance_id
        keys = [
            redis_keys.pacing(organization_id, prefix=prefix),
            redis_keys.pacing_number(organization_id, instance_id, prefix=prefix),
        ]
        if lane.recipient is not None:
            keys.append(redis_keys.pacing_pair(organization_id, instance_id, lane.recipient, prefix=prefix))
        return keys


def _campaigns_per_second(level: Level) -> float:
    return 1e6 / level.slot_us + (1e6 / level.reserve_us if level.reserve_us else 0)


@lru_cache(maxsize=4096)
def _as_json(limits: LaneLimits) -> str:
    written: dict[str, object] = {
        name: _level(level)
        for name, level in (("organization", limits.organization), ("number", limits.number), ("pair", limits.pair))
        if level is not None
    }
    if limits.gap_ms is not None:
        written["gap"] = limits.gap_ms[1]
    if limits.days:
        written["days"] = [
            {"name": day.name, "starts": day.starts_ms, "ends": day.ends_ms, "most": day.most} for day in limits.days
        ]
    return json.dumps(written)


def _level(level: Level) -> dict[str, int]:
    return {
        "most": level.most,
        "window": level.window_ms,
        "campaign": level.campaigns,
        "automation": level.automations,
        "answers": level.answers,
        "reserve": level.reserve,
        "slot_us": level.slot_us,
        "reserve_us": level.reserve_us,
    }


def _script(name: str, *, after: str = "") -> Script:
    folder = Path(__file__).parent
    text = "".join((folder / f"{part}.lua").read_text(encoding="utf-8") for part in (after, name) if part)
    # Also when memory is full: nothing may go out uncounted.
    return Script.build(name, text, allow_oom=True)


_GO: Final = _script("go", after="lane")
_PLAN: Final = _script("plan", after="lane")
_REFUND: Final = _script("refund", after="lane")
_USED: Final = _script("used", after="lane")
_SLOW_DOWN: Final = _script("slow_down")
#: Redis being away for longer fails the attempt, and a later one sends.
_READY_SECONDS: Final = 5.0


def _integers(reply: Sequence[Reply]) -> list[int]:
    return [part for part in reply if isinstance(part, int)]
