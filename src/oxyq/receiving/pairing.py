"""Numbers that are linked to a phone: through gateways that can do that."""

from typing import Protocol, runtime_checkable

from oxyq.errors import NotAllowed
from oxyq.gateways.base import InstanceState
from oxyq.gateways.by_instance import Gateways
from oxyq.instances import Instance


@runtime_checkable
class Pairs(Protocol):
    """A gateway that links numbers to phones. All raise GatewayError."""

    async def pair(self, instance_id: str, phone: str | None = None) -> InstanceState:
        """Begin to link the number, by a QR code or for `phone` (digits) by a code to type; or say that it is open."""

    async def logout(self, instance_id: str) -> object:
        """Unlink it, and forget the keys."""

    async def state(self, instance_id: str) -> InstanceState:
        """How it stands now."""


async def pairing_of(gateways: Gateways, instance: Instance) -> Pairs:
    """What links this number to a phone; NotAllowed when its gateway has no such thing, and as `Gateways.of`."""
    # Asked first: others may lack secrets, of which nobody need be told here.
    if instance.gateway == "baileys":
        gateway: object = await gateways.of(instance.id)
        if isinstance(gateway, Pairs):
            return gateway
    raise NotAllowed(f"{instance.id} goes through the gateway {instance.gateway}; only numbers of baileys are paired")
