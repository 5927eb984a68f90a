"""What Meta's webhook tells: all entries, changes, messages and statuses of it, of one number.

Source: Meta's reference of the webhooks `messages`, `user_preferences` and `smb_message_echoes` (2026, with BSUIDs).
"""

from collections.abc import Callable, Mapping
from typing import Final

from oxyq.errors import InvalidPayload
from oxyq.gateways.base import BadSignature
from oxyq.gateways.cloud_errors import status_reason
from oxyq.gateways.gathering import Gathering, body_of
from oxyq.gateways.inbound import Media, Words, checked_address, checked_id, inbound, moment_ms
from oxyq.gateways.json_parts import list_at, object_at, part, text_at, whole_at
from oxyq.gateways.news import News, PersonWrote, Preference, Status, StatusNews
from oxyq.gateways.signatures import check_sha256, is_same
from oxyq.jobs import MessageType
from oxyq.outcomes import JsonValue

_LONGEST_CHALLENGE: Final = 256

_STATUSES: Final[Mapping[str, Status]] = {
    "sent": "sent",
    "delivered": "delivered",
    "read": "read",
    "played": "read",
    "failed": "failed",
}
_WITH_FILE: Final[Mapping[str, MessageType]] = {
    "image": "image",
    "video": "video",
    "audio": "audio",
    "document": "document",
    "sticker": "sticker",
}
#: Not written by anybody: what was liked, taken back or changed, and that a chat was opened or a number changed.
_NO_MESSAGES: Final = frozenset({"reaction", "revoke", "edit", "system", "request_welcome"})


class CloudWebhook:
    """The webhook of one number; `app_secret` signs, `verify_token` proves once that the address is ours."""

    def __init__(self, phone_number_id: str, *, app_secret: str, verify_token: str) -> None:
        self._phone_number_id = phone_number_id
        self._app_secret = app_secret
        self._verify_token = verify_token

    def verify(self, headers: Mapping[str, str], raw: bytes) -> None:
        """Refuse what Meta did not sign; never by its age, since Meta repeats for 7 days."""
        check_sha256(headers, "x-hub-signature-256", self._app_secret, raw)

    def challenge(self, query: Mapping[str, str]) -> str:
        """What to answer to Meta's GET, as plain text, for anybody may have written it; raises BadSignature."""
        answer = query.get("hub.challenge", "")
        is_right = self._verify_token and is_same(query.get("hub.verify_token", ""), self._verify_token)
        if query.get("hub.mode") != "subscribe" or not is_right or not 1 <= len(answer) <= _LONGEST_CHALLENGE:
            raise BadSignature("the challenge is not Meta's")
        return answer

    def parse(self, raw: bytes) -> News:
        """Everything that this body tells; InvalidPayload when it is none of Meta's."""
        body = body_of(raw)
        if not isinstance(body.get("entry"), list):
            raise InvalidPayload("entry", "must be a list, as Meta's webhooks have it")
        found = Gathering()
        for entry in list_at(body, "entry"):
            if not isinstance(part(entry, "changes"), list):
                found.drop("malformed", "entry.changes")
            for change in list_at(entry, "changes"):
                self._read_change(change, found)
        return found.told()

    def _read_change(self, change: JsonValue, found: Gathering) -> None:
        field, value = text_at(change, "field") or "a change without a field", object_at(change, "value")
        number = text_at(value, "metadata", "phone_number_id")
        if field not in _READERS:
            found.drop("unknown", field)
        elif number is None:
            found.drop("malformed", f"{field}: metadata.phone_number_id")
        elif number != self._phone_number_id:
            found.drop("another_number", field)
        else:
            for name, read in _READERS[field].items():
                for item in list_at(value, name):
                    with found.each(name):
                        read(item, value, found)


def _read_message(message: JsonValue, value: JsonValue, found: Gathering) -> None:
    kind = text_at(message, "type") or "unknown"
    if kind in _NO_MESSAGES or part(message, "group_id") is not None:
        found.drop("ignored", kind)
        return
    contact = _contact_of(message, value)
    number = text_at(message, "from") or text_at(contact, "wa_id")
    bsuid = text_at(message, "from_user_id") or text_at(contact, "user_id")
    found.add(
        inbound(
            _words(kind, message),
            sender=number or bsuid or "",
            message_id=text_at(message, "id"),
            seconds=whole_at(message, "timestamp"),
            chat_id=number or bsuid,
            bsuid=bsuid,
            push_name=text_at(contact, "profile", "name"),
            quoted_id=text_at(message, "context", "id"),
        )
    )


def _contact_of(message: JsonValue, value: JsonValue) -> JsonValue:
    """The contact that wrote this message: by number, by id, or as the only one."""
    contacts = list_at(value, "contacts")
    for name, theirs in (("from", "wa_id"), ("from_user_id", "user_id")):
        wanted = text_at(message, name)
        for contact in contacts:
            if wanted is not None and text_at(contact, theirs) == wanted:
                return contact
    return contacts[0] if len(contacts) == 1 else None


def _words(kind: str, message: JsonValue) -> Words:
    if kind == "text":
        return Words("text", text_at(message, "text", "body"))
    if kind in _WITH_FILE:
        return Words(_WITH_FILE[kind], text_at(message, kind, "caption"), media=_media(object_at(message, kind)))
    if kind == "location":
        return Words("location")
    if kind == "contacts":
        return Words("contact")
    if kind == "button":
        return Words("button", text_at(message, "button", "text"), text_at(message, "button", "payload"))
    if kind == "interactive":
        return _chosen(object_at(message, "interactive"))
    return Words("unknown")


def _chosen(interactive: JsonValue) -> Words:
    match text_at(interactive, "type"):
        case "button_reply":
            chosen = object_at(interactive, "button_reply")
            return Words("button", text_at(chosen, "title"), text_at(chosen, "id"))
        case "list_reply":
            chosen = object_at(interactive, "list_reply")
            return Words("list", text_at(chosen, "title"), text_at(chosen, "id"))
        case "nfm_reply":
            return Words("flow", text_at(interactive, "nfm_reply", "body"), text_at(interactive, "nfm_reply", "name"))
        case _:
            return Words("unknown")


def _media(file: JsonValue) -> Media:
    return Media(
        mimetype=text_at(file, "mime_type"),
        id=text_at(file, "id"),
        file_name=text_at(file, "filename"),
        is_voice=True if part(file, "voice") is True else None,
    )


def _read_status(status: JsonValue, value: JsonValue, found: Gathering) -> None:
    word = text_at(status, "status") or ""
    if word not in _STATUSES:
        found.drop("unknown", f"status {word}")
        return
    reason, is_suppressed = status_reason(part(status, "errors", 0))
    found.add(
        StatusNews(
            checked_id(text_at(status, "id"), "the message's id"),
            _STATUSES[word],
            moment_ms(whole_at(status, "timestamp")),
            key=text_at(status, "biz_opaque_callback_data"),
            reason=reason,
            is_suppressed=is_suppressed,
            recipient=text_at(status, "recipient_id") or text_at(status, "recipient_user_id"),
        )
    )


def _read_preference(preference: JsonValue, value: JsonValue, found: Gathering) -> None:
    wish = text_at(preference, "value")
    if text_at(preference, "category") != "marketing_messages" or wish not in ("stop", "resume"):
        found.drop("unknown", "a preference")
        return
    contact = checked_address(text_at(preference, "wa_id") or text_at(preference, "user_id"))
    found.add(Preference(contact, wish == "resume", moment_ms(whole_at(preference, "timestamp"))))


def _read_echo(echo: JsonValue, value: JsonValue, found: Gathering) -> None:
    kind = text_at(echo, "type") or "unknown"
    if kind in _NO_MESSAGES:
        found.drop("ignored", kind)
        return
    found.add(
        PersonWrote(
            checked_address(text_at(echo, "to") or text_at(echo, "to_user_id")),
            _words(kind, echo).content[0],
            checked_id(text_at(echo, "id"), "the message's id"),
            moment_ms(whole_at(echo, "timestamp")),
        )
    )


def _read_error(error: JsonValue, value: JsonValue, found: Gathering) -> None:
    # Of the number and not of a message: those come as statuses.
    found.drop("unknown", f"error {status_reason(error)[0]}")


#: What is read of each field, list by list.
_READERS: Final[Mapping[str, Mapping[str, Callable[[JsonValue, JsonValue, Gathering], None]]]] = {
    "messages": {"messages": _read_message, "statuses": _read_status, "errors": _read_error},
    "user_preferences": {"user_preferences": _read_preference},
    "smb_message_echoes": {"message_echoes": _read_echo},
}
