"""Reading what a form sends: `application/x-www-form-urlencoded`, so many bytes, each field once unless asked."""

import asyncio
from collections.abc import Mapping
from contextlib import aclosing
from typing import Final
from urllib.parse import parse_qsl

from fastapi import Request

from oxyq.api.body import body_pieces, media_type
from oxyq.errors import InvalidPayload

FORM_TYPE: Final = "application/x-www-form-urlencoded"
FORM_BYTES: Final = 256 * 1024
MOST_FIELDS: Final = 2_000


class Form:
    """The fields of a form as they were sent; browsers end lines with CR LF, here they end with LF."""

    def __init__(self, fields: Mapping[str, list[str]]) -> None:
        self._fields = fields

    def text(self, name: str) -> str:
        """A field that must be there and not empty; InvalidPayload naming it."""
        value = self.optional(name)
        if value is None:
            raise InvalidPayload(name, "is missing; fill it in")
        return value

    def optional(self, name: str) -> str | None:
        """A field, or None when it is missing or empty; InvalidPayload when it is there twice."""
        values = self._fields.get(name, [])
        if len(values) > 1:
            raise InvalidPayload(name, "is given twice; keep one")
        return values[0] if values and values[0].strip() else None

    def number(self, name: str, *, least: int = 0, most: int) -> int | None:
        """A field as a whole number from `least` to `most`, None when it is empty; InvalidPayload."""
        text = self.optional(name)
        if text is None:
            return None
        digits = text.strip()
        if not (digits.isascii() and digits.isdigit() and len(digits) <= 15 and least <= int(digits) <= most):
            raise InvalidPayload(name, f"must be a whole number from {least} to {most}")
        return int(digits)

    def flag(self, name: str) -> bool:
        """Whether a box is ticked."""
        return self.optional(name) is not None

    def several(self, name: str) -> list[str]:
        """All values of a field, such as the rows that are ticked."""
        return [value for value in self._fields.get(name, []) if value]

    def filled(self) -> dict[str, str]:
        """Everything as it was sent, the first of each, to show a form again."""
        return {name: values[0] for name, values in self._fields.items() if values}


def _pairs(body: str) -> list[tuple[str, str]]:
    return parse_qsl(body, keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)


async def read_form(request: Request, cap_bytes: int = FORM_BYTES) -> Form:
    """The form in the body; ApiError 400, 408, 413, 415, or InvalidPayload for what is no form."""
    media_type(request, FORM_TYPE)
    body = bytearray()
    async with aclosing(body_pieces(request, cap_bytes)) as coming:
        async for piece in coming:
            body += piece
    try:
        # Not on the loop: a list that was pasted takes a tenth of a second.
        pairs = await asyncio.to_thread(_pairs, body.decode("ascii"))
    except ValueError:
        raise InvalidPayload("form", f"cannot be read; send at most {MOST_FIELDS} fields in UTF-8") from None
    fields: dict[str, list[str]] = {}
    for name, value in pairs:
        fields.setdefault(name, []).append(value.replace("\r\n", "\n"))
    form = Form(fields)
    request.state.form = form  # so that a refusal finds the way back
    return form
