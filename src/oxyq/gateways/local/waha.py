"""A WAHA server on this machine, with one session that works. It answers as its engine NOWEB does."""

import secrets
from collections.abc import Mapping, Sequence
from typing import ClassVar, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from oxyq.clock import now_ms
from oxyq.gateways.json_parts import text_at
from oxyq.gateways.local.faults import Fault, fault_of
from oxyq.gateways.local.server import LocalServer, Received, json_of, received_now
from oxyq.gateways.news import Status
from oxyq.gateways.recipients import jid
from oxyq.gateways.signatures import sha512_header
from oxyq.numbers import is_hidden
from oxyq.outcomes import JsonValue

_OWN: Final = "551130000000@c.us"
_UNAUTHORIZED: Final[tuple[int, JsonValue]] = (401, {"statusCode": 401, "message": "Unauthorized"})
_STARTING: Final[tuple[int, JsonValue]] = (
    422,
    {
        "error": "Session status is not as expected. Try again later or restart the session",
        "session": "x",
        "status": "STARTING",
        "expected": ["WORKING"],
    },
)
_ACKS: Final[Mapping[Status, tuple[int, str]]] = {
    "sent": (1, "SERVER"),
    "delivered": (2, "DEVICE"),
    "read": (3, "READ"),
    "failed": (-1, "ERROR"),
}
_FILES: Final = {"sendImage": "image", "sendVideo": "video", "sendVoice": "audio", "sendFile": "document"}


class LocalWaha(LocalServer):
    """A WAHA server with one session."""

    # It has no words for a number that is not on WhatsApp: the engine sends, and nothing comes of it.
    REFUSALS: ClassVar[Mapping[Fault, tuple[int, JsonValue]]] = {
        "refused": _STARTING,
        "first": _STARTING,
        "slow_number": (500, {"statusCode": 500, "exception": {"message": "rate-overlimit", "name": "Error"}}),
        "halted": _UNAUTHORIZED,
    }

    def __init__(
        self,
        session: str,
        *,
        api_key: str,
        webhook_secret: str,
        webhook_url: str | None = None,
        slow_seconds: float = 2.0,
    ) -> None:
        super().__init__(webhook_url=webhook_url, slow_seconds=slow_seconds)
        self._session = session
        self._api_key = api_key
        self._webhook_secret = webhook_secret

    def _routes(self) -> Sequence[Route]:
        return [
            Route("/api/startTyping", self._typing, methods=["POST"]),
            Route("/api/sendSeen", self._seen, methods=["POST"]),
            Route("/api/contacts/check-exists", self._exists),
            Route("/api/sessions/{session}", self._state),
            Route("/api/{way}", self._send, methods=["POST"]),
        ]

    def _refused(self, request: Request, session: str | None) -> Response | None:
        if request.headers.get("x-api-key") != self._api_key:
            status, body = _UNAUTHORIZED
            return JSONResponse(body, status)
        if session != self._session:
            return JSONResponse({"statusCode": 404, "message": "Session not found", "error": "Not Found"}, 404)
        return None

    async def _send(self, request: Request) -> Response:
        body, way = await json_of(request), request.path_params["way"]
        refused = self._refused(request, text_at(body, "session"))
        if refused is not None:
            return refused
        to, type_ = text_at(body, "chatId"), _FILES.get(way, "text")
        content = text_at(body, "text") if way == "sendText" else text_at(body, "file", "url")
        if to is None or content is None or (way != "sendText" and text_at(body, "file", "mimetype") is None):
            wrong: JsonValue = {"statusCode": 400, "message": ["chatId must be a string"], "error": "Bad Request"}
            return JSONResponse(wrong, 400)
        provider_id = f"3EB0{secrets.token_hex(9).upper()}"
        words = text_at(body, "caption") or content
        return await self._answer(received_now(to.removesuffix("@c.us"), type_, words, provider_id), _sent, 201)

    async def _typing(self, request: Request) -> Response:
        body = await json_of(request)
        refused = self._refused(request, text_at(body, "session"))
        self.shown += [] if refused else [("typing", (text_at(body, "chatId") or "").removesuffix("@c.us"))]
        return refused or JSONResponse({"result": True}, 201)

    async def _seen(self, request: Request) -> Response:
        body = await json_of(request)
        refused = self._refused(request, text_at(body, "session"))
        # As NOWEB, which knows only ids with their chat in them.
        _, chat, id_ = (text_at(body, "messageId") or "__").split("_", 2)
        self.shown += [] if refused or chat != text_at(body, "chatId") else [("read", id_)]
        return refused or Response(status_code=201)

    async def _exists(self, request: Request) -> Response:
        phone = request.query_params.get("phone", "")
        found: JsonValue = {"numberExists": True, "chatId": f"{phone}@c.us"}
        answer: JsonValue = {"numberExists": False} if fault_of(phone) == "absent" else found
        return self._refused(request, request.query_params.get("session")) or JSONResponse(answer)

    async def _state(self, request: Request) -> Response:
        known: JsonValue = {"name": self._session, "status": "WORKING", "me": {"id": _OWN, "pushName": "Loja"}}
        return self._refused(request, request.path_params["session"]) or JSONResponse(known)

    def _signed(self, raw: bytes) -> Mapping[str, str]:
        return {
            "x-webhook-hmac": sha512_header(self._webhook_secret, raw),
            "x-webhook-hmac-algorithm": "sha512",
        }

    def _status_body(self, message: Received, status: Status) -> JsonValue:
        chat, (ack, name) = _chat(message.to), _ACKS[status]
        payload: JsonValue = {
            "id": f"true_{chat}_{message.provider_id}",
            "from": chat,
            "fromMe": True,
            "participant": None,
            "ack": ack,
            "ackName": name,
        }
        return self._body("message.ack", payload)

    def _message_body(self, sender: str, text: str) -> JsonValue:
        chat, id_, seconds = _chat(sender), f"3A{secrets.token_hex(8).upper()}", now_ms() // 1000
        payload: JsonValue = {
            "id": f"false_{chat}_{id_}",
            "timestamp": seconds,
            "from": chat,
            "fromMe": False,
            "participant": None,
            "body": text,
            "hasMedia": False,
            "media": None,
            "replyTo": None,
            "_data": {
                "key": {"remoteJid": jid(sender), "fromMe": False, "id": id_},
                "pushName": "Ana",
                "messageTimestamp": seconds,
                "message": {"conversation": text},
            },
        }
        return self._body("message", payload)

    def _body(self, event: str, payload: JsonValue) -> JsonValue:
        return {
            "id": f"evt_{secrets.token_hex(13)}",
            "timestamp": now_ms(),
            "event": event,
            "session": self._session,
            "metadata": {},
            "me": {"id": _OWN, "pushName": "Loja"},
            "payload": payload,
            "engine": "NOWEB",
            "environment": {"version": "2024.10.9", "engine": "NOWEB", "tier": "PLUS"},
        }


def _sent(message: Received) -> JsonValue:
    return {
        "key": {"remoteJid": jid(message.to), "fromMe": True, "id": message.provider_id},
        "message": {"conversation": message.text},
        "messageTimestamp": str(now_ms() // 1000),
        "status": "PENDING",
    }


def _chat(address: str) -> str:
    return address if is_hidden(address) else f"{address}@c.us"
