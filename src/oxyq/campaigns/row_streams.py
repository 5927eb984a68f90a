"""The rows of a campaign in the order they were handed in, out of the pieces they lie in, a few at a time."""

from bisect import bisect_left, bisect_right
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import merge
from typing import TypeAlias

from oxyq.campaigns.rows import PlannedRow, SkippedRow
from oxyq.engine.json_text import as_int, decode_json, encode_json
from oxyq.errors import InvalidPayload

Row: TypeAlias = PlannedRow | SkippedRow
ReadPiece: TypeAlias = Callable[[int], Awaitable[Sequence[Row]]]
"""Gives the piece of this number, its rows in order; an empty one is the end."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Where to go on: behind the row `after` (from 0; -1 is the beginning), and in which piece of each stream."""

    after: int = -1
    pieces: Mapping[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        return encode_json([self.after, {**self.pieces}])

    @classmethod
    def read(cls, text: str) -> "Mark":
        """The mark that was written so; InvalidPayload for what is none."""
        try:
            written = decode_json(text.encode())
        except ValueError:
            written = None
        match written:
            case [int(after), dict(pieces)]:
                return cls(after, {name: as_int(piece) or 0 for name, piece in pieces.items()})
            case _:
                raise InvalidPayload("cursor", "is of another list; leave it out to begin at the first")


class RowStreams:
    """Streams of pieces, each ordered by itself, as one."""

    def __init__(self, streams: Mapping[str, ReadPiece], mark: Mark) -> None:
        self._after = mark.after
        self._streams = [_Stream(name, read, mark.pieces.get(name, 0)) for name, read in streams.items()]

    def mark(self) -> Mark:
        """Where the rows that are still to come begin."""
        return Mark(self._after, {stream.name: stream.number for stream in self._streams})

    async def next(self) -> list[Row]:
        """The next rows, as many as can be told to be next from a piece of each stream; none at the end."""
        for stream in self._streams:
            await stream.come_to(self._after)
        ahead = [stream.rows for stream in self._streams if stream.rows]
        if not ahead:
            return []
        # Behind the last row of the piece that ends first, that stream may have rows that come before the others'.
        end = min(rows[-1].row for rows in ahead)
        parts = [rows[: bisect_right(rows, end, key=_place)] for rows in ahead]
        return list(merge(*parts, key=_place))

    def passed(self, row: int) -> None:
        """Everything up to this row is done with."""
        self._after = row


@dataclass(slots=True)
class _Stream:
    name: str
    read: ReadPiece
    number: int
    rows: Sequence[Row] = ()
    """What is left of the piece at hand; none at the end."""
    is_read: bool = False
    is_over: bool = False

    async def come_to(self, after: int) -> None:
        """Have the first row behind `after`, or be at the end."""
        self.rows = self.rows[bisect_left(self.rows, after + 1, key=_place) :]
        while not self.rows and not self.is_over:
            number = self.number + self.is_read
            piece = await self.read(number)
            self.is_over = not piece
            self.number, self.is_read = number, True
            self.rows = piece[bisect_left(piece, after + 1, key=_place) :]


def _place(row: Row) -> int:
    return row.row
