"""Parts of JSON that strangers wrote: each is there with the right type, or it is not there."""

from typing import Final

from oxyq.outcomes import JsonValue

_MOST_DIGITS: Final = 19


def part(value: JsonValue, *path: str | int) -> JsonValue:
    """What stands at this path of names and positions, or None."""
    for step in path:
        if isinstance(value, dict) and isinstance(step, str):
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
        else:
            return None
    return value


def text_at(value: JsonValue, *path: str | int) -> str | None:
    """The text there, if it is one and not empty."""
    found = part(value, *path)
    return found if isinstance(found, str) and found else None


def list_at(value: JsonValue, *path: str | int) -> list[JsonValue]:
    """The elements there; none when it is no list."""
    found = part(value, *path)
    return found if isinstance(found, list) else []


def object_at(value: JsonValue, *path: str | int) -> dict[str, JsonValue]:
    """The object there; an empty one when it is none."""
    found = part(value, *path)
    return found if isinstance(found, dict) else {}


def whole_at(value: JsonValue, *path: str | int) -> int | None:
    """The whole number there, 0 or more: as a number, as digits, or as the halves of 64 bits (protobuf's Long)."""
    found = part(value, *path)
    if isinstance(found, dict):
        low, high = found.get("low"), found.get("high")
        if type(low) is int and type(high) is int and 0 <= high < 2**31 and -(2**31) <= low < 2**32:
            return high * 2**32 + low % 2**32
        return None
    if isinstance(found, str) and found.isascii() and found.isdecimal() and len(found) <= _MOST_DIGITS:
        return int(found)
    return found if type(found) is int and found >= 0 else None
