"""Numbers come and go: in the table of all, and among those of their organization."""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Final

from oxyq.errors import ConfigurationError, InvalidPayload, NotAllowed, NotFound
from oxyq.gateways.base import GatewayError
from oxyq.gateways.by_instance import Gateways
from oxyq.instances import Instance, InstanceStore
from oxyq.jobs import parse_stored, wire
from oxyq.organizations import Organization, OrganizationStore
from oxyq.receiving.pairing import pairing_of

#: A bridge that does not answer must not keep a number from being removed.
UNLINK_SECONDS: Final = 5.0


class Registration:
    """Saves and removes numbers. All raise QueueUnavailable; half done, doing it again completes it."""

    def __init__(self, instances: InstanceStore, organizations: OrganizationStore, gateways: Gateways) -> None:
        self._instances = instances
        self._organizations = organizations
        self._gateways = gateways

    async def save(self, instance: Instance) -> None:
        """Store a number, in place of what was there; NotFound when it has no organization, InvalidPayload when
        another organization has its id, or its own has 1,000 numbers already."""
        organization = await self._organizations.get(instance.organization_id)
        if organization is None:
            raise NotFound(f"there is no organization {instance.organization_id}; check its id")
        if instance.id in organization.instances:
            await self._instances.save(instance)
            return
        _with(organization, instance.id)  # refused before anything is written
        await self._instances.save(instance)
        await self._organizations.change(instance.organization_id, lambda now: _with(now, instance.id))

    async def remove(self, instance_id: str) -> bool:
        """Unlink a number from its phone where it is, and forget it with its secrets; False when there was none."""
        try:
            instance = await self._instances.get(instance_id)
        except InvalidPayload:
            return await self._instances.remove(instance_id)  # broken: nobody can tell whose it was
        if instance is None:
            return False
        with contextlib.suppress(NotAllowed, GatewayError, ConfigurationError, TimeoutError):
            async with asyncio.timeout(UNLINK_SECONDS):
                await (await pairing_of(self._gateways, instance)).logout(instance_id)
        with contextlib.suppress(NotFound):
            await self._organizations.change(instance.organization_id, lambda now: _without(now, instance_id))
        return await self._instances.remove(instance_id)


def _with(organization: Organization, instance_id: str) -> Organization:
    if instance_id in organization.instances:
        return organization
    return _changed(organization, [*organization.instances, instance_id])


def _without(organization: Organization, instance_id: str) -> Organization:
    return _changed(organization, [known for known in organization.instances if known != instance_id])


def _changed(organization: Organization, instances: Sequence[str]) -> Organization:
    return parse_stored(Organization, {**wire(organization), "instances": [*instances]})
