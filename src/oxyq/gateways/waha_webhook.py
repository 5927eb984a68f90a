"""What a WAHA server's webhook tells.

Sources: WAHA 2024.10 (its DTOs, and `_data` of its engines NOWEB and WEBJS). Of newer versions and of the engine GOWS
we know only what is told of them, so whatever is missing is done without.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from oxyq.clock import now_ms
from oxyq.errors import InvalidPayload
from oxyq.gateways.base import BadSignature
from oxyq.gateways.gathering import Gathering, body_of
from oxyq.gateways.inbound import Media, Words, checked_address, checked_id, inbound, moment_ms
from oxyq.gateways.json_parts import object_at, part, text_at, whole_at
from oxyq.gateways.news import ConnectionNews, News, PersonWrote, Status, StatusNews
from oxyq.gateways.signatures import check_sha512
from oxyq.gateways.web_messages import Contact, contact_of, is_person, words_of
from oxyq.jobs import MessageType
from oxyq.outcomes import JsonValue

#: `true_5511999990001@c.us_3EB0AB`; in groups the id of who wrote follows.
_SERIALIZED_ID: Final = re.compile(r"(?:true|false)_([^_]+)_([^_]+)(?:_.*)?")

_STATUSES: Final[Mapping[int, Status | None]] = {
    -1: "failed",
    0: None,  # pending
    1: "sent",
    2: "delivered",
    3: "read",
    4: "read",  # played
}
#: FAILED: WAHA's documentation says that most likely the phone must link it again, and to try a restart first.
CONNECTIONS: Final[Mapping[str, ConnectionNews]] = {
    "WORKING": ConnectionNews("open"),
    "STARTING": ConnectionNews("connecting"),
    "SCAN_QR_CODE": ConnectionNews("needs_pairing", "a QR code waits to be scanned"),
    "STOPPED": ConnectionNews("closed", "the session is stopped; start it at the WAHA server"),
    "FAILED": ConnectionNews("needs_pairing", "the session failed; restart it at the WAHA server, or link it anew"),
}
#: The kinds of WEBJS that are none of ours by name.
_KINDS: Final[Mapping[str, MessageType]] = {
    "image": "image",
    "video": "video",
    "audio": "audio",
    "ptt": "audio",
    "document": "document",
    "sticker": "sticker",
    "location": "location",
    "vcard": "contact",
    "multi_vcard": "contact",
    "buttons_response": "button",
    "list_response": "list",
}
#: Where engines tell the other name of whom a chat is with, by whether the message is our own: NOWEB's, then GOWS'.
_ALTERNATES: Final[Mapping[bool, tuple[tuple[str, ...], ...]]] = {
    False: (("key", "remoteJidAlt"), ("key", "senderPn"), ("Info", "SenderAlt")),
    True: (("key", "remoteJidAlt"), ("Info", "RecipientAlt")),
}


@dataclass(frozen=True, slots=True)
class MessageId:
    """WhatsApp's own id of a message, and the chat that WAHA's id names beside it."""

    id: str
    chat: str | None


class WahaWebhook:
    """The webhook of one session, signed with `webhook_secret`."""

    def __init__(self, session: str, *, webhook_secret: str) -> None:
        self._session = session
        self._webhook_secret = webhook_secret

    def verify(self, headers: Mapping[str, str], raw: bytes) -> None:
        """Refuse what is not signed with the secret; raises BadSignature."""
        if headers.get("x-webhook-hmac-algorithm") != "sha512":
            raise BadSignature("x-webhook-hmac-algorithm is missing or not sha512")
        check_sha512(headers, "x-webhook-hmac", self._webhook_secret, raw)

    def parse(self, raw: bytes) -> News:
        """Everything that this body tells; InvalidPayload when it is none of WAHA's."""
        body = body_of(raw)
        event = text_at(body, "event")
        if event is None:
            raise InvalidPayload("event", "is missing; WAHA names it in every webhook")
        found = Gathering()
        read = _READERS.get(event)
        if text_at(body, "session") != self._session:
            found.drop("another_number", event)
        elif read is None:
            found.drop("unknown", event)
        else:
            with found.each(event):
                read(body.get("payload"), found)
        return found.told()


def message_id_of(written: JsonValue) -> MessageId | None:
    """The id in WAHA's form, as it is, or as the object that WEBJS makes of it; None when it is none."""
    text = written if isinstance(written, str) else text_at(written, "_serialized")
    if not text:
        return None
    serialized = _SERIALIZED_ID.fullmatch(text)
    return MessageId(serialized[2], serialized[1]) if serialized else MessageId(text, None)


def _read_message(payload: JsonValue, found: Gathering) -> None:
    is_ours = part(payload, "fromMe") is True
    message_id = message_id_of(part(payload, "id"))
    contact = _contact(payload, message_id, is_ours)
    if contact is None:
        found.drop("ignored", "not a chat with one person")
        return
    words = _words(payload)
    if words is None:
        found.drop("ignored", text_at(payload, "_data", "type") or "no message")
        return
    id_, seconds = message_id.id if message_id else None, whole_at(payload, "timestamp")
    if is_ours:
        address = checked_address(contact.address)
        own_id = checked_id(id_, "the message's id")
        found.add(PersonWrote(address, words.content[0], own_id, moment_ms(seconds), contact.lid))
        return
    data = part(payload, "_data")
    quoted = message_id_of(part(payload, "replyTo", "id"))
    found.add(
        inbound(
            words,
            sender=contact.address,
            message_id=id_,
            seconds=seconds,
            chat_id=contact.chat,
            lid=contact.lid,
            # NOWEB, WEBJS, GOWS
            push_name=text_at(data, "pushName") or text_at(data, "notifyName") or text_at(data, "Info", "PushName"),
            quoted_id=quoted.id if quoted else None,
        )
    )


def _read_ack(payload: JsonValue, found: Gathering) -> None:
    if part(payload, "fromMe") is not True:
        found.drop("ignored", "a status of what somebody else wrote")
        return
    ack = part(payload, "ack")
    if type(ack) is not int or ack not in _STATUSES:
        found.drop("unknown", "an ack that nobody knows")
        return
    status = _STATUSES[ack]
    if status is None:
        found.drop("ignored", f"ack {ack}")
        return
    message_id = message_id_of(part(payload, "id"))
    contact = _contact(payload, message_id, is_ours=True)
    if contact is None:
        found.drop("ignored", "not a chat with one person")
        return
    id_ = checked_id(message_id.id if message_id else None, "the message's id")
    reason = "WhatsApp refused it" if status == "failed" else ""
    found.add(StatusNews(id_, status, now_ms(), reason=reason, recipient=contact.address or None))


def _read_status(payload: JsonValue, found: Gathering) -> None:
    news = CONNECTIONS.get(text_at(payload, "status") or "")
    if news is None:
        found.drop("unknown", "a status of the session")
    else:
        found.add(news)


def _contact(payload: JsonValue, message_id: MessageId | None, is_ours: bool) -> Contact | None:
    """Whom the chat is with; None when it is no chat with one person.

    The id names the chat in every engine; of our own messages `from` is the chat in some, and our number in others.
    """
    written = text_at(payload, "to") or text_at(payload, "from") if is_ours else text_at(payload, "from")
    chat = message_id.chat if message_id and message_id.chat else written
    if not is_person(chat):
        return None
    data = part(payload, "_data")
    other = next((jid for path in _ALTERNATES[is_ours] if (jid := text_at(data, *path))), None)
    return contact_of({"key": {"remoteJid": chat, "remoteJidAlt": other}})


def _words(payload: JsonValue) -> Words | None:
    """What a message says: as WhatsApp wrote it, where the engine tells that (NOWEB), else what WAHA makes of it."""
    if message := object_at(payload, "_data", "message"):
        return words_of(message)
    media, body = object_at(payload, "media"), text_at(payload, "body")
    kind = text_at(payload, "_data", "type") or ""
    mimetype = text_at(media, "mimetype")
    words = Words("text", body)
    if type_ := _KINDS.get(kind):
        # The body of the others is a thumbnail, or the card itself.
        caption = None if type_ in ("location", "contact") else body
        words = Words(type_, caption, text_at(payload, "_data", "selectedButtonId"))
    elif mimetype or part(payload, "hasMedia") is True:
        words = Words(_KINDS.get((mimetype or "").partition("/")[0], "document"), body)
    elif object_at(payload, "location"):
        words = Words("location")
    elif part(payload, "vCards"):
        words = Words("contact")
    elif body is None:
        return None  # a notice of the phone's, such as a call that was missed
    if mimetype is None:
        return words
    is_voice = True if kind == "ptt" else None
    return replace(words, media=Media(mimetype, file_name=text_at(media, "filename"), is_voice=is_voice))


_READERS: Final[Mapping[str, Callable[[JsonValue, Gathering], None]]] = {
    "message": _read_message,
    "message.any": _read_message,
    "message.ack": _read_ack,
    "session.status": _read_status,
}
