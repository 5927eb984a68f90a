"""Cursors: where the next page of a list begins, in a text that callers can only give back."""

import base64
import binascii
import hmac
import re
from typing import Final

from oxyq.errors import InvalidPayload

_MARK_BYTES: Final = 16
_LONGEST: Final = 2048
_CURSOR: Final = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)


class Cursors:
    """Signs places in lists, so that nobody asks for one that we did not name."""

    def __init__(self, secret: str) -> None:
        # A key of its own: what signs tokens signs nothing else.
        self._key = hmac.digest(secret.encode(), b"cursors", "sha256")

    def sign(self, text: str) -> str:
        """The cursor for a place."""
        place = text.encode()
        return base64.urlsafe_b64encode(self._mark(place) + place).rstrip(b"=").decode()

    def read(self, cursor: str) -> str:
        """The place of a cursor; raises InvalidPayload for what we did not sign."""
        if len(cursor) <= _LONGEST and _CURSOR.fullmatch(cursor):
            try:
                raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True)
            except binascii.Error:
                raw = b""
            mark, place = raw[:_MARK_BYTES], raw[_MARK_BYTES:]
            # The same bytes can be written in several ways; ours is one.
            if hmac.compare_digest(mark, self._mark(place)) and self.sign(place.decode()) == cursor:
                return place.decode()
        raise InvalidPayload("cursor", "is not one of ours; take it from the page before as it is, or leave it out")

    def _mark(self, place: bytes) -> bytes:
        return hmac.digest(self._key, place, "sha256")[:_MARK_BYTES]
