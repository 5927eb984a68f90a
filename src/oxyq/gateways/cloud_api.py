"""Meta's Cloud API: the official way, with templates, prices, limits of Meta's. Source: its reference of messages."""

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
from oxyq.gateways.cloud_errors import refusal
from oxyq.gateways.cloud_webhook import CloudWebhook
from oxyq.gateways.http_calls import (
    LOOK_SECONDS,
    SEND_SECONDS,
    Answer,
    HttpCalls,
    harmless_to_repeat,
    in_path,
    state_after,
)
from oxyq.gateways.json_parts import text_at
from oxyq.gateways.news import News
from oxyq.gateways.outbound import Outbound, OutboundMedia, OutboundTemplate, OutboundText, Receipt
from oxyq.gateways.recipients import checked_recipient
from oxyq.numbers import is_hidden
from oxyq.outcomes import JsonValue

#: Of `biz_opaque_callback_data`, by Meta's reference.
_LONGEST_KEY: Final = 512
_FIELDS: Final = "display_phone_number,quality_rating,status"
#: What Meta's status of a number means; with any other it takes messages.
_STATES: Final[Mapping[str, ConnectionState]] = {
    "BANNED": "halted",
    "RESTRICTED": "halted",
    "DELETED": "halted",
    "MIGRATED": "halted",
    "PENDING": "closed",
    "UNVERIFIED": "closed",
    "DISCONNECTED": "closed",
}


class CloudGateway:
    """One number at Meta. The client is shared by all and closed by whoever made it."""

    name: Final = "cloud"
    capabilities: Final[frozenset[Capability]] = frozenset(
        {"text", "media", "templates", "typing", "read", "webhook", "correlates", "window"}
    )

    def __init__(
        self,
        phone_number_id: str,
        *,
        access_token: str,
        app_secret: str,
        verify_token: str,
        api_url: str,
        api_version: str,
        client: httpx.AsyncClient,
    ) -> None:
        self._access_token = access_token
        self._number = f"/{in_path(api_version)}/{in_path(phone_number_id)}"
        self._calls = HttpCalls(client, api_url, {"authorization": f"Bearer {access_token}"})
        self._webhook = CloudWebhook(phone_number_id, app_secret=app_secret, verify_token=verify_token)

    async def send(self, message: Outbound) -> Receipt:
        """Send one message; our key goes along and comes back with what Meta tells of it later."""
        answer = await self._post(_body(message), message.key, SEND_SECONDS)
        provider_id = text_at(answer.json, "messages", 0, "id")
        if answer.is_success and provider_id is not None:
            return Receipt(provider_id)
        raise refusal(answer, message.key, self._access_token, message.recipient, *_texts(message))

    async def typing(self, instance_id: str, recipient: str, *, answering: str | None = None) -> None:
        """Show it for up to 25 s, and that the message was read; Meta shows it only under a message that came in."""
        if answering is not None:
            await self._read(answering, {"typing_indicator": {"type": "text"}}, "typing")

    async def mark_read(self, instance_id: str, sender: str, message_ids: Sequence[str]) -> None:
        """Mark the last one: for Meta, the earlier ones of the chat are read with it."""
        if message_ids:
            await self._read(message_ids[-1], {}, "mark_read")

    async def resolve(self, instance_id: str, numbers: Sequence[str]) -> list[Resolved]:
        """Meta does not tell."""
        raise NeverWill("resolve: Meta does not tell which numbers are on WhatsApp; send, and see")

    async def state(self, instance_id: str) -> InstanceState:
        """How Meta says the number stands; `unknown` when it cannot be reached."""
        try:
            self._check_token("state")
            answer = await self._calls.call("GET", f"{self._number}?fields={_FIELDS}", about="state")
            if not answer.is_success or text_at(answer.json, "id") is None:
                raise refusal(answer, "state", self._access_token)
        except GatewayError as error:
            return state_after(error)
        status = text_at(answer.json, "status") or ""
        quality = text_at(answer.json, "quality_rating")
        number = "".join(filter(str.isdecimal, text_at(answer.json, "display_phone_number") or ""))
        detail = ", ".join(word for word in (status.lower(), f"quality {quality.lower()}" if quality else "") if word)
        return InstanceState(_STATES.get(status, "open"), detail, number or None)

    def provider_id(self, message: Outbound) -> str | None:
        """Meta's own; our key comes back with every status instead."""
        return None

    def verify_webhook(self, headers: Mapping[str, str], raw: bytes) -> None:
        """Refuse what Meta did not sign with the app's secret."""
        self._webhook.verify(headers, raw)

    def parse_webhook(self, raw: bytes) -> News:
        """What a verified body tells of this number."""
        return self._webhook.parse(raw)

    def challenge(self, query: Mapping[str, str]) -> str:
        """What to answer when Meta asks whether this address is ours, as plain text; raises BadSignature."""
        return self._webhook.challenge(query)

    async def close(self) -> None:
        """Nothing of its own is open."""

    async def _read(self, message_id: str, more: dict[str, JsonValue], about: str) -> None:
        body: JsonValue = {"messaging_product": "whatsapp", "status": "read", "message_id": message_id, **more}
        with harmless_to_repeat():
            answer = await self._post(body, about, LOOK_SECONDS)
            if not answer.is_success:
                raise refusal(answer, about, self._access_token)

    async def _post(self, body: JsonValue, about: str, seconds: float) -> Answer:
        self._check_token(about)
        return await self._calls.call("POST", f"{self._number}/messages", about=about, body=body, seconds=seconds)

    def _check_token(self, about: str) -> None:
        if not self._access_token:
            raise InstanceHalted(f"{about}: the secret access_token is not set for this number")


def _body(message: Outbound) -> JsonValue:
    recipient = checked_recipient(message, allows_bsuid=True)
    body: dict[str, JsonValue] = {"messaging_product": "whatsapp"}
    body |= {"recipient": recipient} if is_hidden(recipient) else {"recipient_type": "individual", "to": recipient}
    if len(message.key) <= _LONGEST_KEY:
        body["biz_opaque_callback_data"] = message.key
    match message:
        case OutboundText():
            return body | {"type": "text", "text": {"body": message.text, "preview_url": False}}
        case OutboundMedia():
            return body | {"type": message.kind, message.kind: _media(message)}
        case OutboundTemplate():
            return body | {"type": "template", "template": _template(message)}


def _media(message: OutboundMedia) -> JsonValue:
    media: dict[str, JsonValue] = {"link": message.url}
    if caption := checked_caption(message):
        media["caption"] = caption
    if message.kind == "document" and message.file_name:
        media["filename"] = message.file_name
    return media


def _template(message: OutboundTemplate) -> JsonValue:
    parameters: list[JsonValue] = [{"type": "text", "text": text} for text in message.parameters]
    components: list[JsonValue] = [{"type": "body", "parameters": parameters}] if parameters else []
    return {"name": message.template, "language": {"code": message.language}, "components": components}


def _texts(message: Outbound) -> tuple[str, ...]:
    match message:
        case OutboundMedia():
            return (message.caption, message.url)
        case OutboundTemplate():
            return (message.text, *message.parameters)
        case OutboundText():
            return (message.text,)
