"""A Baileys bridge on this machine that only looks like one: no Node, no WhatsApp, all numbers connected."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from oxyq.clock import now_ms
from oxyq.gateways.bridge_keys import http_token, webhook_key
from oxyq.gateways.json_parts import list_at, text_at
from oxyq.gateways.local.faults import Fault, fault_of
from oxyq.gateways.local.server import LocalServer, Received, json_of, received_now
from oxyq.gateways.news import Status
from oxyq.gateways.signatures import sha256_header
from oxyq.outcomes import JsonValue


def _error(status: int, kind: str, message: str, **more: JsonValue) -> tuple[int, JsonValue]:
    return status, {"error": {"kind": kind, "message": message, **more}}


class LocalBridge(LocalServer):
    """A bridge that has every instance; `key` is OXYQ_BRIDGE_KEY. The same id twice is one message."""

    REFUSALS: ClassVar[Mapping[Fault, tuple[int, JsonValue]]] = {
        "refused": _error(502, "not_sent", "WhatsApp does not know this device any more"),
        "absent": _error(422, "never", "the number is not on WhatsApp"),
        "first": _error(503, "not_ready", "the number is not connected"),
        "slow_number": _error(429, "slow_down", "too many messages", retryAfterMs=1000, scope="number"),
        "slow_pair": _error(429, "slow_down", "too many messages", retryAfterMs=1000, scope="pair"),
        "slow_campaign": _error(429, "slow_down", "too many messages", retryAfterMs=1000, scope="campaign"),
        "halted": _error(423, "halted", "463: the account is restricted"),
    }

    def __init__(self, *, key: str, webhook_url: str | None = None, slow_seconds: float = 2.0) -> None:
        super().__init__(webhook_url=webhook_url, slow_seconds=slow_seconds)
        self._token = http_token(key)
        self._webhook_key = webhook_key(key)

    def _routes(self) -> Sequence[Route]:
        return [
            Route("/instances/{id}", self._state),
            Route("/instances/{id}/{what}", self._do, methods=["POST"]),
        ]

    def _refused(self, request: Request) -> Response | None:
        if request.headers.get("authorization") == f"Bearer {self._token}":
            return None
        status, body = _error(401, "unauthorized", "the token is wrong")
        return JSONResponse(body, status)

    async def _state(self, request: Request) -> Response:
        known = {
            "id": request.path_params["id"],
            "state": "open",
            "detail": "simulated",
            "number": "551130000000",
            "qr": None,
            "code": None,
        }
        return self._refused(request) or JSONResponse(known)

    async def _do(self, request: Request) -> Response:
        refused, body = self._refused(request), await json_of(request)
        if refused is not None:
            return refused
        match request.path_params["what"]:
            case "messages":
                return await self._send(body)
            case "typing":
                self.shown.append(("typing", text_at(body, "to") or ""))
                return Response(status_code=204)
            case "read":
                self.shown += [("read", one) for one in list_at(body, "ids") if isinstance(one, str)]
                return Response(status_code=204)
            case "resolve":
                numbers = [one for one in list_at(body, "numbers") if isinstance(one, str)]
                return JSONResponse({"resolved": [_resolved(one) for one in numbers]})
            case "pair":
                return await self._state(request)
            case "logout":
                return JSONResponse({})
            case _:
                status, error = _error(404, "not_here", "there is no such route")
                return JSONResponse(error, status)

    async def _send(self, body: JsonValue) -> Response:
        to, type_, message_id = (text_at(body, name) for name in ("to", "type", "id"))
        if to is None or type_ is None or message_id is None:
            status, error = _error(422, "never", "to, type or id is missing")
            return JSONResponse(error, status)
        words = text_at(body, "text") or text_at(body, "caption") or text_at(body, "url") or ""
        return await self._answer(received_now(to, type_, words, message_id, text_at(body, "key")), _taken)

    def _take(self, message: Received) -> None:
        if all(message.provider_id != known.provider_id for known in self.received):
            super()._take(message)

    def _signed(self, raw: bytes) -> Mapping[str, str]:
        return {"x-oxyq-signature": sha256_header(self._webhook_key, raw)}

    def _status_body(self, message: Received, status: Status) -> JsonValue:
        event: JsonValue = {
            "type": "status",
            "id": message.provider_id,
            "status": status,
            "at": now_ms(),
            "to": message.to,
        }
        return {"events": [event]}

    def _message_body(self, sender: str, text: str) -> JsonValue:
        raise ValueError("the bridge puts customers' messages into the queue itself, not into webhooks")


def _resolved(number: str) -> JsonValue:
    exists = fault_of(number) != "absent"
    return {"number": number, "exists": exists, "address": number if exists else None}


def _taken(message: Received) -> JsonValue:
    return {"id": message.provider_id, "acked": True, "at": now_ms()}
