"""A Graph API on this machine, as far as messages go."""

import secrets
from collections.abc import Mapping, Sequence
from typing import ClassVar, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from oxyq.clock import now_ms
from oxyq.gateways.json_parts import list_at, object_at, text_at
from oxyq.gateways.local.faults import Fault
from oxyq.gateways.local.server import LocalServer, Received, json_of, received_now
from oxyq.gateways.news import Status
from oxyq.gateways.signatures import sha256_header
from oxyq.outcomes import JsonValue


def _graph_error(code: int, message: str, status: int = 400, **more: JsonValue) -> tuple[int, JsonValue]:
    error: dict[str, JsonValue] = {"message": f"(#{code}) {message}", "type": "OAuthException", "code": code, **more}
    return status, {"error": error | {"fbtrace_id": "AbCdEf0123"}}


class LocalCloud(LocalServer):
    """Meta for one number."""

    REFUSALS: ClassVar[Mapping[Fault, tuple[int, JsonValue]]] = {
        "refused": _graph_error(131016, "Service unavailable", 500),
        "absent": _graph_error(131026, "Message undeliverable"),
        "first": _graph_error(2, "Service temporarily unavailable", 503, is_transient=True),
        "slow_number": _graph_error(130429, "Rate limit hit", 429),
        "slow_pair": _graph_error(131056, "(Business Account, Consumer Account) pair rate limit hit"),
        "slow_campaign": _graph_error(131048, "Spam rate limit hit"),
        "template": _graph_error(131047, "Re-engagement message"),
        "opted_out": _graph_error(131050, "User has stopped marketing messages"),
        "halted": _graph_error(190, "Error validating access token: Session has expired", 401),
    }

    def __init__(
        self,
        phone_number_id: str,
        *,
        access_token: str,
        app_secret: str,
        webhook_url: str | None = None,
        slow_seconds: float = 2.0,
    ) -> None:
        super().__init__(webhook_url=webhook_url, slow_seconds=slow_seconds)
        self._phone_number_id = phone_number_id
        self._access_token = access_token
        self._app_secret = app_secret

    def _routes(self) -> Sequence[Route]:
        return [
            Route("/{version}/{number}/messages", self._messages, methods=["POST"]),
            Route("/{version}/{number}", self._number),
        ]

    def _refused(self, request: Request) -> Response | None:
        if request.headers.get("authorization") != f"Bearer {self._access_token}":
            status, body = self.REFUSALS["halted"]
        elif request.path_params["number"] != self._phone_number_id:
            status, body = _graph_error(100, "Unsupported request. Object does not exist")
        else:
            return None
        return JSONResponse(body, status)

    async def _number(self, request: Request) -> Response:
        known = {
            "id": self._phone_number_id,
            "display_phone_number": "+55 11 3000-0000",
            "quality_rating": "GREEN",
            "status": "CONNECTED",
        }
        return self._refused(request) or JSONResponse(known)

    async def _messages(self, request: Request) -> Response:
        refused, body = self._refused(request), await json_of(request)
        if refused is not None:
            return refused
        if text_at(body, "status") == "read":
            shown = "typing" if object_at(body, "typing_indicator") else "read"
            self.shown.append((shown, text_at(body, "message_id") or ""))
            return JSONResponse({"success": True})
        to, type_ = text_at(body, "to") or text_at(body, "recipient"), text_at(body, "type")
        if to is None or type_ is None or text_at(body, "messaging_product") != "whatsapp":
            status, error = _graph_error(100, "Invalid parameter")
            return JSONResponse(error, status)
        key = text_at(body, "biz_opaque_callback_data")
        provider_id = f"wamid.{secrets.token_hex(16)}"
        message = received_now(to, type_, _text(type_, object_at(body, type_)), provider_id, key)
        return await self._answer(message, _taken)

    def _signed(self, raw: bytes) -> Mapping[str, str]:
        return {"X-Hub-Signature-256": sha256_header(self._app_secret, raw)}

    def _status_body(self, message: Received, status: Status) -> JsonValue:
        row: dict[str, JsonValue] = {
            "id": message.provider_id,
            "status": status,
            "timestamp": str(now_ms() // 1000),
            "recipient_id": message.to,
        }
        return self._body({"statuses": [row | ({"biz_opaque_callback_data": message.key} if message.key else {})]})

    def _message_body(self, sender: str, text: str) -> JsonValue:
        message: JsonValue = {
            "from": sender,
            "id": f"wamid.{secrets.token_hex(16)}",
            "timestamp": str(now_ms() // 1000),
            "type": "text",
            "text": {"body": text},
        }
        return self._body({"contacts": [{"profile": {"name": "Ana"}, "wa_id": sender}], "messages": [message]})

    def _body(self, value: dict[str, JsonValue]) -> JsonValue:
        metadata: JsonValue = {"display_phone_number": "551130000000", "phone_number_id": self._phone_number_id}
        change: JsonValue = {
            "field": "messages",
            "value": {"messaging_product": "whatsapp", "metadata": metadata, **value},
        }
        return {"object": "whatsapp_business_account", "entry": [{"id": "0", "changes": [change]}]}


_TEXTS: Final[Mapping[str, tuple[str, ...]]] = {"text": ("body",), "template": ("name",)}


def _text(type_: str, content: JsonValue) -> str:
    words = text_at(content, *_TEXTS.get(type_, ("caption",))) or text_at(content, "link") or ""
    parameters = [text_at(one, "text") or "" for one in list_at(content, "components", 0, "parameters")]
    return " ".join([words, *parameters])


def _taken(message: Received) -> JsonValue:
    return {
        "messaging_product": "whatsapp",
        "contacts": [{"input": message.to, "wa_id": message.to}],
        "messages": [{"id": message.provider_id, "message_status": "accepted"}],
    }
