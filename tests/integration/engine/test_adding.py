"""Adding many jobs: all or nothing for a list, a stream in bounded memory for everything else."""

import asyncio

import pytest

from oxyq.engine import Entry, Queue
from oxyq.engine.adding import MOST_PER_CALL, MOST_UNDER_WAY
from oxyq.errors import InvalidPayload


async def test_list_with_a_wrong_entry_adds_nothing(queue):
    entries = [Entry("task", n) for n in range(1_200)] + [Entry("task", object())]

    with pytest.raises(InvalidPayload) as refused:
        await queue.add_many(entries)

    assert refused.value.field == "entries[1200].data"
    assert (await queue.counts())["waiting"] == 0


async def test_stream_with_a_wrong_entry_ends_there(queue):
    # Given
    def entries():
        yield from (Entry("task", n, f"job-{n}") for n in range(777))
        yield Entry("", {})
        pytest.fail("read on behind the wrong entry")

    # When
    with pytest.raises(InvalidPayload) as refused:
        await queue.add_many(entries())

    # Then the calls before the one it would have been in are there, and adding again is harmless
    assert refused.value.field == "entries[777].name"
    assert (await queue.counts())["waiting"] == 777 - 777 % MOST_PER_CALL
    assert len(await queue.add_many(Entry("task", n, f"job-{n}") for n in range(777))) == 777
    assert (await queue.counts())["waiting"] == 777


async def test_stream_is_read_as_fast_as_redis_takes_it(own_redis, prefix):
    # Given a Redis that takes nothing for now
    queue, read = Queue("work", redis_url=own_redis.url, prefix=prefix), 0
    await queue.add("task", "first")

    def entries():
        nonlocal read
        for number in range(3_000):
            read += 1
            yield Entry("task", number)

    with own_redis.client() as client:
        client.client_pause(60_000, all=False)

        # When
        stream = asyncio.ensure_future(queue.add_many(entries()))
        for _ in range(200):
            await asyncio.sleep(0)

        # Then no more is in memory than what is under way
        assert read == MOST_PER_CALL * MOST_UNDER_WAY

        # And it goes on as soon as Redis does, in order
        client.client_unpause()
    ids = await stream
    assert len(set(ids)) == read == 3_000
    assert (await _waiting(queue))[1:] == ids
    await queue.close()


async def test_single_adds_of_one_moment_share_calls(own_redis, prefix):
    # Given a queue that has added before, so that its script is known
    queue = Queue("work", redis_url=own_redis.url, prefix=prefix)
    await queue.add("task", "first")
    with own_redis.client() as client:
        client.config_resetstat()

        # When
        ids = await asyncio.gather(*(queue.add("task", n) for n in range(1_000)))

        # Then
        calls = client.info("commandstats")["cmdstat_evalsha"]["calls"]
    assert len(set(ids)) == 1_000
    assert calls == 1_000 / MOST_PER_CALL
    await queue.close()


async def test_caller_that_gives_up_leaves_the_others_alone(queue):
    # Given two adds of one moment, and a stream
    first, second = asyncio.ensure_future(queue.add("task", 1)), asyncio.ensure_future(queue.add("task", 2))
    stream = asyncio.ensure_future(queue.add_many(Entry("task", n) for n in range(5_000)))
    await asyncio.sleep(0)

    # When
    first.cancel()
    stream.cancel()

    # Then
    assert (await second).startswith("j")
    with pytest.raises(asyncio.CancelledError):
        await stream
    assert (await queue.add("task", 3)).startswith("j")


async def _waiting(queue):
    """The ids that wait, the next one first."""
    newest_first = await queue.scripts.connection.call("LRANGE", queue.keys.wait, 0, -1)
    return [job_id.decode() for job_id in reversed(newest_first)]
