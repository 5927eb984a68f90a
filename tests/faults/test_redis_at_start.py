"""Redis is away, still loading or busy when we start: we wait for it, and say so; after five minutes we give up."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from oxyq import process
from oxyq.app import open_app
from oxyq.organizations import demo_organization
from oxyq.process import serve_workers
from oxyq.settings import load_settings
from oxyq.telemetry.events import ProcessNews, Telemetry
from tests.faults.api_process import api_process, takes_jobs
from tests.faults.load import person, reminder
from tests.integration.engine.journal import eventually
from tests.journeys.conftest import ORGANIZATION, StartProcess, WhatsApp
from tests.redis_server import RedisServer, free_port

BUSY_SECONDS = 50.0


@pytest.fixture
def redis_url(own_redis: RedisServer) -> str:
    """The installation is on a server of its own, which keeps what it is given."""
    return own_redis.url


async def add_reminder(environment: dict[str, str]) -> None:
    """As another process does: a shop, and a reminder of it."""
    async with open_app(load_settings(environment)) as app:
        await app.organizations.save(demo_organization().model_copy(update={"id": ORGANIZATION}))
        await app.producer.add_automation_job(reminder(1))


def load_slowly(server: RedisServer) -> None:
    """Started again, it answers LOADING for about a second: 0.5 ms for each of 2,000 keys."""
    with server.client() as client:
        client.eval("for i = 1, 2000 do redis.call('SET', 'filler:' .. i, i) end", 0)
    server.kill()
    server.options = (*server.options, "--key-load-delay", "500")


@contextmanager
def busy(server: RedisServer) -> Iterator[None]:
    """It runs an endless script, and answers BUSY to everybody else."""
    with server.client() as client:
        client.config_set("busy-reply-threshold", 50)

    def run() -> None:
        patient = redis.Redis.from_url(server.url, socket_timeout=BUSY_SECONDS, retry=Retry(NoBackoff(), 0))
        with patient as client, contextlib.suppress(redis.ResponseError):
            client.eval("while true do end", 0)

    running = threading.Thread(target=run)
    running.start()
    try:
        with server.client() as client:
            while True:
                try:
                    client.ping()
                except redis.ResponseError:
                    break
        yield
    finally:
        with server.client() as client:
            client.execute_command("SCRIPT", "KILL")
        running.join(BUSY_SECONDS)


async def test_started_before_redis_and_while_it_loads_we_wait_and_then_work(
    own_redis: RedisServer, environment: dict[str, str], start_oxyq: StartProcess, whatsapp: WhatsApp, tmp_path: Path,
    prefix: str,
) -> None:  # fmt: skip
    # Given a job in a Redis that is away
    await add_reminder(environment)
    load_slowly(own_redis)

    # When a worker and an API start
    worker = start_oxyq("workers", "automation")
    async with api_process(tmp_path, own_redis.url, prefix) as api:
        assert not await takes_jobs(api)

        # Then they wait while it is away and while it loads, and work when it is there
        await asyncio.to_thread(own_redis.start)
        assert worker.popen.poll() is None
        await whatsapp.until_told(person(1))
        await eventually(lambda: takes_jobs(api), True)
    assert len(whatsapp.received) == 1


async def test_started_while_redis_is_busy_we_wait_and_then_work(
    own_redis: RedisServer, environment: dict[str, str], start_oxyq: StartProcess, whatsapp: WhatsApp, tmp_path: Path,
    prefix: str,
) -> None:  # fmt: skip
    # Given a job in a Redis that somebody's endless script keeps busy
    await add_reminder(environment)
    async with AsyncExitStack() as stack:
        with busy(own_redis):
            # When a worker and an API start
            worker = start_oxyq("workers", "automation")
            api = await stack.enter_async_context(api_process(tmp_path, own_redis.url, prefix))
            assert not await takes_jobs(api)

        # Then they work when it is over
        await whatsapp.until_told(person(1))
        await eventually(lambda: takes_jobs(api), True)
        assert worker.popen.poll() is None
    assert len(whatsapp.received) == 1


async def test_redis_that_never_comes_ends_the_worker_with_1_and_says_why(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After five minutes, so that whoever started it starts it anew, and sees that something is wrong."""
    assert process.REDIS_AT_START_SECONDS == 300
    monkeypatch.setattr(process, "REDIS_AT_START_SECONDS", 0.3)
    told: list[str] = []
    telemetry = Telemetry()
    telemetry.listen(lambda event: told.append(str(event)) if isinstance(event, ProcessNews) else None)
    url = f"redis://127.0.0.1:{free_port()}/0"

    code = await serve_workers(load_settings({**environment, "REDIS_URL": url}), telemetry)

    assert code == 1
    assert any("cannot be reached" in line and "REDIS_URL" in line for line in told), told
