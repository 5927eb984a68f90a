"""What the local servers share: they keep what they received, fail where a number asks for it, and post webhooks."""

import asyncio
import dataclasses
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import ClassVar

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from oxyq.clock import now_ms
from oxyq.engine.json_text import decode_json
from oxyq.gateways.json_parts import text_at
from oxyq.gateways.local.faults import ONCE, Fault, fault_of
from oxyq.gateways.local.posting import Poster
from oxyq.gateways.local.serving import CutReply, serving
from oxyq.gateways.news import Status
from oxyq.outcomes import JsonValue


@dataclass(frozen=True, slots=True)
class Received:
    """One message as the server received it; `key` where the gateway hands it on, `at_ms` in ms since 1970."""

    at_ms: int
    to: str
    type: str
    text: str
    provider_id: str
    key: str | None = None


class LocalServer(ABC):
    """A server that speaks as a real one; `received` is what "WhatsApp" got, oldest first.

    It posts what becomes of each message to `webhook_url`: sent, delivered, read. `GET /received` tells what it got,
    and where customers' messages come by webhook, `POST /inbound {"from", "text"}` lets one write.
    """

    REFUSALS: ClassVar[Mapping[Fault, tuple[int, JsonValue]]]
    """Status and body of each fault that this server has words for."""

    def __init__(self, *, webhook_url: str | None = None, slow_seconds: float = 2.0) -> None:
        self.received: list[Received] = []
        self.shown: list[tuple[str, str]] = []
        """What was to be shown to people: ("typing" or "read", a number or a message's id)."""
        self._poster = Poster(webhook_url, self._signed)
        self._slow_seconds = slow_seconds
        self._failed_once: set[tuple[str, str]] = set()

    @asynccontextmanager
    async def running(self, port: int = 0) -> AsyncIterator[str]:
        """Serve while the block runs; gives the address."""
        routes = [
            *self._routes(),
            Route("/received", self._tell_received),
            Route("/inbound", self._let_write, methods=["POST"]),
        ]
        async with self._poster.running(), serving(Starlette(routes=routes), port) as url:
            yield url

    async def posted(self) -> None:
        """Wait until all webhooks so far were posted."""
        await self._poster.idle()

    def write(self, sender: str, text: str) -> None:
        """A customer writes; raises ValueError where messages do not come by webhook."""
        self._poster.post(self._message_body(sender, text))

    @abstractmethod
    def _routes(self) -> Sequence[Route]: ...

    @abstractmethod
    def _signed(self, raw: bytes) -> Mapping[str, str]:
        """The headers that prove a webhook."""

    @abstractmethod
    def _status_body(self, message: Received, status: Status) -> JsonValue: ...

    @abstractmethod
    def _message_body(self, sender: str, text: str) -> JsonValue: ...

    async def _answer(self, message: Received, taken: Callable[[Received], JsonValue], status: int = 200) -> Response:
        """Take a message, or fail as its recipient asks for."""
        fault = fault_of(message.to)
        if fault in ONCE:
            once = (message.to, message.key or message.text)
            if once in self._failed_once:
                fault = None
            self._failed_once.add(once)
        refusal = None if fault is None else self.REFUSALS.get(fault)
        if refusal is not None:
            return JSONResponse(refusal[1], refusal[0])
        if fault == "no_body":
            return Response(status_code=502)
        if fault == "slow":
            await asyncio.sleep(self._slow_seconds)
        self._take(message)
        if fault == "cut":
            return CutReply()
        if fault == "garbage":
            return Response("<html>ok", status)
        return JSONResponse(taken(message), status)

    def _take(self, message: Received) -> None:
        self.received.append(message)
        for status in ("sent", "delivered", "read"):
            self._poster.post(self._status_body(message, status))

    async def _tell_received(self, request: Request) -> Response:
        return JSONResponse([dataclasses.asdict(message) for message in self.received])

    async def _let_write(self, request: Request) -> Response:
        body = await json_of(request)
        try:
            self.write(text_at(body, "from") or "5511999990001", text_at(body, "text") or "oi")
        except ValueError as error:
            return JSONResponse({"error": str(error)}, 404)
        return JSONResponse({"posted": True})


async def json_of(request: Request) -> JsonValue:
    """The body, or None when it is no JSON."""
    try:
        return decode_json(await request.body())
    except ValueError:
        return None


def received_now(to: str, type_: str, text: str, provider_id: str, key: str | None = None) -> Received:
    """A message that came in this moment."""
    return Received(now_ms(), to, type_, text, provider_id, key)
