"""What an Evolution server's webhook tells. Its body may hold the server's key, so nothing of it is ever repeated.

Source: Evolution API 2.3.6. Its `date_time` is local time written as if it were UTC, and is not read.
"""

from collections.abc import Callable, Mapping
from typing import Final

import jwt

from oxyq.clock import now_ms
from oxyq.errors import InvalidPayload
from oxyq.gateways.base import BadSignature
from oxyq.gateways.gathering import Gathering, body_of
from oxyq.gateways.inbound import checked_address, checked_id, inbound, moment_ms
from oxyq.gateways.json_parts import object_at, part, text_at, whole_at
from oxyq.gateways.news import ConnectionNews, News, PersonWrote, Status, StatusNews
from oxyq.gateways.signatures import is_same
from oxyq.gateways.web_messages import contact_of, is_person, quoted_id, words_of
from oxyq.outcomes import JsonValue

#: A shorter key of a JWT can be guessed from any one that it signed.
_SHORTEST_KEY_BYTES: Final = 32
#: The server makes a token for 10 minutes and may repeat a webhook with it for half an hour; refused once, it gives up.
_LATE_SECONDS: Final = 3600

_STATUSES: Final[Mapping[str, Status | None]] = {
    "ERROR": "failed",
    "PENDING": None,
    "SERVER_ACK": "sent",
    "DELIVERY_ACK": "delivered",
    "READ": "read",
    "PLAYED": "read",
}
#: Baileys' numbers of them, from 0.
_NUMBERED: Final = tuple(_STATUSES)
#: Reasons to disconnect after which a phone must link the number anew (Baileys' and Evolution's own).
_LOGGED_OUT: Final = frozenset({401, 402, 403, 406, 411})


class EvolutionWebhook:
    """The webhook of one instance; its sender is known by `webhook_token`, as it is or as the key of a JWT."""

    def __init__(self, server_instance: str, *, webhook_token: str) -> None:
        self._server_instance = server_instance
        self._webhook_token = webhook_token

    def verify(self, headers: Mapping[str, str]) -> None:
        """Refuse what does not know the token: neither `x-oxyq-token: TOKEN` nor `authorization: Bearer JWT`."""
        token = self._webhook_token
        if token and (is_same(headers.get("x-oxyq-token", ""), token) or _is_signed(headers, token)):
            return
        raise BadSignature("the token is missing or wrong")

    def parse(self, raw: bytes) -> News:
        """Everything that this body tells; InvalidPayload when it is none of Evolution's."""
        body = body_of(raw)
        event = text_at(body, "event")
        if event is None:
            raise InvalidPayload("event", "is missing; Evolution names it in every webhook")
        found = Gathering()
        read = _READERS.get(event.lower().replace("_", "."))
        if text_at(body, "instance") != self._server_instance:
            found.drop("another_number", event)
        elif read is None:
            found.drop("unknown", event)
        else:
            data = body.get("data")
            for item in data if isinstance(data, list) else [data]:
                with found.each(event):
                    read(item, found)
        return found.told()


def _is_signed(headers: Mapping[str, str], key: str) -> bool:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme != "Bearer" or len(key.encode()) < _SHORTEST_KEY_BYTES:
        return False
    try:
        claims = jwt.decode(token, key, algorithms=["HS256"], leeway=_LATE_SECONDS, options={"require": ["exp"]})
    except jwt.PyJWTError:
        return False
    return claims.get("app") == "evolution" and claims.get("action") == "webhook"


def _read_message(data: JsonValue, found: Gathering) -> None:
    if not is_person(text_at(data, "key", "remoteJid")):
        found.drop("ignored", "not a chat with one person")
        return
    words = words_of(part(data, "message"))
    if words is None:
        found.drop("ignored", text_at(data, "messageType") or "no message")
        return
    contact = contact_of(data)
    if part(data, "key", "fromMe") is True:
        address = checked_address(contact.address)
        message_id = checked_id(text_at(data, "key", "id"), "the message's id")
        at_ms = moment_ms(whole_at(data, "messageTimestamp"))
        found.add(PersonWrote(address, words.content[0], message_id, at_ms, contact.lid))
        return
    found.add(
        inbound(
            words,
            sender=contact.address,
            message_id=text_at(data, "key", "id"),
            seconds=whole_at(data, "messageTimestamp"),
            chat_id=contact.chat,
            lid=contact.lid,
            push_name=text_at(data, "pushName"),
            quoted_id=quoted_id(data),
        )
    )


def _read_update(data: JsonValue, found: Gathering) -> None:
    key = object_at(data, "key")
    if (part(data, "fromMe") if "fromMe" not in key else key["fromMe"]) is not True:
        found.drop("ignored", "a status of what somebody else wrote")
        return
    number = whole_at(data, "update", "status")
    word = text_at(data, "status") or ("" if number is None or number >= len(_NUMBERED) else _NUMBERED[number])
    status = _STATUSES.get(word)
    if status is None:
        found.drop("ignored" if word in _STATUSES else "unknown", f"status {word}")
        return
    # `id` was its name in version 1; `messageId` is the row in the server's own database.
    message_id = text_at(data, "keyId") or text_at(key, "id") or text_at(data, "id")
    recipient = contact_of(data).address or None
    reason = "WhatsApp refused it" if status == "failed" else ""
    found.add(
        StatusNews(checked_id(message_id, "the message's id"), status, now_ms(), reason=reason, recipient=recipient)
    )


def _read_sent(data: JsonValue, found: Gathering) -> None:
    message_id = checked_id(text_at(data, "key", "id"), "the message's id")
    at_ms = moment_ms(whole_at(data, "messageTimestamp"))
    found.add(StatusNews(message_id, "sent", at_ms, recipient=contact_of(data).address or None))


def _read_connection(data: JsonValue, found: Gathering) -> None:
    reason = whole_at(data, "statusReason")
    match text_at(data, "state"):
        case "open":
            found.add(ConnectionNews("open"))
        case "connecting":
            found.add(ConnectionNews("connecting"))
        case "close":
            detail = "" if reason is None else f"code {reason}"
            found.add(ConnectionNews("needs_pairing" if reason in _LOGGED_OUT else "closed", detail))
        case _:
            found.drop("unknown", "a state of the connection")


def _read_qr(data: JsonValue, found: Gathering) -> None:
    found.add(ConnectionNews("needs_pairing", "a QR code waits to be scanned"))


_READERS: Final[Mapping[str, Callable[[JsonValue, Gathering], None]]] = {
    "messages.upsert": _read_message,
    "messages.update": _read_update,
    "send.message": _read_sent,
    "connection.update": _read_connection,
    "qrcode.updated": _read_qr,
}
