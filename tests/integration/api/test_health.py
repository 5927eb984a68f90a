"""Health answers without a token, in time, truthfully, and gives no secret away."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

import httpx
import pytest

from oxyq.api.application import create_api
from oxyq.app import App, open_app
from oxyq.settings import Settings, load_settings
from tests.conftest import StartRedis
from tests.integration.api.conftest import As
from tests.integration.api.payloads import AUTOMATION, MESSAGE
from tests.integration.engine.journal import eventually
from tests.redis_server import RedisServer

PATHS = ("/health", "/health/redis", "/health/queues", "/ready/intake")


@asynccontextmanager
async def client_on(server: RedisServer, folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A caller of an application on this server."""
    settings = load_settings({"REDIS_URL": server.url, "OXYQ_DATA_DIR": str(folder)})
    async with open_app(settings) as app:
        transport = httpx.ASGITransport(create_api(app))
        async with httpx.AsyncClient(transport=transport, base_url="http://oxyq.test") as client:
            yield client


@pytest.mark.parametrize("path", PATHS)
async def test_health_needs_no_token(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(path)).status_code == 200
    assert (await client.head(path)).status_code == 200


async def test_queues_are_counted(client: httpx.AsyncClient, as_: As, app: App) -> None:
    await client.post("/v1/messages", json=MESSAGE, headers=as_())
    await client.post("/v1/automations?delay_ms=60000", json=AUTOMATION, headers=as_())
    await app.producer.send_to_dlq(originalQueue="message", originalJobId="msg-1", failedReason="by hand")
    await app.queues["campaign"].pause()

    health = (await client.get("/health/queues")).json()

    assert health["status"] == "ok"
    assert set(health["queues"]) == {"message", "automation", "campaign"}
    empty = {"waiting": 0, "active": 0, "delayed": 0, "waitingChildren": 0, "failed": 0, "completedKept": 0}
    assert health["queues"]["message"] == {**empty, "waiting": 1, "completed": 0, "paused": False}
    assert health["queues"]["automation"] == {**empty, "delayed": 1, "completed": 0, "paused": False}
    assert health["queues"]["campaign"] == {**empty, "completed": 0, "paused": True}
    assert health["deadLetters"] == 1


async def test_completed_counts_on_when_old_jobs_are_gone(client: httpx.AsyncClient, app: App) -> None:
    keys = app.queues["message"].keys
    await app.redis.hset(keys.metrics_completed, "count", 150)

    message = (await client.get("/health/queues")).json()["queues"]["message"]

    assert (message["completed"], message["completedKept"]) == (150, 0)


async def test_redis_is_described(client: httpx.AsyncClient) -> None:
    health = (await client.get("/health/redis")).json()

    assert (health["status"], health["server"], health["maxmemoryPolicy"]) == ("ok", "redis", "noeviction")
    assert health["version"].count(".") == 2
    assert 0 < health["latencyMs"] < 1000
    assert health["memory"]["usedBytes"] > 100_000
    assert health["memory"]["maxBytes"] is None
    assert health["aof"] is False
    assert ["append-only file is off" in warning for warning in health["warnings"]] == [True]


async def test_commands_are_counted_and_a_budget_that_is_overdrawn_is_told(
    start_redis: StartRedis, tmp_path: Path
) -> None:
    # Given a Redis that got 3,000 commands in the seconds since it started
    server = start_redis()
    with server.client() as client:
        pipeline = client.pipeline(transaction=False)
        for _ in range(3_000):
            pipeline.ping()
        pipeline.execute()
        while client.info("server")["uptime_in_seconds"] < 1:  # noqa: ASYNC110 - Redis tells nobody how old it is
            await asyncio.sleep(0.05)

    # When somebody asks who allows it few, many, or does not say
    async def commands(**more: str) -> tuple[dict[str, int | None], bool]:
        settings = load_settings({"REDIS_URL": server.url, "OXYQ_DATA_DIR": str(tmp_path), **more})
        async with open_app(settings) as app:
            transport = httpx.ASGITransport(create_api(app))
            async with httpx.AsyncClient(transport=transport, base_url="http://oxyq.test") as caller:
                health = (await caller.get("/health/redis")).json()
        return health["commands"], any("OXYQ_REDIS_BUDGET" in warning for warning in health["warnings"])

    few, is_warned = await commands(OXYQ_REDIS_BUDGET="2000")
    many, is_warned_too = await commands(OXYQ_REDIS_BUDGET="1000000000")
    unlimited, is_warned_at_all = await commands()

    # Then all see the rate, and the first is warned
    assert few["perHour"] > 2_000
    assert few["overSeconds"] >= 1
    assert (few["budgetPerHour"], is_warned) == (2_000, True)
    assert (many["budgetPerHour"], is_warned_too) == (1_000_000_000, False)
    assert (unlimited["budgetPerHour"], is_warned_at_all) == (None, False)


async def test_settings_that_lose_jobs_are_warned_of(start_redis: StartRedis, tmp_path: Path) -> None:
    risky = start_redis("--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru", "--appendonly", "yes")

    async with client_on(risky, tmp_path) as client:
        health = (await client.get("/health/redis")).json()

    assert health["memory"]["maxBytes"] == 100 * 1024 * 1024
    assert health["aof"] is True
    assert ["set it to noeviction" in warning for warning in health["warnings"]] == [True]


async def test_ready_for_intake_means_that_redis_takes_writes(own_redis: RedisServer, tmp_path: Path) -> None:
    """PING is answered in all of these, and no job could be added."""
    async with client_on(own_redis, tmp_path) as client:
        with own_redis.client() as redis:
            for spoil, mend, code in (
                ("CONFIG SET maxmemory 1", "CONFIG SET maxmemory 0", "OOM"),
                ("REPLICAOF 127.0.0.1 1", "REPLICAOF NO ONE", "READONLY"),
            ):
                assert (await client.get("/ready/intake")).status_code == 200

                redis.execute_command(*spoil.split())
                answer = await client.get("/ready/intake")
                assert answer.status_code == 503
                assert code in answer.json()["error"]["message"]
                assert (await client.get("/health/redis")).status_code == 200
                assert (await client.get("/ready")).status_code == 503

                redis.execute_command(*mend.split())
                assert (await client.get("/ready/intake")).json() == {"status": "ready"}
            assert redis.keys() == []


@asynccontextmanager
async def working(app: App, *queues: str) -> AsyncIterator[None]:
    """Workers of these queues while the block runs."""
    workers = app.workers(queues)
    await workers.start()
    try:
        yield
    finally:
        await workers.stop(5)


@asynccontextmanager
async def caller_of(settings: Settings, **changes: float) -> AsyncIterator[tuple[App, httpx.AsyncClient]]:
    """An application with these settings, and a caller of it."""
    async with open_app(settings.model_copy(update=changes)) as app:
        transport = httpx.ASGITransport(create_api(app))
        async with httpx.AsyncClient(transport=transport, base_url="http://oxyq.test") as client:
            yield app, client


async def ready_status(client: httpx.AsyncClient) -> int:
    return (await client.get("/ready")).status_code


async def test_ready_means_that_work_gets_through_each_queue(settings: Settings) -> None:
    """And says of which it does not, since when; jobs are taken all the same."""
    async with caller_of(settings, canary_seconds=0.5) as (app, client):
        # Given nobody has ever worked here, then nothing is ready but to take jobs
        answer = await client.get("/ready")
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "queue_unavailable")
        assert "message (nothing within a day, no worker is heard)" in answer.json()["error"]["message"]
        assert (await client.get("/ready/intake")).status_code == 200

        # When two queues have workers, then it is said of the third
        async with working(app, "message", "automation"):
            while "message (" in (said := (await client.get("/ready")).json()["error"]["message"]):
                assert (await client.get("/ready/intake")).status_code == 200
            assert "campaign (nothing within a day, no worker is heard)" in said

            # When that has one too, then all is well
            async with working(app, "campaign"):
                await eventually(lambda: ready_status(client), 200)
                assert (await client.get("/ready")).json() == {"status": "ready"}

            # When it stops, then it is named, with the time, and no other is
            await eventually(lambda: ready_status(client), 503)
            said = (await client.get("/ready")).json()["error"]["message"]
            since = re.search(r"campaign \(nothing since (\S+), no worker is heard\)", said)
            assert since is not None
            assert abs(datetime.fromisoformat(since[1]).timestamp() - time.time()) < 60
            assert "message (" not in said
            assert "automation (" not in said


async def test_without_canaries_ready_means_that_each_queue_has_a_worker(settings: Settings) -> None:
    async with caller_of(settings, canary_seconds=0) as (app, client):
        assert await ready_status(client) == 503

        async with working(app):
            await eventually(lambda: ready_status(client), 200)
            assert [one.last_ms for one in (await app.liveness.look()).values()] == [None, None, None]

        assert await ready_status(client) == 503


async def test_a_stranger_learns_no_secret(start_redis: StartRedis, tmp_path: Path) -> None:
    password = "hunter2-#@:/-é"
    server = start_redis(password=password)

    async with client_on(server, tmp_path) as client:
        for is_away in (False, True):
            if is_away:
                server.kill()
            answers = await asyncio.gather(*(client.get(path) for path in PATHS))
            assert [answer.status_code for answer in answers] == ([200, 503, 503, 503] if is_away else [200] * 4)
            for answer in answers:
                assert "hunter2" not in answer.text
                assert str(server.port) not in answer.text
