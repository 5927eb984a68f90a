"""Messages as WhatsApp Web's protocol has them, in JSON: who wrote, and what it says. Source: Baileys' proto."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from oxyq.gateways.inbound import Media, Words
from oxyq.gateways.json_parts import object_at, part, text_at, whole_at
from oxyq.jobs import MessageType
from oxyq.outcomes import JsonValue

_MOST_WRAPPERS: Final = 5
_WRAPPERS: Final = (
    "ephemeralMessage",
    "viewOnceMessage",
    "viewOnceMessageV2",
    "viewOnceMessageV2Extension",
    "documentWithCaptionMessage",
    "associatedChildMessage",
    "editedMessage",
)
#: Stand beside what was written, and are nothing by themselves.
_BESIDE: Final = frozenset({"messageContextInfo", "senderKeyDistributionMessage", "contextInfo", "base64", "mediaUrl"})
#: Nothing that somebody wrote: what was liked, taken back or changed, and votes that only the phone can read.
_NO_MESSAGES: Final = frozenset({"reactionMessage", "encReactionMessage", "protocolMessage", "pollUpdateMessage"})


@dataclass(frozen=True, slots=True)
class Contact:
    """With whom a chat is: their number's digits, else the id that hides it; that id, if it is known; and the chat."""

    address: str
    lid: str | None
    chat: str | None


def is_person(jid: str | None) -> bool:
    """Whether this is a chat with one person, and no group, list, channel or status."""
    return (jid or "").partition("@")[2] in ("", "s.whatsapp.net", "c.us", "lid", "hosted", "hosted.lid")


def contact_of(data: JsonValue) -> Contact:
    """Whom a message's key names, by number and by LID, whichever way round they stand."""
    named = [
        text_at(data, *path)
        for path in (("key", "remoteJid"), ("key", "remoteJidAlt"), ("key", "senderPn"), ("key", "senderLid"))
    ]
    bare = [re.sub(r":[0-9]{1,5}(?=@|$)", "", jid) for jid in (*named, text_at(data, "remoteJid")) if jid]
    lid = next((jid for jid in bare if jid.endswith("@lid")), None)
    number = next((jid.partition("@")[0] for jid in bare if re.search(r"@(s\.whatsapp\.net|c\.us)$", jid)), None)
    return Contact(number or lid or "", lid, bare[0] if bare else None)


def quoted_id(data: JsonValue) -> str | None:
    """The id of the message that this one answers."""
    outer = text_at(data, "contextInfo", "stanzaId")
    _, content = _content(part(data, "message"))
    return outer or text_at(content, "contextInfo", "stanzaId")


def words_of(message: JsonValue) -> Words | None:
    """What a message says; None when nobody wrote anything."""
    kind, content = _content(message)
    if kind is None or kind in _NO_MESSAGES:
        return None
    read = _READERS.get(kind)
    return Words("unknown") if read is None else read(content)


def _content(message: JsonValue) -> tuple[str | None, JsonValue]:
    """The kind and the content inside all wrappers."""
    for _ in range(_MOST_WRAPPERS):
        wrapped = [object_at(message, name, "message") for name in _WRAPPERS if object_at(message, name, "message")]
        if not wrapped:
            break
        message = wrapped[0]
    for kind, content in (message if isinstance(message, dict) else {}).items():
        if kind not in _BESIDE and content is not None:
            return kind, content
    return None, None


def _file(kind: MessageType) -> Callable[[JsonValue], Words]:
    def read(content: JsonValue) -> Words:
        media = Media(
            mimetype=text_at(content, "mimetype"),
            size=whole_at(content, "fileLength"),
            file_name=text_at(content, "fileName"),
            seconds=whole_at(content, "seconds"),
            is_voice=True if part(content, "ptt") is True else None,
        )
        return Words(kind, text_at(content, "caption"), media=media)

    return read


def _chosen(kind: MessageType, title: tuple[str, ...], reply_id: tuple[str, ...]) -> Callable[[JsonValue], Words]:
    return lambda content: Words(kind, text_at(content, *title), text_at(content, *reply_id))


def _flow(content: JsonValue) -> Words:
    try:
        parameters: JsonValue = json.loads(text_at(content, "nativeFlowResponseMessage", "paramsJson") or "null")
    except (ValueError, RecursionError):
        parameters = None
    return Words("flow", text_at(content, "body", "text"), text_at(parameters, "id"))


_READERS: Final[Mapping[str, Callable[[JsonValue], Words]]] = {
    "conversation": lambda content: Words("text", content if isinstance(content, str) else None),
    "extendedTextMessage": lambda content: Words("text", text_at(content, "text")),
    "imageMessage": _file("image"),
    "videoMessage": _file("video"),
    "ptvMessage": _file("video"),
    "audioMessage": _file("audio"),
    "documentMessage": _file("document"),
    "stickerMessage": _file("sticker"),
    "locationMessage": lambda content: Words("location"),
    "liveLocationMessage": lambda content: Words("location"),
    "contactMessage": lambda content: Words("contact"),
    "contactsArrayMessage": lambda content: Words("contact"),
    "buttonsResponseMessage": _chosen("button", ("selectedDisplayText",), ("selectedButtonId",)),
    "templateButtonReplyMessage": _chosen("button", ("selectedDisplayText",), ("selectedId",)),
    "listResponseMessage": _chosen("list", ("title",), ("singleSelectReply", "selectedRowId")),
    "interactiveResponseMessage": _flow,
}
