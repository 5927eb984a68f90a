"""202 means that Redis has the job, once; everything else means that it has nothing."""

import asyncio
import json
import re
import time
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
import redis.asyncio

from oxyq.app import App
from tests.integration.api.conftest import As
from tests.integration.api.payloads import AUTOMATION, BODIES, CAMPAIGN, MESSAGE, QUEUES

Keys = Callable[[], Awaitable[set[str]]]
Stored = Callable[[str, str], Awaitable[object]]

JOB_ID = re.compile(r"[a-z]{1,4}-[A-Za-z0-9_-]{8,120}")
EACH_KIND = pytest.mark.parametrize("path", BODIES)


@EACH_KIND
async def test_after_202_redis_has_the_job(client: httpx.AsyncClient, as_: As, stored: Stored, path: str) -> None:
    answer = await client.post(path, json=BODIES[path], headers=as_())

    accepted = answer.json()
    assert answer.status_code == 202
    assert accepted == {"id": accepted["id"], "queue": QUEUES[path], "status": "accepted"}
    assert JOB_ID.fullmatch(accepted["id"])
    assert await stored(QUEUES[path], accepted["id"]) == BODIES[path]
    assert answer.headers["location"] == f"/v1/jobs/{QUEUES[path]}/{accepted['id']}"


@EACH_KIND
async def test_sending_again_gives_the_same_answer_and_one_job(
    client: httpx.AsyncClient, as_: As, app: App, path: str
) -> None:
    answers = await asyncio.gather(*(client.post(path, json=BODIES[path], headers=as_()) for _ in range(10)))

    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert (await app.queues[QUEUES[path]].counts())["waiting"] == 1


@pytest.mark.parametrize(
    ("path", "change"),
    [
        ("/v1/messages", {"content": "other"}),
        ("/v1/automations", {"content": "other"}),
        ("/v1/campaigns", {"template": "other"}),
    ],
)
async def test_an_id_with_other_data_is_a_conflict_and_changes_nothing(
    client: httpx.AsyncClient, as_: As, stored: Stored, path: str, change: dict[str, str]
) -> None:
    first = await client.post(path, json=BODIES[path], headers=as_())

    second = await client.post(path, json={**BODIES[path], **change}, headers=as_())

    assert (second.status_code, second.json()["error"]["code"]) == (409, "id_conflict")
    assert await stored(QUEUES[path], first.json()["id"]) == BODIES[path]


@pytest.mark.parametrize("role", ["service", "operator", "owner"])
@EACH_KIND
async def test_a_token_of_the_same_organization_may(client: httpx.AsyncClient, as_: As, path: str, role: str) -> None:
    assert (await client.post(path, json=BODIES[path], headers=as_(role, "org_123"))).status_code == 202


async def test_the_same_ids_in_two_organizations_are_two_jobs(client: httpx.AsyncClient, as_: As) -> None:
    bodies = [{**MESSAGE, "organizationId": organization} for organization in ("org_1", "org_2")]

    answers = [await client.post("/v1/messages", json=body, headers=as_()) for body in bodies]

    assert len({answer.json()["id"] for answer in answers}) == 2


# --- when -----------------------------------------------------------------------------------------------------


async def delayed_by(client: httpx.AsyncClient, as_: As, query: str, **fields: Any) -> int:
    """For how many ms an automation was put aside."""
    answer = await client.post(f"/v1/automations{query}", json={**AUTOMATION, **fields}, headers=as_())
    assert answer.status_code == 202, answer.text
    status = (await client.get(answer.headers["location"], headers=as_())).json()
    assert status["state"] == ("delayed" if status["delayMs"] else "prioritized")
    return int(status["delayMs"])


async def test_an_automation_runs_after_its_delay(client: httpx.AsyncClient, as_: As) -> None:
    assert await delayed_by(client, as_, "?delay_ms=3600000") == 3_600_000


async def test_an_automation_runs_at_its_time(client: httpx.AsyncClient, as_: As) -> None:
    in_an_hour = int(time.time() * 1000) + 3_600_000

    assert await delayed_by(client, as_, "", scheduledFor=in_an_hour) == pytest.approx(3_600_000, abs=2000)


async def test_the_delay_goes_before_the_time(client: httpx.AsyncClient, as_: As) -> None:
    in_an_hour = int(time.time() * 1000) + 3_600_000

    assert await delayed_by(client, as_, "?delay_ms=0", scheduledFor=in_an_hour) == 0


async def test_a_time_that_has_passed_is_now(client: httpx.AsyncClient, as_: As) -> None:
    assert await delayed_by(client, as_, "", scheduledFor=int(time.time() * 1000) - 1000) == 0


# --- what a tenant may choose ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "chosen", ["meta", "completed", "123", "a:b", "../", "%00", "*", "🐶", "\u0430ctive", "a" * 128]
)
async def test_no_id_that_a_tenant_chose_becomes_part_of_a_key(
    client: httpx.AsyncClient, as_: As, keys: Keys, app: App, prefix: str, chosen: str
) -> None:
    body = {**MESSAGE, "messageId": chosen, "organizationId": chosen, "instanceId": chosen}

    answer = await client.post("/v1/messages", json=body, headers=as_())

    assert answer.status_code == 202
    allowed = re.compile(rf"{prefix}:message:([a-z-]+|(accepted:)?{answer.json()['id']})")
    assert all(allowed.fullmatch(key) for key in await keys())
    assert (await app.queues["message"].counts())["waiting"] == 1


# --- what is refused leaves nothing behind ----------------------------------------------------------------------

REMOVED = object()
TEXT = [5, 5.0, True, None, [], {}, ["a"], REMOVED]
ID = [*TEXT, "", " ", "a" * 129, "a\r\nb", "a\0b", "a\x1b[31m", "\ud800"]
NUMBER = [
    *TEXT,
    "",
    "abc",
    "+",
    "1" * 40,
    "1234567",
    "٥٥١١٩٩٩٩٩٩٩٩٩",
    "0551199999999",
    "5511999999999@evil",
    "55 1199\u202e99",
]
CONTENT = [*TEXT, "", "   ", "\u200b\u200b", "a" * 4097, "a\0b", "\ud83d", "\u0301" * 4097]
TIME = ["1795377084000", 1795377084000.0, True, None, 0, -1, 1795377084, 2**53, 10**30, 253402300800000, [], REMOVED]
OPTIONAL_TIME = [bad for bad in TIME if bad not in (None, REMOVED)]
OBJECT = [5, "x", [], True]

MATRIX: dict[str, dict[str, list[object]]] = {
    "/v1/messages": {
        "organizationId": ID,
        "instanceId": ID,
        "messageId": ID,
        "from": NUMBER,
        "content": CONTENT,
        "timestamp": TIME,
    },
    "/v1/automations": {
        "organizationId": ID,
        "automationId": ID,
        "type": ID,
        "recipientNumber": NUMBER,
        "content": CONTENT,
        "scheduledFor": OPTIONAL_TIME,
        "metadata": [*OBJECT, {"a": "\ud800"}],
    },
    "/v1/campaigns": {
        "organizationId": ID,
        "campaignId": ID,
        "recipients": [
            *(5, True, None, {}, "5511888888888", REMOVED),
            *([], [5511888888888], [None], [[]], ["abc"], ["abc", ""], [{}], [{"number": 5}], ["5511888888888", 5]),
            *([{"number": "5511888888888", "name": "Ana"}], [{"number": "5511888888888", "variables": {"a": 1}}]),
        ],
        "template": [*CONTENT, "{{}}", "{{x.__class__}}", "{{ {{x}} }}", "{{x y|attr}}", "{{0}}", "{{missing}}", "{{"],
        "variables": [
            *OBJECT,
            None,
            {"name": 5},
            {"name": None},
            {"0": "a"},
            {"a b": "c"},
            {"": "x"},
            {"name": "\ud800"},
        ],
    },
}
UNKNOWN = ["extra", "__proto__", "constructor", "ORGANIZATIONID", "organizationId ", "delayMs", "", "\ud800", "\r\n"]


@EACH_KIND
async def test_a_wrong_field_is_named_and_nothing_is_enqueued(
    client: httpx.AsyncClient, as_: As, keys: Keys, path: str
) -> None:
    headers = {**as_(), "Content-Type": "application/json"}
    cases = [(field, bad) for field, values in MATRIX[path].items() for bad in values]
    cases += [(name, "x") for name in UNKNOWN]

    for field, bad in cases:
        body = {name: value for name, value in {**BODIES[path], field: bad}.items() if value is not REMOVED}
        answer = await client.post(path, content=json.dumps(body), headers=headers)

        told = f"{field} = {bad!r:.80} → {answer.status_code} {answer.text}"
        assert answer.status_code in (400, 422), told
        error = answer.json()["error"]
        assert set(error) <= {"code", "message", "field", "problems", "requestId"}, told
        assert error["message"] and "Traceback" not in answer.text and "pydantic" not in answer.text, told
        if answer.status_code == 422 and field.isprintable() and field.strip():
            # Too much as a whole has no field of its own.
            assert error["field"].startswith((field, "payload")), told

    assert await keys() == set()


async def test_every_refusal_leaves_the_queues_as_they_were(client: httpx.AsyncClient, as_: As, keys: Keys) -> None:
    good = json.dumps(MESSAGE)
    typed = {"Content-Type": "application/json"}
    refused = [
        (401, {}, good),
        (401, {"Authorization": "Bearer x"}, good),
        (403, as_("viewer"), good),
        (403, as_(org="org_1"), good),
        (403, {**as_(), "Origin": "null"}, good),
        (415, {**as_(), "Content-Type": "text/plain"}, good),
        (415, {**as_(), "Content-Encoding": "gzip"}, good),
        (413, as_(), good + " " * 65_536),
        (400, as_(), good[:-1]),
        (400, as_(), good + good),
        (400, as_(), "\ufeff" + good),
        (422, as_(), f"[{good}]"),
    ]
    for status, headers, body in refused:
        answer = await client.post("/v1/messages", content=body.encode(), headers={**typed, **headers})
        assert answer.status_code == status, answer.text
    for path in ("/v1/messages?delay_ms=1", "/v1/automations?delay_ms=-1"):
        assert (await client.post(path, json=MESSAGE, headers=as_())).status_code == 422

    assert await keys() == set()
    assert (await client.post("/v1/messages", content=good, headers={**typed, **as_()})).status_code == 202


async def test_a_campaign_of_tens_of_thousands_is_taken_whole(
    client: httpx.AsyncClient, as_: As, redis_client: "redis.asyncio.Redis", prefix: str
) -> None:
    body = {**CAMPAIGN, "recipients": [f"55119{number:08d}" for number in range(50_000)]}

    answer = await client.post("/v1/campaigns", json=body, headers=as_())

    assert answer.status_code == 202
    stored = await redis_client.hget(f"{prefix}:campaign:{answer.json()['id']}", "data")
    assert json.loads(stored or "") == body
