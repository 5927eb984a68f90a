"""The header by which the same order, sent again, stays one order."""

from typing import Final

from fastapi import Request

from oxyq.errors import InvalidPayload

LONGEST: Final = 200
IDEMPOTENCY_PARAMETER: Final[dict[str, object]] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "a text of your own; the same order under the same key is one order",
    "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST},
}


def idempotency_key(request: Request) -> str | None:
    """The header Idempotency-Key, None when it is not given; raises InvalidPayload."""
    key = request.headers.get("idempotency-key")
    if key is not None and not (1 <= len(key) <= LONGEST and key.isprintable()):
        raise InvalidPayload("Idempotency-Key", f"must have 1 to {LONGEST} printable characters")
    return key
