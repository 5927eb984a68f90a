"""Metrics of a real installation: what they say, who may read them, what they cost, and that an outage hides none."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from oxyq.api.application import create_api
from oxyq.app import App, open_app
from oxyq.engine.events import JobCompleted
from oxyq.engine.job import Job
from oxyq.engine.settlement import RawJob
from oxyq.instances import Instance
from oxyq.settings import load_settings
from oxyq.statistics.recorder import Recorder
from tests.integration.api.server_process import SECRET
from tests.redis_server import RedisServer

TOKEN = "metrics-" * 4
SHOWN = {"Authorization": f"Bearer {TOKEN}"}
Readable = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def read(text: str) -> Readable:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def of(queue: str) -> tuple[tuple[str, str], ...]:
    return (("queue", queue),)


Open = Callable[..., AbstractAsyncContextManager[tuple[App, httpx.AsyncClient]]]


@pytest.fixture
def opened(redis_url: str, prefix: str, tmp_path: Path) -> Open:
    """An installation with these settings, and somebody at its door who comes from `peer`."""

    @asynccontextmanager
    async def opened(peer: str = "127.0.0.1", **settings: str) -> AsyncIterator[tuple[App, httpx.AsyncClient]]:
        given = {
            "REDIS_URL": redis_url, "OXYQ_REDIS_PREFIX": prefix, "OXYQ_JWT_SECRET": SECRET,
            "OXYQ_DATA_DIR": str(tmp_path), **settings,
        }  # fmt: skip
        async with open_app(load_settings(given)) as app:
            transport = httpx.ASGITransport(create_api(app), client=(peer, 4711))
            async with httpx.AsyncClient(transport=transport, base_url="http://oxyq.test") as client:
                yield app, client

    return opened


async def count_jobs(app: App, organization_id: str, seconds: float, many: int) -> None:
    """What a worker would have counted of so many jobs."""
    recorder, data = Recorder(app.hub), json.dumps({"organizationId": organization_id}).encode()
    fields = {b"name": b"n", b"data": data, b"opts": b"{}", b"timestamp": str(int(time.time() * 1000)).encode()}
    for number in range(many):
        recorder.heard(JobCompleted(Job(RawJob(str(number), "t", fields), "message", None), seconds))
    await recorder.flush()


async def test_what_waits_and_what_it_takes(opened: Open) -> None:
    """Given 30 jobs that run for 0.5 s each, and nobody who works."""
    async with opened() as (app, client):
        await count_jobs(app, "org_1", 0.5, 20)
        for number in range(30):
            await app.queues["message"].add("job", {"number": number})
        await app.instances.save(Instance(id="wa_1", organization_id="org_1", gateway="baileys"))
        await app.instances.save(Instance(id="wa_2", organization_id="org_1", gateway="baileys"))
        await app.instances.note_state("wa_1", "closed", "another phone")
        answer = await client.get("/metrics")
        scaling = (await client.get("/metrics/scaling")).json()

    found = read(answer.text)
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert found[("oxyq_up", ())] == 1
    assert found[("oxyq_queue_jobs", (("queue", "message"), ("state", "waiting")))] == 30
    assert 0 < found[("oxyq_queue_oldest_seconds", of("message"))] < 60
    assert found[("oxyq_queue_oldest_seconds", of("campaign"))] == 0
    assert found[("oxyq_queue_workers", of("message"))] == 0
    assert found[("oxyq_queue_alive", of("message"))] == 0
    mean = found[("oxyq_queue_mean_run_seconds", of("message"))]
    assert mean == pytest.approx(0.5, rel=0.2)
    assert found[("oxyq_queue_work_seconds", of("message"))] == pytest.approx(30 * mean)
    assert found[("oxyq_queue_drain_seconds", of("message"))] == float("inf")
    # 30 jobs of half a second within the target of 5 s are 3 places of a process that has 5.
    assert found[("oxyq_queue_wanted_workers", of("message"))] == pytest.approx(30 * mean / 5 / 5)
    assert found[("oxyq_numbers", (("state", "closed"),))] == 1
    assert found[("oxyq_numbers", (("state", "unknown"),))] == 1
    assert found[("oxyq_redis_danger", (("danger", "evicts"),))] == 0
    assert found[("oxyq_redis_commands_total", ())] > 0
    assert scaling["queues"]["message"] == {
        "readyJobs": 30,
        "activeJobs": 0,
        "meanRunSeconds": round(mean, 4),
        "workSeconds": round(30 * mean, 3),
        "drainSeconds": None,
        "wantedWorkers": round(30 * mean / 25, 3),
    }
    assert scaling["wantedWorkers"] == scaling["queues"]["message"]["wantedWorkers"]


async def test_ten_who_ask_cost_what_one_does(opened: Open) -> None:
    async with opened() as (app, client):
        await client.get("/metrics")
        before = app.hub.commands.calls

        answers = await asyncio.gather(*(client.get("/metrics") for _ in range(10)), client.get("/metrics/scaling"))

        assert app.hub.commands.calls == before
        assert {answer.status_code for answer in answers} == {200}


async def test_who_may_read_them(opened: Open) -> None:
    async with opened() as (_, here):
        assert (await here.get("/metrics", headers={"X-Forwarded-For": "203.0.113.9"})).status_code == 403
    async with opened(peer="203.0.113.9") as (_, stranger):
        for path in ("/metrics", "/metrics/scaling"):
            refused = await stranger.get(path)
            assert (refused.status_code, refused.json()["error"]["code"]) == (403, "forbidden")
            assert "OXYQ_METRICS_TOKEN" in refused.json()["error"]["message"]
    async with opened(peer="203.0.113.9", OXYQ_METRICS_TOKEN=TOKEN) as (_, anybody):
        assert (await anybody.get("/metrics", headers=SHOWN)).status_code == 200
        assert (await anybody.get("/metrics/scaling", headers=SHOWN)).status_code == 200
        for wrong in ({}, {"Authorization": f"Bearer {TOKEN}x"}):
            refused = await anybody.get("/metrics", headers=wrong)
            assert refused.status_code == 401
            assert TOKEN not in refused.text
        assert (await anybody.get("/v1/overview", headers=SHOWN)).status_code == 401


async def test_only_the_busiest_organizations_are_named_and_only_to_who_has_the_token(opened: Open) -> None:
    settings = {"OXYQ_METRICS_TOKEN": TOKEN, "OXYQ_METRICS_ORGANIZATIONS": "2"}
    async with opened(**settings) as (app, client):
        for number, many in enumerate((3, 9, 1, 6)):
            await count_jobs(app, f"org_{number}", 0.01, many)
        text = (await client.get("/metrics", headers=SHOWN)).text

    jobs = {
        dict(labels)["organization"]: value
        for (name, labels), value in read(text).items()
        if name == "oxyq_organization_jobs" and dict(labels)["outcome"] == "completed"
    }
    assert jobs == {"org_1": 9, "org_3": 6, "other": 4}


async def test_no_tenant_is_named_where_nobody_asked_for_it(opened: Open) -> None:
    async with opened(OXYQ_METRICS_TOKEN=TOKEN) as (app, client):
        await count_jobs(app, "org_secret", 0.01, 5)
        await app.instances.save(Instance(id="wa_secret", organization_id="org_secret", gateway="baileys"))
        text = (await client.get("/metrics", headers=SHOWN)).text

    assert "secret" not in text
    assert "organization" not in text


async def test_while_redis_is_away_that_is_told_at_once_with_all_that_needs_no_redis(
    opened: Open, own_redis: RedisServer
) -> None:
    async with opened(REDIS_URL=own_redis.url) as (app, client):
        await app.hub.commands.ready(20)
        own_redis.kill()
        began = time.monotonic()

        answers = await asyncio.gather(client.get("/metrics"), client.get("/metrics"))
        scaling = await client.get("/metrics/scaling")

        assert time.monotonic() - began < 10
        for answer in answers:
            found = read(answer.text)
            assert answer.status_code == 200
            assert found[("oxyq_up", ())] == 0
            assert found[("oxyq_redis_connects_total", ())] > 0
            assert found[("process_resident_memory_bytes", ())] > 0
            assert not any(name.startswith("oxyq_queue_") for name, _ in found)
        assert (scaling.status_code, scaling.json()["error"]["code"]) == (503, "queue_unavailable")

        own_redis.start()
        deadline = time.monotonic() + 20
        while read((await client.get("/metrics")).text)[("oxyq_up", ())] == 0:
            assert time.monotonic() < deadline
