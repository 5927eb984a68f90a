"""What somebody wrote, from the parts that a gateway tells of it: cleaned, cut, in the fields of `InboundMessage`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pydantic import TypeAdapter, ValidationError

from oxyq.clock import now_ms
from oxyq.gateways.news import Inbound
from oxyq.jobs import MAX_LABEL_CHARACTERS, MAX_TEXT_CHARACTERS, Id, MessageType, Milliseconds, check_text
from oxyq.numbers import is_hidden, sender_address
from oxyq.outcomes import JsonValue

PLACEHOLDERS: Final[Mapping[MessageType, str]] = {
    "image": "[imagem]",
    "video": "[vídeo]",
    "audio": "[áudio]",
    "document": "[documento]",
    "sticker": "[figurinha]",
    "location": "[localização]",
    "contact": "[contato]",
}
"""What stands for a message without words; the bridge writes the same."""
_WITHOUT_WORDS: Final = "[mensagem]"

_ID: Final = TypeAdapter(Id)
_MOMENT: Final = TypeAdapter(Milliseconds)


class Malformed(ValueError):
    """A part of a webhook that lacks what it needs; the text names what, and repeats nothing of it."""


@dataclass(frozen=True, slots=True)
class Media:
    """A file that came with a message, as the gateway tells of it."""

    mimetype: str | None = None
    id: str | None = None
    size: int | None = None
    file_name: str | None = None
    seconds: int | None = None
    is_voice: bool | None = None


@dataclass(frozen=True, slots=True)
class Words:
    """What a message says: its type, its words if it has any, what was chosen, what came along."""

    type: MessageType
    text: str | None = None
    reply_id: str | None = None
    media: Media | None = None

    @property
    def content(self) -> tuple[str, bool]:
        """The words as far as they are kept, or what stands for them; and whether they are only the beginning."""
        whole = cleaned(self.text or "")
        try:
            return check_text(whole[:MAX_TEXT_CHARACTERS]), len(whole) > MAX_TEXT_CHARACTERS
        except ValueError:  # blank
            return PLACEHOLDERS.get(self.type, _WITHOUT_WORDS), False


def inbound(
    words: Words,
    *,
    sender: str,
    message_id: str | None,
    seconds: int | None,
    chat_id: str | None = None,
    lid: str | None = None,
    bsuid: str | None = None,
    push_name: str | None = None,
    quoted_id: str | None = None,
) -> Inbound:
    """The message, written at `seconds` since 1970; raises Malformed without a sender or an id."""
    address = checked_address(sender)
    content, is_cut = words.content
    fields: dict[str, JsonValue] = {
        "from": address if is_hidden(address) else f"{address}@c.us",
        "content": content,
        "messageId": checked_id(message_id, "the message's id"),
        "timestamp": moment_ms(seconds),
        "chatId": _id(chat_id),
        "lid": _id(lid),
        "bsuid": _id(bsuid),
        "pushName": _label(push_name),
        "type": words.type,
        "replyId": _label(words.reply_id),
        "quotedId": _id(quoted_id),
        "media": _media(words.media),
        "isCut": is_cut or None,
    }
    return Inbound({name: value for name, value in fields.items() if value is not None})


def checked_address(written: str | None) -> str:
    """Who it is: digits, or an id that hides them; raises Malformed."""
    try:
        return sender_address(written or "")
    except ValueError:
        raise Malformed("the person's number") from None


def checked_id(written: str | None, what: str) -> str:
    """An id that we can keep; raises Malformed, naming `what`."""
    found = _id(written)
    if found is None:
        raise Malformed(what)
    return found


def moment_ms(seconds: int | None) -> int:
    """Seconds since 1970 as ms, as `checked_ms` gives them."""
    return checked_ms((seconds or 0) * 1000)


def checked_ms(at_ms: int | None) -> int:
    """A time in ms since 1970; now, when it is missing or beyond reason, since nothing is lost for its time."""
    try:
        return _MOMENT.validate_python(at_ms)
    except ValidationError:
        return now_ms()


def cleaned(text: str) -> str:
    """The text without what cannot be stored: NUL, and halves of characters."""
    return text.replace("\0", "").encode("utf-8", "ignore").decode()


def _id(written: str | None) -> str | None:
    try:
        return _ID.validate_python(written)
    except ValidationError:
        return None


def _label(written: str | None) -> str | None:
    return cleaned(written or "")[:MAX_LABEL_CHARACTERS] or None


def _media(media: Media | None) -> dict[str, JsonValue] | None:
    mimetype = _label(media.mimetype) if media else None
    if media is None or mimetype is None:
        return None
    fields: dict[str, JsonValue] = {
        "mimetype": mimetype,
        "id": _label(media.id),
        "size": media.size,
        "fileName": _label(media.file_name),
        "seconds": media.seconds,
        "isVoice": media.is_voice,
    }
    return {name: value for name, value in fields.items() if value is not None}
