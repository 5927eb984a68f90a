"""JSON to the letter: what two readers could understand in two ways is refused."""

import json
import math
from typing import Final

from oxyq.outcomes import JsonValue

MAX_DEPTH: Final = 64
MAX_SAFE_INTEGER: Final = 2**53 - 1
"""Node reads greater ones as their neighbours."""


class NotJson(ValueError):
    """The bytes are not JSON as we take it; the text says why, without repeating any of it."""


def parse_json(body: bytes | bytearray) -> JsonValue:
    """The value in these bytes; raises NotJson.

    Beyond the grammar: UTF-8 without a byte order mark, no name twice in an object, no NaN and no number out of
    range, nothing nested deeper than 64.
    """
    if not body.strip():
        raise NotJson("the body is empty; send a JSON object")
    try:
        value: JsonValue = json.loads(
            body.decode("utf-8"), object_pairs_hook=_object, parse_constant=_no_constant, parse_float=_float,
            parse_int=_integer,
        )  # fmt: skip
    except json.JSONDecodeError as error:
        raise NotJson(f"the body is not JSON: {error.msg} (line {error.lineno}, column {error.colno})") from None
    except UnicodeDecodeError as error:
        raise NotJson(f"the body is not UTF-8 (byte {error.start}); send UTF-8 JSON") from None
    except RecursionError:
        raise NotJson(_TOO_DEEP) from None
    _refuse_deep(value)
    return value


_TOO_DEEP: Final = f"the body is nested deeper than {MAX_DEPTH}; flatten it"


def _object(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise NotJson("an object in the body has a name twice; keep one")
    return value


def _no_constant(name: str) -> JsonValue:
    raise NotJson(f"the body has {name}, which JSON has not; use null")


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise NotJson("the body has a number that is too great; send it as text")
    return value


def _integer(text: str) -> int:
    # By length first: Python needs seconds for a number of a million digits.
    if len(text) > 17 or abs(value := int(text)) > MAX_SAFE_INTEGER:
        raise NotJson("the body has a whole number beyond 2^53, which many readers round; send it as text")
    return value


def _refuse_deep(value: JsonValue) -> None:
    layer = [value] if isinstance(value, list | dict) else []
    for _ in range(MAX_DEPTH):
        layer = [
            inner
            for outer in layer
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, list | dict)
        ]
    if layer:
        raise NotJson(_TOO_DEEP)
