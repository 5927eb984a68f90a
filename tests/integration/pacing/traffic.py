"""Traffic in virtual time: campaigns that plan ahead, answers that come as they like, and workers that are late."""

import heapq
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace

from oxyq.limits import LaneLimits, NumberSettings, RateLimit, lane_limits
from oxyq.pacing.limiter import Go, Kind, Lane, Limiter

START_MS = 1_795_377_084_000
#: As campaigns and senders do: how far they plan, and what they wait without putting the job off.
AHEAD_MS, IN_PLACE_MS, LATEST_MS = 60_000, 50, 300


def limits_of(
    rate: tuple[int, int] | None = None, *, organization: tuple[int, int] | None = None, **number: object
) -> LaneLimits:
    """The limits of a lane; rates as (messages, seconds)."""
    settings = NumberSettings(rate=_rate(rate), **number)  # type: ignore[arg-type]
    return lane_limits("simulator", settings, _rate(organization), START_MS, "America/Sao_Paulo")


def _rate(rate: tuple[int, int] | None) -> RateLimit | None:
    return None if rate is None else RateLimit(max=rate[0], per_seconds=rate[1])


@dataclass(slots=True)
class Gone:
    """One message that went: when, by which number, of which kind, put off how often, and how long it waited."""

    at_ms: int
    instance_id: str
    kind: Kind
    hops: int
    waited_ms: int


@dataclass(slots=True)
class Traffic:
    """Everything that happens, in the order of time; `limiters` are the processes, which take turns by chance."""

    limiters: Sequence[Limiter]
    seed: int = 1
    now_ms: int = START_MS
    gone: list[Gone] = field(default_factory=list)
    _agenda: list[tuple[int, int, Callable[[], Awaitable[None]]]] = field(default_factory=list)
    _count: int = 0
    _random: random.Random = field(default_factory=random.Random)

    def __post_init__(self) -> None:
        self._random.seed(self.seed)

    def campaign(
        self,
        lane: Lane,
        *,
        kind: Kind = "campaign",
        from_ms: int = START_MS,
        limits: Callable[[int], LaneLimits] | None = None,
    ) -> None:
        """A campaign without end, that plans a minute ahead and again when half of that is over.

        `limits` gives those of a time, where they change from day to day.
        """
        self._at(from_ms, lambda: self._plan(replace(lane, kind=kind), limits))

    def answers(self, lane: Lane, per_second: float, *, from_ms: int = START_MS, until_ms: int | None = None) -> None:
        """Answers at an even pace."""
        self._at(from_ms, lambda: self._answer(replace(lane, kind="message"), from_ms, per_second, until_ms))

    async def run(self, seconds: float) -> None:
        """Let so much time pass."""
        end_ms = self.now_ms + round(seconds * 1000)
        while self._agenda and self._agenda[0][0] < end_ms:
            self.now_ms, _, happens = heapq.heappop(self._agenda)
            await happens()
        self.now_ms = end_ms

    async def _plan(self, lane: Lane, limits: Callable[[int], LaneLimits] | None) -> None:
        slots, now = list[int](), self.now_ms
        lane = lane if limits is None else replace(lane, limits=limits(now))
        while len(slots) < 6000:
            planned = await self._limiter().plan(lane, 100, from_ms=now, until_ms=now + AHEAD_MS, now_ms=now)
            slots += planned.times
            if planned.next_ms is not None:
                break
        for slot in slots:
            self._send(lane, slot, slot)
        again = slots[len(slots) // 2] if slots else (planned.next_ms or now) - AHEAD_MS // 2
        self._at(max(again, now + 1000), lambda: self._plan(lane, limits))

    async def _answer(
        self, lane: Lane, first_ms: int, per_second: float, until_ms: int | None, number: int = 0
    ) -> None:
        if until_ms is None or self.now_ms < until_ms:
            following = first_ms + round((number + 1) * 1000 / per_second)
            self._at(following, lambda: self._answer(lane, first_ms, per_second, until_ms, number + 1))
            await self._try(replace(lane, recipient=f"5511{self._count}"), None, self.now_ms, 0)

    def _send(self, lane: Lane, at_ms: int, wanted_ms: int, hops: int = 0) -> None:
        late = at_ms + self._random.randint(0, LATEST_MS)
        self._at(late, lambda: self._try(lane, late, wanted_ms, hops))

    async def _try(self, lane: Lane, held_ms: int | None, wanted_ms: int, hops: int) -> None:
        verdict = await self._limiter().go(lane, held_ms=held_ms, now_ms=self.now_ms)
        if isinstance(verdict, Go):
            waited = self.now_ms - wanted_ms
            self.gone.append(Gone(self.now_ms, lane.instance_id, lane.kind, hops, waited))
        elif verdict.at_ms - self.now_ms <= IN_PLACE_MS:
            self._at(verdict.at_ms, lambda: self._try(lane, verdict.at_ms, wanted_ms, hops))
        else:
            self._send(lane, verdict.at_ms, wanted_ms, hops + 1)

    def _at(self, at_ms: int, happens: Callable[[], Awaitable[None]]) -> None:
        self._count += 1
        heapq.heappush(self._agenda, (at_ms, self._count, happens))

    def _limiter(self) -> Limiter:
        return self._random.choice(self.limiters)

    # --- what came of it ---------------------------------------------------------------------------------------

    def most_in_a_window(self, window_ms: int, instance_id: str | None = None) -> int:
        """The most messages that went in any window."""
        times = sorted(one.at_ms for one in self.gone if instance_id in (None, one.instance_id))
        most, first = 0, 0
        for last, at in enumerate(times):
            while times[first] <= at - window_ms:
                first += 1
            most = max(most, last - first + 1)
        return most

    def per_second(self, *, after_s: float = 0, kind: Kind | None = None, instance_id: str | None = None) -> float:
        """How many went in a second, from `after_s` on."""
        begins = START_MS + after_s * 1000
        counted = [one for one in self.gone if one.at_ms >= begins and kind in (None, one.kind)]
        counted = [one for one in counted if instance_id in (None, one.instance_id)]
        return len(counted) * 1000 / (self.now_ms - begins)

    def count(self, from_ms: int, until_ms: int) -> int:
        """How many went from a time on and before another."""
        return sum(from_ms <= one.at_ms < until_ms for one in self.gone)

    def waited_ms(self, kind: Kind) -> int:
        """The longest that one of this kind waited."""
        return max(one.waited_ms for one in self.gone if one.kind == kind)

    def hops(self, kind: Kind = "campaign", *, after_s: float = 0) -> dict[int, int]:
        """How many messages were put off once more how often."""
        begins = START_MS + after_s * 1000
        return dict(Counter(one.hops for one in self.gone if one.kind == kind and one.at_ms >= begins))
