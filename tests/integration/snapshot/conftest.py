"""Two servers: one that holds what an installation with a bit of everything left, and one to import it into."""

from collections.abc import AsyncIterator

import pytest
import redis

from oxyq.engine.hub import Hub
from tests.conftest import StartRedis
from tests.redis_server import RedisServer
from tests.versions.dump import Key, keys_of, put_back, saved
from tests.versions.make_golden import GOLDEN, PREFIX
from tests.versions.previous import PREVIOUS

Keys = dict[str, Key]

LEAST_SECONDS = 600


def everything_on(server: RedisServer) -> Keys:
    """All keys of a server, by name."""
    with redis.Redis.from_url(server.url) as client:
        return {key["key"]: key for key in keys_of(client)}


@pytest.fixture
def full(start_redis: StartRedis) -> RedisServer:
    """A server with the keys of a small installation in which everything has happened."""
    server = start_redis()
    with redis.Redis.from_url(server.url) as client:
        put_back(client, saved(GOLDEN / PREVIOUS / "keys.jsonl"))
        for name in client.scan_iter(count=1000):
            if 0 <= client.ttl(name) < LEAST_SECONDS:  # what lives for moments would go while we look
                client.expire(name, LEAST_SECONDS)
    return server


@pytest.fixture
def empty(start_redis: StartRedis) -> RedisServer:
    """A server with nothing on it."""
    return start_redis()


@pytest.fixture
async def source(full: RedisServer) -> AsyncIterator[Hub]:
    """The full installation."""
    hub = Hub(full.url, prefix=PREFIX)
    yield hub
    await hub.close()


@pytest.fixture
async def target(empty: RedisServer) -> AsyncIterator[Hub]:
    """An empty one, of the same prefix."""
    hub = Hub(empty.url, prefix=PREFIX)
    yield hub
    await hub.close()
