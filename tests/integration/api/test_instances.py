"""Numbers over HTTP: each organization sees and sets up its own, and no secret ever comes back."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from oxyq.api import instances as routes
from oxyq.app import App
from oxyq.gateways.base import GatewayError, InstanceHalted, InstanceState, NotReady
from oxyq.instances import Instance
from oxyq.receiving import standing
from tests.integration.api.conftest import As
from tests.integration.api.gateway_door import Door

CLOUD = {"gateway": "cloud", "phoneNumberId": "1122"}
EVOLUTION = {"gateway": "evolution", "server": "https://evolution.example.com"}
TOKEN = "EAAG-a-token-that-nobody-may-see"


@pytest.fixture
def door(app: App, shops: tuple[str, str]) -> Door:
    """The application, with two organizations that have no number in the table yet."""
    return Door(app)


@pytest.fixture
async def client(door: Door) -> AsyncIterator[httpx.AsyncClient]:
    """A caller without a token."""
    async with door.client() as client:
        yield client


def error_of(answer: httpx.Response) -> tuple[int, str, str]:
    """What an answer says is wrong."""
    error = answer.json()["error"]
    return answer.status_code, error["code"], error["message"]


async def put(client: httpx.AsyncClient, headers: dict[str, str], body: dict[str, Any], id_: str = "wa_m") -> Any:
    """The view of a number that was set up."""
    answer = await client.put(f"/v1/instances/{id_}", json=body, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


# --- setting up ---------------------------------------------------------------------------------------------


async def test_a_number_that_is_set_up_is_the_organization_s(client: httpx.AsyncClient, as_: As, app: App) -> None:
    mine = as_("owner", "org_123")
    view = await put(client, mine, CLOUD)

    assert view == {
        "id": "wa_m", "organizationId": "org_123", "gateway": "cloud", "phoneNumberId": "1122", "server": None,
        "serverInstance": None, "hearsGroups": False,
    }  # fmt: skip
    assert (await client.get("/v1/instances", headers=mine)).json() == {"instances": [view]}
    organization = await app.organizations.get("org_123")
    assert organization is not None
    assert organization.instances == ["wa_1", "wa_m"]


async def test_set_up_anew_it_is_changed_and_keeps_its_secrets(client: httpx.AsyncClient, as_: As, app: App) -> None:
    mine = as_("service", "org_123")
    await put(client, mine, CLOUD)
    await client.put("/v1/instances/wa_m/secrets/app_secret", json={"value": TOKEN}, headers=mine)

    view = await put(client, mine, {**CLOUD, "hearsGroups": True, "id": "wa_m", "organizationId": "org_123"})

    assert view["hearsGroups"] is True
    details = (await client.get("/v1/instances/wa_m", headers=mine)).json()
    assert details["secrets"] == {"access_token": False, "app_secret": True, "verify_token": False}
    organization = await app.organizations.get("org_123")
    assert organization is not None
    assert organization.instances == ["wa_1", "wa_m"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"gateway": "cloud"}, "phoneNumberId"),
        ({"gateway": "telegram"}, "gateway"),
        ({**CLOUD, "id": "wa_2"}, "id"),
        ({**CLOUD, "organizationId": "org_2"}, "organizationId"),
        ({**CLOUD, "phonenumberid": "1"}, "phonenumberid"),
        ({**CLOUD, "server": "file:///etc/passwd"}, "server"),
    ],
)
async def test_a_wrong_one_is_refused_with_its_field(
    client: httpx.AsyncClient, as_: As, body: dict[str, Any], field: str
) -> None:
    answer = await client.put("/v1/instances/wa_m", json=body, headers=as_("owner", "org_123"))

    assert (answer.status_code, answer.json()["error"]["field"]) == (422, field)


@pytest.mark.parametrize("gateway", ["evolution", "waha"])
async def test_whom_we_call_is_not_for_tenants_to_say(client: httpx.AsyncClient, as_: As, gateway: str) -> None:
    mine, ours = as_("owner", "org_123"), as_("owner")
    there = {**EVOLUTION, "gateway": gateway}
    elsewhere = {**there, "server": "http://169.254.169.254"}
    path = "/v1/instances/wa_e"
    assert (await client.put(path, json=there, headers=mine)).status_code == 403

    set_up = await client.put(f"{path}?organizationId=org_123", json=there, headers=ours)
    assert set_up.status_code == 200

    assert error_of(await client.put(path, json=elsewhere, headers=mine))[:2] == (403, "forbidden")
    # The name there is another number, perhaps another tenant's.
    assert (await client.put(path, json={**there, "serverInstance": "other"}, headers=mine)).status_code == 403
    assert (await put(client, mine, {**there, "hearsGroups": True}, "wa_e"))["hearsGroups"] is True


@pytest.mark.parametrize("role", ["operator", "viewer"])
async def test_only_owners_and_programs_change_numbers(client: httpx.AsyncClient, as_: As, role: str) -> None:
    for method, path in (
        ("PUT", "/v1/instances/wa_m"),
        ("DELETE", "/v1/instances/wa_m"),
        ("PUT", "/v1/instances/wa_m/secrets/app_secret"),
        ("POST", "/v1/instances/wa_m/pair"),
        ("POST", "/v1/instances/wa_m/logout"),
    ):
        answer = await client.request(method, path, headers=as_(role, "org_123"))
        assert (path, answer.status_code) == (path, 403)


# --- others -------------------------------------------------------------------------------------------------


async def test_another_organization_s_number_is_not_there(client: httpx.AsyncClient, as_: As, app: App) -> None:
    await put(client, as_("owner", "org_123"), CLOUD)
    other, absent = as_("owner", "org_2"), set()

    for method, path, body in (
        ("GET", "", None),
        ("PUT", "", CLOUD),
        ("DELETE", "", None),
        ("PUT", "/secrets/app_secret", {"value": "x"}),
        ("POST", "/pair", None),
        ("POST", "/logout", None),
    ):
        for id_ in ("wa_m", "wa_9"):
            if (method, path, id_) == ("PUT", "", "wa_9"):
                continue
            answer = await client.request(method, f"/v1/instances/{id_}{path}", json=body, headers=other)
            assert (method, path, id_, answer.status_code) == (method, path, id_, 404)
            absent.add(error_of(answer)[2].replace(id_, "…"))
    assert absent == {"there is no instance …; check its id"}
    assert (await client.get("/v1/instances", headers=other)).json() == {"instances": []}
    assert await app.instances.get("wa_m") is not None


async def test_a_number_that_an_organization_only_claims_is_not_shown_to_it(
    client: httpx.AsyncClient, as_: As, app: App
) -> None:
    """Its settings name a number that is another's in the table, which alone says whose it is."""
    await put(client, as_("owner", "org_123"), CLOUD, "wa_1")  # org_2's settings name wa_1 too

    assert (await client.get("/v1/instances", headers=as_("viewer", "org_2"))).json() == {"instances": []}


async def test_a_token_for_all_says_which_organization_it_means(client: httpx.AsyncClient, as_: As) -> None:
    await put(client, as_("owner", "org_123"), CLOUD)

    assert (await client.get("/v1/instances/wa_m", headers=as_("owner"))).status_code == 422
    answer = await client.get("/v1/instances/wa_m?organizationId=org_123", headers=as_("owner"))
    assert answer.status_code == 200
    assert (await client.get("/v1/instances?organizationId=org_9", headers=as_("owner"))).status_code == 404


# --- secrets ------------------------------------------------------------------------------------------------


async def test_a_secret_never_comes_back(client: httpx.AsyncClient, as_: As, app: App) -> None:
    mine = as_("owner", "org_123")
    await put(client, mine, CLOUD)

    answer = await client.put("/v1/instances/wa_m/secrets/access_token", json={"value": TOKEN}, headers=mine)

    assert (answer.status_code, answer.content) == (204, b"")
    for path in ("/v1/instances", "/v1/instances/wa_m", "/v1/instances/wa_m/secrets/access_token"):
        assert TOKEN not in (await client.get(path, headers=mine)).text
    instance = await app.instances.get("wa_m")
    assert instance is not None
    assert await app.instances.secrets(instance) == {"access_token": TOKEN}


@pytest.mark.parametrize(
    ("name", "body", "field"),
    [
        ("password", {"value": TOKEN}, "name"),
        ("access_token", {"value": f" {TOKEN}"}, "access_token"),
        ("access_token", {"value": ""}, "access_token"),
        ("access_token", {"value": TOKEN * 200}, "access_token"),
        ("access_token", {"value": [TOKEN]}, "value"),
        ("access_token", {"secret": TOKEN}, "value"),
    ],
)
async def test_a_wrong_secret_is_refused_and_not_repeated(
    client: httpx.AsyncClient, as_: As, name: str, body: dict[str, Any], field: str
) -> None:
    mine = as_("owner", "org_123")
    await put(client, mine, CLOUD)

    answer = await client.put(f"/v1/instances/wa_m/secrets/{name}", json=body, headers=mine)

    assert (answer.status_code, answer.json()["error"]["field"]) == (422, field)
    assert TOKEN not in answer.text


# --- how it stands ------------------------------------------------------------------------------------------


async def test_what_was_last_heard_and_how_it_stands_now(
    client: httpx.AsyncClient, as_: As, app: App, door: Door
) -> None:
    mine = as_("viewer", "org_123")
    await put(client, as_("owner", "org_123"), {"gateway": "baileys"})
    door.state = InstanceState("needs_pairing", "scan it", qr="2@secret", code="ABCD-EFGH")
    details = (await client.get("/v1/instances/wa_m", headers=mine)).json()

    assert details["lastHeard"] is None
    # What links a phone is for those who may link one.
    assert details["now"] == {"state": "needs_pairing", "detail": "scan it", "number": None}

    await app.instances.note_state("wa_m", "closed", "428")
    heard = (await client.get("/v1/instances/wa_m", headers=mine)).json()["lastHeard"]
    assert (heard["state"], heard["detail"]) == ("closed", "428")


async def test_a_gateway_that_says_nothing_keeps_nobody_waiting(
    client: httpx.AsyncClient, as_: As, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standing, "STATE_SECONDS", 0.05)
    await put(client, as_("owner", "org_123"), {"gateway": "baileys"})

    door.state = asyncio.get_running_loop().create_future()
    silent = (await client.get("/v1/instances/wa_m", headers=as_("viewer", "org_123"))).json()["now"]
    door.state = NotReady("no bridge has wa_m")
    away = (await client.get("/v1/instances/wa_m", headers=as_("viewer", "org_123"))).json()["now"]

    assert (silent["state"], silent["detail"]) == ("unknown", "its gateway gave no answer within 0.05 s")
    assert (away["state"], away["detail"]) == ("unknown", "no bridge has wa_m")


# --- linking to a phone -------------------------------------------------------------------------------------


async def test_pairing_gives_what_the_phone_needs(client: httpx.AsyncClient, as_: As, door: Door) -> None:
    mine = as_("service", "org_123")
    await put(client, mine, {"gateway": "baileys"})
    door.state = InstanceState("needs_pairing", qr="2@abc")

    by_qr = await client.post("/v1/instances/wa_m/pair", headers=mine)
    door.state = InstanceState("needs_pairing", code="ABCD-EFGH")
    by_code = await client.post("/v1/instances/wa_m/pair", json={"phone": "+55 11 99999-0001"}, headers=mine)

    assert (by_qr.status_code, by_qr.json()["qr"]) == (200, "2@abc")
    assert by_code.json()["code"] == "ABCD-EFGH"
    assert door.asked == [("pair", "wa_m", None), ("pair", "wa_m", "5511999990001")]


@pytest.mark.parametrize(
    ("said", "code", "status"),
    [
        (NotReady("no bridge has wa_m"), "gateway_unavailable", 503),
        (InstanceHalted("WhatsApp refuses this number"), "not_allowed", 409),
    ],
    ids=["no bridge", "halted"],
)
async def test_what_goes_wrong_with_it_is_told(
    client: httpx.AsyncClient, as_: As, door: Door, said: GatewayError, code: str, status: int
) -> None:
    mine = as_("owner", "org_123")
    await put(client, mine, {"gateway": "baileys"})
    door.state = said

    for what in ("pair", "logout"):
        answer = await client.post(f"/v1/instances/wa_m/{what}", headers=mine)
        assert error_of(answer) == (status, code, str(said))


async def test_a_silent_bridge_is_503(
    client: httpx.AsyncClient, as_: As, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "PAIR_SECONDS", 0.05)
    await put(client, as_("owner", "org_123"), {"gateway": "baileys"})
    door.state = asyncio.get_running_loop().create_future()

    answer = await client.post("/v1/instances/wa_m/pair", headers=as_("owner", "org_123"))

    assert error_of(answer)[:2] == (503, "gateway_unavailable")


async def test_only_numbers_of_baileys_are_paired(client: httpx.AsyncClient, as_: As) -> None:
    mine = as_("owner", "org_123")
    await put(client, mine, CLOUD)

    for what in ("pair", "logout"):
        status, code, message = error_of(await client.post(f"/v1/instances/wa_m/{what}", headers=mine))
        assert (status, code) == (409, "not_allowed")
        assert message == "wa_m goes through the gateway cloud; only numbers of baileys are paired"


# --- removing -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("said", [InstanceState("open"), NotReady("no bridge has wa_m")], ids=["open", "no bridge"])
async def test_a_removed_number_is_unlinked_and_forgotten(
    client: httpx.AsyncClient, as_: As, app: App, door: Door, said: InstanceState | GatewayError
) -> None:
    mine = as_("owner", "org_123")
    await put(client, mine, {"gateway": "baileys"})
    door.state = said

    assert (await client.delete("/v1/instances/wa_m", headers=mine)).status_code == 204

    assert door.asked == [("logout", "wa_m", None)]
    assert await app.instances.get("wa_m") is None
    organization = await app.organizations.get("org_123")
    assert organization is not None
    assert organization.instances == ["wa_1"]
    assert (await client.delete("/v1/instances/wa_m", headers=mine)).status_code == 404


async def test_every_number_s_body_is_shown_in_openapi(door: Door) -> None:
    paths = door.api.openapi()["paths"]

    schema = paths["/v1/instances/{instance_id}"]["put"]["requestBody"]["content"]["application/json"]["schema"]
    assert schema["required"] == ["gateway"]
    assert {"phoneNumberId", "server", "serverInstance", "hearsGroups"} == set(schema["properties"]) - {"gateway"}
    assert "security" not in paths["/webhooks/{gateway}/{instance}"]["post"]
    assert all(
        "security" in operation for path, item in paths.items() if path[:3] == "/v1" for operation in item.values()
    )


async def test_an_instance_of_the_examples_is_taken(door: Door) -> None:
    content = door.api.openapi()["paths"]["/v1/instances/{instance_id}"]["put"]["requestBody"]["content"]
    example = content["application/json"]["example"]

    assert Instance.model_validate({**example, "id": "wa_1", "organizationId": "org_1"})
