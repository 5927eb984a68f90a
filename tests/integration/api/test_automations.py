"""Automations that wait, over HTTP: seen, withdrawn, moved; and schedules: each organization for itself."""

import json
import re
from typing import Any

import httpx
import pytest

from oxyq.api.automations import Move
from oxyq.app import App
from oxyq.automations.schedule import Schedule
from oxyq.automations.selection import Selection
from oxyq.clock import now_ms
from oxyq.jobs import parse_new
from tests.integration.api.conftest import As
from tests.integration.api.payloads import AUTOMATION

pytestmark = pytest.mark.usefixtures("shops")

HOUR = 3_600_000
ANA, BIA = "5511999999999", "5511988888888"
SCHEDULES = "/v1/automation-schedules"
WEEKLY: dict[str, Any] = {
    "automation": {"type": "reminder", "recipientNumber": ANA, "content": "Bom dia!"},
    "cron": "0 9 * * 1",
}


async def call(
    client: httpx.AsyncClient, headers: dict[str, str], method: str, path: str, status: int = 200, **more: Any
) -> Any:
    """The answer's JSON."""
    answer = await client.request(method, path, headers=headers, **more)
    assert answer.status_code == status, answer.text
    return answer.json() if answer.content else None


async def add(client: httpx.AsyncClient, headers: dict[str, str], automation_id: str, at_ms: int, **more: Any) -> str:
    """Add a reminder; returns its job's id."""
    body = {**AUTOMATION, "automationId": automation_id, "scheduledFor": at_ms, **more}
    job_id: str = (await call(client, headers, "POST", "/v1/automations", 202, json=body))["id"]
    return job_id


async def waits(client: httpx.AsyncClient, headers: dict[str, str]) -> list[str]:
    """The ids of what waits."""
    page = await call(client, headers, "GET", "/v1/automations?limit=100")
    return [one["automationId"] for one in page["automations"]]


async def test_what_waits_is_shown_soonest_first_page_by_page(client: httpx.AsyncClient, as_: As) -> None:
    mine, at_ms = as_("service", "org_123"), now_ms() + HOUR
    job_id = await add(client, mine, "b", at_ms + 1000)
    await add(client, mine, "c", at_ms + 2000)
    await add(client, mine, "a", at_ms)
    await add(client, as_("service", "org_2"), "theirs", at_ms, organizationId="org_2")

    first = await call(client, as_("viewer", "org_123"), "GET", "/v1/automations?limit=2")
    second = await call(client, mine, "GET", f"/v1/automations?after={first['next']}")

    assert [one["automationId"] for one in first["automations"]] == ["a", "b"]
    assert first["automations"][1] == {
        "jobId": job_id,
        "automationId": "b",
        "type": "reminder",
        "recipientNumber": ANA,
        "dueAt": pytest.approx(at_ms + 1000, abs=50),
        "scheduledFor": at_ms + 1000,
        "metadata": {"bookingId": "booking_123"},
        "scheduleId": None,
    }
    assert first["complete"] is False
    assert [one["automationId"] for one in second["automations"]] == ["c"]
    assert (second["complete"], second["next"]) == (True, None)


async def test_a_booking_is_cancelled(client: httpx.AsyncClient, as_: As) -> None:
    mine, at_ms = as_("service", "org_123"), now_ms() + HOUR
    for automation_id, booking in (("a", "b1"), ("b", "b1"), ("c", "b2")):
        await add(client, mine, automation_id, at_ms, metadata={"bookingId": booking})

    removed = await call(client, mine, "POST", "/v1/automations/withdraw", json={"metadata": {"bookingId": "b1"}})

    assert removed == {"removed": 2}
    assert await waits(client, mine) == ["c"]


async def test_a_booking_is_moved(client: httpx.AsyncClient, as_: As) -> None:
    mine, at_ms = as_("service", "org_123"), now_ms() + HOUR
    await add(client, mine, "a", at_ms)

    moved = await call(
        client,
        mine,
        "POST",
        "/v1/automations/a/reschedule",
        json={"scheduledFor": at_ms + HOUR, "recipientNumber": ANA},
    )

    page = await call(client, mine, "GET", "/v1/automations")
    assert [(one["jobId"], one["scheduledFor"]) for one in page["automations"]] == [(moved["ids"][0], at_ms + HOUR)]
    await call(client, mine, "POST", "/v1/automations/b/reschedule", 404, json={"scheduledFor": at_ms})


async def test_moved_it_may_say_something_else(client: httpx.AsyncClient, as_: As, stored: Any) -> None:
    mine, at_ms = as_("service", "org_123"), now_ms() + HOUR
    await add(client, mine, "a", at_ms)
    anew = {"type": "reminder", "recipientNumber": ANA, "content": "Mudou de sala"}

    moved = await call(
        client, mine, "POST", "/v1/automations/a/reschedule", json={"scheduledFor": at_ms, "automation": anew}
    )

    assert await waits(client, mine) == ["a"]
    assert (await stored("automation", moved["ids"][0]))["content"] == "Mudou de sala"


@pytest.mark.parametrize(
    ("path", "body", "field", "problem"),
    [
        ("/v1/automations/withdraw", {}, "automationId", "is missing; give it, or one pair"),
        ("/v1/automations/withdraw", {"bookingId": "b1"}, "bookingId", "is not a known field"),
        ("/v1/automations/withdraw", {"metadata": {"a": 1, "b": 2}}, "metadata", "must hold one name and its value"),
        ("/v1/automations/a/reschedule", {}, "scheduledFor", "is missing; give when to send it"),
        ("/v1/automations/a/reschedule", {"scheduledFor": 1_000_000_000_000}, "scheduledFor", "is in the past"),
        (
            "/v1/automations/a/reschedule",
            {"scheduledFor": 4_000_000_000_000, "automation": {**WEEKLY["automation"], "automationId": "b"}},
            "automation.automationId",
            "is another than the address",
        ),
        (
            "/v1/automations/a/reschedule",
            {"scheduledFor": 4_000_000_000_000, "recipientNumber": BIA, "automation": WEEKLY["automation"]},
            "recipientNumber",
            "is said by the automation already",
        ),
        (
            "/v1/automations/a/reschedule",
            {"scheduledFor": 4_000_000_000_000, "automation": {"content": ""}},
            "automation.type",
            "is missing",
        ),
    ],
)
async def test_bad_bodies_name_the_field_and_the_fix(
    client: httpx.AsyncClient, as_: As, path: str, body: dict[str, Any], field: str, problem: str
) -> None:
    answer = await call(client, as_("service", "org_123"), "POST", path, 422, json=body)

    found = [one for one in (answer["error"], *answer["error"].get("problems", ())) if one.get("field") == field]
    assert found, answer
    assert problem in str(found)


@pytest.mark.parametrize("query", ["after=x", "after=-1", "limit=0", "limit=101", "page=2"])
async def test_bad_queries_are_refused(client: httpx.AsyncClient, as_: As, query: str) -> None:
    await call(client, as_("viewer", "org_123"), "GET", f"/v1/automations?{query}", 422)


async def test_a_schedule_is_saved_shown_run_and_removed(client: httpx.AsyncClient, as_: As, app: App) -> None:
    mine, one = as_("owner", "org_123"), f"{SCHEDULES}/weekly%20one"
    before = now_ms()

    saved = await call(client, mine, "PUT", one, json=WEEKLY)

    assert before < saved.pop("nextAt") < before + 7 * 24 * HOUR + 1000
    assert saved == {
        "id": "weekly one",
        "organizationId": "org_123",
        "automation": {
            **{"automationId": "weekly one", "organizationId": "org_123", **WEEKLY["automation"]},
            **dict.fromkeys(
                ("scheduledFor", "metadata", "instanceId", "transactional", "graceMinutes", "metaTemplate")
            ),
        },
        "cron": "0 9 * * 1",
        "everySeconds": None,
        "timeZone": "America/Sao_Paulo",
        "startsAt": None,
        "endsAt": None,
        "limit": None,
    }
    shown = await call(client, as_("viewer", "org_123"), "GET", one)
    assert (await call(client, mine, "GET", SCHEDULES))["schedules"] == [shown]
    [waiting] = (await call(client, mine, "GET", "/v1/automations"))["automations"]
    assert (waiting["scheduleId"], waiting["dueAt"]) == ("weekly one", pytest.approx(shown["nextAt"], abs=50))
    run = await call(client, mine, "POST", f"{one}/run", 202)
    assert await app.queues["automation"].state(run["id"]) == "prioritized"
    assert await call(client, mine, "DELETE", one, 204) is None
    await call(client, mine, "DELETE", one, 404)
    await call(client, mine, "GET", one, 404)
    assert await waits(client, mine) == []


async def test_what_is_shown_of_a_schedule_may_be_saved_again(client: httpx.AsyncClient, as_: As) -> None:
    mine, one = as_("owner", "org_123"), f"{SCHEDULES}/weekly"
    saved = await call(client, mine, "PUT", one, json=WEEKLY)

    again = {name: value for name, value in saved.items() if name != "nextAt"}
    assert await call(client, mine, "PUT", one, json=again) == saved


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"cron": "every monday"}, "cron"),
        ({"timeZone": "America/Sao_Paolo"}, "timeZone"),
        ({"everySeconds": 60}, "cron"),
        ({"id": "other"}, "id"),
        ({"organizationId": "org_2"}, "organizationId"),
        ({"automation": {}}, "automation.type"),
        ({"endsAt": 1_000_000_000_000}, "endsAt"),
    ],
)
async def test_bad_schedules_name_the_field(
    client: httpx.AsyncClient, as_: As, change: dict[str, Any], field: str
) -> None:
    mine = as_("owner", "org_123")

    answer = await call(client, mine, "PUT", f"{SCHEDULES}/weekly", 422, json={**WEEKLY, **change})

    assert answer["error"]["field"] == field
    assert (await call(client, mine, "GET", SCHEDULES))["schedules"] == []


ROUTES = [
    ("GET", "/v1/automations", None),
    ("POST", "/v1/automations/withdraw", {"automationId": "a"}),
    ("POST", "/v1/automations/a/reschedule", {"scheduledFor": 4_000_000_000_000}),
    ("GET", SCHEDULES, None),
    ("GET", f"{SCHEDULES}/weekly", None),
    ("PUT", f"{SCHEDULES}/weekly", WEEKLY),
    ("POST", f"{SCHEDULES}/weekly/run", None),
    ("DELETE", f"{SCHEDULES}/weekly", None),
]


async def test_what_is_another_organizations_does_not_exist(client: httpx.AsyncClient, as_: As) -> None:
    mine, theirs, at_ms = as_("owner", "org_123"), as_("owner", "org_2"), now_ms() + HOUR
    await add(client, mine, "a", at_ms)
    await call(client, mine, "PUT", f"{SCHEDULES}/weekly", json=WEEKLY)

    for method, path, body in ROUTES:
        for headers, query in ((theirs, "?organizationId=org_123"), (as_(), "?organizationId=org_9")):
            answer = await call(client, headers, method, f"{path}{query}", 404, json=body)
            assert answer["error"]["message"].startswith("there is no organization org_")
    assert await call(client, theirs, "POST", "/v1/automations/withdraw", json={"automationId": "a"}) == {"removed": 0}
    assert sorted(await waits(client, mine)) == ["a", "weekly"]


async def test_who_may_only_look_changes_nothing_and_without_a_token_nobody_may(
    client: httpx.AsyncClient, as_: As
) -> None:
    for method, path, body in ROUTES:
        await call(client, {}, method, path, 401, json=body)
        if method != "GET":
            await call(client, as_("viewer", "org_123"), method, path, 403, json=body)


async def test_openapi_shows_what_these_routes_take(client: httpx.AsyncClient) -> None:
    """Every reference leads somewhere, and every example is taken as it is."""
    document = (await client.get("/openapi.json")).json()
    paths = document["paths"]

    def body(path: str, method: str) -> Any:
        return paths[path][method]["requestBody"]["content"]["application/json"]

    for reference in re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(document)):
        assert reference in document["components"]["schemas"]
    parse_new(Selection, body("/v1/automations/withdraw", "post")["example"])
    parse_new(Move, body("/v1/automations/{automation_id}/reschedule", "post")["example"])
    schedule = body("/v1/automation-schedules/{schedule_id}", "put")
    parse_new(Schedule, {**schedule["example"], "id": "s", "organizationId": "org_123"})
    assert schedule["schema"]["required"] == ["automation"]
    assert {"cron", "everySeconds"} < set(schedule["schema"]["properties"])
    assert document["components"]["schemas"]["Automation"]["additionalProperties"] is False
