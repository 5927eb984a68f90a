"""WhatsApp Web through our own bridge (bridge/): the default way, with our ids, answered after WhatsApp's ack."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from hashlib import sha256
from typing import Final, cast, get_args

import httpx

from oxyq.errors import QueueUnavailable
from oxyq.gateways.baileys_webhook import BaileysWebhook
from oxyq.gateways.base import (
    Capability,
    ConnectionState,
    GatewayError,
    InstanceHalted,
    InstanceState,
    MaybeSent,
    NeverWill,
    NotReady,
    NotSent,
    Resolved,
    Scope,
    SlowDown,
)
from oxyq.gateways.bridge_keys import http_token, webhook_key
from oxyq.gateways.captions import checked_caption
from oxyq.gateways.http_calls import (
    LOOK_SECONDS,
    SEND_SECONDS,
    Answer,
    HttpCalls,
    harmless_to_repeat,
    in_path,
    state_after,
    unexplained,
)
from oxyq.gateways.json_parts import list_at, part, text_at, whole_at
from oxyq.gateways.news import News
from oxyq.gateways.outbound import Outbound, OutboundMedia, OutboundTemplate, OutboundText, Receipt
from oxyq.gateways.recipients import checked_recipient
from oxyq.gateways.wording import shown
from oxyq.outcomes import JsonValue
from oxyq.telemetry.trace_headers import TRACE_HEADERS

#: The bridge itself waits up to 20 s for a code.
_PAIR_SECONDS: Final = 30.0
_TYPING_MS: Final = 10_000
_NUMBERS_AT_ONCE: Final = 50
_STATES: Final = frozenset(get_args(ConnectionState))
_SCOPES: Final = frozenset(get_args(Scope))

_KINDS: Final[Mapping[str, Callable[[str, float | None], GatewayError]]] = {
    "not_ready": NotReady,
    "not_here": NotReady,
    "not_sent": NotSent,
    "halted": InstanceHalted,
    "maybe_sent": lambda words, _: MaybeSent(words),
    "never": lambda words, _: NeverWill(words),
}

#: The base URL of the bridge that has an instance, or None when none has; may raise QueueUnavailable.
BridgeOf = Callable[[str], Awaitable[str | None]]


class BaileysGateway:
    """All numbers that bridges have: `bridge_of` tells which one, `key` is OXYQ_BRIDGE_KEY."""

    name: Final = "baileys"
    capabilities: Final[frozenset[Capability]] = frozenset(
        {"text", "media", "typing", "read", "resolve", "webhook", "repeats-safely"}
    )

    def __init__(self, bridge_of: BridgeOf, *, key: str, client: httpx.AsyncClient) -> None:
        self._bridge_of = bridge_of
        self._headers = {"authorization": f"Bearer {http_token(key)}"}
        self._client = client
        self._webhook = BaileysWebhook(webhook_key(key))

    async def send(self, message: Outbound) -> Receipt:
        """Send one text or file under the id of `provider_id`, so that a repetition is the same message."""
        body, provider_id = _body(message), self.provider_id(message)
        if message.instance_id is None or provider_id is None:
            raise NeverWill(f"{message.key}: instanceId: is missing; name the number to send from")
        answer = await self._call(
            message.instance_id, "POST", "/messages", message.key, body | {"id": provider_id}, SEND_SECONDS
        )
        if answer.is_success and part(answer.json, "acked") is True:
            return Receipt(text_at(answer.json, "id") or provider_id)
        texts = (message.caption, message.url) if isinstance(message, OutboundMedia) else (message.text,)
        raise _refusal(answer, message.key, message.recipient, *texts)

    async def typing(self, instance_id: str, recipient: str, *, answering: str | None = None) -> None:
        """Show it until the answer comes, or for 10 s."""
        await self._look(instance_id, "POST", "/typing", "typing", {"to": recipient, "ms": _TYPING_MS})

    async def mark_read(self, instance_id: str, sender: str, message_ids: Sequence[str]) -> None:
        """Mark these as read."""
        if message_ids:
            await self._look(instance_id, "POST", "/read", "mark_read", {"chat": sender, "ids": list(message_ids)})

    async def resolve(self, instance_id: str, numbers: Sequence[str]) -> list[Resolved]:
        """What WhatsApp says of each, of Brazilian mobiles with and without the ninth digit."""
        found: list[Resolved] = []
        for start in range(0, len(numbers), _NUMBERS_AT_ONCE):
            asked = numbers[start : start + _NUMBERS_AT_ONCE]
            answer = await self._look(instance_id, "POST", "/resolve", "resolve", {"numbers": list(asked)})
            by_number = {text_at(row, "number"): row for row in list_at(answer.json, "resolved")}
            found += [_resolved(number, by_number.get(number)) for number in asked]
        return found

    async def state(self, instance_id: str) -> InstanceState:
        """How the bridge says the number stands; `unknown` when no bridge has it or can be reached."""
        try:
            return _state(await self._look(instance_id, "GET", "", "state"))
        except GatewayError as error:
            return state_after(error)

    async def pair(self, instance_id: str, phone: str | None = None) -> InstanceState:
        """Begin to link a phone: by the QR code in the answer, or with the number `phone` by its code."""
        body: JsonValue = {} if phone is None else {"phone": phone}
        return _state(await self._look(instance_id, "POST", "/pair", "pair", body, _PAIR_SECONDS))

    async def logout(self, instance_id: str) -> None:
        """Unlink the phone; it must be paired again before anything goes out."""
        await self._look(instance_id, "POST", "/logout", "logout", {})

    def provider_id(self, message: Outbound) -> str | None:
        """As long and as random as WhatsApp Web's own, but the same for every attempt at the same message."""
        if message.instance_id is None:
            return None
        return f"3EB0{sha256(f'{message.instance_id}|{message.key}'.encode()).hexdigest()[:18].upper()}"

    def verify_webhook(self, headers: Mapping[str, str], raw: bytes) -> None:
        """Refuse what the bridge did not sign."""
        self._webhook.verify(headers, raw)

    def parse_webhook(self, raw: bytes) -> News:
        """What the bridge tells of one number; messages come in through the queue, and not this way."""
        return self._webhook.parse(raw)

    async def close(self) -> None:
        """Nothing of its own is open."""

    async def _look(
        self,
        instance_id: str,
        method: str,
        path: str,
        about: str,
        body: JsonValue = None,
        seconds: float = LOOK_SECONDS,
    ) -> Answer:
        with harmless_to_repeat():
            answer = await self._call(instance_id, method, path, about, body, seconds)
            if not answer.is_success:
                raise _refusal(answer, about)
        return answer

    async def _call(
        self, instance_id: str, method: str, path: str, about: str, body: JsonValue, seconds: float
    ) -> Answer:
        try:
            url = await self._bridge_of(instance_id)
        except QueueUnavailable as error:
            raise NotReady(f"{about}: {error}") from error
        if url is None:
            raise NotReady(f"{about}: no bridge has this number at the moment; is one running?")
        calls = HttpCalls(self._client, url, {**self._headers, **TRACE_HEADERS.get()})
        try:
            whole = f"/instances/{in_path(instance_id)}{path}"
            return await calls.call(method, whole, about=about, body=body, seconds=seconds)
        except NotSent as error:  # the bridge went away; another takes the number over
            raise NotReady(str(error)) from error


def _refusal(answer: Answer, about: str, *hidden: str) -> GatewayError:
    kind = text_at(answer.json, "error", "kind")
    words = f"{about}: the bridge says {shown(text_at(answer.json, 'error', 'message') or str(kind), *hidden)}"
    wait_ms = whole_at(answer.json, "error", "retryAfterMs")
    wait_seconds = None if wait_ms is None else wait_ms / 1000
    if kind == "slow_down":
        scope = text_at(answer.json, "error", "scope")
        known = cast("Scope", scope) if scope in _SCOPES else "number"
        return SlowDown(words, wait_seconds, known)
    make = _KINDS.get(kind or "")
    if make is not None:
        return make(words, wait_seconds)
    if answer.status == 401:
        return InstanceHalted(f"{about}: the bridge does not know our key; give both the same OXYQ_BRIDGE_KEY")
    return unexplained(answer, about)


def _body(message: Outbound) -> dict[str, JsonValue]:
    body: dict[str, JsonValue] = {"key": message.key, "to": checked_recipient(message, allows_lid=True)}
    match message:
        case OutboundText():
            return body | {"type": "text", "text": message.text}
        case OutboundTemplate():
            raise NeverWill(f"{message.key}: templates go out through the Cloud API only; send a text")
        case OutboundMedia():
            body |= {"type": message.kind, "url": message.url}
            more = {
                "caption": checked_caption(message),
                "mimetype": message.mimetype,
                "fileName": message.file_name,
            }
            return body | {name: value for name, value in more.items() if value}


def _state(answer: Answer) -> InstanceState:
    state = text_at(answer.json, "state")
    return InstanceState(
        cast("ConnectionState", state) if state in _STATES else "unknown",
        shown(text_at(answer.json, "detail") or ""),
        number=text_at(answer.json, "number"),
        qr=text_at(answer.json, "qr"),
        code=text_at(answer.json, "code"),
    )


def _resolved(number: str, row: JsonValue) -> Resolved:
    exists = part(row, "exists") is True
    return Resolved(number, exists, text_at(row, "address") if exists else None)
