"""Recipients in NDJSON: in each line a number as text, or an object with the number and variables."""

import json
from collections.abc import Iterable, Iterator
from typing import Annotated, Final

import pydantic
from pydantic import AfterValidator, Field

from oxyq.campaigns.recipient_row import Row, in_line
from oxyq.jobs import MAX_TEXT_CHARACTERS, CampaignRecipient
from oxyq.outcomes import JsonValue
from oxyq.payload_errors import TOO_DEEP, invalid_payload, json_type

_ONE_A_LINE: Final = (
    'write one recipient a line, such as "5511999999999" or {"number": "5511999999999", "variables": {"name": "Ana"}}'
)
_SHOWN_CHARACTERS: Final = 40


class NdjsonRecipients:
    """The parser of one NDJSON file; a line on its own is JSON to the letter."""

    encoding = "UTF-8"

    def rows(self, lines: Iterable[tuple[int, str]]) -> Iterator[Row]:
        """A row from each line that is not blank."""
        for number, line in lines:
            if line and not line.isspace():
                recipient = _recipient(_json(line, number), number)
                yield Row(recipient.number, recipient.variables, number)

    def finish(self) -> None:
        """Any number of lines is a file."""


def _checked_number(value: str) -> str:
    if len(value) > MAX_TEXT_CHARACTERS:
        raise ValueError(f"has {len(value)} characters; write a number, such as 5511999999999")
    if "\0" in value:
        raise ValueError("has a NUL character; write a number, such as 5511999999999")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("has half a character (a lone surrogate); write a number, such as 5511999999999") from None
    return value


class _Recipient(CampaignRecipient):
    # As it was written, and perhaps no number at all: planning says of each what is wrong with it.
    number: Annotated[str, AfterValidator(_checked_number)] = Field(description="a number, such as 5511999999999")


def _recipient(value: JsonValue, line: int) -> _Recipient:
    if isinstance(value, str | int):
        value = {"number": value}
    if not isinstance(value, dict):
        raise in_line(line, f"is {json_type(value)}; {_ONE_A_LINE}")
    for name in value:
        if name not in _Recipient.model_fields:
            raise in_line(line, f"has a field {name[:_SHOWN_CHARACTERS]!r} beside number and variables; {_ONE_A_LINE}")
    try:
        return _Recipient.model_validate(value)
    except pydantic.ValidationError as error:
        problems = invalid_payload(_Recipient, error).problems
        raise in_line(line, "; ".join(f"{field} {problem}" for field, problem in problems)) from None


def _json(line: str, number: int) -> JsonValue:
    try:
        value: JsonValue = _DECODER.decode(line)
    except json.JSONDecodeError as error:
        raise in_line(number, f"is not JSON: {error.msg}; {_ONE_A_LINE}", column=error.colno) from None
    except ValueError as error:
        raise in_line(number, str(error)) from None
    except RecursionError:
        raise in_line(number, TOO_DEEP) from None
    return value


def _object(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("has a name twice in one object; keep one")
    return value


def _integer(text: str) -> int | float:
    # Python needs long for a number of thousands of digits, and no text is a number here anyway.
    return int(text) if len(text) <= 20 else float(text)


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_object, parse_int=_integer)
