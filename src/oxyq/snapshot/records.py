"""What a snapshot is made of: one record a line, as JSON, text wherever it is text."""

from collections.abc import Iterator, Sequence
from typing import Final, Literal, TypeAlias

import msgspec

from oxyq.engine.transfer import State
from oxyq.errors import InvalidPayload

KeyType = Literal["string", "hash", "list", "set", "zset"]
Space = Literal["oxyq", "queue"]

#: A piece of a key has about as many items or bytes: what is held in memory of a key, however large.
PIECE_ITEMS: Final = 1000
PIECE_BYTES: Final = 2**18


class Binary(msgspec.Struct, frozen=True):
    """Bytes that are no UTF-8."""

    b64: bytes


Value: TypeAlias = str | Binary


class Key(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="record", tag="key"):
    """One key, or a piece of one that is large; pieces of a key follow each other.

    `key` is what follows `oxyq:{prefix}:` (space oxyq) or `{prefix}:` (space queue). `items` are the value of a
    string, the items of a list in order, the members of a set; of a hash names and values, of a sorted set members and
    scores, one after the other. `expires_at` is in ms since 1970.
    """

    space: Space
    key: Value
    type: KeyType
    items: list[Value]
    expires_at: int | None = None
    part: int = 0
    is_last: bool = True


class Job(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="record", tag="job"):
    """One job, with the names and values of its fields. `in_hand`: a worker had it, so it may run again."""

    queue: str
    id: Value
    state: State
    fields: list[Value]
    score: str = "0"
    in_hand: bool = False


class Scheduler(msgspec.Struct, frozen=True, kw_only=True, tag_field="record", tag="scheduler"):
    """One scheduler; `score` is when its next job is due."""

    queue: str
    id: Value
    score: str
    fields: list[Value]


Record: TypeAlias = Key | Job | Scheduler

_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final[msgspec.json.Decoder[Record]] = msgspec.json.Decoder(Record)


def to_line(record: Record) -> bytes:
    """One record as a line of JSON, with its end."""
    return _ENCODER.encode(record) + b"\n"


def from_line(line: bytes) -> Record:
    """The record of a line; raises InvalidPayload."""
    try:
        return _DECODER.decode(line)
    except (msgspec.DecodeError, msgspec.ValidationError, ValueError) as error:
        raise InvalidPayload("record", f"is none that this release knows: {error}") from None


def value_of(raw: bytes) -> Value:
    """Bytes as text, if they are UTF-8."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return Binary(raw)


def bytes_of(value: Value) -> bytes:
    """The bytes again."""
    return value.encode() if isinstance(value, str) else value.b64


def values_of(raw: Sequence[bytes]) -> list[Value]:
    """Each of them as text, if it is UTF-8."""
    return [value_of(one) for one in raw]


def all_bytes(values: Sequence[Value]) -> list[bytes]:
    """All of them as bytes again."""
    return [bytes_of(one) for one in values]


def pieces(items: Sequence[bytes], step: int) -> Iterator[Sequence[bytes]]:
    """What was read at once in pieces of the usual size; `step` items (2 of a hash) stay together. At least one."""
    start = size = 0
    for at, item in enumerate(items):
        size += len(item)
        if (
            (at + 1) % step == 0
            and (at + 1 - start >= PIECE_ITEMS * step or size >= PIECE_BYTES)
            and at + 1 < len(items)
        ):
            yield items[start : at + 1]
            start, size = at + 1, 0
    yield items[start:]
