"""Answers in JSON that every reader takes, whatever somebody left in Redis."""

import json

import msgspec
from fastapi.responses import JSONResponse


class JsonAnswer(JSONResponse):
    """Half a character is escaped, as Node writes it, and infinity is null: neither may spoil a list for all others."""

    def render(self, content: object) -> bytes:
        """The body."""
        try:
            return msgspec.json.encode(content)
        except (UnicodeEncodeError, OverflowError):  # the latter for whole numbers beyond 64 bits
            finite = json.loads(json.dumps(content), parse_constant=lambda _: None)
            return json.dumps(finite, separators=(",", ":")).encode()
