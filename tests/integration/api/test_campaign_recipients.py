"""Recipients of campaigns over HTTP: by page, those who are looked for, and with masks for those who may only look."""

from typing import Any

import httpx
import pytest

from oxyq.app import App
from oxyq.campaigns.planning import CampaignPlanning
from tests.integration.api.conftest import As
from tests.integration.api.payloads import CAMPAIGN

pytestmark = pytest.mark.usefixtures("shops")

CONTENT = {name: value for name, value in CAMPAIGN.items() if name != "recipients"}
THIS, ORG = "/v1/campaigns/campaign_001", "org_123"
ANA, RUI, FAILED = "5511988888888", "5511977777777", "5592970000002"


@pytest.fixture
async def planned(client: httpx.AsyncClient, as_: As, app: App, shops: tuple[str, str]) -> None:
    """A campaign for three people and two rows that are no numbers of anybody new; one got it, for one it failed."""
    headers = as_("service", shops[0])
    rows = f"number,name\n{ANA},Ana\n123,Zé\n{RUI},Rui\n{FAILED},Bia\n(11) 98888-8888,Ana\n"
    await client.post("/v1/campaigns?draft=true", json=CONTENT, headers=headers)
    await client.put(f"{THIS}/recipients", content=rows, headers={**headers, "Content-Type": "text/csv"})
    assert (await client.post(f"{THIS}/start", headers=headers)).json()["state"] == "planning"
    organization = await app.organizations.get(ORG)
    assert organization is not None
    await CampaignPlanning(app.campaigns).go_on(
        await app.campaign_control.find(ORG, "campaign_001"), organization, seconds=10
    )
    await app.campaigns.planned_all(await app.campaign_control.find(ORG, "campaign_001"))
    await app.campaigns.note(ORG, "campaign_001", ANA, "sent", detail="wamid.HBgNNTU-abcdef", at_ms=7)
    await app.campaigns.note(ORG, "campaign_001", FAILED, "failed", detail=f"{FAILED} has no WhatsApp", at_ms=8)


async def page(client: httpx.AsyncClient, headers: dict[str, str], **query: str | int) -> dict[str, Any]:
    """One page."""
    answer = await client.get(f"{THIS}/recipients", headers=headers, params=query)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


@pytest.mark.usefixtures("planned")
async def test_who_got_it_by_page(client: httpx.AsyncClient, as_: As) -> None:
    first = await page(client, as_("service", ORG), limit=3)
    second = await page(client, as_("service", ORG), limit=3, cursor=first["next"])

    assert [(one["row"], one["number"], one["status"]) for one in first["recipients"] + second["recipients"]] == [
        (1, ANA, "sent"), (2, "123", "skipped"), (3, RUI, "planned"), (4, FAILED, "failed"),
        (5, "(11) 98888-8888", "skipped"),
    ]  # fmt: skip
    assert first["recipients"][0] == {
        "row": 1, "number": ANA, "status": "sent", "reason": None, "providerId": "wamid.HBgNNTU-abcdef", "at": 7,
        "text": "Olá Ana, temos promoção hoje!",
    }  # fmt: skip
    assert (first["looked"], first["total"], second["next"], second["looked"]) == (3, 5, None, 5)


@pytest.mark.usefixtures("planned")
async def test_those_of_one_state_and_those_who_are_looked_for(client: httpx.AsyncClient, as_: As) -> None:
    async def rows(**query: str) -> list[int]:
        return [one["row"] for one in (await page(client, as_("owner", ORG), **query))["recipients"]]

    assert await rows(state="failed") == [4]
    assert await rows(state="duplicate") == [5]
    assert await rows(state="waiting") == [3]
    assert await rows(q="(11) 98888-8888") == [1, 5]
    assert await rows(q="rui") == [3]
    assert await rows(q="rui", state="failed") == []


@pytest.mark.usefixtures("planned")
@pytest.mark.parametrize("role", ["operator", "viewer"])
async def test_who_may_only_look_or_act_sees_no_numbers_and_texts(
    client: httpx.AsyncClient, as_: As, role: str
) -> None:
    found = (await page(client, as_(role, ORG)))["recipients"]

    assert [one["number"] for one in found] == [
        "55 11 •••••-8888", "•••••", "55 11 •••••-7777", "55 92 •••••-0002", "•••••-8888",
    ]  # fmt: skip
    assert found[0]["text"] == "••• (29)"
    assert found[0]["providerId"] == "•••abcdef"
    assert found[3]["reason"] == "55 92 •••••-0002 has no WhatsApp"
    assert [one["row"] for one in (await page(client, as_(role, ORG), q="0002"))["recipients"]] == [4]
    answer = await client.get(f"{THIS}/recipients", headers=as_(role, ORG), params={"q": "Ana"})
    assert (answer.status_code, answer.json()["error"]["field"]) == (422, "q")

    report = await client.get(f"{THIS}/report", headers=as_(role, ORG))
    assert ANA not in report.text
    assert "55 11 •••••-8888" in report.text
    assert ANA in (await client.get(f"{THIS}/report", headers=as_("owner", ORG))).text


@pytest.mark.usefixtures("planned")
@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"state": "__proto__"}, "state"), ({"limit": "-1"}, "limit"), ({"limit": "1000000000"}, "limit"),
        ({"cursor": "forged"}, "cursor"), ({"q": "x" * 201}, "q"), ({"page": "2"}, "page"),
    ],
)  # fmt: skip
async def test_what_is_asked_wrongly_names_the_field(
    client: httpx.AsyncClient, as_: As, query: dict[str, str], field: str
) -> None:
    answer = await client.get(f"{THIS}/recipients", headers=as_("service", ORG), params=query)

    assert (answer.status_code, answer.json()["error"]["field"]) == (422, field)


async def test_a_cursor_of_another_list_is_refused(client: httpx.AsyncClient, as_: As) -> None:
    headers = as_("service", ORG)
    for number in range(3):
        await client.post("/v1/campaigns?draft=true", json={**CONTENT, "campaignId": f"c{number}"}, headers=headers)
    listed = (await client.get("/v1/campaigns", headers=headers, params={"limit": 1})).json()

    answer = await client.get("/v1/campaigns/c1/recipients", headers=headers, params={"cursor": listed["next"]})

    assert (answer.status_code, answer.json()["error"]["field"]) == (422, "cursor")


@pytest.mark.usefixtures("planned")
async def test_recipients_of_another_organization_are_as_absent_as_none(client: httpx.AsyncClient, as_: As) -> None:
    for headers, query in ((as_("owner", "org_2"), {}), (as_("owner"), {"organizationId": "org_2"})):
        answer = await client.get(f"{THIS}/recipients", headers=headers, params=query)
        assert answer.status_code == 404


async def test_campaigns_by_page_state_and_words(client: httpx.AsyncClient, as_: As) -> None:
    headers = as_("operator", ORG)
    for number in range(5):
        await client.post("/v1/campaigns?draft=true", json={**CONTENT, "campaignId": f"c{number}"}, headers=headers)
    await client.post("/v1/campaigns/c3/cancel", headers=headers)

    async def ids(**query: str | int) -> tuple[list[str], str | None]:
        body = (await client.get("/v1/campaigns", headers=headers, params=query)).json()
        return [one["campaignId"] for one in body["campaigns"]], body["next"]

    first, cursor = await ids(limit=2)
    second, _ = await ids(limit=2, cursor=cursor or "")
    assert (first, second) == (["c4", "c3"], ["c2", "c1"])
    assert await ids(state="cancelled") == (["c3"], None)
    assert await ids(state="cancelled,draft", q="c3") == (["c3"], None)
    answer = await client.get("/v1/campaigns", headers=headers, params={"state": "sent"})
    assert answer.json()["error"]["message"].startswith("state: 'sent' is none; use draft, scheduled")


async def test_one_campaign_says_what_it_says(client: httpx.AsyncClient, as_: As) -> None:
    headers = as_("viewer", ORG)
    await client.post("/v1/campaigns?draft=true", json=CONTENT, headers=as_("service", ORG))

    campaign = (await client.get(THIS, headers=headers)).json()

    assert campaign["template"] == CONTENT["template"]
    assert campaign["variables"] == CONTENT["variables"]
    assert (campaign["metaTemplate"], campaign["perMinute"]) == (None, None)
