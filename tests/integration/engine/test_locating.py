"""Finding the server where sentinels or a cluster decide which it is; failovers themselves are in tests/journeys."""

import asyncio
import re
import socket
import time

import pytest

from oxyq.engine import Hub, Queue
from oxyq.engine.address import Address
from oxyq.engine.connection import Connection, RedisReplyError
from oxyq.engine.events import JobCompleted
from oxyq.engine.locating import locate
from oxyq.errors import QueueUnavailable
from oxyq.redis_connection import redis_client
from tests.redis_sentinels import SERVICE, Sentinel
from tests.redis_server import wait_until


@pytest.fixture
def sentinel(tmp_path, own_redis):
    """One sentinel, with a password, that watches a server of this test's own."""
    with Sentinel(tmp_path, own_redis, password="s+e&c=r?t") as sentinel:
        yield sentinel


@pytest.fixture
def url(sentinel):
    """Its address; the first that is named there is away."""
    login = "?sentinel_password=s+e%26c%3Dr%3Ft"
    return f"redis+sentinel://127.0.0.1:1,127.0.0.1:{sentinel.port}/{SERVICE}/3{login}"


async def test_sentinels_are_asked_in_turn_and_the_rest_is_as_the_url_has_it(url, own_redis):
    address = locate(Address.from_url(url))

    assert (address.host, address.port, address.database, address.via) == ("127.0.0.1", own_redis.port, 3, None)


async def test_a_sentinel_that_says_nothing_holds_nobody_up_for_long(url, own_redis):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hung = f"127.0.0.1:{silent.getsockname()[1]}"
        connection = Connection(Address.from_url(url.replace("127.0.0.1:1,", f"{hung},")))

        await connection.ready(20)
        assert connection.last_error is None, "it took more than one attempt"
    await connection.close()


async def test_sentinels_and_their_master_are_reached_over_tls(tmp_path, start_redis):
    master = start_redis(tls=True, password="p@ss")
    with Sentinel(tmp_path, master) as sentinel:
        url = f"rediss+sentinel://:p%40ss@localhost:{sentinel.port}/{SERVICE}"
        connection = Connection(Address.from_url(url, ca_file=str(master.ca_file)))

        await connection.ready(10)
        assert await connection.call("SET", "key", "value") == b"OK"
        await connection.close()

        with pytest.raises(QueueUnavailable, match="nobody we trust has signed it"):
            locate(Address.from_url(url))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ((f"/{SERVICE}/", "/nobody/"), "watches no master called 'nobody'; correct the name in REDIS_URL"),
        (("?sentinel_password=s+e%26c%3Dr%3Ft", ""), "does not let us in (NOAUTH); end REDIS_URL with ?sentinel_pass"),
        (("s+e%26", "wrong"), "does not let us in (WRONGPASS); end REDIS_URL with ?sentinel_password=…"),
    ],
)
async def test_what_sentinels_cannot_say_is_told_with_the_fix(url, change: tuple[str, str], told: str):
    with pytest.raises(QueueUnavailable, match=re.escape(told)):
        locate(Address.from_url(url.replace(*change)))


async def test_a_server_that_is_no_cluster_is_told_with_the_fix(redis_server):
    url = redis_server.url.removesuffix("/0").replace("redis://", "redis+cluster://")

    with pytest.raises(QueueUnavailable, match="not part of a cluster; write redis://"):
        locate(Address.from_url(url).for_prefix("{oxyq}"))


async def test_a_master_that_is_none_yet_is_not_taken_for_one(url, own_redis):
    """Sentinels name the old master for a moment; what it took would be lost."""
    with own_redis.client() as redis:
        redis.execute_command("REPLICAOF", "127.0.0.1", 1)
        connection = Connection(Address.from_url(url))

        with pytest.raises(QueueUnavailable, match="is a slave now"):
            await connection.ready(1)

        redis.execute_command("REPLICAOF", "NO", "ONE")
        await connection.ready(10)
    await connection.close()


async def test_a_master_that_becomes_a_replica_is_looked_for_again(own_redis):
    """Also without sentinels: a hosted server's name may lead elsewhere by then."""
    connection = Connection(Address.from_url(own_redis.url))
    await connection.ready(5)
    before = await connection.call("CLIENT", "ID")

    with own_redis.client() as redis:
        redis.execute_command("REPLICAOF", "127.0.0.1", 1)
        with pytest.raises(RedisReplyError, match="READONLY"):
            await connection.call("SET", "key", "value")
        redis.execute_command("REPLICAOF", "NO", "ONE")
    assert not connection.is_ready
    await connection.ready(10)
    assert await connection.call("CLIENT", "ID") != before
    assert await connection.call("SET", "key", "value") == b"OK"
    await connection.close()


async def test_what_redis_py_asks_follows_the_master_too(url, own_redis):
    async with redis_client(Address.from_url(url)) as client:
        await client.set("key", "before")
        with own_redis.client() as redis:
            redis.execute_command("REPLICAOF", "127.0.0.1", 1)
            write = asyncio.create_task(client.set("key", "after"))
            await asyncio.to_thread(
                wait_until, lambda: redis.info("errorstats").get("errorstat_READONLY"), "the replica to refuse it"
            )
            redis.execute_command("REPLICAOF", "NO", "ONE")

        assert await write
        assert await client.get("key") == "after"


async def test_a_server_that_refuses_again_and_again_is_not_stormed(own_redis):
    """Whoever is sent away at once waits longer each time, up to a second."""
    connection = Connection(Address.from_url(own_redis.url))
    await connection.ready(5)
    with own_redis.client() as redis:
        redis.execute_command("REPLICAOF", "127.0.0.1", 1)

    since = time.monotonic()
    for _ in range(6):
        await connection.ready(5)
        with pytest.raises(RedisReplyError, match="READONLY"):
            await connection.call("SET", "key", "value")

    # Five pauses of 0.05 + 0.1 + 0.2 + 0.4 + 0.8 s, a fifth less at most; without them it would be milliseconds.
    assert time.monotonic() - since > 1.2
    await connection.close()


async def test_the_lock_of_a_job_that_blocks_the_loop_is_renewed_there_too(url, own_redis, prefix, start_worker, told):
    """The guard thread has a connection of its own, and finds the master by itself."""
    # Given a worker that reaches its server by way of sentinels, with a lock of a second
    hub = Hub(Address.from_url(url), prefix=prefix)
    queue = Queue("work", hub=hub)
    left_ms: list[int] = []

    async def handler(job):
        time.sleep(2.5)  # noqa: ASYNC251 - it is to block
        with own_redis.client() as redis:
            redis.select(3)
            left_ms.append(redis.pttl(f"{prefix}:work:{job.id}:lock"))

    # When its handler blocks everything for longer
    await start_worker(handler, hub=hub, lock_seconds=1)
    await queue.add("task", {})

    # Then the lock was still there
    await told.until(1, lambda event: isinstance(event, JobCompleted))
    assert left_ms[0] > 0
    await hub.close()
