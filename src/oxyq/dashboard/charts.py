"""Charts as SVG, drawn on the server: bars of what was done, and on top of them what failed."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from oxyq.outcomes import JsonValue
from oxyq.statistics.reading import Point, Series

#: Units of the drawing, which is stretched to the width there is: each point is STEP wide, the whole HEIGHT high.
STEP: Final = 10
HEIGHT: Final = 100
_GAP: Final = 1
#: What failed is seen, however little it is beside the rest.
_LEAST: Final = 2.0


@dataclass(frozen=True, slots=True)
class Bars:
    """A series as a drawing: `done` and `failed` are SVG paths, `top` what its upper edge stands for."""

    series: Series
    top: int
    done: str
    failed: str

    @property
    def width(self) -> int:
        """Of the drawing, in its own units."""
        return len(self.series.points) * STEP

    @property
    def is_empty(self) -> bool:
        """Whether nothing was done at all."""
        return not any(_ended(point) for point in self.series.points)

    @property
    def marks(self) -> Sequence[Point]:
        """Points whose times are written under the chart: its first, and each third of it."""
        points = self.series.points
        return [points[len(points) * part // 3] for part in range(3)]

    def to_json(self) -> JsonValue:
        """For the script, which reads it out and draws it anew."""
        first, points = self.series.points[0].at_ms, self.series.points
        return {
            "first": first, "step": self.series.point_seconds * 1000, "top": self.top, "done": self.done,
            "failed": self.failed, "points": [[one.completed, one.failed, one.retried] for one in points],
        }  # fmt: skip


def bars(series: Series) -> Bars:
    """Draw a series."""
    top = _round_up(max((_ended(point) for point in series.points), default=0))
    done, failed = list[str](), list[str]()
    for number, point in enumerate(series.points):
        floor = HEIGHT - point.completed / top * HEIGHT
        if point.completed:
            done.append(_bar(number, HEIGHT, floor))
        if point.failed:
            ceiling = floor - max(point.failed / top * HEIGHT, _LEAST)
            # Where there is no room above the others, it covers a little of them.
            failed.append(_bar(number, floor - min(ceiling, 0.0), max(ceiling, 0.0)))
    return Bars(series, top, "".join(done), "".join(failed))


def _ended(point: Point) -> int:
    return point.completed + point.failed


def _bar(number: int, bottom: float, top: float) -> str:
    left, wide = number * STEP + _GAP, STEP - 2 * _GAP
    return f"M{left} {bottom:.4g}V{top:.4g}h{wide}V{bottom:.4g}z"


def _round_up(most: int) -> int:
    """The next number that is easy to read, and so is its half: 2, 4, 6, 8, 10, 12, 16, 20, 30, 40, 60 …"""
    power: int = 10 ** math.floor(math.log10(max(most, 2)))
    tenths = (step * power for step in (10, 12, 16, 20, 30, 40, 60, 80, 100))
    return next(number // 10 for number in tenths if number >= most * 10 and number % 20 == 0)
