"""A WhatsApp in memory: it keeps what it received, and fails as a test told it to."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from oxyq.clock import now_ms
from oxyq.gateways.base import BadSignature, Capability, GatewayError, InstanceState, MaybeSent, Resolved
from oxyq.gateways.news import News
from oxyq.gateways.outbound import Outbound, OutboundMedia, Receipt

_ALL: Final[frozenset[Capability]] = frozenset({"text", "media", "templates", "typing", "read", "resolve"})


@dataclass(frozen=True, slots=True)
class Sent:
    """One message as it was received: when (ms since 1970, by the sandbox's clock), to whom, and what."""

    at_ms: int
    to: str
    text: str
    key: str
    organization_id: str
    instance_id: str | None
    provider_id: str
    message: Outbound


@dataclass(slots=True)
class _Fault:
    """An error in store for the next `left` messages (None: all) to `to` (None: anybody)."""

    error: GatewayError
    to: str | None
    left: int | None
    received: bool

    def meets(self, message: Outbound) -> bool:
        return self.left != 0 and self.to in (None, message.recipient)


class FakeWhatsApp:
    """A gateway for tests; one object serves all numbers of a sandbox.

    `capabilities`: what it can do. With "repeats-safely" the same key twice is one message, as with Baileys.
    """

    name: Final = "fake"

    def __init__(self, capabilities: Collection[Capability] = _ALL) -> None:
        self.capabilities: Final = frozenset(capabilities)
        self.received: list[Sent] = []
        """Every message that arrived, in order."""
        self.asked = 0
        """How often something was to be sent, whatever came of it."""
        self.not_on_whatsapp: set[str] = set()
        """Numbers that `resolve` does not find."""
        self.instance_state = InstanceState("open", "a test's")
        """What `state` answers."""
        self._faults: list[_Fault] = []
        self._open = asyncio.Event()
        self._open.set()
        self._waiting = asyncio.Event()

    # --- for the test ---------------------------------------------------------------------------------------------

    def fail(self, error: GatewayError, *, to: str | None = None, times: int | None = 1) -> None:
        """Raise `error` instead of taking the next `times` messages (None: all from now on), of `to` or of anybody.

        Faults are used up in the order they were given. Nothing arrives, but for MaybeSent: then it did, or did not,
        and this one lets nothing arrive; `lose_reply` lets it arrive.
        """
        self._faults.append(_Fault(error, to, times, received=False))

    def lose_reply(self, *, to: str | None = None, times: int | None = 1) -> None:
        """Take the next `times` messages, and let the sender not know it (MaybeSent)."""
        self._faults.append(
            _Fault(MaybeSent("the reply was lost after the message went out"), to, times, received=True)
        )

    def heal(self) -> None:
        """Forget the faults that are still in store."""
        self._faults.clear()

    def hold(self) -> None:
        """Let whoever sends wait, until `release`."""
        self._waiting.clear()
        self._open.clear()

    def release(self) -> None:
        """Let those that wait go on."""
        self._open.set()

    async def until_someone_waits(self) -> None:
        """Wait until a message is held; give it a deadline of your own."""
        await self._waiting.wait()

    def texts_to(self, number: str) -> list[str]:
        """What one person received, in order; `number` as it is stored: digits only, country code included."""
        return [sent.text for sent in self.received if sent.to == number]

    # --- for Oxyq: a Gateway --------------------------------------------------------------------------------------

    async def send(self, message: Outbound) -> Receipt:
        """Take one message, or fail as told."""
        self.asked += 1
        if not self._open.is_set():
            self._waiting.set()
            await self._open.wait()
        fault = next((fault for fault in self._faults if fault.meets(message)), None)
        if fault is not None and fault.left is not None:
            fault.left -= 1
        if fault is not None and not fault.received:
            raise fault.error
        receipt = self._receive(message)
        if fault is not None:
            raise fault.error
        return receipt

    async def typing(self, instance_id: str, recipient: str, *, answering: str | None = None) -> None:
        """Nobody sees it."""

    async def mark_read(self, instance_id: str, sender: str, message_ids: Sequence[str]) -> None:
        """Nobody sees it."""

    async def resolve(self, instance_id: str, numbers: Sequence[str]) -> list[Resolved]:
        """All are there but those in `not_on_whatsapp`."""
        found = [(number, number not in self.not_on_whatsapp) for number in numbers]
        return [Resolved(number, exists, number if exists else None) for number, exists in found]

    async def state(self, instance_id: str) -> InstanceState:
        """What `instance_state` says."""
        return self.instance_state

    def provider_id(self, message: Outbound) -> str | None:
        """Made up when it is received."""
        return None

    def verify_webhook(self, headers: Mapping[str, str], raw: bytes) -> None:
        """It has none."""
        raise BadSignature("a test's WhatsApp has no webhook")

    def parse_webhook(self, raw: bytes) -> News:
        """It has none."""
        return News()

    async def close(self) -> None:
        """Let those that wait go on."""
        self.release()

    def _receive(self, message: Outbound) -> Receipt:
        if "repeats-safely" in self.capabilities:
            for before in self.received:
                if before.key == message.key:
                    return Receipt(before.provider_id)
        provider_id = f"fake-{len(self.received) + 1}"
        text = message.caption or message.url if isinstance(message, OutboundMedia) else message.text
        self.received.append(
            Sent(
                at_ms=now_ms(),
                to=message.recipient,
                text=text,
                key=message.key,
                organization_id=message.organization_id,
                instance_id=message.instance_id,
                provider_id=provider_id,
                message=message,
            )
        )
        return Receipt(provider_id)
