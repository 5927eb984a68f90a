"""Whether campaigns may reach somebody: looked up and changed over HTTP, each organization for itself."""

from typing import Any

import httpx
import pytest

from oxyq.app import App
from oxyq.clock import now_ms
from tests.integration.api.conftest import As

pytestmark = pytest.mark.usefixtures("shops")

ANA = "/v1/contacts/5511988888888"
NEVER_SAID = {"number": "5511988888888", "isOut": False, "at": None, "source": None, "words": None}


async def call(client: httpx.AsyncClient, headers: dict[str, str], method: str, path: str, **more: Any) -> Any:
    """The answer's JSON."""
    answer = await client.request(method, path, headers=headers, **more)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_out_and_in_again(client: httpx.AsyncClient, as_: As) -> None:
    mine, before = as_("service", "org_123"), now_ms()
    assert await call(client, mine, "GET", ANA) == NEVER_SAID
    assert await call(client, mine, "POST", f"{ANA}/opt-in") == NEVER_SAID

    out = await call(client, mine, "POST", f"{ANA}/opt-out", json={"words": "não quero mais"})
    assert before <= out.pop("at") <= now_ms()
    assert out == {"number": "5511988888888", "isOut": True, "source": "api:tests", "words": "não quero mais"}

    back = await call(client, mine, "POST", f"{ANA}/opt-in")
    assert (back["isOut"], back["source"], back["words"]) == (False, "api:tests", "")
    assert await call(client, as_("owner", "org_123"), "GET", ANA) == back


async def test_said_twice_the_first_time_stands(client: httpx.AsyncClient, as_: As) -> None:
    mine = as_("service", "org_123")
    first = await call(client, mine, "POST", f"{ANA}/opt-out", json={"words": "sair"})

    assert await call(client, mine, "POST", f"{ANA}/opt-out", json={"words": "de novo"}) == first


@pytest.mark.parametrize(
    "written",
    ["551188888888", "+5511988888888", "%2B55%20(11)%2098888-8888", "5511988888888@c.us", "551188888888:2@c.us"],
)
async def test_a_person_is_one_however_the_number_is_written(
    client: httpx.AsyncClient, as_: As, app: App, written: str
) -> None:
    mine = as_("service", "org_123")

    assert (await call(client, mine, "POST", f"/v1/contacts/{written}/opt-out"))["isOut"]

    assert (await call(client, mine, "GET", ANA))["isOut"]
    assert await app.contacts.opted_out("org_123", ["5511988888888"]) == {"5511988888888"}


async def test_what_somebody_wrote_on_whatsapp_is_shown(client: httpx.AsyncClient, as_: As, app: App) -> None:
    await app.contacts.opt_out("org_123", "5511988888888", source="msg-1", words="SAIR")

    record = await call(client, as_("owner", "org_123"), "GET", ANA)

    assert (record["isOut"], record["source"], record["words"]) == (True, "msg-1", "SAIR")


async def test_each_organization_has_records_of_its_own(client: httpx.AsyncClient, as_: As) -> None:
    await call(client, as_("owner", "org_123"), "POST", f"{ANA}/opt-out")

    assert await call(client, as_("owner", "org_2"), "GET", ANA) == NEVER_SAID
    assert (await call(client, as_("viewer"), "GET", f"{ANA}?organizationId=org_123"))["isOut"]
    for method, path in (("GET", ANA), ("POST", f"{ANA}/opt-out"), ("POST", f"{ANA}/opt-in")):
        for organization_id, token in (("org_123", as_("owner", "org_2")), ("org_9", as_())):
            answer = await client.request(method, f"{path}?organizationId={organization_id}", headers=token)
            error = answer.json()["error"]
            assert (answer.status_code, error["code"]) == (404, "not_found")
            assert error["message"] == f"there is no organization {organization_id}; check its id"
    assert (await call(client, as_("viewer", "org_123"), "GET", ANA))["isOut"]


async def test_words_are_kept_as_text_and_no_longer_than_a_record_needs(client: httpx.AsyncClient, as_: As) -> None:
    mine = as_("service", "org_123")

    record = await call(client, mine, "POST", f"{ANA}/opt-out", json={"words": "<b>não</b>" + "a" * 300})

    assert record["words"] == ("<b>não</b>" + "a" * 300)[:200]


async def test_who_is_out_is_listed_by_page_and_brought_back_by_handle(client: httpx.AsyncClient, as_: As) -> None:
    """An operator sees no numbers, and can act on each all the same."""
    numbers = ["5511988888881", "5511988888882", "5511988888883"]
    for number in numbers:
        await call(client, as_("service", "org_123"), "POST", f"/v1/contacts/{number}/opt-out", json={"words": "SAIR"})
    mine = as_("operator", "org_123")

    first = await call(client, mine, "GET", "/v1/opt-outs?limit=2")
    rest = await call(client, mine, "GET", f"/v1/opt-outs?limit=2&cursor={first['next']}")

    shown = [*first["optOuts"], *rest["optOuts"]]
    assert (first["total"], len(first["optOuts"]), rest["next"]) == (3, 2, None)
    assert sorted(one["contact"] for one in shown) == [f"55 11 •••••-888{end}" for end in "123"]
    assert {one["words"] for one in shown} == {"••• (4)"}

    back = await call(client, mine, "POST", f"/v1/contacts/{shown[0]['id']}/opt-in")
    assert (back["isOut"], back["number"]) == (False, shown[0]["contact"])
    assert (await call(client, as_("owner", "org_123"), "GET", "/v1/opt-outs"))["total"] == 2
    # A handle is good in its own organization only.
    other = await client.get(f"/v1/contacts/{shown[1]['id']}", headers=as_("owner", "org_2"))
    assert other.status_code == 404
    forged = await client.get("/v1/opt-outs?cursor=abc", headers=mine)
    assert (forged.status_code, forged.json()["error"]["field"]) == (422, "cursor")
