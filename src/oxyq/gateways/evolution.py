"""An Evolution server (v2): WhatsApp Web by somebody else's Baileys, over HTTP. Source: Evolution API 2.3.6."""

from collections.abc import Mapping, Sequence
from typing import Final

import httpx

from oxyq.gateways.base import (
    Capability,
    ConnectionState,
    GatewayError,
    InstanceHalted,
    InstanceState,
    NeverWill,
    Resolved,
)
from oxyq.gateways.captions import checked_caption
from oxyq.gateways.evolution_errors import refusal
from oxyq.gateways.evolution_webhook import EvolutionWebhook
from oxyq.gateways.http_calls import (
    LOOK_SECONDS,
    SEND_SECONDS,
    Answer,
    HttpCalls,
    harmless_to_repeat,
    in_path,
    state_after,
)
from oxyq.gateways.json_parts import list_at, part, text_at
from oxyq.gateways.news import News
from oxyq.gateways.outbound import Outbound, OutboundMedia, OutboundTemplate, OutboundText, Receipt
from oxyq.gateways.recipients import checked_recipient, jid
from oxyq.outcomes import JsonValue

#: The server shows it for so long, and answers only then.
_TYPING_MS: Final = 2000
_NUMBERS_AT_ONCE: Final = 50
_STATES: Final[Mapping[str, ConnectionState]] = {"open": "open", "connecting": "connecting", "close": "closed"}


class EvolutionGateway:
    """One number at an Evolution server. It has no ids of ours: what may have gone out may go out twice."""

    name: Final = "evolution"
    capabilities: Final[frozenset[Capability]] = frozenset({"text", "media", "typing", "read", "resolve", "webhook"})

    def __init__(
        self, server: str, server_instance: str, *, api_key: str, webhook_token: str, client: httpx.AsyncClient
    ) -> None:
        self._instance = in_path(server_instance)
        self._api_key = api_key
        self._calls = HttpCalls(client, server, {"apikey": api_key})
        self._webhook = EvolutionWebhook(server_instance, webhook_token=webhook_token)

    async def send(self, message: Outbound) -> Receipt:
        """Send one text or file; the server answers when it was written to WhatsApp, which may lose it still."""
        route, body = _request(message)
        answer = await self._call("POST", f"/message/{route}", message.key, body, SEND_SECONDS)
        provider_id = text_at(answer.json, "key", "id")
        if answer.is_success and provider_id is not None:
            return Receipt(provider_id)
        texts = (message.caption, message.url) if isinstance(message, OutboundMedia) else (message.text,)
        raise refusal(answer, message.key, self._api_key, message.recipient, *texts)

    async def typing(self, instance_id: str, recipient: str, *, answering: str | None = None) -> None:
        """Show it for 2 s, and return only then: run it beside the work, not before it."""
        body: JsonValue = {"number": recipient, "delay": _TYPING_MS, "presence": "composing"}
        await self._look("/chat/sendPresence", "typing", body, LOOK_SECONDS + _TYPING_MS / 1000)

    async def mark_read(self, instance_id: str, sender: str, message_ids: Sequence[str]) -> None:
        """Mark these as read."""
        if message_ids:
            rows: list[JsonValue] = [{"remoteJid": jid(sender), "fromMe": False, "id": one} for one in message_ids]
            await self._look("/chat/markMessageAsRead", "mark_read", {"readMessages": rows})

    async def resolve(self, instance_id: str, numbers: Sequence[str]) -> list[Resolved]:
        """What WhatsApp says of each; the server asks it for both forms of a Brazilian mobile."""
        found: list[Resolved] = []
        for start in range(0, len(numbers), _NUMBERS_AT_ONCE):
            asked = numbers[start : start + _NUMBERS_AT_ONCE]
            answer = await self._look("/chat/whatsappNumbers", "resolve", {"numbers": list(asked)})
            by_number = {text_at(row, "number"): row for row in list_at(answer.json)}
            found += [_resolved(number, by_number.get(number)) for number in asked]
        return found

    async def state(self, instance_id: str) -> InstanceState:
        """How the server says the number stands; `unknown` when it cannot be reached."""
        try:
            answer = await self._call("GET", "/instance/connectionState", "state")
            word = text_at(answer.json, "instance", "state")
            if not answer.is_success or word is None:
                raise refusal(answer, "state", self._api_key)
        except GatewayError as error:
            return state_after(error)
        return InstanceState(_STATES.get(word, "unknown"), word[:64])

    def provider_id(self, message: Outbound) -> str | None:
        """The server makes it."""
        return None

    def verify_webhook(self, headers: Mapping[str, str], raw: bytes) -> None:
        """Refuse what does not carry the webhook_token, or a token signed with it."""
        self._webhook.verify(headers)

    def parse_webhook(self, raw: bytes) -> News:
        """What a verified body tells of this number."""
        return self._webhook.parse(raw)

    async def close(self) -> None:
        """Nothing of its own is open."""

    async def _look(self, path: str, about: str, body: JsonValue, seconds: float = LOOK_SECONDS) -> Answer:
        with harmless_to_repeat():
            answer = await self._call("POST", path, about, body, seconds)
            if not answer.is_success or answer.json is None:
                raise refusal(answer, about, self._api_key)
        return answer

    async def _call(
        self, method: str, path: str, about: str, body: JsonValue = None, seconds: float = LOOK_SECONDS
    ) -> Answer:
        if not self._api_key:
            raise InstanceHalted(f"{about}: the secret api_key is not set for this number")
        return await self._calls.call(method, f"{path}/{self._instance}", about=about, body=body, seconds=seconds)


def _request(message: Outbound) -> tuple[str, JsonValue]:
    number = checked_recipient(message, allows_lid=True)
    match message:
        case OutboundText():
            return "sendText", {"number": number, "text": message.text, "linkPreview": False}
        case OutboundTemplate():
            raise NeverWill(f"{message.key}: templates go out through the Cloud API only; send a text")
        case OutboundMedia(kind="audio"):
            checked_caption(message)
            return "sendWhatsAppAudio", {"number": number, "audio": message.url}
        case OutboundMedia(kind="sticker"):
            checked_caption(message)
            return "sendSticker", {"number": number, "sticker": message.url}
        case OutboundMedia():
            body: dict[str, JsonValue] = {"number": number, "mediatype": message.kind, "media": message.url}
            more = {"caption": message.caption, "mimetype": message.mimetype, "fileName": message.file_name}
            return "sendMedia", body | {name: value for name, value in more.items() if value}


def _resolved(number: str, row: JsonValue) -> Resolved:
    address = (text_at(row, "jid") or "").removesuffix("@s.whatsapp.net")
    exists = part(row, "exists") is True
    return Resolved(number, exists, address or None if exists else None)
