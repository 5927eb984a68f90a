"""What is another organization's does not exist: every route that names a thing, by the API and on the board.

The routes come from the table of routes, so that a new one is tried without anybody thinking of it.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import redis.asyncio
from fastapi import FastAPI

from oxyq.access.tokens import Principal
from oxyq.api.application import create_api
from oxyq.app import App
from oxyq.clock import now_ms
from oxyq.dashboard.entrance import COOKIE
from oxyq.operating.bulk.task import TaskOrder
from oxyq.outcomes import JsonValue
from tests.integration.api.conftest import As
from tests.integration.api.payloads import AUTOMATION, MESSAGE
from tests.route_table import Served, served

Snapshot = Callable[[], Awaitable[dict[bytes, object]]]
BOARD = "/admin/queues"
MINE, THEIRS = "org_123", "org_2"
HOUR_MS = 3_600_000
NUMBER = "5511999999999"

#: Bodies that are right, where a wrong one is told before anybody asks whose the thing is.
BODIES: Mapping[str, Any] = {
    "POST /v1/conversations/{contact}/messages": {"id": "1", "text": "Oi"},
    "POST /v1/queues/{queue}/jobs/{job_id}/priority": {"priority": 1},
    "POST /v1/queues/{queue}/jobs/{job_id}/reschedule": {"at": 1795377084000},
}


@pytest.fixture
def api(app: App) -> FastAPI:
    """The application whose routes are tried."""
    return create_api(app)


async def with_session(app: App, principal: Principal) -> dict[str, str]:
    """The headers of somebody who is on the board."""
    return {"Cookie": f"{COOKIE}={await app.sessions.open(principal, None, '')}"}


@pytest.fixture
async def theirs(client: httpx.AsyncClient, as_: As, app: App, shops: tuple[str, str]) -> dict[str, str]:
    """One of each thing, all of the other organization; their names by what they are called in addresses."""
    headers = as_("owner", THEIRS)

    async def made(method: str, path: str, **content: Any) -> Any:
        answer = await client.request(method, path, headers={**headers, **content.pop("headers", {})}, **content)
        assert answer.is_success, (path, answer.text)
        return answer.json() if answer.content else None

    await made("PUT", "/v1/instances/wa_theirs", json={"gateway": "cloud", "phoneNumberId": "1122"})
    draft = {"campaignId": "theirs", "organizationId": THEIRS, "template": "Olá"}
    await made("POST", "/v1/campaigns?draft=true", json=draft)
    rows = {"content": f"number\n{NUMBER}\n", "headers": {"Content-Type": "text/csv"}}
    await made("PUT", "/v1/campaigns/theirs/recipients", **rows)
    await made("POST", f"/v1/contacts/{NUMBER}/opt-out")
    organization = await app.organizations.get(THEIRS)
    assert organization is not None
    await app.take_over.take_over(organization, "wa_1", NUMBER)
    schedule = {"cron": "0 9 * * 1", "automation": {"type": "tip", "recipientNumber": NUMBER, "content": "Oi"}}
    await made("PUT", "/v1/automation-schedules/theirs", json=schedule)
    at_ms = now_ms() + HOUR_MS
    automation = {**AUTOMATION, "organizationId": THEIRS, "automationId": "theirs", "scheduledFor": at_ms}
    waiting = await made("POST", "/v1/automations", json=automation)
    job = await made("POST", "/v1/messages", json={**MESSAGE, "organizationId": THEIRS})
    letter_id = await app.producer.send_to_dlq(
        original_queue="message", original_job_id=job["id"], failed_reason="by hand", data={}, organization_id=THEIRS
    )
    selection: dict[str, JsonValue] = {"state": "failed", "ids": ["no-such-job"]}
    task = await app.bulk.start(TaskOrder("retry", "message", selection, organization_id=THEIRS, by="bia"))
    session = await with_session(app, Principal("bia", "operator", THEIRS))
    (open_one,) = await app.sessions.list(THEIRS)
    (chat,) = (await client.get(f"{BOARD}/conversations/{NUMBER}", headers=session)).headers.get_list("location")
    (scheduler,) = (await made("GET", "/v1/schedulers"))["schedulers"]
    return {
        "queue": "message", "job_id": job["id"], "waiting": waiting["id"], "campaign_id": "theirs", "number": NUMBER,
        "contact": NUMBER, "chat": chat.rpartition("/")[2], "automation_id": "theirs", "schedule_id": "theirs",
        "scheduler_id": scheduler["id"], "instance_id": "wa_theirs", "name": "access_token",
        "organization_id": THEIRS, "letter_id": letter_id, "task_id": task.id, "session_id": open_one.id,
        "kind": "faq", "place": "0",
    }  # fmt: skip


def addressed(route: Served, names: Mapping[str, str]) -> str:
    """The route's address with these names in it."""
    if "/automations/waiting/" in route.path:
        names = {**names, "job_id": names["waiting"]}
    return route.path.format(**{name: quote(value, safe="") for name, value in names.items()})


def tried(api: FastAPI) -> Iterator[Served]:
    """Every route that names a thing which belongs to somebody."""
    for route in served(api):
        if {"authenticated"} <= route.checks and route.method != "HEAD" and "{" in route.path.replace("{queue}", ""):
            yield route


@pytest.fixture
async def snapshot(redis_url: str, prefix: str) -> AsyncIterator[Snapshot]:
    """A function that reads everything in Redis but what trying leaves: audit, sessions, and the task that runs."""

    async def read() -> dict[bytes, object]:
        keys = [key async for key in client.scan_iter(f"*{prefix}*", count=1000)]
        kept = [key for key in keys if not any(word in key for word in (b"audit", b"session", b"task"))]
        return {key: await content(key) for key in kept}

    async def content(key: bytes) -> object:
        match await client.type(key):
            case b"hash":
                return await client.hgetall(key)
            case b"zset":
                return await client.zrange(key, 0, -1, withscores=True)
            case b"set":
                return await client.smembers(key)
            case _:
                return await client.dump(key)

    async with redis.asyncio.Redis.from_url(redis_url) as client:
        yield read


async def test_the_api_knows_nothing_of_what_is_anothers(
    api: FastAPI, client: httpx.AsyncClient, as_: As, theirs: dict[str, str], snapshot: Snapshot
) -> None:
    mine, before = as_("owner", MINE), await snapshot()
    paths = api.openapi()["paths"]
    found = dict[str, tuple[int, str]]()

    for route in tried(api):
        if not route.path.startswith("/v1/"):
            continue
        name = f"{route.method} {route.path}"
        known = {one["name"] for one in paths[route.path][route.method.lower()].get("parameters", ())}
        query = {"organizationId": THEIRS} if "organizationId" in known else {}
        body = BODIES.get(name, {}) if route.method in ("POST", "PUT", "PATCH") else None
        answer = await client.request(route.method, addressed(route, theirs), headers=mine, params=query, json=body)
        found[name] = (answer.status_code, answer.text)

    assert len(found) > 40
    assert [(name, told) for name, told in found.items() if told[0] != 404] == []
    assert await snapshot() == before


async def test_its_own_people_find_each(
    api: FastAPI, client: httpx.AsyncClient, as_: As, theirs: dict[str, str]
) -> None:
    """Otherwise the test above would pass for things that are not there at all."""
    wrong = dict[str, tuple[int, str]]()
    for route in tried(api):
        if route.method == "GET" and route.path.startswith("/v1/"):
            answer = await client.get(addressed(route, theirs), headers=as_("owner", THEIRS))
            # A campaign that was never checked has no check; the task of nothing may be over.
            is_right = answer.status_code == 200 or route.path.endswith("/check")
            if not is_right:
                wrong[route.path] = (answer.status_code, answer.text)
    assert wrong == {}


async def test_the_board_knows_nothing_of_what_is_anothers(
    api: FastAPI, client: httpx.AsyncClient, app: App, theirs: dict[str, str], snapshot: Snapshot
) -> None:
    headers = await with_session(app, Principal("ana", "owner", MINE))
    before, found = await snapshot(), dict[str, tuple[int, str]]()

    for route in tried(api):
        if not route.path.startswith(f"{BOARD}/"):
            continue
        for query in ({}, {"organization": THEIRS}):
            answer = await client.request(
                route.method, addressed(route, theirs), params=query,
                headers=headers if route.method == "POST" else {**headers, "Content-Type": "text/csv"},
                data={"a": "b"} if route.method == "POST" else None,
            )  # fmt: skip
            found[f"{route.method} {route.path} {query}"] = (answer.status_code, answer.headers.get("location", ""))
            assert "bia" not in answer.text

    assert len(found) > 80
    # Pages that need no organization in their address take none.
    wrong = {name: told for name, told in found.items() if told[0] != 404}
    assert {name: told for name, told in wrong.items() if THEIRS not in name or told[0] != 422} == {}
    assert await snapshot() == before
