"""The rig keeps its promises: faults of the network that really happen."""

import asyncio
import random
import socket
from collections.abc import Awaitable

import pytest
import redis
import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from tests.conftest import StartRedis
from tests.fault_proxy import FaultProxy, proxy_in_a_thread


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


async def test_jitter_holds_requests_back_by_chance_and_the_same_seed_repeats_it(redis_server):
    async with FaultProxy(redis_server.port) as proxy, one_try_client(proxy) as client:
        await client.ping()
        loop = asyncio.get_running_loop()
        proxy.jitter_seconds = 0.2

        async def took(seed: int) -> list[float]:
            proxy.chance, times = random.Random(seed), []
            for _ in range(4):
                started = loop.time()
                await client.ping()
                times.append(loop.time() - started)
            return times

        expected = [random.Random(7).uniform(0, 0.2)]
        first, again = await took(7), await took(7)
        assert first[0] >= expected[0]
        assert again[0] >= expected[0]
        assert max(first) - min(first) > 0.02
        proxy.heal()
        assert proxy.jitter_seconds == 0


async def test_dribbled_bytes_arrive_one_by_one_and_complete(redis_server, prefix):
    async with FaultProxy(redis_server.port) as proxy, one_try_client(proxy) as client:
        await client.ping()
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        proxy.dribble()

        # A whole message, in both directions
        await client.set(f"{prefix}:dribbled", "olá" * 100, ex=60)
        assert await client.get(f"{prefix}:dribbled") == "olá" * 100

        # And seen from the socket: what is read while it comes is not the whole
        writer.write(b"*1\r\n$4\r\nPING\r\n")
        pieces = []
        while b"".join(pieces) != b"+PONG\r\n":
            pieces.append(await asyncio.wait_for(reader.read(100), 5))
        assert len(pieces) > 1
        writer.close()
        await writer.wait_closed()


async def test_nth_reply_is_lost_over_all_connections(redis_server, redis_client, prefix):
    async with (
        FaultProxy(redis_server.port) as proxy,
        one_try_client(proxy) as one,
        one_try_client(proxy) as other,
    ):
        for client in (one, other):
            await client.ping()
        proxy.drop_nth_reply(3, among=lambda request: request.startswith(b"INCR"))

        assert await one.incr(f"{prefix}:count") == 1
        await one.ping()
        assert await other.incr(f"{prefix}:count") == 2
        await lost(one.incr(f"{prefix}:count"))
        assert await other.incr(f"{prefix}:count") == 4
        assert proxy.reply_dropped.is_set()


async def test_partitioned_network_takes_new_connections_and_answers_nothing_until_it_is_healed(redis_server):
    async with FaultProxy(redis_server.port) as proxy, one_try_client(proxy, timeout_seconds=0.2) as old:
        await old.ping()

        proxy.partition()

        with pytest.raises(redis.TimeoutError):
            await old.ping()
        new = one_try_client(proxy, timeout_seconds=0.2)
        with pytest.raises(redis.TimeoutError):
            await new.ping()
        proxy.heal()
        assert await new.ping()
        await new.aclose()


def test_proxy_in_a_thread_breaks_things_while_nobody_runs_a_loop(redis_server):
    with (
        proxy_in_a_thread(redis_server.port) as proxy,
        socket.create_connection(("127.0.0.1", proxy.port), timeout=5) as client,
    ):
        client.sendall(b"*1\r\n$4\r\nPING\r\n")
        assert client.recv(100) == b"+PONG\r\n"
        assert proxy.do(lambda inner: inner.open_count) == 1

        proxy.do(FaultProxy.cut)

        with pytest.raises(ConnectionResetError):
            client.recv(100)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", proxy.port), timeout=1)


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
