"""What goes out through a gateway, and what comes back when WhatsApp took it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

MediaKind: TypeAlias = Literal["image", "video", "audio", "document", "sticker"]


@dataclass(frozen=True, slots=True)
class OutboundText:
    """One text to one person."""

    organization_id: str
    instance_id: str | None
    """The number to send from; None for the organization's first."""
    recipient: str
    """Digits only, country code included; or the hidden id that somebody wrote from (`…@lid`, `BR.…`)."""
    text: str
    key: str
    """The idempotency key: the same for every attempt at the same message."""


@dataclass(frozen=True, slots=True)
class OutboundMedia:
    """One file to one person, fetched by the gateway from `url` (https)."""

    organization_id: str
    instance_id: str | None
    recipient: str
    kind: MediaKind
    url: str
    key: str
    caption: str = ""
    mimetype: str | None = None
    file_name: str | None = None


@dataclass(frozen=True, slots=True)
class OutboundTemplate:
    """One template that Meta approved, its parameters filled in; `text` is what the person will read."""

    organization_id: str
    instance_id: str | None
    recipient: str
    template: str
    language: str
    """As Meta writes it, such as pt_BR."""
    parameters: Sequence[str]
    text: str
    key: str


Outbound: TypeAlias = OutboundText | OutboundMedia | OutboundTemplate


@dataclass(frozen=True, slots=True)
class Receipt:
    """WhatsApp took the message, under this id of its own."""

    provider_id: str
