"""The routes for bulk tasks: ordered once, seen by whom they concern, cancelled."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from oxyq.app import App
from oxyq.audit import Wanted
from oxyq.engine import Entry, JobOptions
from tests.integration.api.conftest import As
from tests.integration.engine.journal import eventually

PROMOTE = {"kind": "promote", "queue": "message", "state": "delayed", "filter": {}}


@pytest.fixture
async def delayed(app: App) -> list[str]:
    """Jobs of two organizations in turn, for later."""
    options = JobOptions(delay_ms=600_000)
    return await app.queues["message"].add_many(
        [Entry("later", {"organizationId": f"org_{n % 2}"}, job_id=f"job-{n:03}", options=options) for n in range(20)]
    )


@pytest.fixture
async def running(app: App) -> AsyncIterator[None]:
    """Tasks are run in this process."""
    async with app.bulk.running():
        yield


async def test_a_task_is_ordered_and_told_until_it_is_done(
    client: httpx.AsyncClient, as_: As, app: App, delayed: list[str], running: None
) -> None:
    ordered = await client.post("/v1/tasks", json=PROMOTE, headers=as_("operator"))
    assert (ordered.status_code, ordered.json()["kind"], ordered.json()["by"]) == (202, "promote", "tests")
    address = f"/v1/tasks/{ordered.json()['taskId']}"

    async def state() -> str:
        return str((await client.get(address, headers=as_("viewer"))).json()["state"])

    await eventually(state, "done")
    task = (await client.get(address, headers=as_("viewer"))).json()
    assert (task["total"], task["done"], task["skipped"], task["failed"], task["left"]) == (20, 20, 0, 0, 0)
    assert len(await app.queues["message"].all_ids("wait")) == 20
    [entry] = (await app.audit.page(Wanted())).entries
    assert (entry.deed.action, entry.outcome) == ("task.start", "done")
    assert entry.detail == {
        "task": ordered.json()["taskId"], "kind": "promote", "queue": "message", "state": "delayed",
    }  # fmt: skip


async def test_an_organizations_task_touches_its_own_jobs_and_is_nobody_elses(
    client: httpx.AsyncClient, as_: As, app: App, delayed: list[str], running: None
) -> None:
    ordered = (await client.post("/v1/tasks", json=PROMOTE, headers=as_("operator", "org_1"))).json()

    async def waiting() -> int:
        return (await app.queues["message"].counts())["waiting"]

    await eventually(waiting, 10)
    address = f"/v1/tasks/{ordered['taskId']}"
    assert ordered["organizationId"] == "org_1"
    for headers, status in ((as_("viewer", "org_1"), 200), (as_("viewer"), 200), (as_("owner", "org_0"), 404)):
        assert (await client.get(address, headers=headers)).status_code == status
    assert (await client.post(f"{address}/cancel", headers=as_("owner", "org_0"))).status_code == 404
    assert (await client.get("/v1/tasks", headers=as_("owner", "org_0"))).json() == {"tasks": [], "next": None}
    assert len((await client.get("/v1/tasks", headers=as_("owner", "org_1"))).json()["tasks"]) == 1


async def test_a_task_that_waits_can_be_cancelled_and_touches_nothing(
    client: httpx.AsyncClient, as_: As, app: App, delayed: list[str]
) -> None:
    """Given no process runs tasks at this moment."""
    ordered = (await client.post("/v1/tasks", json=PROMOTE, headers=as_("operator"))).json()
    address = f"/v1/tasks/{ordered['taskId']}"
    assert (ordered["state"], ordered["total"]) == ("waiting", 0)
    assert (await client.post(f"{address}/cancel", headers=as_("viewer"))).status_code == 403

    cancelled = await client.post(f"{address}/cancel", headers=as_("operator"))
    assert (cancelled.status_code, cancelled.json()["isCancelled"]) == (200, True)
    async with app.bulk.running():

        async def state() -> str:
            return str((await client.get(address, headers=as_())).json()["state"])

        await eventually(state, "cancelled")
    assert len(await app.queues["message"].all_ids("delayed")) == 20
    assert (await client.post(f"{address}/cancel", headers=as_())).status_code == 409


async def test_the_same_order_under_one_key_is_one_task_and_another_one_is_refused(
    client: httpx.AsyncClient, as_: As
) -> None:
    headers = {**as_(), "Idempotency-Key": "k1"}
    first, second = await asyncio.gather(*(client.post("/v1/tasks", json=PROMOTE, headers=headers) for _ in range(2)))
    other = await client.post("/v1/tasks", json={**PROMOTE, "perSecond": 5}, headers=headers)

    assert first.json()["taskId"] == second.json()["taskId"]
    assert (other.status_code, other.json()["error"]["code"]) == (409, "id_conflict")
    assert (await client.post("/v1/tasks", json=PROMOTE, headers={**as_(), "Idempotency-Key": ""})).status_code == 422


async def test_tasks_are_listed_page_by_page(client: httpx.AsyncClient, as_: As) -> None:
    ordered = [(await client.post("/v1/tasks", json=PROMOTE, headers=as_())).json()["taskId"] for _ in range(3)]

    first = (await client.get("/v1/tasks?limit=2", headers=as_())).json()
    second = (await client.get(f"/v1/tasks?limit=2&cursor={first['next']}", headers=as_())).json()

    listed = [task["taskId"] for task in first["tasks"] + second["tasks"]]
    assert sorted(listed) == sorted(ordered)
    assert second["next"] is None


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"kind": "shred"}, "kind"),
        ({"queue": "dead-letter"}, "queue"),
        ({"state": "completed"}, "state"),
        ({"filter": {"colour": "red"}}, "colour"),
        ({"filter": None}, "ids"),
        ({"perSecond": 0}, "perSecond"),
        ({"ids": ["a"]}, "ids"),
        ({"speed": 1}, "speed"),
    ],
)
async def test_orders_that_make_no_sense_are_refused_by_field(
    client: httpx.AsyncClient, as_: As, change: dict[str, object], field: str
) -> None:
    answer = await client.post("/v1/tasks", json={**PROMOTE, **change}, headers=as_())
    assert (answer.status_code, answer.json()["error"]["field"]) == (422, field)


async def test_nobody_reaches_another_organizations_jobs_by_the_filter(
    client: httpx.AsyncClient, as_: As, delayed: list[str]
) -> None:
    order = {**PROMOTE, "filter": {"organizationId": "org_0"}}
    assert (await client.post("/v1/tasks", json=order, headers=as_("operator", "org_1"))).status_code == 404
    assert (await client.post("/v1/tasks", json=PROMOTE, headers=as_("viewer"))).status_code == 403
