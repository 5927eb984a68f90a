"""Two shards, as two databases of one server, and an organization at home with a bit of everything."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import redis.asyncio

from oxyq.clock import now_ms
from oxyq.organizations import demo_organization
from oxyq.settings import load_settings
from oxyq.shards.producing import RoutedProducer
from oxyq.shards.shards import Shards, open_shards

ORG, OTHER = "org_moves", "org_stays"
SOUTH = "south"
#: The same in all of a run: what is added again is the same fact.
AT_MS = now_ms()


@pytest.fixture
def environment(redis_url: str, prefix: str, tmp_path: Path) -> dict[str, str]:
    """The OXYQ_* variables of an installation with two shards; no rate slows it down."""
    server = redis_url.rpartition("/")[0]
    return {
        "REDIS_URL": f"{server}/0",
        "OXYQ_REDIS_SHARDS": f"{SOUTH}={server}/1",
        "OXYQ_REDIS_PREFIX": prefix,
        "OXYQ_DATA_DIR": str(tmp_path),
        "OXYQ_MESSAGE_RATE": "100000/1",
        "OXYQ_AUTOMATION_RATE": "100000/1",
        "OXYQ_CAMPAIGN_RATE": "100000/1",
        "OXYQ_LOG_FORMAT": "json",
    }


@pytest.fixture
async def shards(environment: dict[str, str]) -> AsyncIterator[Shards]:
    """Both of them, with two organizations at home."""
    async with open_shards(load_settings(environment)) as opened:
        for organization in (ORG, OTHER):
            await opened.home.app.organizations.save(demo_organization().model_copy(update={"id": organization}))
        yield opened


@pytest.fixture
def producer(shards: Shards) -> RoutedProducer:
    """Adds jobs where their organization is."""
    return RoutedProducer(shards)


def message(organization: str, number: int) -> dict[str, object]:
    """What somebody asks; answered by the demo's FAQ."""
    return {
        "messageId": f"{organization}-{number}", "organizationId": organization, "instanceId": "wa_demo",
        "from": f"55119999{number:05d}@c.us", "content": "qual o horário?", "timestamp": AT_MS,
    }  # fmt: skip


async def until(is_so: Callable[[], Awaitable[bool]], what: str) -> None:
    """Wait until it is; fails naming it."""
    deadline = time.monotonic() + 30
    while not await is_so():
        assert time.monotonic() < deadline, f"waited 30 s for {what}"
        await asyncio.sleep(0.02)


async def keys_of(shards: Shards, name: str, organization: str) -> set[str]:
    """The keys on a shard that say whose they are, without what says where it is."""
    url = shards.named(name).app.settings.redis_url or ""
    prefix = shards.home.app.settings.redis_prefix
    async with redis.asyncio.Redis.from_url(url, decode_responses=True) as client:
        return {key async for key in client.scan_iter(match=f"oxyq:{prefix}:org:{organization}:*", count=1000)}
