"""A person's rights over HTTP: what is held, and erasing it, each organization for itself."""

import httpx
import pytest

from oxyq.access.tokens import Principal
from oxyq.app import App
from oxyq.clock import now_ms
from oxyq.dashboard.entrance import COOKIE
from oxyq.gateways.news import PersonWrote
from tests.integration.api.conftest import As
from tests.integration.api.payloads import MESSAGE

pytestmark = pytest.mark.usefixtures("shops")

ANA = "5511988887766"


async def test_an_owner_gets_what_is_held_and_erases_it(client: httpx.AsyncClient, as_: As, app: App) -> None:
    for shop in ("org_123", "org_2"):
        message = {**MESSAGE, "organizationId": shop, "from": f"{ANA}@c.us", "content": f"Oi {shop}"}
        await client.post("/v1/messages", json=message, headers=as_("service", shop))
    mine, theirs = as_("owner", "org_123"), as_("owner", "org_2")

    held = (await client.get(f"/v1/contacts/{ANA}/data", headers=mine)).json()
    erased = await client.post("/v1/contacts/551188887766/erase", headers=mine)
    after = (await client.get(f"/v1/contacts/{ANA}/data", headers=mine)).json()
    others = (await client.get(f"/v1/contacts/{ANA}/data", headers=theirs)).json()

    assert "Oi org_123" in str(held["held"]) and "org_2" not in str(held)
    receipt = erased.json()
    assert (erased.status_code, receipt["isComplete"], receipt["by"], receipt["erased"]["jobs"]) == (
        200,
        True,
        "tests",
        1,
    )
    assert ANA not in erased.text
    assert after["held"] == []
    assert "Oi org_2" in str(others["held"])
    told = (await client.get("/v1/audit", headers=mine)).json()["entries"]
    assert {entry["action"] for entry in told} >= {"contact.export", "contact.erase"}
    assert receipt["person"] in str(told) and ANA not in str(told)


async def test_only_who_may_see_numbers_gets_them(client: httpx.AsyncClient, as_: As) -> None:
    for role, status in (("operator", 403), ("viewer", 403), ("service", 403), ("owner", 200)):
        answer = await client.get(f"/v1/contacts/{ANA}/data", headers=as_(role, "org_123"))
        assert answer.status_code == status, role
    assert (await client.post(f"/v1/contacts/{ANA}/erase", headers=as_("viewer", "org_123"))).status_code == 403


async def test_what_is_wrong_is_told(client: httpx.AsyncClient, as_: As) -> None:
    owner = as_("owner", "org_123")
    number = await client.post("/v1/contacts/nobody/erase", headers=owner)
    field = await client.post(f"/v1/contacts/{ANA}/erase", headers=owner, json={"forget": True})
    other = await client.post(f"/v1/contacts/{ANA}/erase", headers=owner, params={"organizationId": "org_2"})

    assert (number.status_code, number.json()["error"]["field"]) == (422, "number")
    assert field.status_code == 422 and "forget" in field.json()["error"]["message"]
    assert other.status_code == 404


async def test_on_the_board_whoever_erases_gets_the_receipt_as_a_file(
    client: httpx.AsyncClient, app: App, as_: As
) -> None:
    await app.take_over.person_wrote("org_123", "wa_1", PersonWrote(ANA, "Oi Ana", "3A1", now_ms()))
    board = "/admin/queues/conversations"
    session = await app.sessions.open(Principal("paula", "operator", "org_123"), None, "")
    headers = {"Cookie": f"{COOKIE}={session}"}
    led = await client.get(f"{board}/{ANA}", params={"instance": "wa_1"}, headers=headers)
    chat = led.url.join(led.headers["location"]).path
    page = await client.get(chat, headers=headers)
    assert f"{chat.rpartition('/')[2]}/erase" in page.text

    done = await client.post(f"{chat}/erase", data={"back": ""}, headers=headers)

    assert done.status_code == 200 and done.json()["by"] == "paula" and done.json()["isComplete"]
    assert done.headers["content-disposition"] == 'attachment; filename="receipt.json"'
    assert (await client.get(chat, headers=headers)).status_code == 404
