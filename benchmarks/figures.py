"""The arithmetic: medians, ratios of what was measured in the same round, percentiles, and bars that are met or not."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

OURS = "ours"


@dataclass(frozen=True, slots=True)
class Figure:
    """One thing that is measured: `key` names it for programs, `title` for people."""

    key: str
    title: str
    unit: str
    higher_is_better: bool = True


@dataclass(frozen=True, slots=True)
class Bar:
    """What a figure of ours must reach: a ratio to the best of `against`, or without them a number in its unit."""

    figure: Figure
    limit: float
    aim: float
    against: tuple[str, ...] = ()

    @property
    def is_at_least(self) -> bool:
        """Whether the bar says "at least", as its figure's direction has it; else "at most"."""
        return self.figure.higher_is_better

    def is_met_by(self, value: float) -> bool:
        """Whether a value is on the right side of the bar."""
        return value >= self.limit if self.is_at_least else value <= self.limit

    def is_aim_met_by(self, value: float) -> bool:
        """Whether a value is as good as we wish, beyond the bar."""
        return value >= self.aim if self.is_at_least else value <= self.aim


@dataclass(slots=True)
class Measured:
    """What was measured of one figure: a value per contestant and round."""

    figure: Figure
    values: dict[str, dict[int, float]] = field(default_factory=dict)

    def note(self, contestant: str, round_number: int, value: float) -> None:
        """Put down one value."""
        self.values.setdefault(contestant, {})[round_number] = value

    def median(self, contestant: str) -> float | None:
        """The median of a contestant's rounds; None when it was not measured."""
        rounds = self.values.get(contestant)
        return median(rounds.values()) if rounds else None

    def ratio(self, contestant: str, to: str) -> float | None:
        """See `paired_ratio`; None when one of them was not measured."""
        return paired_ratio(self.values.get(contestant, {}), self.values.get(to, {}))

    def best(self, contestants: Iterable[str]) -> str | None:
        """Who of these did best, by median; None when none was measured."""
        medians = {name: value for name in contestants if (value := self.median(name)) is not None}
        if not medians:
            return None
        return (max if self.figure.higher_is_better else min)(medians, key=lambda name: medians[name])


@dataclass(frozen=True, slots=True)
class Verdict:
    """How we stand at a bar; `value` is None when it could not be measured."""

    bar: Bar
    opponent: str | None
    value: float | None

    @property
    def word(self) -> str:
        """For the table."""
        if self.value is None:
            return "not measured"
        if not self.bar.is_met_by(self.value):
            return "**missed**"
        return "met, and the aim" if self.bar.is_aim_met_by(self.value) else "met"


def judge(bar: Bar, measured: Measured) -> Verdict:
    """Hold what was measured against a bar."""
    if not bar.against:
        return Verdict(bar, None, measured.median(OURS))
    opponent = measured.best(bar.against)
    return Verdict(bar, opponent, None if opponent is None else measured.ratio(OURS, opponent))


def paired_ratio(ours: Mapping[int, float], theirs: Mapping[int, float]) -> float | None:
    """The median of the ratios within each round.

    Not the ratio of the medians: the speed of a shared machine drifts from round to round, for both alike.
    """
    ratios = [ours[number] / theirs[number] for number in ours if theirs.get(number)]
    return median(ratios) if ratios else None


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that `share` (0 to 1) of all values do not exceed; raises ValueError when there are none."""
    if not values:
        raise ValueError("there is no percentile of nothing")
    ranked = sorted(values)
    return ranked[max(math.ceil(share * len(ranked)) - 1, 0)]


def steady_rate(moments_us: Sequence[int], skip: float = 0.1) -> float:
    """Events per second from the first to the last of these moments, without the first `skip` of them: warming up."""
    ranked = sorted(moments_us)
    steady = ranked[int(len(ranked) * skip) :]
    if len(steady) < 2 or steady[-1] == steady[0]:
        raise ValueError(f"{len(ranked)} moments are too few for a rate")
    return (len(steady) - 1) / (steady[-1] - steady[0]) * 1e6


def most_in_any_window(moments_us: Sequence[int], window_us: int) -> int:
    """The most events that lie in any window of this length."""
    ranked, most, first = sorted(moments_us), 0, 0
    for last, moment in enumerate(ranked):
        while moment - ranked[first] >= window_us:
            first += 1
        most = max(most, last - first + 1)
    return most
