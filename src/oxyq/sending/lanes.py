"""Which limits stand on the way of a message: by its organization's settings, and the gateway it goes out through."""

from oxyq.limits import lane_limits
from oxyq.organizations import Organization
from oxyq.pacing.limiter import Kind, Lane


class Lanes:
    """The lanes through the gateway of this name."""

    def __init__(self, gateway: str) -> None:
        self._gateway = gateway

    def of(
        self, organization: Organization, instance_id: str | None, recipient: str | None, kind: Kind, now_ms: int
    ) -> Lane:
        """The lane of a message; without an instance it goes out by the organization's first."""
        instance = instance_id or next(iter(organization.instances), "")
        limits = lane_limits(
            self._gateway, organization.numbers.get(instance), organization.rate, now_ms, organization.time_zone
        )
        return Lane(organization.id, instance, recipient, kind, limits)
