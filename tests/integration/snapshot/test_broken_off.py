"""An import that breaks off is run again, and one that is run twice makes nothing twice."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import redis

from oxyq.engine import Worker
from oxyq.engine.hub import Hub
from oxyq.snapshot import Job as JobRecord
from oxyq.snapshot import Key, Record, export, restore
from oxyq.snapshot.records import PIECE_ITEMS
from tests.integration.snapshot.conftest import everything_on
from tests.integration.snapshot.test_round_trip import same
from tests.redis_server import RedisServer

#: Every so many records it breaks off once more, and between the pieces of each key.
RECORDS_BETWEEN = 150
FIELDS = 3 * PIECE_ITEMS + 7


class Torn(Exception):
    """The cable was pulled."""


async def first(records: list[Record], count: int) -> AsyncIterator[Record]:
    """The first records, and then no more."""
    for record in records[:count]:
        yield record
    if count < len(records):
        raise Torn


async def test_wherever_it_breaks_off_it_goes_on(
    full: RedisServer, empty: RedisServer, source: Hub, target: Hub
) -> None:
    # Given an installation with keys that go in several pieces
    with redis.Redis.from_url(full.url) as client:
        client.hset("oxyq:golden:org:org_123:contact:large", mapping={f"field {n}": f"{n} 🐶" for n in range(FIELDS)})
        client.rpush("oxyq:golden:org:org_123:last-wrote:large", *(b"\xff%d" % n for n in range(FIELDS)))
        client.zadd("oxyq:golden:org:org_123:alias:large", {f"member {n}": n / 3 for n in range(FIELDS)})
    before = everything_on(full)
    records = [record async for record in export(source)]

    assert any(isinstance(record, Key) and record.part for record in records)

    # When its import breaks off again and again, each time a little later
    within_keys = [at for at, record in enumerate(records) if isinstance(record, Key) and record.part]
    for count in sorted({*range(0, len(records), RECORDS_BETWEEN), *within_keys}):
        with pytest.raises(Torn):
            await restore(target, first(records, count))
    await restore(target, first(records, len(records)))

    # Then all is there as it was, once
    assert same(everything_on(empty)) == same(before)
    again = await restore(target, first(records, len(records)))
    assert again.made.total() == 0 < again.there.total()
    assert same(everything_on(empty)) == same(before)


async def test_under_another_prefix_beside_what_is_there(full: RedisServer, source: Hub) -> None:
    before = everything_on(full)
    beside = Hub(full.url, prefix="beside")

    await restore(beside, export(source), from_prefix="golden")
    await beside.close()

    after = everything_on(full)
    assert same(after, "golden") == same(before)
    renamed = {name.replace("golden", "beside", 1): value for name, value in same(before).items()}
    assert same(after, "beside") == renamed


async def test_nobody_lets_himself_in_by_a_file(empty: RedisServer, target: Hub) -> None:
    """Whoever writes a snapshot by hand can put in what an operator may, but no session, lock or lease."""
    fields = ["principal", "{}"]
    forged = [
        Key(space="oxyq", key="session:abc", type="hash", items=fields),
        Key(space="oxyq", key="bridge-lease:wa_1", type="string", items=["x"]),
        Key(space="queue", key="message:msg-1:lock", type="string", items=["x"]),
        Key(space="queue", key="message:wait", type="list", items=["msg-1"]),
        Key(space="queue", key="message:msg-1", type="hash", items=fields),
    ]

    counts = await restore(target, first(forged, len(forged)))

    assert everything_on(empty) == {} and counts.left_out.total() == len(forged)


async def test_a_worker_that_runs_already_gets_a_job_when_all_else_is_there(target: Hub) -> None:
    # Given a worker on the target, and a snapshot that has a job before what the job must heed
    heeded, ran = "oxyq:golden:org:org_1:message:msg-1%2F0", asyncio.get_running_loop().create_future()

    async def handle(_: object) -> None:
        ran.set_result(await target.commands.call("HGET", heeded, "state"))

    worker = Worker("message", handle, hub=target)
    await worker.start()
    job = JobRecord(queue="message", id="msg-1", state="wait", fields=["name", "incoming", "data", "{}", "opts", "{}"])
    ledger = Key(space="oxyq", key="org:org_1:message:msg-1%2F0", type="hash", items=["state", "sent"])
    try:
        await restore(target, first([job, ledger], 2))

        async with asyncio.timeout(30):
            assert await ran == b"sent"
    finally:
        await worker.stop(5)
