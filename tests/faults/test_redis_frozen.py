"""Redis stands still for three times as long as a lock lasts, then goes on: nothing goes out twice."""

import asyncio

import pytest

from oxyq.app import App
from oxyq.gateways.simulator import SLOW
from tests.conftest import StartRedis
from tests.faults.ends import until_all_is_done
from tests.faults.load import Load, reminder
from tests.integration.engine.journal import eventually
from tests.journeys.conftest import StartProcess, WhatsApp
from tests.redis_server import RedisServer

LOCK_SECONDS, IN_HAND, WORKERS = 1.0, 3, 2


@pytest.fixture
def server(start_redis: StartRedis) -> RedisServer:
    """One that may be frozen."""
    return start_redis()


@pytest.fixture
def redis_url(server: RedisServer) -> str:
    """The installation is on it."""
    return server.url


async def test_each_message_goes_out_once_though_every_lock_ran_out(
    server: RedisServer, app: App, start_oxyq: StartProcess, whatsapp: WhatsApp
) -> None:
    # Given two workers, all of whose slots send something that takes two seconds, and more that waits
    for _ in range(WORKERS):
        start_oxyq(
            "workers", "automation", OXYQ_AUTOMATION_CONCURRENCY=str(IN_HAND), OXYQ_LOCK_SECONDS=str(LOCK_SECONDS),
            OXYQ_STALLED_INTERVAL_SECONDS="0.5", OXYQ_MAX_STALLED="10",
        )  # fmt: skip
    slow = [f"551190000{n}{SLOW}" for n in range(WORKERS * IN_HAND)]
    for each in slow:
        await app.producer.add_automation_job({**reminder(0), "automationId": each, "recipientNumber": each})
    await eventually(lambda: claimed(app), len(slow))
    async with Load(app, first=100) as load:
        await load.until_accepted(50)

    # When Redis is frozen while they are sent, and longer
    server.pause()
    await asyncio.sleep(3 * LOCK_SECONDS)  # so long is the fault
    assert {message.to for message in whatsapp.received} >= set(slow)
    server.resume()

    # Then
    received = await until_all_is_done(app, whatsapp, [*slow, *load.acknowledged])
    started = [await starts(app, job_id) for job_id in await app.redis.zrange(ended(app), 0, -1)]
    extra = sum(started) - len(started)
    print(f"{len(received)} messages, {extra} extra runs")
    assert len(received) == len({message.to for message in received})
    assert extra <= WORKERS * IN_HAND


async def claimed(app: App) -> int:
    """How many messages are on their way."""
    states = [await app.redis.hget(key, "state") async for key in app.redis.scan_iter("oxyq:*:message:*")]
    return states.count("sending")


def ended(app: App) -> str:
    return app.queues["automation"].keys.completed


async def starts(app: App, job_id: str) -> int:
    """How often a job was begun (BullMQ's `ats`)."""
    return int(await app.redis.hget(app.queues["automation"].keys.job(job_id), "ats") or 0)
