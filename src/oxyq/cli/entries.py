"""Reading JSON files: strictly, and telling the place of what is wrong."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from oxyq.errors import InvalidPayload

if TYPE_CHECKING:
    from oxyq.outcomes import JsonValue

STDIN = "-"
#: What Windows programs put in front of UTF-8.
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Entry:
    """One value of a file; `place` is empty when the file holds only that one."""

    value: JsonValue
    place: str = ""


def read_value(source: str) -> JsonValue:
    """The one JSON value in a file, or in standard input for "-"; raises InvalidPayload, OSError."""
    return _parsed(_read(source), _name(source))


def read_entries(source: str) -> list[Entry]:
    """What a file holds: one JSON object, an array of them, or one per line; raises InvalidPayload, OSError."""
    raw, name = _read(source), _name(source)
    entries = list(_lines(raw, name) if _is_one_per_line(raw) else _document(_parsed(raw, name)))
    if not entries:
        raise InvalidPayload(name, "is an empty array; there is nothing to enqueue")
    return entries


def _document(value: JsonValue) -> Iterator[Entry]:
    if not isinstance(value, list):
        yield Entry(value)
        return
    for number, item in enumerate(value, start=1):
        yield Entry(item, f"entry {number}")


def _lines(raw: bytes, name: str) -> Iterator[Entry]:
    number = 0
    for line_number, line in enumerate(raw.split(b"\n"), start=1):
        if line.strip():
            number += 1
            place = f"entry {number} (line {line_number})"
            yield Entry(_parsed(line, f"{name}, {place}"), place)


def _is_one_per_line(raw: bytes) -> bool:
    """Whether the first line is a whole object and more follows."""
    first, _, rest = raw.lstrip().partition(b"\n")
    if not rest.strip():
        return False
    try:
        return isinstance(json.loads(first), dict)
    except (ValueError, RecursionError):
        return False


def _read(source: str) -> bytes:
    raw = sys.stdin.buffer.read() if source == STDIN else Path(source).read_bytes()
    return raw.removeprefix(_BYTE_ORDER_MARK)


def _name(source: str) -> str:
    return "standard input" if source == STDIN else source


def _parsed(raw: bytes, name: str) -> JsonValue:
    from oxyq.api.strict_json import NotJson, parse_json

    try:
        return parse_json(raw)
    except NotJson as error:
        raise InvalidPayload(name, str(error).removeprefix("the body ").replace("the body", "it")) from None
