"""Reading a request's body: so many bytes, in such a time, of the type that is wanted and nothing else."""

import asyncio
import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from starlette.requests import ClientDisconnect, Request

from oxyq.api.errors import ApiError
from oxyq.api.strict_json import NotJson, parse_json
from oxyq.errors import InvalidPayload
from oxyq.jobs import MAX_PAYLOAD_BYTES
from oxyq.outcomes import JsonValue

BODY_BYTES: Final = MAX_PAYLOAD_BYTES
CAMPAIGN_BODY_BYTES: Final = 16 * 1024 * 1024

SLOW_SECONDS = 10.0
#: A body has 10 s, and so much more as a slow but honest line needs: 16 MiB may take 74 s.
SLOWEST_BYTES_PER_SECOND = 256 * 1024
#: What is still read of a body that is too big: a client that is busy sending misses an answer sent at once.
DRAIN_BYTES, DRAIN_SECONDS = CAMPAIGN_BODY_BYTES, 1.0

JSON_TYPE: Final = "application/json"
_TYPE_IN_UTF8: Final = re.compile(r'([^ \t;]+)[ \t]*(;[ \t]*charset=("?)utf-8\3[ \t]*)?', re.ASCII | re.IGNORECASE)
_CLOSE: Final = {"Connection": "close"}


@dataclass(frozen=True, slots=True)
class JsonBody:
    """A JSON object and how many bytes it had."""

    fields: dict[str, JsonValue]
    bytes: int


async def read_object(request: Request, cap_bytes: int) -> JsonBody:
    """The JSON object in the body; ApiError 400, 408, 413, 415, or InvalidPayload when it is JSON but no object."""
    media_type(request, JSON_TYPE)
    body = bytearray()
    async with aclosing(body_pieces(request, cap_bytes)) as coming:
        async for piece in coming:
            body += piece
    try:
        # Half a second for 16 MiB: in a thread, so that others are answered meanwhile.
        value = parse_json(body) if len(body) <= BODY_BYTES else await asyncio.to_thread(parse_json, body)
    except NotJson as error:
        raise ApiError(400, "malformed_json", str(error)) from None
    if not isinstance(value, dict):
        raise InvalidPayload("payload", "must be an object with fields, such as the examples in /docs")
    return JsonBody(value, len(body))


def has_body(request: Request) -> bool:
    """Whether anything comes with this request."""
    return "transfer-encoding" in request.headers or request.headers.get("content-length", "0") != "0"


def media_type(request: Request, *taken: str) -> str:
    """Which of these types the body is; ApiError 415 for all others, and for what is compressed."""
    given = request.headers.getlist("content-type")
    found = _TYPE_IN_UTF8.fullmatch(given[0].strip()) if len(given) == 1 else None
    if found is None or found[1].lower() not in taken:
        raise ApiError(415, "unsupported_media_type", f"the header Content-Type must be {' or '.join(taken)}")
    if any(coding.strip().lower() != "identity" for coding in request.headers.getlist("content-encoding")):
        raise ApiError(
            415, "unsupported_media_type", "compressed bodies are not taken; send it without Content-Encoding"
        )
    return found[1].lower()


async def body_pieces(request: Request, cap_bytes: int) -> AsyncGenerator[bytes, None]:
    """The body as it comes; ApiError 400, 408, 413. What is done with a piece takes none of the caller's time."""
    if _declared_bytes(request) > cap_bytes:
        raise await _too_large(request, cap_bytes)
    clock, stream = asyncio.get_running_loop().time, request.stream()
    came, waited = 0, 0.0
    while True:
        start = clock()
        try:
            async with asyncio.timeout(SLOW_SECONDS + came / SLOWEST_BYTES_PER_SECOND - waited):
                piece = await anext(stream, None)
        except TimeoutError:
            raise ApiError(408, "request_timeout", "the body came too slowly; send it again", headers=_CLOSE) from None
        except ClientDisconnect:
            raise ApiError(400, "incomplete_body", "the body ended too early; send all of it", headers=_CLOSE) from None
        if piece is None:
            return
        waited += clock() - start
        came += len(piece)
        if came > cap_bytes:
            raise await _too_large(request, cap_bytes)
        yield piece


def _declared_bytes(request: Request) -> int:
    # More digits than that are no honest length; the server has checked that they are digits.
    length = request.headers.get("content-length", "0")
    return int(length) if re.fullmatch(r"[0-9]{1,18}", length) else 10**18


async def _too_large(request: Request, cap_bytes: int) -> ApiError:
    if "expect" not in request.headers:  # who waits for our 100 Continue has sent nothing yet
        await _drain(request)
    text = f"the body has more than {cap_bytes} bytes; keep big things elsewhere and send a reference"
    return ApiError(413, "payload_too_large", text, headers=_CLOSE)


async def _drain(request: Request) -> None:
    left = DRAIN_BYTES
    try:
        async with asyncio.timeout(DRAIN_SECONDS):
            async for piece in request.stream():
                left -= len(piece)
                if left < 0:
                    return
    except (TimeoutError, ClientDisconnect, RuntimeError):
        return
