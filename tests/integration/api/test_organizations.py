"""Organizations over HTTP: their settings, changed by several people at once; trying answers; pausing; what is used."""

from typing import Any

import httpx
import pytest

from oxyq.app import App
from oxyq.clock import now_ms
from oxyq.organizations import demo_organization
from tests.integration.api.conftest import As

pytestmark = pytest.mark.usefixtures("shops")

ONE = "/v1/organizations/org_123"


async def call(
    client: httpx.AsyncClient, who: dict[str, str], method: str, path: str = ONE, *, status: int = 200, **more: Any
) -> Any:
    answer = await client.request(method, path, headers={**who, **more.pop("headers", {})}, **more)
    assert answer.status_code == status, answer.text
    return answer.json()


async def test_settings_are_read_changed_in_part_and_set_as_a_whole(client: httpx.AsyncClient, as_: As) -> None:
    mine = as_("owner", "org_123")

    amended = await call(
        client, mine, "PATCH", json={"rate": {"max": 60, "perSeconds": 60}, "owners": ["5511988880000"]}
    )
    back = await call(client, mine, "PATCH", json={"rate": None})
    whole = await call(client, mine, "PUT", json={"name": "Novo nome", "instances": ["wa_1"]})

    assert amended["rate"] == {"max": 60, "perSeconds": 60} and amended["name"] == "Pet Shop"
    assert "rate" not in back and back["owners"] == ["5511988880000"]
    assert (whole["name"], whole["owners"]) == ("Novo nome", [])
    assert await call(client, mine, "GET") == whole


async def test_who_read_it_before_somebody_elses_change_is_refused(client: httpx.AsyncClient, as_: As) -> None:
    """Given two people who read the same; when both save, then the second is told, and nothing is lost."""
    mine = as_("owner", "org_123")
    version = (await client.get(ONE, headers=mine)).headers["etag"]
    first = await client.patch(ONE, headers={**mine, "If-Match": version}, json={"name": "Ana"})

    for method, fields in (("PATCH", {"name": "Bia"}), ("PUT", {"name": "Bia"})):
        refused = await call(client, mine, method, status=409, json=fields, headers={"If-Match": version})
        assert "changed by somebody else" in refused["error"]["message"]

    now = await client.get(ONE, headers=mine)
    assert now.json()["name"] == "Ana" and now.headers["etag"] == first.headers["etag"] != version
    again = {"If-Match": now.headers["etag"]}
    assert (await call(client, mine, "PATCH", json={"name": "Bia"}, headers=again))["name"] == "Bia"
    await call(client, mine, "PATCH", status=400, json={"name": "Bia"}, headers={"If-Match": "*"})


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"timeZone": "America/Sao_Paolo"}, "timeZone"),
        ({"rate": {"max": 0, "perSeconds": 1}}, "rate.max"),
        ({"faq": [{"questions": [], "answer": "x"}]}, "faq[0].questions"),
        ({"sendingHours": {"days": {"mon": [["20:00", "09:00"]]}}}, "sendingHours.days.mon[0]"),
        ({"time_zone": "America/Manaus"}, "time_zone"),
        ({"id": "org_9"}, "id"),
        ({"nme": "x"}, "nme"),
        ({"weight": 5}, "weight"),
        ({"quota": {"max": 5, "perSeconds": 60}}, "quota"),
    ],
)
async def test_what_is_wrong_is_named_and_nothing_is_changed(
    client: httpx.AsyncClient, as_: As, fields: dict[str, object], field: str
) -> None:
    mine = as_("owner", "org_123")
    before = await call(client, mine, "GET")

    refused = await call(client, mine, "PATCH", status=422, json=fields)

    assert refused["error"]["field"] == field
    assert await call(client, mine, "GET") == before


async def test_only_who_is_for_all_makes_one_and_sets_its_share(client: httpx.AsyncClient, as_: As) -> None:
    new = "/v1/organizations/org_new"
    await call(client, as_("owner", "org_new"), "PUT", new, status=404, json={"name": "Nova"})

    made = await call(client, as_("service"), "PUT", new, json={"name": "Nova", "weight": 3})

    assert made["weight"] == 3
    assert await call(client, as_("owner", "org_new"), "GET", new) == made


async def test_each_sees_its_own_and_who_may_only_look_changes_nothing(client: httpx.AsyncClient, as_: As) -> None:
    everybody = as_("viewer")
    first = await call(client, everybody, "GET", "/v1/organizations?limit=1")
    rest = await call(client, everybody, "GET", f"/v1/organizations?limit=1&cursor={first['next']}")
    bound = await call(client, as_("viewer", "org_2"), "GET", "/v1/organizations")

    assert [one["id"] for one in (*first["organizations"], *rest["organizations"])] == ["org_123", "org_2"]
    assert rest["next"] is None and [one["id"] for one in bound["organizations"]] == ["org_2"]
    for method, path in (
        ("GET", ""), ("PUT", ""), ("PATCH", ""), ("POST", "/pause"), ("POST", "/resume"), ("GET", "/usage"),
        ("POST", "/faq/try"),
    ):  # fmt: skip
        await call(client, as_("owner", "org_2"), method, f"{ONE}{path}", status=404, json={"text": "oi", "name": "x"})
    for method in ("PUT", "PATCH"):
        await call(client, as_("operator", "org_123"), method, status=403, json={"name": "x"})
    await call(client, as_("viewer", "org_123"), "POST", f"{ONE}/pause", status=403)


async def test_owners_numbers_are_masked_for_who_may_not_see_them(client: httpx.AsyncClient, as_: As) -> None:
    await call(client, as_("service"), "PATCH", json={"owners": ["5511988880000"]})

    assert (await call(client, as_("operator", "org_123"), "GET"))["owners"] == ["55 11 •••••-0000"]


async def test_pausing_and_resuming_twice_is_once_and_settings_do_not_end_it(
    client: httpx.AsyncClient, as_: As
) -> None:
    mine, before = as_("operator", "org_123"), now_ms()

    first = await call(client, mine, "POST", f"{ONE}/pause")
    again = await call(client, mine, "POST", f"{ONE}/pause")
    changed = await call(client, as_("owner", "org_123"), "PUT", json={"name": "x", "pausedAt": None})
    resumed = [await call(client, mine, "POST", f"{ONE}/resume") for _ in range(2)]

    assert before <= first["pausedAt"] <= now_ms() and again == first
    assert changed["pausedAt"] == first["pausedAt"]
    assert [one["pausedAt"] for one in resumed] == [None, None]


async def test_a_question_is_tried_with_the_list_as_it_is_and_as_it_might_be(
    client: httpx.AsyncClient, as_: As, app: App
) -> None:
    await app.organizations.save(demo_organization().model_copy(update={"id": "org_123"}))
    mine, path = as_("viewer", "org_123"), f"{ONE}/faq/try"

    known = await call(client, mine, "POST", path, json={"text": "q horas vcs abrem?"})
    unknown = await call(client, mine, "POST", path, json={"text": "vocês vendem aquário?"})
    draft = [{"questions": ["vocês vendem aquário"], "answer": "Sim!"}]
    tried = await call(client, mine, "POST", path, json={"text": "vocês vendem aquário?", "faq": draft})

    assert known["answeredBy"] == "faq" and known["nearest"][0]["score"] >= 80
    assert (unknown["answeredBy"], unknown["answer"]) == ("hand_off", demo_organization().hand_off)
    assert (tried["answeredBy"], tried["answer"]) == ("faq", "Sim!")
    await call(client, mine, "POST", path, status=422, json={"text": ""})


async def test_what_is_used_of_the_limits_is_told_by_number(client: httpx.AsyncClient, as_: As, app: App) -> None:
    numbers = {"wa_1": {"gateway": "baileys", "daily": 50}, "wa_2": {"gateway": "cloud"}}
    fields = {"instances": ["wa_1", "wa_2"], "rate": {"max": 60, "perSeconds": 60}, "numbers": numbers}
    await call(client, as_("service"), "PATCH", json=fields)
    organization = await app.organizations.get("org_123")
    assert organization is not None
    now = now_ms()
    for kind in ("message", "campaign"):
        lane = await app.lanes.of(organization, "wa_1", "5511999990001", kind, now)
        await app.limiter.go(lane, now_ms=now)
    await app.contacts.opt_out("org_123", "5511999990001", source="msg-1")

    first = await call(client, as_("viewer", "org_123"), "GET", f"{ONE}/usage?limit=1")
    rest = await call(client, as_("viewer", "org_123"), "GET", f"{ONE}/usage?limit=1&cursor={first['next']}")

    assert first["rate"] == {"used": 2, "most": 60, "perSeconds": 60}
    [number] = first["numbers"]
    assert (number["instanceId"], number["rate"]["used"], number["rate"]["most"]) == ("wa_1", 2, 8)
    assert (number["day"]["used"], number["day"]["most"], number["gapSeconds"]) == (1, 50, [8, 30])
    assert (first["optedOut"], first["tokensToday"], first["deadLetters"]) == (1, 0, 0)
    [other] = rest["numbers"]
    assert (other["instanceId"], other["day"], rest["next"]) == ("wa_2", None, None)
