"""Which limits stand on the way of a message: by its organization's settings, and the gateway it goes out through."""

from oxyq.gateways.base import Gateway
from oxyq.gateways.by_instance import Gateways
from oxyq.limits import lane_limits
from oxyq.organizations import Organization
from oxyq.pacing.limiter import Kind, Lane


class Lanes:
    """The lanes of all numbers."""

    def __init__(self, gateways: Gateways) -> None:
        self._gateways = gateways

    async def of(
        self, organization: Organization, instance_id: str | None, recipient: str | None, kind: Kind, now_ms: int
    ) -> Lane:
        """The lane of a message; without an instance it goes out by the organization's first."""
        instance = instance_id or first_instance(organization)
        return lane_through(await self._gateways.of(instance), organization, instance, recipient, kind, now_ms)


def first_instance(organization: Organization) -> str:
    """The number that messages go out by which name none; "" when the organization has none."""
    return next(iter(organization.instances), "")


def lane_through(
    gateway: Gateway, organization: Organization, instance_id: str, recipient: str | None, kind: Kind, now_ms: int
) -> Lane:
    """The lane of a message by this number through this gateway."""
    limits = lane_limits(
        gateway.name, organization.numbers.get(instance_id), organization.rate, now_ms, organization.time_zone
    )
    return Lane(organization.id, instance_id, recipient, kind, limits)
