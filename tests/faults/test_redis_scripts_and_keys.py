"""Somebody else empties Redis's memory of scripts, or of everything, or writes over a key of a queue."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import redis.asyncio

from oxyq.app import App, open_app
from oxyq.engine import Entry, Queue, Worker
from oxyq.errors import QueueUnavailable
from oxyq.process import running_workers
from oxyq.settings import load_settings
from oxyq.telemetry.events import Event, Telemetry
from tests.faults.ends import until_all_is_done
from tests.faults.load import Load, person
from tests.integration.engine.journal import Journal
from tests.journeys.conftest import ORGANIZATION, WhatsApp
from tests.redis_server import RedisServer

JOBS, FLUSHES = 600, 12


async def test_script_flush_under_load_is_not_noticed(own_redis: RedisServer) -> None:
    # Given a producer and a worker that are busy
    done: Journal[str] = Journal()

    async def handler(job):
        done.note(job.id)

    queue = Queue("work", redis_url=own_redis.url)
    worker = Worker("work", handler, redis_url=own_redis.url, concurrency=10)
    await worker.start()

    async def produce() -> None:
        for first in range(0, JOBS, 10):
            await queue.add_many([Entry("task", {}, f"n-{number}") for number in range(first, first + 10)])

    producing = asyncio.ensure_future(produce())

    # When Redis forgets all scripts, again and again
    with own_redis.client() as client:
        for flush in range(1, FLUSHES + 1):
            await done.until(flush * JOBS // (FLUSHES + 1))
            client.script_flush()

    # Then each job is added and run once, and no add failed
    await producing
    await done.until(JOBS)
    assert sorted(done.entries) == sorted(f"n-{number}" for number in range(JOBS))
    await worker.stop()
    await queue.close()


@pytest.fixture
def told() -> Journal[Event]:
    """What the workers of `working` told."""
    return Journal()


@pytest.fixture
async def working(app: App, environment: dict[str, str], told: Journal[Event]) -> AsyncIterator[App]:
    """Workers of all queues; `app` looks on."""
    telemetry = Telemetry()
    telemetry.listen(told.note)
    async with open_app(load_settings(environment), telemetry) as working, running_workers(working):
        yield working


@pytest.mark.parametrize("key", ["wait", "active", "prioritized", "delayed", "completed", "meta", "events", "marker"])
async def test_a_key_of_another_type_stops_its_queue_alone_and_mended_it_goes_on(
    app: App, working: App, told: Journal[Event], whatsapp: WhatsApp, redis_client: "redis.asyncio.Redis", key: str
) -> None:
    # Given somebody who writes over a key of the queue of campaigns
    place = getattr(app.queues["campaign"].keys, key)
    await redis_client.set(place, "not of this type")

    # When there is work for it and for another queue
    refusal = ""
    try:
        await send_campaign(app, "while-broken")
    except QueueUnavailable as error:  # the key is one that adding needs
        refusal = str(error)
    async with Load(app) as load:
        await load.until_accepted(20)

    # Then the other is done, and the trouble of this one is told, to who adds or by who works
    await until_all_is_done(app, whatsapp, load.acknowledged)
    if "WRONGTYPE" not in refusal:
        await told.until(1, lambda event: getattr(event, "queue", "") == "campaign" and "WRONGTYPE" in str(event))

    # And when it is mended, the same workers go on
    await redis_client.delete(place)
    await send_campaign(app, "mended")
    await whatsapp.until_told(person(900))


async def send_campaign(app: App, campaign_id: str) -> None:
    await app.producer.add_campaign_job(
        campaign_id=campaign_id, organization_id=ORGANIZATION, template=campaign_id, recipients=[person(900)]
    )


async def test_flushall_loses_what_was_there_and_the_same_workers_go_on(own_redis: RedisServer) -> None:
    """What is lost is lost: that is not promised to survive."""
    # Given a busy worker, and jobs that wait for their time
    done: Journal[str] = Journal()

    async def handler(job):
        done.note(job.id)

    queue = Queue("work", redis_url=own_redis.url)
    worker = Worker("work", handler, redis_url=own_redis.url, concurrency=5)
    await worker.start()
    await queue.add("task", {}, delay_ms=3_600_000)
    before = await queue.add("task", {})
    assert await done.until(1) == [before]

    # When everything is flushed
    with own_redis.client() as client:
        client.flushall()

    # Then what comes after that is done
    after = await queue.add("task", {})
    assert await done.until(2) == [before, after]
    assert (await queue.counts())["delayed"] == 0
    await worker.stop()
    await queue.close()
