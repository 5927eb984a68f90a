"""The routes for queues: lists, filters, facets, pause, limits and clean, for whom they concern."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import redis.asyncio

from oxyq.app import App
from oxyq.audit import Wanted
from oxyq.engine import Entry, JobOptions
from tests.integration.api.conftest import As
from tests.integration.engine.journal import eventually

NUMBERS = ("5511988880000", "5511988880001")


@pytest.fixture
async def jobs(app: App) -> list[str]:
    """Six messages that wait, of two organizations in turn, and one reminder for later."""
    entries = [
        Entry(
            "inbound",
            {"organizationId": f"org_{n % 2}", "from": f"{NUMBERS[n % 2]}@c.us", "content": f"Olá {n}"},
            job_id=f"job-{n}",
        )
        for n in range(6)
    ]
    await app.queues["automation"].add_many(
        [Entry("reminder", {"organizationId": "org_1"}, job_id="later", options=JobOptions(delay_ms=60_000))]
    )
    return await app.queues["message"].add_many(entries)


@pytest.fixture
async def running(app: App) -> AsyncIterator[None]:
    """Tasks are run in this process."""
    async with app.bulk.running():
        yield


async def test_every_queue_tells_its_counts_and_limits(client: httpx.AsyncClient, as_: As, jobs: list[str]) -> None:
    answer = await client.get("/v1/queues", headers=as_("viewer"))

    queues = {queue["name"]: queue for queue in answer.json()["queues"]}
    assert answer.status_code == 200
    assert set(queues) == {"message", "automation", "campaign"}
    assert queues["message"]["counts"] == {
        "active": 0, "waiting": 6, "delayed": 0, "completed": 0, "failed": 0, "waiting-children": 0,
    }  # fmt: skip
    assert queues["automation"]["counts"]["delayed"] == 1
    assert queues["message"]["isPaused"] is False
    assert queues["message"]["limits"] == {
        "concurrency": None, "rate": None, "windowMs": 1000, "workerConcurrency": 5, "workerRate": 10,
    }  # fmt: skip


async def test_an_organization_sees_the_counts_of_its_own_jobs(
    client: httpx.AsyncClient, as_: As, jobs: list[str]
) -> None:
    async def counted() -> object:
        queues = (await client.get("/v1/queues", headers=as_("viewer", "org_1"))).json()["queues"]
        return [
            (one["name"], one["counts"]["waiting"], one["counts"]["delayed"], one["isCounted"], one["limits"])
            for one in queues
        ]

    await eventually(
        counted, [("message", 3, 0, True, None), ("automation", 0, 1, True, None), ("campaign", 0, 0, True, None)]
    )


async def test_jobs_are_listed_page_by_page(client: httpx.AsyncClient, as_: As, jobs: list[str]) -> None:
    address = "/v1/queues/message/jobs?state=waiting&limit=4"
    first = (await client.get(address, headers=as_())).json()
    second = (await client.get(f"{address}&cursor={first['next']}", headers=as_())).json()

    assert [job["id"] for job in first["jobs"] + second["jobs"]] == jobs
    assert (first["count"], first["search"], second["next"]) == (6, None, None)
    assert first["jobs"][0] == {
        "id": "job-0", "name": "inbound", "state": "waiting", "organizationId": "org_0", "campaignId": None,
        "contact": f"{NUMBERS[0]}@c.us", "text": "Olá 0", "addedAt": first["jobs"][0]["addedAt"], "runsAt": None,
        "processedAt": None, "finishedAt": None, "attemptsMade": 0, "attemptsAllowed": 1, "failedReason": None,
        "errorClass": None, "broken": None,
    }  # fmt: skip


@pytest.mark.parametrize("role", ["viewer", "operator"])
async def test_numbers_and_texts_are_masked_for_people_who_may_not_see_them(
    client: httpx.AsyncClient, as_: As, jobs: list[str], role: str
) -> None:
    answer = await client.get("/v1/queues/message/jobs?state=waiting", headers=as_(role))

    assert answer.json()["jobs"][0]["contact"] == "55 11 •••••-0000@c.us"
    assert answer.json()["jobs"][0]["text"] == "••• (5)"
    assert not any(number in answer.text for number in NUMBERS)


async def found(client: httpx.AsyncClient, headers: dict[str, str], **filters: str) -> list[str]:
    async def ids() -> bool:
        nonlocal answer
        answer = (
            await client.get("/v1/queues/message/jobs", params={"state": "waiting", **filters}, headers=headers)
        ).json()
        return bool(answer["search"]["isComplete"])

    answer: Any = None
    await eventually(ids, True)
    assert answer["count"] == len(answer["jobs"])
    return [job["id"] for job in answer["jobs"]]


async def test_a_filter_finds_within_what_the_caller_may_see(
    client: httpx.AsyncClient, as_: As, jobs: list[str]
) -> None:
    assert await found(client, as_(), organizationId="org_1") == ["job-1", "job-3", "job-5"]
    assert await found(client, as_(), contact="(11) 98888-0000", text="olá 2") == ["job-2"]
    assert await found(client, as_("viewer", "org_1"), name="inbound") == ["job-1", "job-3", "job-5"]
    assert await found(client, as_("viewer", "org_1"), contact=NUMBERS[0]) == []
    other = await client.get(
        "/v1/queues/message/jobs?state=waiting&organizationId=org_0", headers=as_("viewer", "org_1")
    )
    assert other.status_code == 404


async def test_who_is_shown_no_numbers_cannot_feel_their_way_to_them(
    client: httpx.AsyncClient, as_: As, jobs: list[str]
) -> None:
    for text in ("5511", "5 5-1(1", "de 2024"):
        params = {"state": "waiting", "text": text}
        refused = await client.get("/v1/queues/message/jobs", params=params, headers=as_("operator"))
        assert (refused.status_code, refused.json()["error"]["field"]) == (422, "text")
        assert (await client.get("/v1/queues/message/jobs", params=params, headers=as_("owner"))).status_code == 200


async def test_facets_say_what_can_be_filtered_by(client: httpx.AsyncClient, as_: As, jobs: list[str]) -> None:
    every = (await client.get("/v1/queues/message/facets?state=waiting", headers=as_())).json()
    own = (await client.get("/v1/queues/message/facets?state=waiting", headers=as_("viewer", "org_1"))).json()

    assert every["organizations"] == [{"value": "org_0", "count": 3}, {"value": "org_1", "count": 3}]
    assert own["organizations"] == [{"value": "org_1", "count": 3}]
    assert every["search"]["isComplete"] is True


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("", "state"),
        ("state=meta", "state"),
        ("state=failed&limit=0", "limit"),
        ("state=failed&cursor=abc", "cursor"),
        ("state=failed&error=bad", "error"),
        ("state=failed&phone=1", "phone"),
        ("state=failed&text=ab", "text"),
        ("state=failed&since=now", "since"),
    ],
)
async def test_wrong_questions_are_refused_by_field(client: httpx.AsyncClient, as_: As, query: str, field: str) -> None:
    answer = await client.get(f"/v1/queues/message/jobs?{query}", headers=as_())
    assert (answer.status_code, answer.json()["error"]["field"]) == (422, field)


@pytest.mark.parametrize("queue", ["nope", "dead-letter", "a:b", "%2e%2e"])
async def test_there_are_no_other_queues(client: httpx.AsyncClient, as_: As, queue: str) -> None:
    assert (await client.get(f"/v1/queues/{queue}/jobs?state=failed", headers=as_())).status_code == 404
    assert (await client.post(f"/v1/queues/{queue}/pause", headers=as_())).status_code == 404


async def test_a_queue_is_paused_and_goes_on_and_the_audit_knows(client: httpx.AsyncClient, as_: As, app: App) -> None:
    paused = await client.post("/v1/queues/message/pause", headers=as_("operator"))
    assert (paused.status_code, paused.json()["isPaused"], await app.queues["message"].is_paused()) == (200, True, True)
    resumed = await client.post("/v1/queues/message/resume", headers=as_("operator"))
    assert (resumed.json()["isPaused"], await app.queues["message"].is_paused()) == (False, False)

    assert [entry.deed.action for entry in (await app.audit.page(Wanted())).entries] == ["queue.resume", "queue.pause"]
    assert (await client.post("/v1/queues/message/pause", headers=as_("viewer"))).status_code == 403
    assert (await client.post("/v1/queues/message/pause", headers=as_("owner", "org_1"))).status_code == 403
    assert not await app.queues["message"].is_paused()


async def test_limits_are_laid_down_live_as_bullmq_keeps_them(
    client: httpx.AsyncClient, as_: As, redis_client: "redis.asyncio.Redis", prefix: str
) -> None:
    put = await client.put("/v1/queues/campaign/limits", json={"concurrency": 2, "rate": 40}, headers=as_("owner"))

    meta = await redis_client.hgetall(f"{prefix}:campaign:meta")
    assert (put.status_code, meta["concurrency"], meta["max"], meta["duration"]) == (200, "2", "40", "60000")
    assert put.json() == {
        "concurrency": 2, "rate": 40, "windowMs": 60000, "workerConcurrency": 3, "workerRate": 100,
    }  # fmt: skip

    lifted = await client.put("/v1/queues/campaign/limits", json={}, headers=as_("owner"))
    assert (lifted.json()["concurrency"], lifted.json()["rate"]) == (None, None)
    assert {"concurrency", "max", "duration"}.isdisjoint(await redis_client.hgetall(f"{prefix}:campaign:meta"))


@pytest.mark.parametrize(
    ("body", "status"),
    [({"rate": 0}, 422), ({"concurrency": -1}, 422), ({"rate": "5"}, 422), ({"speed": 1}, 422), ([], 422)],
)
async def test_limits_that_make_no_sense_are_refused(
    client: httpx.AsyncClient, as_: As, body: object, status: int
) -> None:
    assert (await client.put("/v1/queues/message/limits", json=body, headers=as_("owner"))).status_code == status


async def test_limits_are_the_owners_and_concern_all(client: httpx.AsyncClient, as_: As) -> None:
    for headers in (as_("operator"), as_("owner", "org_1")):
        assert (await client.put("/v1/queues/message/limits", json={}, headers=headers)).status_code == 403


async def test_cleaning_counts_first_and_then_removes(
    client: httpx.AsyncClient, as_: As, jobs: list[str], app: App, running: None
) -> None:
    body = {"state": "waiting", "olderThanMs": 0, "dryRun": True}
    counted = await client.post("/v1/queues/message/clean", json=body, headers=as_("operator", "org_1"))
    assert (counted.status_code, counted.json()) == (200, {"count": 3, "isComplete": True})

    body["dryRun"] = False
    headers = {**as_("operator", "org_1"), "Idempotency-Key": "once"}
    task = await client.post("/v1/queues/message/clean", json=body, headers=headers)
    again = await client.post("/v1/queues/message/clean", json=body, headers=headers)

    async def state() -> str:
        address = f"/v1/tasks/{task.json()['taskId']}"
        return str((await client.get(address, headers=as_("viewer", "org_1"))).json()["state"])

    await eventually(state, "done")
    assert (task.status_code, again.json()["taskId"]) == (202, task.json()["taskId"])
    assert await app.queues["message"].all_ids("wait") == ["job-0", "job-2", "job-4"]


async def test_by_age_only_what_is_older_is_counted(client: httpx.AsyncClient, as_: As, jobs: list[str]) -> None:
    for state in ("waiting", "completed"):
        body = json.dumps({"state": state, "olderThanMs": 3_600_000, "dryRun": True})
        headers = {**as_(), "Content-Type": "application/json"}
        answer = await client.post("/v1/queues/message/clean", content=body, headers=headers)
        assert answer.json() == {"count": 0, "isComplete": True}
