"""No gateway at all: what production has for numbers that nobody told it of, so that nothing is lost in silence."""

from collections.abc import Mapping, Sequence
from typing import Final

from oxyq.gateways.base import BadSignature, Capability, InstanceState, NeverWill, Resolved
from oxyq.gateways.news import News
from oxyq.gateways.outbound import Outbound, Receipt


class NoGateway:
    """Refuses everything, saying what to do; the jobs wait in the dead letters to be replayed."""

    name: Final = "simulator"  # its limits: none
    capabilities: Final[frozenset[Capability]] = frozenset()

    async def send(self, message: Outbound) -> Receipt:
        """Refuse."""
        raise _refusal(message.instance_id)

    async def typing(self, instance_id: str, recipient: str, *, answering: str | None = None) -> None:
        """Nobody sees it."""

    async def mark_read(self, instance_id: str, sender: str, message_ids: Sequence[str]) -> None:
        """Nobody sees it."""

    async def resolve(self, instance_id: str, numbers: Sequence[str]) -> list[Resolved]:
        """Refuse."""
        raise _refusal(instance_id)

    async def state(self, instance_id: str) -> InstanceState:
        """Unknown."""
        return InstanceState("unknown", "there is no such instance")

    def provider_id(self, message: Outbound) -> str | None:
        """None is known."""
        return None

    def verify_webhook(self, headers: Mapping[str, str], raw: bytes) -> None:
        """Refuse."""
        raise BadSignature("there is no such instance")

    def parse_webhook(self, raw: bytes) -> News:
        """Nothing comes this far."""
        return News()

    async def close(self) -> None:
        """There is nothing to close."""


def _refusal(instance_id: str | None) -> NeverWill:
    return NeverWill(
        f"instanceId: {instance_id!r} is no instance that is known here; add it with: oxyq instances set, then replay"
    )
