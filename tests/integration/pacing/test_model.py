"""The scripts against a model that is as plain as can be: lists of times, sets of slots, and nothing cached."""

import math
import secrets
from collections import defaultdict
from dataclasses import dataclass, field

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oxyq.limits import LaneLimits, Level, NumberSettings, RateLimit, lane_limits
from oxyq.pacing.limiter import Go, Kind, Lane, Limiter, Planned, Wait
from tests.integration.pacing.traffic import START_MS

AHEAD_MS, IN_PLACE_MS, FEW = 60_000, 50, 20
NEVER = math.inf


@dataclass
class LevelModel:
    """One level: what went, by kind, and what is promised."""

    level: Level
    why: str
    went: list[tuple[int, str]] = field(default_factory=list)
    slots: set[int] = field(default_factory=set)
    reserves: list[int] = field(default_factory=list)
    turns: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))

    def room(self, most: int, *, of: str = "") -> float:
        """When a window holds fewer than `most`."""
        times = [at for at, group in self.went if of in ("", group)]
        if most <= 0:
            return NEVER
        return times[-most] + self.level.window_ms if len(times) >= most else 0

    def opens(self, kind: Kind, others: int = 0) -> float:
        level, everything = self.level, self.room(self.level.most - others)
        if kind == "message":
            return max(everything, self.room(level.answers - others, of="answers"))
        reserve = self.room(level.reserve - others, of="bulk")
        return max(everything, min(self.room(self.most(kind) - others), reserve))

    def most(self, kind: Kind) -> int:
        level = self.level
        return {"message": level.answers, "automation": level.automations, "campaign": level.campaigns}[kind]

    def waiting(self, queue: str, now: int) -> int:
        self.turns[queue] = [turn for turn in self.turns[queue] if turn > now]
        return len(self.turns[queue])

    def pause(self, kind: Kind) -> int:
        return math.ceil(self.level.window_ms / self.most(kind) * 1.02)

    def turn(self, kind: Kind, queue: str, at: int, now: int) -> int:
        others = self.waiting(queue, now)
        last = self.turns[queue][-1] if others else 0
        following = self.opens(kind, others) if others < self.most(kind) else last + self.pause(kind)
        return int(max(at, following, last))

    def is_flooded(self, now: int) -> bool:
        level = self.level
        return level.reserve_us > 0 and self.room(level.campaigns - level.reserve, of="answers") > now

    def slot(self, at: int) -> int:
        return at * 1000 // self.level.slot_us

    def free(self, at: int) -> int:
        slot = self.slot(at)
        if slot not in self.slots:
            return at
        while slot in self.slots:
            slot += 1
        return -(-slot * self.level.slot_us // 1000)

    def follows(self) -> int:
        last = self.reserves[-1] if self.reserves else 0
        return last + -(-self.level.reserve_us // 1000)


class Model:
    """The lane of one number of one organization."""

    def __init__(self, limits: LaneLimits) -> None:
        pairs = ((limits.organization, "organization limit"), (limits.number, "number limit"))
        self.levels = [LevelModel(level, why) for level, why in pairs if level is not None]
        self.days = limits.days
        self.used: dict[str, int] = defaultdict(int)

    def go(self, kind: Kind, held: int | None, now: int) -> Go | Wait:
        at, why, by = self._guard(kind)
        by = by if at > now else None
        if kind == "message":
            queue = "answers" if held is None else "late"
            if by is None and held is None:
                for one in self.levels:
                    others = one.waiting("answers", now)
                    if others and one.opens(kind, others) > now:
                        by, why = one, one.why
            if by is not None:
                return self._wait(by, queue, by.turn(kind, queue, at, now), why)
            self._count(kind, now)
            self._charge(now)
            return Go()
        if held is not None:
            if by is None:
                self._count(kind, now)
                return Go()
            turn = by.turn(kind, "bulk", at, now)
            patience = 2 * by.pause(kind) if by.level.campaigns < FEW else 0
            if turn <= now + max(patience, IN_PLACE_MS):
                return self._wait(by, "bulk", turn, why)
            self._use(held, -1)
        found = self._find(max(at, now), why, now)
        if found is None:
            raise AssertionError("the days of the model are enough")
        at, why = found
        if at > now:
            return Wait(at, why, True)
        self._count(kind, now)
        return Go()

    def plan(self, count: int, until: int, now: int) -> Planned:
        times, at = list[int](), now
        for _ in range(count):
            found = self._find(at, "", now, until=until)
            assert found is not None
            if found[0] >= until:
                return Planned(times, found[0], found[1])
            times.append(found[0])
            at = found[0]
        return Planned(times, None, None)

    def refund(self, times: list[int]) -> None:
        for at in times:
            was_promised = False
            for one in self.levels:
                if at in one.reserves:
                    last = len(one.reserves) - 1 - one.reserves[::-1].index(at)
                    del one.reserves[last]
                    was_promised = True
                elif one.slot(at) in one.slots:
                    one.slots.remove(one.slot(at))
                    was_promised = True
            if was_promised:
                self._use(at, -1)

    def _guard(self, kind: Kind) -> tuple[int, str, LevelModel | None]:
        at, why, by = 0, "", None
        for one in self.levels:
            opens = one.opens(kind)
            if opens > at:
                at, why, by = int(opens), one.why, one
        return at, why, by

    def _wait(self, by: LevelModel, queue: str, turn: int, why: str) -> Wait:
        by.turns[queue].append(turn)
        return Wait(turn, why, True)

    def _count(self, kind: Kind, now: int) -> None:
        for one in self.levels:
            one.went.append((now, "answers" if kind == "message" else "bulk"))

    def _charge(self, now: int) -> None:
        for one in self.levels:
            if one.level.reserve_us and not one.is_flooded(now):
                at = one.free(now + AHEAD_MS)
                if at <= now + 2 * AHEAD_MS + one.level.window_ms:
                    one.slots.add(one.slot(at))

    def _find(self, at: int, why: str, now: int, *, until: float = NEVER) -> tuple[int, str] | None:
        while True:
            found, reason = self._common(at, now)
            why = why or reason
            day = next((day for day in self.days if found < day.ends_ms), None)
            if self.days and day is None:
                return None
            if day is None or self.used[day.name] < day.most:
                break
            at, why = day.ends_ms, "daily budget"
        if found < until:
            for one in self.levels:
                if one.free(found) == found and not (self._has_reserve(one, at, now) and one.is_flooded(now)):
                    one.slots.add(one.slot(found))
                else:
                    one.reserves.append(found)
            self._use(found, 1)
        return found, why

    def _has_reserve(self, one: LevelModel, at: int, now: int) -> bool:
        return one.level.reserve_us > 0 and at <= now + AHEAD_MS + one.level.window_ms

    def _common(self, begins: int, now: int) -> tuple[int, str]:
        at, why = begins, ""
        while True:
            before = at
            for one in self.levels:
                times = list[int]()
                if self._has_reserve(one, begins, now):
                    times.append(max(at, one.follows()))
                    if not one.is_flooded(now):
                        times.append(one.free(at))
                else:
                    times.append(one.free(at))
                if min(times) > at:
                    at, why = min(times), one.why
            if at == before:
                return at, why

    def _use(self, at: int, change: int) -> None:
        day = next((day for day in self.days if at < day.ends_ms), None)
        if day is not None:
            self.used[day.name] = max(0, self.used[day.name] + change)


def rates(most: int) -> st.SearchStrategy[RateLimit]:
    pairs = st.tuples(st.integers(1, most), st.sampled_from([1, 5, 60]))
    return pairs.map(lambda pair: RateLimit(max=pair[0], per_seconds=pair[1]))


STEP = st.tuples(
    st.sampled_from(["message"] * 4 + ["late", "held", "held", "automation", "campaign", "plan", "refund"]),
    st.sampled_from([0, 0, 1, 7, 90, 900, 5_000, 30_000]),
    st.integers(1, 12),
)


@given(
    organization=st.none() | rates(40),
    number=rates(40),
    share=st.sampled_from([0.0, 0.2, 0.5]),
    daily=st.none() | st.just(200),
    steps=st.lists(STEP, max_size=60),
)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_every_answer_is_what_the_plain_model_says(
    limiter: Limiter,
    organization: RateLimit | None,
    number: RateLimit,
    share: float,
    daily: int | None,
    steps: list[tuple[str, int, int]],
) -> None:
    given_settings = NumberSettings(rate=number, answers_share=share, daily=daily)
    limits = lane_limits("simulator", given_settings, organization, START_MS, "America/Sao_Paulo")
    model, name, now = Model(limits), secrets.token_hex(8), START_MS
    promised = list[int]()

    def lane(kind: Kind) -> Lane:
        return Lane(name, "wa", None, kind, limits)

    for what, later_ms, count in steps:
        now += later_ms
        match what:
            case "message" | "automation" | "campaign":
                for _ in range(count):
                    kind: Kind = what
                    assert await limiter.go(lane(kind), now_ms=now) == model.go(kind, None, now)
            case "late":
                assert await limiter.go(lane("message"), held_ms=now, now_ms=now) == model.go("message", now, now)
            case "held":
                assert await limiter.go(lane("campaign"), held_ms=now, now_ms=now) == model.go("campaign", now, now)
            case "plan":
                until = now + 60_000
                planned = await limiter.plan(lane("campaign"), count, from_ms=now, until_ms=until, now_ms=now)
                assert planned == model.plan(count, until, now)
                promised += planned.times
            case _:
                back, promised = promised[:count], promised[count:]
                await limiter.refund(lane("campaign"), back, now_ms=now)
                model.refund(back)

    windows = [one for one in model.levels if one.went]
    for one in windows:
        times = [at for at, _ in one.went]
        for first, last in zip(times, times[one.level.most :], strict=False):
            assert last - first >= one.level.window_ms
    assert (await limiter.used(lane("campaign"), now_ms=now)).today == (
        model.used[limits.days[0].name] if limits.days else None
    )
