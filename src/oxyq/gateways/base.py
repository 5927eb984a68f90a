"""What every gateway promises: one way to send, and four ways to fail that say what may be done next.

GatewayError
├── NotSent     (TemporaryError)  nothing went out: safe to try again
├── SlowDown    (TemporaryError)  nothing went out, and not before `retry_after_seconds`
├── NeverWill   (PermanentError)  nothing went out and nothing ever will, such as a number not on WhatsApp
└── MaybeSent                     it may have gone out: trying again may send it twice
"""

from dataclasses import dataclass
from typing import Final, Literal, Protocol, TypeAlias

from oxyq.errors import OxyqError, PermanentError, TemporaryError

Capability: TypeAlias = Literal["text", "repeats-safely"]
"""`repeats-safely`: sending again with the same key is one message for the recipient."""

Scope: TypeAlias = Literal["pair", "number", "campaign"]
"""What is to slow down: messages to one person, all of a number, or only campaigns of a number."""


class GatewayError(OxyqError):
    """A message could not be sent, or nobody knows whether it was."""


class NotSent(GatewayError, TemporaryError):
    """Nothing went out; it may be tried again."""


class MaybeSent(GatewayError):
    """It may have gone out: the answer was lost on the way back."""


class NeverWill(GatewayError, PermanentError):
    """Nothing went out, and trying again would not change that."""


class SlowDown(GatewayError, TemporaryError):
    """Nothing went out; the other side asks to wait for `retry_after_seconds` with what `scope` names."""

    def __init__(self, message: str, retry_after_seconds: float | None = None, scope: Scope = "number") -> None:
        super().__init__(message, retry_after_seconds)
        self.scope: Final = scope


@dataclass(frozen=True, slots=True)
class OutboundText:
    """One text to one person."""

    organization_id: str
    instance_id: str | None
    """The number to send from; None for the organization's first."""
    recipient: str
    """Digits only, country code included."""
    text: str
    key: str
    """The idempotency key: the same for every attempt at the same message."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """WhatsApp took the message, under this id of its own."""

    provider_id: str


class Gateway(Protocol):
    """A way out to WhatsApp."""

    @property
    def name(self) -> str:
        """The name under which settings choose it."""

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What it can do beyond failing honestly."""

    async def send(self, message: OutboundText) -> Receipt:
        """Send one text; raises only GatewayError."""

    async def close(self) -> None:
        """Let go of connections and files; harmless when repeated."""
