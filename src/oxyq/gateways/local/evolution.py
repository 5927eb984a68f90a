"""An Evolution server on this machine, with one instance that is connected."""

import secrets
from collections.abc import Mapping, Sequence
from typing import ClassVar, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from oxyq.clock import now_ms
from oxyq.gateways.json_parts import list_at, text_at, whole_at
from oxyq.gateways.local.faults import Fault, fault_of
from oxyq.gateways.local.server import LocalServer, Received, json_of, received_now
from oxyq.gateways.news import Status
from oxyq.gateways.recipients import jid
from oxyq.outcomes import JsonValue


def _error(message: JsonValue, status: int = 400, name: str = "Bad Request") -> tuple[int, JsonValue]:
    return status, {"status": status, "error": name, "response": {"message": message}}


_UNAUTHORIZED: Final = _error("Unauthorized", 401, "Unauthorized")
_STATUSES: Final[Mapping[Status, str]] = {
    "sent": "SERVER_ACK",
    "delivered": "DELIVERY_ACK",
    "read": "READ",
    "failed": "ERROR",
}
#: Where each way to send has what it sends, and what kind that is.
_CONTENTS: Final[Mapping[str, str]] = {
    "sendText": "text",
    "sendMedia": "media",
    "sendWhatsAppAudio": "audio",
    "sendSticker": "sticker",
}


class LocalEvolution(LocalServer):
    """An Evolution server with one instance."""

    REFUSALS: ClassVar[Mapping[Fault, tuple[int, JsonValue]]] = {
        "refused": _error(["Error: Connection Closed"]),
        "absent": _error([{"exists": False, "jid": "x@s.whatsapp.net", "number": "x"}]),
        "first": _error(["Error: Connection Closed"]),
        "slow_number": _error(["Error: rate-overlimit"]),
        "halted": _UNAUTHORIZED,
    }

    def __init__(
        self,
        instance: str,
        *,
        api_key: str,
        webhook_token: str,
        webhook_url: str | None = None,
        slow_seconds: float = 2.0,
    ) -> None:
        super().__init__(webhook_url=webhook_url, slow_seconds=slow_seconds)
        self._instance = instance
        self._api_key = api_key
        self._webhook_token = webhook_token

    def _routes(self) -> Sequence[Route]:
        return [
            Route("/message/{way}/{instance}", self._send, methods=["POST"]),
            Route("/chat/sendPresence/{instance}", self._presence, methods=["POST"]),
            Route("/chat/markMessageAsRead/{instance}", self._read, methods=["POST"]),
            Route("/chat/whatsappNumbers/{instance}", self._numbers, methods=["POST"]),
            Route("/instance/connectionState/{instance}", self._state),
        ]

    def _refused(self, request: Request) -> Response | None:
        name = request.path_params["instance"]
        if request.headers.get("apikey") != self._api_key:
            status, body = _UNAUTHORIZED
        elif name != self._instance:
            status, body = _error([f'The "{name}" instance does not exist'], 404, "Not Found")
        else:
            return None
        return JSONResponse(body, status)

    async def _send(self, request: Request) -> Response:
        refused, body, way = self._refused(request), await json_of(request), request.path_params["way"]
        if refused is not None:
            return refused
        to, content = text_at(body, "number"), text_at(body, _CONTENTS.get(way, ""))
        if to is None or content is None:
            status, error = _error([['instance requires property "number"']])
            return JSONResponse(error, status)
        type_ = text_at(body, "mediatype") or _CONTENTS[way]
        provider_id = f"3EB0{secrets.token_hex(9).upper()}"
        message = received_now(to, type_, text_at(body, "caption") or content, provider_id)
        return await self._answer(message, self._row, 201)

    async def _presence(self, request: Request) -> Response:
        refused, body = self._refused(request), await json_of(request)
        self.shown += [] if refused else [("typing", text_at(body, "number") or "")]
        # The real one answers only after `delay`.
        return refused or JSONResponse({"presence": "composing", "delay": whole_at(body, "delay")}, 201)

    async def _read(self, request: Request) -> Response:
        refused, body = self._refused(request), await json_of(request)
        rows = list_at(body, "readMessages")
        self.shown += [] if refused else [("read", text_at(row, "id") or "") for row in rows]
        return refused or JSONResponse({"message": "Read messages", "read": "success"}, 201)

    async def _numbers(self, request: Request) -> Response:
        refused, body = self._refused(request), await json_of(request)
        numbers = [number for number in list_at(body, "numbers") if isinstance(number, str)]
        rows = [{"jid": jid(one), "exists": fault_of(one) != "absent", "number": one} for one in numbers]
        return refused or JSONResponse(rows)

    async def _state(self, request: Request) -> Response:
        known = {"instance": {"instanceName": self._instance, "state": "open"}}
        return self._refused(request) or JSONResponse(known)

    def _row(self, message: Received) -> JsonValue:
        return {
            "key": {"remoteJid": jid(message.to), "fromMe": True, "id": message.provider_id},
            "pushName": "Você",
            "status": "PENDING",
            "message": {"conversation": message.text},
            "messageType": "conversation",
            "messageTimestamp": now_ms() // 1000,
            "instanceId": "0f8c",
            "source": "unknown",
        }

    def _signed(self, raw: bytes) -> Mapping[str, str]:
        return {"x-oxyq-token": self._webhook_token}

    def _status_body(self, message: Received, status: Status) -> JsonValue:
        if status == "sent":
            return self._body("send.message", self._row(message))
        update: JsonValue = {
            "messageId": "cm3x",
            "keyId": message.provider_id,
            "remoteJid": jid(message.to),
            "fromMe": True,
            "participant": jid(message.to),
            "status": _STATUSES[status],
            "instanceId": "0f8c",
        }
        return self._body("messages.update", update)

    def _message_body(self, sender: str, text: str) -> JsonValue:
        message: JsonValue = {
            "key": {"remoteJid": jid(sender), "fromMe": False, "id": f"3A{secrets.token_hex(8).upper()}"},
            "pushName": "Ana",
            "status": "DELIVERY_ACK",
            "message": {"conversation": text},
            "messageType": "conversation",
            "messageTimestamp": now_ms() // 1000,
            "instanceId": "0f8c",
            "source": "android",
        }
        return self._body("messages.upsert", message)

    def _body(self, event: str, data: JsonValue) -> JsonValue:
        return {
            "event": event,
            "instance": self._instance,
            "data": data,
            "sender": "551130000000@s.whatsapp.net",
            "server_url": "http://127.0.0.1",
            "apikey": self._api_key,
        }
