"""What processes know by heart is as old as they may believe, and costs a command a second."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from oxyq.engine.hub import Hub
from oxyq.shards.watched import BELIEVED_SECONDS, WatchedHash
from tests.redis_server import RedisServer


@pytest.fixture
async def hub(redis_url: str, prefix: str) -> AsyncIterator[Hub]:
    """A connection."""
    opened = Hub(redis_url, prefix=prefix)
    yield opened
    await opened.close()


async def test_a_change_is_known_after_a_second_and_looking_costs_one_command(hub: Hub, prefix: str) -> None:
    now = 100.0
    mine, theirs = WatchedHash(hub, f"oxyq:{prefix}:x", lambda: now), WatchedHash(hub, f"oxyq:{prefix}:x")
    assert await mine.read() == {}
    assert await theirs.change("org_1", None, "south")
    # Within the second nobody is asked, after it the change is known
    calls = hub.commands.calls
    assert await mine.read() == {}
    assert hub.commands.calls == calls
    now += BELIEVED_SECONDS
    assert (await mine.read())["org_1"] == "south"
    # And what has not changed costs one command
    calls, now = hub.commands.calls, now + BELIEVED_SECONDS
    assert (await mine.read())["org_1"] == "south"
    assert hub.commands.calls == calls + 1


async def test_only_what_is_still_as_one_thinks_is_changed(hub: Hub, prefix: str) -> None:
    watched = WatchedHash(hub, f"oxyq:{prefix}:x")
    assert await watched.change("org_1", None, "south")
    assert not await watched.change("org_1", None, "north")
    assert await watched.change("org_1", "south", None)
    assert await watched.now("org_1") is None
    await watched.put("org_1", "north")
    assert await watched.now("org_1") == "north"


async def test_while_redis_is_away_there_is_what_was_known_last_at_once(own_redis: RedisServer) -> None:
    hub, now = Hub(own_redis.url), 100.0
    watched = WatchedHash(hub, "oxyq:bull:x", lambda: now)
    await watched.put("org_1", "south")
    assert (await watched.read())["org_1"] == "south"
    own_redis.kill()
    now += BELIEVED_SECONDS
    for _ in range(3):
        assert (await asyncio.wait_for(watched.read_or_last(), 4))["org_1"] == "south"
    await hub.close()
