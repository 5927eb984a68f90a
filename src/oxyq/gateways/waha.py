"""A WAHA server: WhatsApp Web by one of its engines, over HTTP.

Source: WAHA 2024.10; what newer versions answer is taken in every form that is told of them. Tested against a server of
ours only.
"""

from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import urlencode

import httpx

from oxyq.gateways.base import Capability, GatewayError, InstanceHalted, InstanceState, NeverWill, Resolved
from oxyq.gateways.captions import checked_caption
from oxyq.gateways.http_calls import (
    LOOK_SECONDS,
    SEND_SECONDS,
    Answer,
    HttpCalls,
    harmless_to_repeat,
    in_path,
    state_after,
)
from oxyq.gateways.json_parts import part, text_at
from oxyq.gateways.news import News
from oxyq.gateways.outbound import MediaKind, Outbound, OutboundMedia, OutboundTemplate, OutboundText, Receipt
from oxyq.gateways.recipients import checked_recipient
from oxyq.gateways.waha_errors import refusal
from oxyq.gateways.waha_webhook import CONNECTIONS, WahaWebhook, message_id_of
from oxyq.numbers import is_hidden, sender_address
from oxyq.outcomes import JsonValue

#: How each kind goes out, and the type that WAHA asks for when nobody says it. It has no way for stickers: they go as
#: pictures.
_WAYS: Final[Mapping[MediaKind, tuple[str, str]]] = {
    "image": ("sendImage", "image/jpeg"),
    "video": ("sendVideo", "video/mp4"),
    "audio": ("sendVoice", "audio/ogg; codecs=opus"),
    "document": ("sendFile", "application/octet-stream"),
    "sticker": ("sendImage", "image/webp"),
}


class WahaGateway:
    """One session of a WAHA server. It has no ids of ours: what may have gone out may go out twice.

    Nor does it say that a number is not on WhatsApp: most engines send to it, and nothing comes of it.
    """

    name: Final = "waha"
    capabilities: Final[frozenset[Capability]] = frozenset({"text", "media", "typing", "read", "resolve", "webhook"})

    def __init__(
        self, server: str, session: str, *, api_key: str, webhook_secret: str, client: httpx.AsyncClient
    ) -> None:
        self._session = session
        self._api_key = api_key
        self._calls = HttpCalls(client, server, {"x-api-key": api_key})
        self._webhook = WahaWebhook(session, webhook_secret=webhook_secret)

    async def send(self, message: Outbound) -> Receipt:
        """Send one text or file; the server answers when its engine took it, which WhatsApp may lose still."""
        way, body = _request(message)
        answer = await self._post(way, message.key, body, SEND_SECONDS)
        if answer.is_success and (provider_id := _provider_id(answer.json)):
            return Receipt(provider_id)
        texts = (message.caption, message.url) if isinstance(message, OutboundMedia) else (message.text,)
        raise refusal(answer, message.key, self._api_key, message.recipient, *texts)

    async def typing(self, instance_id: str, recipient: str, *, answering: str | None = None) -> None:
        """Show it; WhatsApp hides it again after a while, and when the answer comes."""
        await self._show("startTyping", "typing", {"chatId": _chat(recipient)})

    async def mark_read(self, instance_id: str, sender: str, message_ids: Sequence[str]) -> None:
        """Mark these as read, one call for each: only one id is known by all versions."""
        chat = _chat(sender)
        for one in message_ids:
            await self._show("sendSeen", "mark_read", {"chatId": chat, "messageId": f"false_{chat}_{one}"})

    async def resolve(self, instance_id: str, numbers: Sequence[str]) -> list[Resolved]:
        """What WhatsApp says of each; the server takes them one by one."""
        return [await self._resolved(number) for number in numbers]

    async def state(self, instance_id: str) -> InstanceState:
        """How the server says the session stands; `unknown` when it cannot be reached."""
        try:
            answer = await self._call("GET", f"/api/sessions/{in_path(self._session)}", "state")
            word = text_at(answer.json, "status")
            if not answer.is_success or word is None:
                raise refusal(answer, "state", self._api_key)
        except GatewayError as error:
            return state_after(error)
        known = CONNECTIONS.get(word)
        if known is None:
            return InstanceState("unknown", word[:64])
        return InstanceState(known.state, known.detail, _address(text_at(answer.json, "me", "id")))

    def provider_id(self, message: Outbound) -> str | None:
        """The server makes it."""
        return None

    def verify_webhook(self, headers: Mapping[str, str], raw: bytes) -> None:
        """Refuse what is not signed with the webhook_secret."""
        self._webhook.verify(headers, raw)

    def parse_webhook(self, raw: bytes) -> News:
        """What a verified body tells of this number."""
        return self._webhook.parse(raw)

    async def close(self) -> None:
        """Nothing of its own is open."""

    async def _resolved(self, number: str) -> Resolved:
        query = urlencode({"session": self._session, "phone": number})
        with harmless_to_repeat():
            answer = await self._call("GET", f"/api/contacts/check-exists?{query}", "resolve")
            exists = part(answer.json, "numberExists")
            if not answer.is_success or not isinstance(exists, bool):
                raise refusal(answer, "resolve", self._api_key)
        return Resolved(number, exists, _address(text_at(answer.json, "chatId")) if exists else None)

    async def _show(self, way: str, about: str, body: Mapping[str, JsonValue]) -> None:
        with harmless_to_repeat():
            answer = await self._post(way, about, body, LOOK_SECONDS)
            if not answer.is_success:  # some say nothing but that
                raise refusal(answer, about, self._api_key)

    async def _post(self, way: str, about: str, body: Mapping[str, JsonValue], seconds: float) -> Answer:
        return await self._call("POST", f"/api/{way}", about, {"session": self._session, **body}, seconds)

    async def _call(
        self, method: str, path: str, about: str, body: JsonValue = None, seconds: float = LOOK_SECONDS
    ) -> Answer:
        if not self._api_key:
            raise InstanceHalted(f"{about}: the secret api_key is not set for this number")
        return await self._calls.call(method, path, about=about, body=body, seconds=seconds)


def _request(message: Outbound) -> tuple[str, dict[str, JsonValue]]:
    chat = _chat(checked_recipient(message, allows_lid=True))
    match message:
        case OutboundText():
            return "sendText", {"chatId": chat, "text": message.text, "linkPreview": False}
        case OutboundTemplate():
            raise NeverWill(f"{message.key}: templates go out through the Cloud API only; send a text")
        case OutboundMedia():
            way, usual_type = _WAYS[message.kind]
            file: dict[str, JsonValue] = {"url": message.url, "mimetype": message.mimetype or usual_type}
            if message.file_name:
                file["filename"] = message.file_name
            body: dict[str, JsonValue] = {"chatId": chat, "file": file}
            return way, body | ({"caption": caption} if (caption := checked_caption(message)) else {})


def _chat(address: str) -> str:
    """The address as WAHA writes it."""
    return address if is_hidden(address) else f"{address}@c.us"


def _provider_id(json: JsonValue) -> str | None:
    """WhatsApp's id of what was sent: NOWEB answers WhatsApp's own message, WEBJS and newer versions one of WAHA's."""
    found = message_id_of(part(json, "id") or part(json, "key", "id"))
    return found.id if found else None


def _address(chat: str | None) -> str | None:
    try:
        return sender_address(chat or "")
    except ValueError:
        return None
