"""Drafts over HTTP: looked at before they are started, and changed without handing the list in again."""

from typing import Any

import httpx
import pytest

from oxyq.app import App
from tests.integration.api.conftest import As
from tests.integration.api.payloads import CAMPAIGN

pytestmark = pytest.mark.usefixtures("shops")

CONTENT = {name: value for name, value in CAMPAIGN.items() if name != "recipients"}
THIS, ORG = "/v1/campaigns/campaign_001", "org_123"
ROWS = "number,name\n5511988888888,Ana\n5511977777777,\n5511988888888,Bia\n123,Rui\n"


class Shop:
    """Somebody of org_123; every call gives (status, answer)."""

    def __init__(self, client: httpx.AsyncClient, headers: dict[str, str]) -> None:
        self.client = client
        self.headers = headers

    async def call(self, method: str, path: str, **more: Any) -> tuple[int, dict[str, Any]]:
        headers = {**self.headers, **more.pop("headers", {})}
        answer = await self.client.request(method, path, headers=headers, **more)
        body = answer.json()
        return answer.status_code, body.get("error", body)

    async def fill(self, rows: str = ROWS) -> None:
        await self.call("POST", "/v1/campaigns?draft=true", json=CONTENT)
        status, _ = await self.call("PUT", f"{THIS}/recipients", content=rows, headers={"Content-Type": "text/csv"})
        assert status == 200

    async def change(self, **changes: object) -> tuple[int, dict[str, Any]]:
        return await self.call("PUT", THIS, json={**CONTENT, **changes})


@pytest.fixture
def shop(client: httpx.AsyncClient, as_: As) -> Shop:
    """A program of the shop, which is shown everything."""
    return Shop(client, as_("service", ORG))


async def test_a_draft_is_looked_at_before_it_is_started(shop: Shop, app: App) -> None:
    await shop.fill()
    assert (await shop.call("GET", f"{THIS}/check"))[0] == 404

    status, looked = await shop.call("POST", f"{THIS}/check")

    assert status == 200
    assert (looked["recipients"], looked["skipped"]) == (2, {"duplicate": 1, "invalid": 1})
    assert [shown["text"] for shown in looked["texts"]] == [
        "Olá Ana, temos promoção hoje!", "Olá Cliente, temos promoção hoje!",
    ]  # fmt: skip
    assert [row["number"] for row in looked["leftOut"]] == ["5511988888888", "123"]
    status, again = await shop.call("GET", f"{THIS}/check")
    assert status == 200
    assert {**again, "endsAt": 0} == {**looked, "endsAt": 0}
    # What was seen is what will be sent.
    assert (await shop.call("GET", THIS))[1]["state"] == "draft"


async def test_a_draft_says_something_else_to_the_list_it_has(shop: Shop) -> None:
    """Given a mistake in the text is seen in the check, then it is corrected without the file."""
    await shop.fill()
    await shop.call("POST", f"{THIS}/check")

    status, changed = await shop.change(template="Oi {{name}}!", variables={"name": "você"}, instanceId="wa_1")

    assert (status, changed["state"], changed["recipients"]) == (200, "draft", 4)
    looked = (await shop.call("GET", f"{THIS}/check"))[1]
    assert [shown["text"] for shown in looked["texts"]] == ["Oi Ana!", "Oi você!"]
    detail = (await shop.call("GET", THIS))[1]
    assert (detail["template"], detail["variables"], detail["instanceId"]) == ("Oi {{name}}!", {"name": "você"}, "wa_1")
    # It is another campaign now: the same file to the new text is the same, and to the old one is not.
    assert (await shop.call("POST", "/v1/campaigns?draft=true", json=CONTENT))[0] == 409
    fill = {"content": ROWS, "headers": {"Content-Type": "text/csv"}}
    assert (await shop.call("PUT", f"{THIS}/recipients", **fill))[0] == 200
    assert (await shop.change())[0] == 200
    assert (await shop.call("GET", THIS))[1]["instanceId"] is None


async def test_a_change_that_one_recipient_cannot_get_changes_nothing(shop: Shop) -> None:
    await shop.fill("number,name,pet\n5511988888888,Ana,Rex\n5511977777777,Rui,\n")

    status, error = await shop.change(template="Oi {{name}}, e {{pet}}?")

    assert (status, error["field"]) == (422, "template")
    assert "{{pet}} has no value for recipient 5511977777777" in error["message"]
    assert (await shop.call("GET", THIS))[1]["template"] == CONTENT["template"]


async def test_a_draft_without_recipients_is_made_anew(shop: Shop) -> None:
    await shop.call("POST", "/v1/campaigns?draft=true", json=CONTENT)

    status, changed = await shop.change(template="Oi!")

    assert (status, changed["recipients"]) == (200, 0)
    assert (await shop.call("GET", THIS))[1]["template"] == "Oi!"
    status, error = await shop.call("POST", f"{THIS}/check")
    assert (status, error["code"]) == (409, "not_allowed")
    assert "has no recipients yet" in error["message"]


async def test_what_was_started_is_not_changed(shop: Shop) -> None:
    await shop.fill()
    await shop.call("POST", f"{THIS}/start")

    assert (await shop.change(template="Oi!"))[0] == 409
    status, error = await shop.call("POST", f"{THIS}/check")
    assert (status, error["message"]) == (
        409, "campaign campaign_001 is planning: only what was not started can be checked",
    )  # fmt: skip


@pytest.mark.parametrize("changes", [{"campaignId": "c2"}, {"organizationId": "org_2"}])
async def test_the_body_names_what_the_address_names(
    client: httpx.AsyncClient, as_: As, changes: dict[str, object]
) -> None:
    shop = Shop(client, as_("service"))
    (field,) = changes

    status, error = await shop.call("PUT", f"{THIS}?organizationId={ORG}", json={**CONTENT, **changes})

    assert (status, error["field"]) == (422, field)


async def test_who_sees_no_numbers_sees_none_in_a_check(shop: Shop, client: httpx.AsyncClient, as_: As) -> None:
    await shop.fill()

    status, looked = await Shop(client, as_("operator", ORG)).call("POST", f"{THIS}/check")

    assert status == 200
    assert looked["texts"][0] == {"number": "55 11 •••••-8888", "text": "••• (29)", "parameters": []}
    assert [row["number"] for row in looked["leftOut"]] == ["55 11 •••••-8888", "•••••"]
    assert (await Shop(client, as_("viewer", ORG)).call("POST", f"{THIS}/check"))[0] == 403
    assert (await Shop(client, as_("owner", "org_2")).call("GET", f"{THIS}/check"))[0] == 404


async def test_another_list_takes_the_place_of_the_first(shop: Shop) -> None:
    """Given the wrong file was handed in, when it is taken away, then another one fits."""
    await shop.fill()
    await shop.call("POST", f"{THIS}/check")
    other = {"content": "number\n5511966666666\n", "headers": {"Content-Type": "text/csv"}}
    assert (await shop.call("PUT", f"{THIS}/recipients", **other))[0] == 409

    status, empty = await shop.call("DELETE", f"{THIS}/recipients")

    assert (status, empty["recipients"], empty["state"]) == (200, 0, "draft")
    assert (await shop.call("PUT", f"{THIS}/recipients", **other))[1]["recipients"] == 1
    # What was found in the first list says nothing of this one.
    assert (await shop.call("GET", f"{THIS}/check"))[0] == 404
    await shop.call("POST", f"{THIS}/start")
    assert (await shop.call("DELETE", f"{THIS}/recipients"))[0] == 409
