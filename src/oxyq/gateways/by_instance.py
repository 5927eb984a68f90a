"""Which gateway a number goes through: by its row in the table of instances, else the installation's own choice."""

import time
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from oxyq.errors import OxyqError
from oxyq.gateways.base import Gateway, NeverWill
from oxyq.instances import Instance, InstanceStore

#: After so long a changed instance or secret is heeded.
RECENT_SECONDS: Final = 2.0
#: More numbers than one process ever sends for.
MOST_RECENT: Final = 10_000

Make: TypeAlias = Callable[[Instance, Mapping[str, str]], Gateway]


class Gateways:
    """One gateway per instance, made by `make` from its row and secrets; `default` for ids that have no row."""

    def __init__(self, default: Gateway, instances: InstanceStore | None = None, make: Make | None = None) -> None:
        self._default = default
        self._instances = instances
        self._make = make
        self._known: dict[str, tuple[float, Instance | None, Mapping[str, str], Gateway]] = {}

    async def of(self, instance_id: str | None) -> Gateway:
        """The gateway of this number; raises QueueUnavailable, InvalidPayload, ConfigurationError."""
        if not instance_id or self._instances is None or self._make is None:
            return self._default
        known, now = self._known.get(instance_id), time.monotonic()
        if known is not None and now < known[0]:
            return known[3]
        instance = await self._instances.get(instance_id)
        secrets = {} if instance is None else await self._instances.secrets(instance)
        if known is not None and (known[1], known[2]) == (instance, secrets):
            gateway = known[3]
        else:
            gateway = self._default if instance is None else self._make(instance, secrets)
        if len(self._known) >= MOST_RECENT:
            self._known.clear()
        self._known[instance_id] = (now + RECENT_SECONDS, instance, secrets, gateway)
        return gateway

    async def for_organization(self, organization_id: str, instance_id: str | None) -> Gateway:
        """The gateway of this number, if it is one of this organization's; raises as `of`, and NeverWill.

        What a job names is what somebody wrote into it: nobody may send by the number of another organization.
        """
        gateway = await self.of(instance_id)
        known = self._known.get(instance_id or "")
        if known is not None and known[1] is not None and known[1].organization_id != organization_id:
            raise NeverWill(f"instanceId: {instance_id!r} is not a number of this organization")
        return gateway

    async def close(self) -> None:
        """Close the default gateway; those of instances share a client that their maker closes."""
        self._known.clear()
        try:
            await self._default.close()
        except OxyqError:
            return
