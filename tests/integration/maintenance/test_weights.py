"""Weights of organizations reach workers that are running."""

import redis.asyncio

from oxyq.engine import Hub
from oxyq.maintenance.weights import Weights
from oxyq.organizations import OrganizationStore, demo_organization


async def test_what_an_operator_sets_is_heeded(hub: Hub, redis_client: "redis.asyncio.Redis", prefix: str) -> None:
    """Those that are not 1; one that is set back to 1 is left out again. Who holds the mapping sees it change."""
    store, weights = OrganizationStore(redis_client, prefix=prefix), Weights(hub)
    seen, shop = weights.now, demo_organization()
    await store.save(shop.model_copy(update={"id": "big", "weight": 3}))
    await store.save(shop)
    await weights.run_once()
    assert seen == {"big": 3}

    await store.save(shop.model_copy(update={"id": "big"}))
    await weights.run_once()
    assert seen == {}
