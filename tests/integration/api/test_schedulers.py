"""All schedulers of automations over HTTP: ours and Node's, the next to run first."""

from typing import Any

import httpx
import pytest

from oxyq.app import App
from oxyq.clock import now_ms
from tests.integration.api.conftest import As
from tests.integration.api.payloads import AUTOMATION

pytestmark = pytest.mark.usefixtures("shops")

HOUR = 3_600_000
ANA = "5511999999999"
SCHEDULERS, SCHEDULES = "/v1/schedulers", "/v1/automation-schedules"
DAILY: dict[str, Any] = {
    "automation": {"type": "reminder", "recipientNumber": ANA, "content": "Bom dia!"},
    "everySeconds": 24 * 3600,
}


async def call(
    client: httpx.AsyncClient, headers: dict[str, str], method: str, path: str, status: int = 200, **more: Any
) -> Any:
    """The answer's JSON."""
    answer = await client.request(method, path, headers=headers, **more)
    assert answer.status_code == status, answer.text
    return answer.json() if answer.content else None


async def made_elsewhere(app: App, name: str, data: object, *, after_ms: int = HOUR) -> None:
    """A scheduler as Node makes one: under an id of its own, with data that is what it likes."""
    await app.queues["automation"].schedulers.upsert(
        name, "reminder", data, every_ms=7 * 24 * HOUR, starts_ms=now_ms() + after_ms  # type: ignore[arg-type]
    )  # fmt: skip


async def test_ours_and_nodes_are_listed_the_next_to_run_first(app: App, client: httpx.AsyncClient, as_: As) -> None:
    # Given a schedule of ours, one of another organization's, and two that Node made
    owner, at_ms = as_("owner"), now_ms() + 2 * HOUR
    await call(client, owner, "PUT", f"{SCHEDULES}/ours?organizationId=org_123", json={**DAILY, "startsAt": at_ms})
    await call(client, owner, "PUT", f"{SCHEDULES}/theirs?organizationId=org_2", json={**DAILY, "startsAt": at_ms + 1})
    await made_elsewhere(app, "node-reminder", {**AUTOMATION, "automationId": "node"})
    await made_elsewhere(app, "node-other", {"what": "nobody knows"}, after_ms=3 * HOUR)

    # When they are listed, page by page
    first = await call(client, owner, "GET", f"{SCHEDULERS}?limit=3")
    second = await call(client, owner, "GET", f"{SCHEDULERS}?limit=3&cursor={first['next']}")

    # Then each says whose it is and who made it
    told = [
        (one["scheduleId"], one["organizationId"], one["type"]) for one in (*first["schedulers"], *second["schedulers"])
    ]
    assert told == [
        (None, "org_123", "reminder"), ("ours", "org_123", "reminder"), ("theirs", "org_2", "reminder"),
        (None, None, None),
    ]  # fmt: skip
    assert second["next"] is None
    ours = first["schedulers"][1]
    assert ours["upcoming"] == [at_ms + day * 24 * HOUR for day in range(5)]
    assert (ours["everySeconds"], ours["recipientNumber"]) == (24 * 3600, ANA)

    # and an organization sees its own only, its people's numbers masked for a viewer
    mine = await call(client, as_("viewer", "org_123"), "GET", SCHEDULERS)
    assert [one["scheduleId"] for one in mine["schedulers"]] == [None, "ours"]
    assert ANA not in str(mine)


async def test_one_is_run_once_besides_its_times(app: App, client: httpx.AsyncClient, as_: As, stored: Any) -> None:
    await made_elsewhere(app, "node-reminder", {**AUTOMATION, "automationId": "node"})

    run = await call(client, as_("operator", "org_123"), "POST", f"{SCHEDULERS}/node-reminder/run", 202)
    again = await call(client, as_("operator", "org_123"), "POST", f"{SCHEDULERS}/node-reminder/run", 202)

    assert (await stored("automation", run["id"]))["content"] == AUTOMATION["content"]
    assert len({run["id"], again["id"]}) <= 2, "at a full minute it may be two"
    upcoming = (await call(client, as_("owner"), "GET", f"{SCHEDULERS}/node-reminder"))["upcoming"]
    assert len(upcoming) == 5


async def test_one_is_removed_and_its_waiting_job_with_it(app: App, client: httpx.AsyncClient, as_: As) -> None:
    owner = as_("owner")
    await made_elsewhere(app, "node-reminder", AUTOMATION)
    await call(client, owner, "PUT", f"{SCHEDULES}/ours?organizationId=org_123", json=DAILY)
    listed = (await call(client, owner, "GET", SCHEDULERS))["schedulers"]
    assert len(listed) == 2

    for one in listed:
        await call(client, owner, "DELETE", f"{SCHEDULERS}/{one['id']}", 204)
        await call(client, owner, "DELETE", f"{SCHEDULERS}/{one['id']}", 404)

    assert (await call(client, owner, "GET", SCHEDULERS))["schedulers"] == []
    assert (await app.queues["automation"].counts())["delayed"] == 0


async def test_what_sends_nothing_we_can_read_is_shown_and_not_run(
    app: App, client: httpx.AsyncClient, as_: As
) -> None:
    await made_elsewhere(app, "node-other", {"organizationId": "org_123", "what": "nobody knows"})

    refused = await call(client, as_("owner"), "POST", f"{SCHEDULERS}/node-other/run", 409)

    assert "no automation that can be read" in refused["error"]["message"]


async def test_another_organizations_is_not_found(app: App, client: httpx.AsyncClient, as_: As) -> None:
    await made_elsewhere(app, "node-reminder", AUTOMATION)
    other = as_("service", "org_2")

    await call(client, other, "GET", f"{SCHEDULERS}/node-reminder", 404)
    await call(client, other, "POST", f"{SCHEDULERS}/node-reminder/run", 404)
    await call(client, other, "DELETE", f"{SCHEDULERS}/node-reminder", 404)
    await call(client, other, "GET", f"{SCHEDULERS}?organizationId=org_123", 404)
    assert (await call(client, other, "GET", SCHEDULERS))["schedulers"] == []


async def test_an_operator_runs_them_and_does_not_remove_them(app: App, client: httpx.AsyncClient, as_: As) -> None:
    await made_elsewhere(app, "node-reminder", AUTOMATION)

    await call(client, as_("operator"), "DELETE", f"{SCHEDULERS}/node-reminder", 403)
    await call(client, as_("viewer"), "POST", f"{SCHEDULERS}/node-reminder/run", 403)
