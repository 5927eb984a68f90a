"""What gateways tell us, in the one form that the rest of Oxyq knows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from oxyq.outcomes import JsonValue

Status: TypeAlias = Literal["sent", "delivered", "read", "failed"]


@dataclass(frozen=True, slots=True)
class Inbound:
    """Somebody wrote; `fields` are those of `jobs.InboundMessage` as on the wire, but for organization and instance."""

    fields: Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class StatusNews:
    """What became of a message of ours: `provider_id` is WhatsApp's, `key` ours where the gateway gives it back."""

    provider_id: str
    status: Status
    at_ms: int
    key: str | None = None
    reason: str = ""
    """Why it failed, for people."""
    is_suppressed: bool = False
    """It failed because the person stopped marketing: take them out of campaigns."""
    recipient: str | None = None


@dataclass(frozen=True, slots=True)
class PersonWrote:
    """A person of the organization answered by phone, past us: `contact` is whom they wrote to."""

    contact: str
    text: str
    message_id: str
    at_ms: int
    lid: str | None = None


@dataclass(frozen=True, slots=True)
class Preference:
    """Somebody told WhatsApp itself whether they want marketing from this organization."""

    contact: str
    wants_marketing: bool
    at_ms: int


@dataclass(frozen=True, slots=True)
class ConnectionNews:
    """The number was connected or cut off; `state` is one of `base.ConnectionState`."""

    state: Literal["open", "connecting", "needs_pairing", "closed", "halted"]
    detail: str = ""


AnyNews: TypeAlias = Inbound | StatusNews | PersonWrote | Preference | ConnectionNews


@dataclass(frozen=True, slots=True)
class Dropped:
    """A part of a webhook that is not for us: of no known kind (`unknown`), of another number, or malformed."""

    why: Literal["unknown", "another_number", "malformed", "ignored"]
    what: str


@dataclass(frozen=True, slots=True)
class News:
    """Everything that one webhook tells, in its order, and what of it was dropped; one bad part spoils no other."""

    news: tuple[AnyNews, ...] = ()
    dropped: tuple[Dropped, ...] = field(default=())
