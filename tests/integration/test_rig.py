"""The rig keeps its promises: a server that really dies and comes back, faults that really happen."""

import asyncio
import socket
import ssl
from collections.abc import Awaitable

import pytest
import redis
import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from tests.conftest import StartRedis
from tests.fault_proxy import FaultProxy
from tests.redis_server import RedisServer


def one_try_client(proxy: FaultProxy, timeout_seconds: float = 5.0) -> "redis.asyncio.Redis":
    """A client with one connection that never tries again, so that a test sees each fault once."""
    return redis.asyncio.Redis.from_url(
        proxy.url,
        decode_responses=True,
        single_connection_client=True,
        retry=Retry(NoBackoff(), 0),
        socket_timeout=timeout_seconds,
    )


async def lost(command: Awaitable[object]) -> None:
    """Await a command whose connection must break."""
    with pytest.raises((redis.ConnectionError, ConnectionResetError)):
        await command


# ------------------------------------------------------------------ the server


async def test_shared_server_answers_and_keeps_nothing_on_disk(redis_client, prefix):
    await redis_client.set(f"{prefix}:greeting", "olá", ex=60)

    assert await redis_client.get(f"{prefix}:greeting") == "olá"
    assert await redis_client.config_get("appendonly") == {"appendonly": "no"}
    assert await redis_client.config_get("save") == {"save": ""}


def test_killed_server_refuses_and_comes_back_with_what_it_acknowledged(own_redis: RedisServer):
    # Given
    with own_redis.client() as client:
        client.set("kept", "yes")
    port = own_redis.port

    # When
    own_redis.kill()

    # Then
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=1)
    own_redis.restart()
    assert own_redis.port == port
    with own_redis.client() as client:
        assert client.get("kept") == "yes"


def test_restart_of_a_running_server_is_a_new_process(own_redis: RedisServer):
    before = own_redis.pid

    own_redis.restart()

    assert own_redis.pid != before


def test_paused_server_keeps_connections_and_answers_after_resume(own_redis: RedisServer):
    with own_redis.client() as client:
        client.ping()
        connection = client.connection_pool.get_connection()
        try:
            own_redis.pause()
            connection.send_command("PING")
            assert not connection.can_read(timeout=0.1)

            own_redis.resume()
            assert connection.can_read(timeout=5)
            assert connection.read_response() == "PONG"
        finally:
            client.connection_pool.release(connection)


def test_stop_and_kill_do_no_harm_to_a_server_that_is_gone(own_redis: RedisServer):
    own_redis.kill()

    own_redis.kill()
    own_redis.stop()


def test_password_with_special_characters_is_escaped_in_the_address(start_redis: StartRedis):
    server = start_redis(password="p@ss:w/rd#?%&")

    with server.client() as client:
        assert client.ping()
    assert "p@ss:w/rd#?%&" not in server.url


def test_tls_server_is_trusted_through_its_own_authority_only(start_redis: StartRedis):
    server = start_redis(tls=True)

    assert server.url.startswith("rediss://")
    with server.client() as client:
        assert client.ping()
    with (
        socket.create_connection(("127.0.0.1", server.port)) as plain,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        ssl.create_default_context().wrap_socket(plain, server_hostname="127.0.0.1")


def test_server_that_cannot_start_says_why(start_redis: StartRedis):
    with pytest.raises(RuntimeError, match="maxmemory-policy"):
        start_redis("--maxmemory-policy", "nonsense")


# ------------------------------------------------------------------ the proxy


async def test_proxy_forwards_both_ways(redis_server, prefix):
    async with FaultProxy(redis_server.port) as proxy, one_try_client(proxy) as client:
        big = "x" * 1_000_000

        await client.set(f"{prefix}:big", big, ex=60)

        assert await client.get(f"{prefix}:big") == big
        assert proxy.accepted_count == 1


async def test_refuse_ends_new_connections_and_leaves_open_ones(redis_server):
    async with FaultProxy(redis_server.port) as proxy, one_try_client(proxy) as old:
        await old.ping()

        proxy.refuse()

        assert await old.ping()
        await lost(one_try_client(proxy).initialize())
        proxy.heal()
        async with one_try_client(proxy) as new:
            assert await new.ping()


async def test_cut_ends_open_connections_and_lets_new_ones_in(redis_server):
    async with FaultProxy(redis_server.port) as proxy, one_try_client(proxy) as client:
        await client.ping()

        proxy.cut()

        await lost(client.ping())
        async with one_try_client(proxy) as new:
            assert await new.ping()


async def test_blackholed_connection_stays_open_in_silence(redis_server):
    async with FaultProxy(redis_server.port) as proxy, one_try_client(proxy, timeout_seconds=0.2) as client:
        await client.ping()

        proxy.blackhole()

        assert proxy.open_count == 1
        with pytest.raises(redis.TimeoutError):
            await client.ping()
        async with one_try_client(proxy) as new:
            assert await new.ping()


async def test_blackholed_connection_stays_open_when_redis_dies(own_redis):
    async with FaultProxy(own_redis.port) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(b"*1\r\n$4\r\nPING\r\n")
        assert await reader.readline() == b"+PONG\r\n"

        proxy.blackhole()
        own_redis.kill()

        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.1)
        writer.close()
        await writer.wait_closed()


async def test_dropped_reply_belongs_to_a_request_that_was_executed(redis_server, redis_client, prefix):
    async with FaultProxy(redis_server.port) as proxy, one_try_client(proxy) as client:
        await client.ping()

        proxy.drop_next_reply()

        await lost(client.incr(f"{prefix}:count"))
        assert proxy.reply_dropped.is_set()
        assert await redis_client.get(f"{prefix}:count") == "1"
        assert await client.incr(f"{prefix}:count") == 2


async def test_only_the_matching_request_loses_its_reply(redis_server, redis_client, prefix):
    async with FaultProxy(redis_server.port) as proxy, one_try_client(proxy) as client:
        proxy.drop_reply_matching(lambda request: request.startswith(b"INCR") and b":second" in request)

        assert await client.incr(f"{prefix}:first") == 1
        assert not proxy.reply_dropped.is_set()
        await lost(client.incr(f"{prefix}:second"))
        assert await client.incr(f"{prefix}:second") == 2


async def test_reply_is_lost_only_after_redis_executed_a_request_behind_others(redis_server, redis_client, prefix):
    # Given many requests in one piece, of which the last one is to lose its reply
    async with FaultProxy(redis_server.port) as proxy, one_try_client(proxy) as client:
        await client.ping()
        proxy.drop_reply_matching(lambda request: b":last" in request)
        pipeline = client.pipeline(transaction=False)
        for _ in range(500):
            pipeline.incr(f"{prefix}:many")
        pipeline.incr(f"{prefix}:last")

        # When
        await lost(pipeline.execute())

        # Then
        assert await redis_client.mget(f"{prefix}:many", f"{prefix}:last") == ["500", "1"]


async def test_request_in_several_pieces_is_recognised(redis_server, redis_client, prefix):
    async with FaultProxy(redis_server.port) as proxy, one_try_client(proxy) as client:
        proxy.drop_reply_matching(lambda request: b"the end" in request)

        await lost(client.set(f"{prefix}:big", "x" * 500_000 + "the end", ex=60))

        assert await redis_client.strlen(f"{prefix}:big") == 500_007


async def test_delay_holds_requests_back(redis_server):
    async with FaultProxy(redis_server.port) as proxy, one_try_client(proxy) as client:
        await client.ping()
        loop = asyncio.get_running_loop()
        proxy.delay_seconds = 0.1

        started = loop.time()
        await client.ping()

        assert 0.1 <= loop.time() - started < 2


async def test_proxy_without_a_server_behind_it_closes_connections(own_redis):
    async with FaultProxy(own_redis.port) as proxy, one_try_client(proxy) as client:
        own_redis.kill()

        await lost(client.ping())


async def test_tls_passes_through_unread(start_redis: StartRedis):
    server = start_redis(tls=True)
    async with FaultProxy(server.port) as proxy:
        client = redis.asyncio.Redis(port=proxy.port, ssl=True, ssl_ca_certs=str(server.ca_file))

        assert await client.ping()
        await client.aclose()
