"""How counters lie in Redis: rows of fixed width in strings, one row per slot of time, many rows per string.

A string is made in its whole length at its first count, so what 90 days cost is known beforehand, and a chart of a day
is a few GETRANGE. Bytes of one queue, however busy (a test measures them):

    what         a row      for a day, kept 25 h               for 90 days
    counts       12 B       6 strings of 360 min     26 kB     7 strings of 120 · 3 h     10 kB
    times        400 B      6 strings of 36 · 10 min 86 kB     7 strings of 120 · 3 h    336 kB
    in all                                                                              458 kB

measured 465 kB with what Redis needs around them. Of one organization in one queue, where it has jobs: 15 kB.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from oxyq.engine.connection import Argument
from oxyq.statistics.histogram import BUCKETS

_HOUR: Final = 3600
_BYTES: Final = 4

Kind: TypeAlias = Literal["counts", "times"]


@dataclass(frozen=True, slots=True)
class Resolution:
    """Slots of `slot_seconds`, `slots` of them in one string, which is kept for `keep_seconds` after its last."""

    slot_seconds: int
    slots: int
    keep_seconds: int

    @property
    def block_seconds(self) -> int:
        """The time that one string covers."""
        return self.slot_seconds * self.slots

    def block(self, at_seconds: float) -> int:
        """The number of the string that a time falls into."""
        return int(at_seconds // self.block_seconds)

    def expires_ms(self, block: int) -> int:
        """When nobody needs this string any more (ms since 1970)."""
        return ((block + 1) * self.block_seconds + self.keep_seconds) * 1000


@dataclass(frozen=True, slots=True)
class Rows:
    """A kind of rows, `width` counters each, kept finely for a day and coarsely for 90."""

    kind: Kind
    width: int
    fine: Resolution
    coarse: Resolution


#: The counters of a row of counts, in their order.
COUNTED: Final = ("completed", "failed", "retried")

_MINUTES: Final = Resolution(60, 360, 25 * _HOUR)
_TEN_MINUTES: Final = Resolution(600, 36, 25 * _HOUR)
#: Eight a day, of which one begins at midnight in Brasília (03:00 UTC), so that days can be made of them.
_THREE_HOURS: Final = Resolution(3 * _HOUR, 120, 90 * 24 * _HOUR)

QUEUE_COUNTS: Final = Rows("counts", len(COUNTED), _MINUTES, _THREE_HOURS)
ORGANIZATION_COUNTS: Final = Rows("counts", len(COUNTED), _TEN_MINUTES, _THREE_HOURS)
#: First how long jobs waited, then how long they ran.
QUEUE_TIMES: Final = Rows("times", 2 * BUCKETS, _TEN_MINUTES, _THREE_HOURS)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Rows that lie side by side in one string: those from `first` up to, not including, `end`."""

    block: int
    first: int
    end: int


def adding(key: str, width: int, resolution: Resolution, at_seconds: float, counts: Sequence[int]) -> list[Argument]:
    """The command that adds these to the row of a time."""
    start = int(at_seconds % resolution.block_seconds // resolution.slot_seconds) * width
    command: list[Argument] = ["BITFIELD", key, "OVERFLOW", "SAT"]
    for place, count in enumerate(counts, start):
        if count:
            command += ("INCRBY", "u32", f"#{place}", count)
    # The last counter is touched as well: a string that grows bit by bit takes up to twice the memory.
    return [*command, "INCRBY", "u32", f"#{resolution.slots * width - 1}", 0]


def stretches(resolution: Resolution, from_seconds: int, until_seconds: int) -> Iterator[Stretch]:
    """Where the rows of a time lie; both ends are the beginnings of slots."""
    at = from_seconds
    while at < until_seconds:
        block = resolution.block(at)
        begins = block * resolution.block_seconds
        end = min(until_seconds, begins + resolution.block_seconds)
        yield Stretch(block, (at - begins) // resolution.slot_seconds, (end - begins) // resolution.slot_seconds)
        at = end


def reading(key: str, width: int, stretch: Stretch) -> list[Argument]:
    """The command that reads them."""
    return ["GETRANGE", key, stretch.first * width * _BYTES, stretch.end * width * _BYTES - 1]


def read(reply: object, width: int, stretch: Stretch) -> list[int]:
    """The counters of these rows, one row after the other; all 0 where nothing was counted."""
    many = (stretch.end - stretch.first) * width
    raw = reply if isinstance(reply, bytes) else b""
    return list(struct.unpack(f">{many}I", raw[: many * _BYTES].ljust(many * _BYTES, b"\0")))
