"""The rows of a campaign as they lie in Redis: many together, packed, a few dozen bytes each."""

import zlib
from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec

#: Rows per piece: big enough to pack well, small enough to be read for a single row.
ROWS_PER_PIECE: Final = 500
#: The fastest that zlib has; texts of one template are so alike that more gains little.
_LEVEL: Final = 1


class UploadedRow(NamedTuple):
    """A recipient as handed in: the number as it was written, and variables of their own."""

    written: str
    variables: dict[str, str]


class PlannedRow(NamedTuple):
    """A recipient as planned: the row it came from, the canonical number, the text that will go out.

    `parameters` are those of the approved template that goes out instead where that can be sent.
    """

    row: int
    number: str
    text: str
    parameters: tuple[str, ...] = ()


class SkippedRow(NamedTuple):
    """A row that was left out, with the reason and what is to be said about it."""

    row: int
    written: str
    reason: str
    detail: str


class Place(NamedTuple):
    """Where a planned row lies: the piece of its time zone's list, and how far into it."""

    zone: str
    piece: int
    offset: int

    def __str__(self) -> str:
        return f"{self.piece} {self.offset} {self.zone}"

    @classmethod
    def read(cls, text: str) -> "Place":
        """The place that was written so, perhaps with the slot of its send behind it."""
        piece, offset, zone, *_ = text.split(" ")
        return cls(zone, int(piece), int(offset))


class OpenSend(NamedTuple):
    """A send that was released: its job, where its row lies, and the time that was reserved for it (ms since 1970)."""

    job_id: str
    place: Place
    slot: int | None

    def __str__(self) -> str:
        return str(self.place) if self.slot is None else f"{self.place} {self.slot}"

    @classmethod
    def read(cls, job_id: str, text: str) -> "OpenSend":
        """The send that was written so."""
        *_, last = text.split(" ")
        return cls(job_id, Place.read(text), int(last) if last.isdecimal() else None)


def erased_row(row: PlannedRow) -> PlannedRow:
    """The same row without its person, so that all others stay where they are."""
    return PlannedRow(row.row, f"{_ERASED}{row.row}", "")


def is_erased(row: PlannedRow) -> bool:
    """Whether the person of this row was erased: nothing is sent for it."""
    return row.number.startswith(_ERASED)


def pack(rows: Sequence[UploadedRow] | Sequence[SkippedRow]) -> bytes:
    """Rows as one piece."""
    return _packed(rows)


def pack_planned(rows: Sequence[PlannedRow]) -> bytes:
    """Rows of the plan as one piece; where there are no parameters, nothing is said of them."""
    return _packed([row if row.parameters else row[:3] for row in rows])


def unpack_uploaded(piece: bytes) -> list[UploadedRow]:
    """The rows of a piece of an upload."""
    return _UPLOADED.decode(zlib.decompress(piece))


def unpack_planned(piece: bytes) -> list[PlannedRow]:
    """The rows of a piece that was planned."""
    return _PLANNED.decode(zlib.decompress(piece))


def unpack_skipped(piece: bytes) -> list[SkippedRow]:
    """The rows of a piece that was left out."""
    return _SKIPPED.decode(zlib.decompress(piece))


def _packed(rows: Sequence[tuple[object, ...]]) -> bytes:
    return zlib.compress(_ENCODER.encode(rows), _LEVEL)


_ERASED: Final = "erased-"
_ENCODER: Final = msgspec.json.Encoder()
_UPLOADED: Final = msgspec.json.Decoder(list[UploadedRow])
_PLANNED: Final = msgspec.json.Decoder(list[PlannedRow])
_SKIPPED: Final = msgspec.json.Decoder(list[SkippedRow])
