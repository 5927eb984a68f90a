"""What the bridge's webhook tells: what became of messages, who answered by phone, how the number stands."""

from collections.abc import Callable, Mapping
from typing import Final, Literal, cast, get_args

from oxyq.errors import InvalidPayload
from oxyq.gateways.gathering import Gathering, body_of
from oxyq.gateways.inbound import Malformed, Words, checked_address, checked_id, checked_ms
from oxyq.gateways.json_parts import list_at, text_at, whole_at
from oxyq.gateways.news import ConnectionNews, News, PersonWrote, Status, StatusNews
from oxyq.gateways.signatures import check_sha256
from oxyq.gateways.wording import shown
from oxyq.outcomes import JsonValue

HEADER: Final = "x-oxyq-signature"

_STATUSES: Final = frozenset(get_args(Status))
_States = Literal["open", "connecting", "needs_pairing", "closed", "halted"]
_STATES: Final = frozenset(get_args(_States))


class BaileysWebhook:
    """The webhook of all bridges; `key` signs its bodies."""

    def __init__(self, key: str) -> None:
        self._key = key

    def verify(self, headers: Mapping[str, str], raw: bytes) -> None:
        """Refuse what the bridge did not sign."""
        check_sha256(headers, HEADER, self._key, raw)

    def parse(self, raw: bytes) -> News:
        """Everything that this body tells; InvalidPayload when it is none of the bridge's."""
        body = body_of(raw)
        if not isinstance(body.get("events"), list):
            raise InvalidPayload("events", "must be a list, as the bridge sends it")
        found = Gathering()
        for event in list_at(body, "events"):
            kind = text_at(event, "type") or "no type"
            read = _READERS.get(kind)
            if read is None:
                found.drop("unknown", kind)
                continue
            with found.each(kind):
                found.add(read(event))
        return found.told()


def _status(event: JsonValue) -> StatusNews:
    status = text_at(event, "status")
    if status not in _STATUSES:
        raise Malformed("a status that nobody knows")
    return StatusNews(
        checked_id(text_at(event, "id"), "the message's id"),
        cast("Status", status),
        checked_ms(whole_at(event, "at")),
        reason=shown(text_at(event, "reason") or ""),
        recipient=text_at(event, "to"),
    )


def _person(event: JsonValue) -> PersonWrote:
    return PersonWrote(
        checked_address(text_at(event, "contact")),
        Words("unknown", text_at(event, "text")).content[0],
        checked_id(text_at(event, "id"), "the message's id"),
        checked_ms(whole_at(event, "at")),
        lid=text_at(event, "lid"),
    )


def _connection(event: JsonValue) -> ConnectionNews:
    state = text_at(event, "state")
    if state not in _STATES:
        raise Malformed("a state that nobody knows")
    return ConnectionNews(cast("_States", state), shown(text_at(event, "detail") or ""))


_READERS: Final[Mapping[str, Callable[[JsonValue], StatusNews | PersonWrote | ConnectionNews]]] = {
    "status": _status,
    "person": _person,
    "connection": _connection,
}
