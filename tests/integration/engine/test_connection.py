"""The one connection that all share: closed at any moment, cancelled callers, commands that cannot be sent."""

import asyncio
import gc
import time

import pytest

from oxyq.engine.address import Address
from oxyq.engine.connection import Connection, ConnectionLost, RedisReplyError
from oxyq.errors import QueueUnavailable


async def turns_to_connect(url: str) -> int:
    """How many turns of the event loop pass until a connection is ready, at its quickest."""
    counted = []
    for _ in range(5):
        connection, turns = Connection(Address.from_url(url), name="a-test"), 0
        connection.start()
        while not connection.is_ready:
            await asyncio.sleep(0)
            turns += 1
        await connection.close()
        counted.append(turns)
    return min(counted)


@pytest.fixture
async def connection(redis_url):
    connection = Connection(Address.from_url(redis_url), name="a-test")
    await connection.ready(5)
    yield connection
    await connection.close()


async def test_closing_at_any_moment_of_connecting_is_quick_and_leaves_no_socket(redis_url):
    for turns in range(5 * await turns_to_connect(redis_url)):
        # Given a connection that got this far
        connection = Connection(Address.from_url(redis_url), name="a-test")
        connection.start()
        for _ in range(turns):
            await asyncio.sleep(0)

        # When
        closing = time.monotonic()
        await connection.close()

        # Then
        assert time.monotonic() - closing < 1, f"after {turns} turns"
        assert not connection.is_ready
    # A socket that nobody closed tells so when it is collected, and warnings are errors here.
    gc.collect()


async def test_cancelling_its_tasks_ends_them_at_any_moment(redis_url):
    for turns in range(5 * await turns_to_connect(redis_url)):
        # Given
        others = asyncio.all_tasks()
        connection = Connection(Address.from_url(redis_url))
        connection.start()
        for _ in range(turns):
            await asyncio.sleep(0)

        # When the loop ends as asyncio.run() ends it: every task is cancelled once
        tasks = asyncio.all_tasks() - others
        for task in tasks:
            task.cancel()

        # Then
        _, left = await asyncio.wait(tasks, timeout=1) if tasks else (set(), set())
        assert not left, f"after {turns} turns"
        await connection.close()


async def test_caller_that_stops_listening_does_not_shift_the_replies_of_others(connection, prefix):
    # Given commands under way, of which one is given up
    replies = [connection.call("ECHO", f"{n}") for n in range(100)]
    replies[50].cancel()

    # When, Then
    answered = await asyncio.gather(*replies[:50], *replies[51:])
    assert answered == [f"{n}".encode() for n in range(100) if n != 50]


async def test_argument_that_cannot_be_sent_does_not_shift_the_replies_of_others(connection):
    first = connection.call("ECHO", "first")
    with pytest.raises((TypeError, ValueError, AttributeError)):
        await connection.call("ECHO", object())
    second = connection.call("ECHO", "second")

    assert await asyncio.gather(first, second) == [b"first", b"second"]


async def test_text_that_is_no_valid_unicode_is_sent_all_the_same(connection):
    assert await connection.call("ECHO", "a\udcffb") == b"a\xffb"
    assert await connection.call("ECHO", "half \ud800") == b"half ?"


async def test_refusal_of_one_command_is_told_to_its_caller_alone(connection):
    wrong, right = connection.call("NO-SUCH-COMMAND"), connection.call("ECHO", "right")

    with pytest.raises(RedisReplyError) as refused:
        await wrong
    assert refused.value.code == "ERR"
    assert await right == b"right"


async def test_command_without_a_connection_says_that_it_was_not_sent():
    connection = Connection(Address.from_url("redis://127.0.0.1:1"))

    with pytest.raises(ConnectionLost) as lost:
        await connection.call("PING")
    assert not lost.value.sent
    with pytest.raises(QueueUnavailable, match="check REDIS_URL"):
        await connection.ready(0.2)
    await connection.close()


async def test_command_under_way_when_the_connection_breaks_says_that_it_may_have_run(proxy):
    connection = Connection(Address.from_url(proxy.url))
    await connection.ready(5)
    waiting = connection.call("BLPOP", "nothing-here", 30)
    await asyncio.sleep(0)

    proxy.cut()

    with pytest.raises(ConnectionLost) as lost:
        await waiting
    assert lost.value.sent
    # And it heals itself.
    await connection.ready(5)
    assert await connection.call("ECHO", "again") == b"again"
    await connection.close()


async def test_big_values_travel_in_both_directions(connection, prefix):
    big = "é" * 2_000_000

    await connection.call("SET", f"{prefix}:big", big, "EX", 60)

    assert await connection.call("GET", f"{prefix}:big") == big.encode()


async def test_server_that_is_still_loading_is_not_taken_for_ready(own_redis):
    # Given a server with so much data that loading takes a while
    with own_redis.client() as redis:
        redis.config_set("key-load-delay", 200)
        redis.eval("for i = 1, 5000 do redis.call('SET', 'k' .. i, i) end", 0)
    own_redis.options = (*own_redis.options, "--key-load-delay", "200")
    own_redis.kill()
    connection = Connection(Address.from_url(own_redis.url))
    connection.start()

    # When it starts
    restart = asyncio.ensure_future(asyncio.to_thread(own_redis.restart))
    await connection.ready(20)

    # Then it answers commands that read data
    assert await connection.call("GET", "k5000") == b"5000"
    await restart
    await connection.close()
