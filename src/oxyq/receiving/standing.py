"""How a number stands: whether its gateway has what it needs, and what that says of it."""

import asyncio
from typing import Final

from oxyq.errors import ConfigurationError
from oxyq.gateways.base import GatewayError, InstanceState
from oxyq.gateways.by_instance import Gateways
from oxyq.instances import SECRETS, Instance, InstanceStore

#: Whoever looks at a number waits no longer for its gateway.
STATE_SECONDS: Final = 3.0


async def secrets_kept(instances: InstanceStore, instance: Instance) -> dict[str, bool]:
    """Whether each secret of the number's gateway is stored."""
    kept = await instances.secret_names(instance)
    return {name: name in kept for name in SECRETS[instance.gateway]}


async def standing(gateways: Gateways, instance: Instance) -> InstanceState:
    """How the number stands now, "unknown" with the reason when nobody can say in time; raises QueueUnavailable."""
    try:
        async with asyncio.timeout(STATE_SECONDS):
            return await (await gateways.of(instance.id)).state(instance.id)
    except TimeoutError:
        return InstanceState("unknown", f"its gateway gave no answer within {STATE_SECONDS:g} s")
    except (GatewayError, ConfigurationError) as error:
        return InstanceState("unknown", str(error))
