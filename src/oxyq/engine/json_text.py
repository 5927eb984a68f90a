"""JSON and numbers as they stand in Redis: reading what anybody wrote, writing what everybody can read.

Reading uses msgspec: a quarter of the time of the standard library, and exact with whole numbers of any length. Writing
uses the standard library, which alone refuses NaN and dates instead of writing something else in their place.
"""

import json

import msgspec

from oxyq.outcomes import JsonValue


def _no_json(word: str) -> None:
    raise ValueError(f"{word} is no JSON")  # Python would read NaN and Infinity, and nobody could write them again


# Made once: json.dumps and json.loads make a new one per call as soon as an option is given, which is a tenth of a job.
_PLAIN = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False)
_ESCAPED = json.JSONEncoder(separators=(",", ":"), allow_nan=False)
_FAST = msgspec.json.Decoder()
_LENIENT = json.JSONDecoder(parse_constant=_no_json)


def encode_json(value: object) -> str:
    """Compact JSON as Node writes it; raises TypeError or ValueError for what JSON cannot carry.

    Half a character (a lone surrogate, from a text that was cut inside an emoji) is escaped, as Node does.
    """
    text = _PLAIN.encode(value)
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return _ESCAPED.encode(value)
    return text


def decode_json(raw: bytes) -> JsonValue:
    """Read JSON; raises ValueError (RecursionError when it is too deep) for what is none."""
    value: JsonValue
    try:
        value = _FAST.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        # Half a character in escapes, and numbers such as 1e400: JSON by its grammar, and Node writes both.
        value = _LENIENT.decode(raw.decode())
    return value


def sendable(text: str) -> str:
    """The text with what is no valid Unicode replaced, so that it can be written anywhere."""
    return text.encode("utf-8", "replace").decode()


def as_int(value: object) -> int | None:
    """A whole number, also from text or a float, as other producers write options; None when it is none."""
    if isinstance(value, bool):
        return None
    try:
        return int(value) if isinstance(value, int | float | str | bytes) else None
    except (ValueError, OverflowError):
        return None
