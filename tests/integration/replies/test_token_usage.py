"""Tokens are counted by the organization's own day."""

import redis.asyncio

from oxyq import redis_keys
from oxyq.organizations import Organization
from oxyq.replies.token_usage import USAGE_SECONDS, TokenUsage
from tests.integration.replies.conftest import NOW_MS


async def test_each_organization_has_its_own_day(
    usage: TokenUsage, redis_client: "redis.asyncio.Redis", prefix: str
) -> None:
    here = Organization(id="org_1", name="Sampa")
    there = Organization(id="org_2", name="Selva", time_zone="America/Manaus")

    await usage.add(here, 100)
    await usage.add(here, 50)
    await usage.add(there, 7)

    assert await usage.today(here) == 150
    assert await redis_client.get(redis_keys.ai_usage("org_1", "2026-11-23", prefix=prefix)) == "150"
    assert await redis_client.get(redis_keys.ai_usage("org_2", "2026-11-22", prefix=prefix)) == "7"
    ttl = await redis_client.ttl(redis_keys.ai_usage("org_1", "2026-11-23", prefix=prefix))
    assert USAGE_SECONDS - 60 < ttl <= USAGE_SECONDS


async def test_a_new_day_begins_at_nothing(redis_client: "redis.asyncio.Redis", prefix: str) -> None:
    now, shop = [NOW_MS], Organization(id="org_1", name="Sampa")
    usage = TokenUsage(redis_client, prefix=prefix, clock_ms=lambda: now[0])
    await usage.add(shop, 100)

    now[0] += 24 * 3600 * 1000

    assert await usage.today(shop) == 0
