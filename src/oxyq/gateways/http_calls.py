"""Calls of a gateway's HTTP side, and what is known of a message when one of them ends badly."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

import httpx

from oxyq.engine.json_text import decode_json, encode_json
from oxyq.gateways.base import GatewayError, InstanceHalted, InstanceState, MaybeSent, NotSent, SlowDown
from oxyq.outcomes import JsonValue

#: Until a message is taken. Below the 60 s of a job's run, so that the run still writes down what it learned.
SEND_SECONDS: Final = 25.0
#: For everything that only looks or shows something.
LOOK_SECONDS: Final = 10.0
#: Until a connection stands, or one of the client's becomes free.
_CONNECT_SECONDS: Final = 5.0
#: Answers are small; a longer one is none of a gateway's.
_LONGEST_ANSWER: Final = 256 * 1024
_LONGEST_WAIT_SECONDS: Final = 24 * 3600

#: What httpx raises before a byte of the request has left; after anything else it may have arrived.
_NEVER_LEFT: Final = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
    httpx.InvalidURL,
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said; `json` is None when its body is none, and `headers` have names in lower case."""

    status: int
    json: JsonValue
    headers: Mapping[str, str]

    @property
    def is_success(self) -> bool:
        """Whether it says that all went well."""
        return 200 <= self.status < 300

    @property
    def retry_after_seconds(self) -> float | None:
        """How long it asks to wait, if it does (RFC 9110, in seconds; dates are not heeded)."""
        text = self.headers.get("retry-after", "")
        return float(min(int(text), _LONGEST_WAIT_SECONDS)) if text.isdecimal() and len(text) < 10 else None


class HttpCalls:
    """Calls to one server, each with the same headers. The client is shared, and not closed here."""

    def __init__(self, client: httpx.AsyncClient, base_url: str, headers: Mapping[str, str]) -> None:
        self._client = client
        self._base_url = base_url.rstrip("/")
        # As bytes: a secret with an accent would otherwise be refused by httpx with a traceback.
        self._headers = {name.encode(): value.encode() for name, value in headers.items()}
        self._headers[b"content-type"] = b"application/json"

    async def call(
        self, method: str, path: str, *, about: str, body: JsonValue = None, seconds: float = LOOK_SECONDS
    ) -> Answer:
        """The server's answer within `seconds`, whatever it is; errors begin with `about`, and hold no address.

        Raises NotSent when nothing left this machine, MaybeSent when it did and no answer came.
        """
        if self._client.is_closed:
            raise NotSent(f"{about}: this process is stopping")
        content = None if body is None else encode_json(body).encode()
        timeout = httpx.Timeout(seconds, connect=_CONNECT_SECONDS, pool=_CONNECT_SECONDS)
        try:
            async with (
                # httpx limits each read, not all of them: a server that drips would never end.
                asyncio.timeout(seconds + 2 * _CONNECT_SECONDS),
                self._client.stream(
                    method, self._base_url + path, content=content, headers=self._headers, timeout=timeout
                ) as response,
            ):
                return Answer(response.status_code, await _json(response), response.headers)
        except _NEVER_LEFT as error:
            raise NotSent(f"{about}: no connection ({type(error).__name__}); nothing was sent") from error
        except (httpx.HTTPError, TimeoutError) as error:
            raise MaybeSent(f"{about}: the answer was lost ({type(error).__name__})") from error


async def _json(response: httpx.Response) -> JsonValue:
    raw = bytearray()
    async for piece in response.aiter_bytes():
        raw += piece
        if len(raw) > _LONGEST_ANSWER:
            return None
    try:
        return decode_json(bytes(raw))
    except (ValueError, RecursionError):
        return None


def in_path(part: str) -> str:
    """One part of a path, so that no id reaches into another's."""
    return quote(part, safe="")


def unexplained(answer: Answer, about: str) -> GatewayError:
    """What to make of an answer without a body of the gateway's: a proxy's word, or none that can be read."""
    said = f"{about}: answered {answer.status} without saying what became of it"
    if answer.is_success or answer.status >= 500:
        return MaybeSent(said)  # a proxy that lost the server behind it answers 502 or 504
    if answer.status == 429:
        return SlowDown(f"{about}: too many requests", answer.retry_after_seconds)
    if answer.status in (401, 403):
        return InstanceHalted(f"{about}: access was refused ({answer.status}); check the secrets of this number")
    return NotSent(said)


@contextmanager
def harmless_to_repeat() -> Iterator[None]:
    """Around calls that send nothing: when the answer is lost, they may simply be made again."""
    try:
        yield
    except MaybeSent as error:
        raise NotSent(str(error)) from error


def state_after(error: GatewayError) -> InstanceState:
    """How a number stands of which we could not learn it."""
    return InstanceState("halted" if isinstance(error, InstanceHalted) else "unknown", str(error))
