"""What every gateway promises: the ways to send and to look, what it hears, and how it fails.

An error says what may be done next:

GatewayError
├── NotSent      (TemporaryError)  nothing went out: safe to try again
│   └── NotReady                   the number is not connected: try again when it is
├── SlowDown     (TemporaryError)  nothing went out, and not before `retry_after_seconds`
├── InstanceHalted (TemporaryError) nothing went out, and nothing will by this number until somebody acts
├── NeverWill    (PermanentError)  nothing went out and nothing ever will, such as a number not on WhatsApp
│   ├── NeedsTemplate              nothing but an approved template may go to this person now
│   └── ContactSuppressed          this person does not want it, or WhatsApp keeps it from them
└── MaybeSent                      it may have gone out: trying again may send it twice
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol, TypeAlias

from oxyq.errors import OxyqError, PermanentError, TemporaryError
from oxyq.gateways.news import News
from oxyq.gateways.outbound import Outbound, Receipt

Capability: TypeAlias = Literal[
    "text", "media", "templates", "typing", "read", "resolve", "webhook", "repeats-safely", "correlates", "window"
]
"""`repeats-safely`: sending again with the same key is one message for the recipient. `correlates`: what it hears of
a message later carries our key. `window`: only templates may go to who has not written for 24 hours."""

Scope: TypeAlias = Literal["pair", "number", "campaign"]
"""What is to slow down: messages to one person, all of a number, or only campaigns of a number."""

ConnectionState: TypeAlias = Literal["open", "connecting", "needs_pairing", "closed", "halted", "unknown"]
"""`needs_pairing`: a person must link it by phone. `halted`: WhatsApp or the gateway refuses it."""


class GatewayError(OxyqError):
    """A message could not be sent, or nobody knows whether it was."""


class NotSent(GatewayError, TemporaryError):
    """Nothing went out; it may be tried again."""


class NotReady(NotSent):
    """The number is not connected; trying again uses no attempt."""


class MaybeSent(GatewayError):
    """It may have gone out: the answer was lost on the way back."""


class NeverWill(GatewayError, PermanentError):
    """Nothing went out, and trying again would not change that."""


class NeedsTemplate(NeverWill):
    """This person has not written for 24 hours: only an approved template may go to them."""


class ContactSuppressed(NeverWill):
    """This person does not want it (`opted_out`), or WhatsApp chose to keep it from them."""

    def __init__(self, message: str, *, opted_out: bool = False) -> None:
        super().__init__(message)
        self.opted_out: Final = opted_out


class SlowDown(GatewayError, TemporaryError):
    """Nothing went out; the other side asks to wait for `retry_after_seconds` with what `scope` names."""

    def __init__(self, message: str, retry_after_seconds: float | None = None, scope: Scope = "number") -> None:
        super().__init__(message, retry_after_seconds)
        self.scope: Final = scope


class InstanceHalted(GatewayError, TemporaryError):
    """Nothing went out, and nothing will by this number before somebody has seen to it."""


class BadSignature(OxyqError):
    """A webhook that does not come from where it says; callers are never told what was wrong with it."""


@dataclass(frozen=True, slots=True)
class InstanceState:
    """How a number stands with its gateway; `detail` is for people, `qr` and `code` are what links it to a phone."""

    state: ConnectionState
    detail: str = ""
    number: str | None = None
    qr: str | None = None
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Resolved:
    """Whether a number is on WhatsApp, and the address WhatsApp knows it by, which may lack the ninth digit."""

    number: str
    exists: bool
    address: str | None = None


class Gateway(Protocol):
    """A way out to WhatsApp for one instance, or for all that share it. All raise only GatewayError."""

    @property
    def name(self) -> str:
        """The name under which settings choose it."""

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What it can do beyond failing honestly; what it cannot do raises NeverWill."""

    async def send(self, message: Outbound) -> Receipt:
        """Send one text, file or template."""

    async def typing(self, instance_id: str, recipient: str, *, answering: str | None = None) -> None:
        """Show that an answer is being written; `answering` is the id of the message it answers."""

    async def mark_read(self, instance_id: str, sender: str, message_ids: Sequence[str]) -> None:
        """Show somebody that what they wrote was read."""

    async def resolve(self, instance_id: str, numbers: Sequence[str]) -> list[Resolved]:
        """Which of these numbers are on WhatsApp, in the same order."""

    async def state(self, instance_id: str) -> InstanceState:
        """How the number stands now."""

    def provider_id(self, message: Outbound) -> str | None:
        """The id the message will have at WhatsApp, where that is known before it is sent."""

    def verify_webhook(self, headers: Mapping[str, str], raw: bytes) -> None:
        """Refuse what was not signed for this instance; raises BadSignature. Names of headers are in lower case."""

    def parse_webhook(self, raw: bytes) -> News:
        """What a verified body tells; InvalidPayload when it is no JSON object of this gateway's."""

    async def close(self) -> None:
        """Let go of connections and files; harmless when repeated."""
