"""Redis dies (kill -9) under load: what it acknowledged is done, soon after it is back, without a restart of ours."""

import asyncio
import time
from collections import Counter

import pytest

from oxyq.app import App
from oxyq.organizations import demo_organization
from tests.conftest import StartRedis
from tests.faults.ends import until_all_is_done
from tests.faults.load import Load
from tests.integration.engine.journal import eventually
from tests.journeys.conftest import ORGANIZATION, StartProcess, WhatsApp
from tests.redis_server import RedisServer

#: Redis is back, and so are we (the issue's bar).
BACK_SECONDS = 5.0
CONCURRENCY = 5
WORKER = {
    "OXYQ_AUTOMATION_CONCURRENCY": str(CONCURRENCY), "OXYQ_LOCK_SECONDS": "1", "OXYQ_STALLED_INTERVAL_SECONDS": "0.5",
    "OXYQ_MAX_STALLED": "10", "OXYQ_AUTOMATION_BACKOFF_SECONDS": "0.2",
}  # fmt: skip


@pytest.fixture
def redis_url(server: RedisServer) -> str:
    """The installation is on a server that may die."""
    return server.url


@pytest.fixture
def server(start_redis: StartRedis, request: pytest.FixtureRequest) -> RedisServer:
    """As the test wants it kept on disk."""
    return start_redis(*request.param)


async def until_noticed(app: App) -> None:
    """Wait until we know that Redis is away."""

    async def is_connected() -> bool:
        return app.hub.commands.is_ready

    await eventually(is_connected, False)


def kept(fsync: str) -> tuple[str, ...]:
    return ("--appendonly", "yes", "--appendfsync", fsync)


@pytest.mark.parametrize("server", [kept("everysec"), kept("always")], ids=["everysec", "always"], indirect=True)
async def test_nothing_acknowledged_is_lost_and_work_goes_on_within_five_seconds(
    server: RedisServer, app: App, start_oxyq: StartProcess, whatsapp: WhatsApp
) -> None:
    # Given a producer and a worker process that are busy
    start_oxyq("workers", "automation", **WORKER)
    async with Load(app) as load:
        await whatsapp.until(100)

        # When Redis is killed, and comes back once that was noticed
        server.kill()
        await until_noticed(app)
        await asyncio.to_thread(server.start)
        back = time.time()
        before = len(whatsapp.received)
        [*_, first] = (await whatsapp.until(before + 1))[: before + 1]
        resumed_seconds = max(first.at_ms / 1000 - back, 0)
        await load.until_accepted(100)

    # Then all that was acknowledged is sent; what was in hand may have been sent twice, since nobody could know
    received = await until_all_is_done(app, whatsapp, load.acknowledged)
    twice = [number for number, times in Counter(message.to for message in received).items() if times > 1]
    print(f"acknowledged {len(load.acknowledged)}, refused {len(load.refused)}, sent twice {len(twice)}, "
          f"resumed after {resumed_seconds:.2f} s")  # fmt: skip
    assert resumed_seconds <= BACK_SECONDS
    assert len(twice) <= CONCURRENCY
    assert {message.to for message in received} <= {*load.acknowledged, *load.refused}


@pytest.mark.parametrize("server", [()], ids=["nothing on disk"], indirect=True)
async def test_without_a_file_what_waited_is_gone_and_what_comes_next_is_done(
    server: RedisServer, app: App, start_oxyq: StartProcess, whatsapp: WhatsApp
) -> None:
    """Nothing is promised for such a server; but nothing of ours has to be restarted."""
    # Given a worker that works, then reminders that wait
    worker = start_oxyq("workers", "automation", **WORKER)
    async with Load(app) as load:
        await whatsapp.until(10)
        await app.queues["automation"].pause()
        await load.until_accepted(50)

    # When Redis loses all of them
    server.kill()
    await until_noticed(app)
    await asyncio.to_thread(server.start)
    await app.hub.commands.ready(10)
    assert (await app.queues["automation"].counts())["waiting"] == 0

    # Then the same worker does what is added to the empty Redis
    await app.organizations.save(demo_organization().model_copy(update={"id": ORGANIZATION}))
    async with Load(app, first=10_000) as again:
        await again.until_accepted(50)
    await until_all_is_done(app, whatsapp, again.acknowledged)
    assert worker.popen.poll() is None
