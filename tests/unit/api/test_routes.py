"""Every wrong token gets one answer, and nothing about an address gets around that."""

from collections.abc import Iterator

import httpx
import pytest
from fastapi import FastAPI

from oxyq.access.tokens import ROLES, issue
from oxyq.settings import Settings
from tests.route_table import served
from tests.unit.access.forge import forge, good_claims

ACTS = ("start", "pause", "resume", "cancel", "resend-failed")
MESSAGE = {
    "organizationId": "org_123",
    "instanceId": "wa",
    "from": "5511999999999@c.us",
    "content": "Oi",
    "messageId": "m1",
    "timestamp": 1795377084000,
}


@pytest.mark.parametrize("path", ["/health", "/docs", "/openapi.json"])
async def test_open_routes_answer_without_a_token_and_without_redis(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(path)).status_code == 200


async def test_health_answers_head_as_uptime_watchers_ask(client: httpx.AsyncClient) -> None:
    assert (await client.head("/health")).status_code == 200


# --- one answer for every bad token -------------------------------------------------------------------------

GOOD = "Bearer " + forge()
AUTHORIZATIONS: dict[str, list[str]] = {
    "no header": [],
    "empty": [""],
    "no token": ["Bearer"],
    "no token behind the space": ["Bearer "],
    "small letters": [GOOD.replace("Bearer", "bearer")],
    "capitals": [GOOD.replace("Bearer", "BEARER")],
    "another scheme": [GOOD.replace("Bearer", "Basic")],
    "no scheme": [forge()],
    "two spaces": [GOOD.replace(" ", "  ")],
    "a tab": [GOOD.replace(" ", "\t")],
    "a space in front": [" " + GOOD],
    "a space behind": [GOOD + " "],
    "a tab behind": [GOOD + "\t"],
    "two tokens": [f"{GOOD}, {GOOD}"],
    "two headers": [GOOD, GOOD],
    "two headers, one bad": [GOOD, "Bearer x"],
    "in quotes": [f'Bearer "{forge()}"'],
    "expired": ["Bearer " + forge(good_claims(exp=1))],
    "wrong secret": ["Bearer " + forge(secret="x" * 40)],
    "a megabyte": ["Bearer " + "a" * 1_000_000],
}


@pytest.mark.parametrize("values", AUTHORIZATIONS.values(), ids=AUTHORIZATIONS.keys())
async def test_whatever_is_wrong_the_401_is_the_same(client: httpx.AsyncClient, values: list[str]) -> None:
    headers = [("Authorization", value) for value in values]

    answer = await client.post("/v1/messages", json=MESSAGE, headers=headers)

    error = answer.json()["error"]
    request_id = error.pop("requestId")
    assert answer.status_code == 401
    assert request_id == answer.headers["x-request-id"]
    assert error == {"code": "unauthorized", "message": "send a valid token in the header Authorization: Bearer …"}


async def test_a_token_in_the_address_or_a_cookie_counts_for_nothing(client: httpx.AsyncClient) -> None:
    token = forge()
    for query, cookie in ((f"?token={token}&access_token={token}", ""), ("", f"token={token}; Authorization={token}")):
        answer = await client.post(f"/v1/messages{query}", json=MESSAGE, headers={"Cookie": cookie})
        assert answer.status_code == 401


# --- roles and organizations --------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("path", ["/v1/messages", "/v1/automations", "/v1/campaigns"])
async def test_a_viewer_may_only_look(client: httpx.AsyncClient, settings: Settings, role: str, path: str) -> None:
    headers = {"Authorization": f"Bearer {issue(settings, 'ana', role)}"}

    answer = await client.post(path, json={}, headers=headers)

    assert answer.status_code == (403 if role == "viewer" else 422)


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/automations", "/v1/campaigns"])
@pytest.mark.parametrize("named", ["org_2", "ORG_1", "org_1 ", "", "*"])
async def test_a_token_adds_nothing_for_another_organization(
    client: httpx.AsyncClient, settings: Settings, path: str, named: str
) -> None:
    headers = {"Authorization": f"Bearer {issue(settings, 'shop', 'service', org='org_1')}"}

    answer = await client.post(path, json={"organizationId": named}, headers=headers)

    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "forbidden"


@pytest.mark.parametrize("body", [{}, {"organizationId": None}, {"organizationId": ["org_1"]}, {"organizationId": 1}])
async def test_without_an_organization_it_is_the_field_that_is_wrong(
    client: httpx.AsyncClient, settings: Settings, body: dict[str, object]
) -> None:
    headers = {"Authorization": f"Bearer {issue(settings, 'shop', 'service', org='org_1')}"}

    answer = await client.post("/v1/messages", json={**MESSAGE, "organizationId": None, **body}, headers=headers)

    assert (answer.status_code, answer.json()["error"]["field"]) == (422, "organizationId")


@pytest.mark.parametrize(
    ("path", "name", "meant"),
    [
        ("/v1/messages", "organization_id", "organizationId"),
        ("/v1/messages", "sender", "from"),
        ("/v1/automations", "organization_id", "organizationId"),
        ("/v1/campaigns", "organization_id", "organizationId"),
    ],
)
async def test_an_organization_cannot_be_named_past_the_comparison(
    client: httpx.AsyncClient, settings: Settings, path: str, name: str, meant: str
) -> None:
    """The producer takes Python's names of the fields too; the wire does not."""
    headers = {"Authorization": f"Bearer {issue(settings, 'shop', 'service', org='org_1')}"}

    answer = await client.post(path, json={**MESSAGE, "organizationId": "org_1", name: "org_2"}, headers=headers)

    assert answer.status_code == 422
    assert answer.json()["error"]["message"] == f"{name}: is not a known field; did you mean {meant}?"


@pytest.fixture
def tenant_routes(api: FastAPI) -> list[tuple[str, str]]:
    """(method, address) of all routes for what belongs to one organization and is not named in a body."""
    found = [route for route in served(api) if route.path.startswith(("/v1/campaigns", "/v1/contacts"))]
    others = (
        ("POST", "/v1/campaigns"), ("POST", "/v1/campaigns/preview"),  # named in the body
        ("GET", "/v1/contacts/{number}/data"),  # for owners only, as tests/integration/api/test_people.py has it
    )  # fmt: skip
    return [(route.method, route.address) for route in found if (route.method, route.path) not in others]


async def test_a_viewer_looks_at_campaigns_and_contacts_and_does_nothing(
    client: httpx.AsyncClient, settings: Settings, tenant_routes: list[tuple[str, str]]
) -> None:
    """Asked for another organization, so that what is let through goes no further than 404."""
    headers = {"Authorization": f"Bearer {issue(settings, 'ana', 'viewer', org='org_1')}"}
    assert len(tenant_routes) >= 12

    for method, address in tenant_routes:
        answer = await client.request(method, address, headers=headers, params={"organizationId": "org_2"})
        assert (method, address, answer.status_code) == (method, address, 404 if method == "GET" else 403)
    assert (await client.post("/v1/campaigns/preview", json={}, headers=headers)).status_code == 422


async def test_another_organization_is_absent_before_anything_is_looked_up(
    client: httpx.AsyncClient, settings: Settings, tenant_routes: list[tuple[str, str]]
) -> None:
    headers = {"Authorization": f"Bearer {issue(settings, 'shop', 'service', org='org_1')}"}

    for method, address in tenant_routes:
        for named in ("org_2", "ORG_1", "org_1 ", "", "*"):
            answer = await client.request(method, address, headers=headers, params={"organizationId": named})
            error = answer.json()["error"]
            assert (method, address, answer.status_code, error["code"]) == (method, address, 404, "not_found")
            assert error["message"] == f"there is no organization {named}; check its id"


async def test_a_token_for_all_organizations_says_which_it_means(
    client: httpx.AsyncClient, token: dict[str, str], tenant_routes: list[tuple[str, str]]
) -> None:
    for method, address in tenant_routes:
        answer = await client.request(method, address, headers=token)
        error = answer.json()["error"]
        assert (method, address, answer.status_code, error["field"]) == (method, address, 422, "organizationId")
        assert "add ?organizationId=" in error["message"]


# --- addresses ----------------------------------------------------------------------------------------------

TRICKS = [
    "//v1/messages",
    "/v1//messages",
    "/v1/messages/",
    "/V1/messages",
    "/v1/./messages",
    "/v1/../v1/messages",
    "/health/../v1/messages",
    "/health/%2e%2e/v1/messages",
    "/health%2f..%2fv1%2fmessages",
    "/v1%2fmessages",
    "/v1/messages%00",
    "/v1/messages;/health",
    "/v1/messages%0d%0aX-Injected:%201",
    "/health/",
    "/docs/../v1/messages",
    "/v1/jobs",
    "/v1/jobs/message/",
    "/v1/jobs/message/a/b",
    "/.env",
    "/redoc",
]


@pytest.mark.parametrize("path", TRICKS)
async def test_there_is_one_way_to_write_an_address(client: httpx.AsyncClient, path: str) -> None:
    request = client.build_request("POST", "/", json=MESSAGE, headers={"X-HTTP-Method-Override": "GET"})
    request.url = request.url.copy_with(raw_path=path.encode())

    answer = await client.send(request, follow_redirects=False)

    assert answer.status_code in (401, 404)
    assert "error" in answer.json()
    assert "x-injected" not in answer.headers


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "FOO"])
async def test_other_methods_are_refused(client: httpx.AsyncClient, token: dict[str, str], method: str) -> None:
    answer = await client.request(method, "/v1/messages", headers={**token, "X-HTTP-Method-Override": "POST"})

    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"
    assert "access-control-allow-origin" not in answer.headers


async def test_no_answer_is_made_from_the_host_header(client: httpx.AsyncClient) -> None:
    for path in ("/health/", "/docs", "/openapi.json", "/nowhere"):
        answer = await client.get(path, headers={"Host": "evil.example"})
        assert "evil.example" not in answer.text + str(answer.headers)


# --- the page about it all ----------------------------------------------------------------------------------


async def test_openapi_shows_bodies_errors_and_the_token(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()

    schemas = document["components"]["schemas"]
    fields = {"organizationId", "instanceId", "from", "content", "messageId", "timestamp"}
    assert fields == set(schemas["InboundMessage"]["required"])
    assert {"chatId", "replyId", "media"} <= set(schemas["InboundMessage"]["properties"])
    assert {"recipientNumber", "scheduledFor", "metadata"} <= set(schemas["Automation"]["properties"])
    assert {"recipients", "template", "variables"} <= set(schemas["CampaignRequest"]["properties"])
    assert all(schemas[name]["additionalProperties"] is False for name in ("InboundMessage", "CampaignRecipient"))
    assert document["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    for path, item in document["paths"].items():
        for operation in item.values():
            assert ("security" in operation) == path.startswith("/v1/")
            for status, answer in operation["responses"].items():
                if status >= "400":
                    reference = answer["content"]["application/json"]["schema"]["$ref"]
                    assert reference == "#/components/schemas/ErrorBody"
    for reference in _references(document):
        assert reference.removeprefix("#/components/schemas/") in schemas


def _references(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        yield from (value for name, value in node.items() if name == "$ref")
        for value in node.values():
            yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)


async def test_the_examples_in_openapi_are_taken_as_they_are(client: httpx.AsyncClient) -> None:
    from oxyq.api.consent import Wish
    from oxyq.jobs import Automation, CampaignRequest, InboundMessage, parse_new

    paths = (await client.get("/openapi.json")).json()["paths"]
    for path, model in (
        ("/v1/messages", InboundMessage),
        ("/v1/automations", Automation),
        ("/v1/campaigns", CampaignRequest),
        ("/v1/campaigns/preview", CampaignRequest),
        ("/v1/contacts/{number}/opt-out", Wish),
    ):
        body = paths[path]["post"]["requestBody"]["content"]["application/json"]
        assert body["schema"] == {"$ref": f"#/components/schemas/{model.__name__}"}
        assert parse_new(model, body["example"])


async def test_the_docs_page_runs_no_other_script_than_the_known_ones(client: httpx.AsyncClient) -> None:
    answer = await client.get("/docs")

    policy = answer.headers["content-security-policy"]
    assert answer.text.count("<script") == 2
    assert answer.text.count('integrity="sha384-') == 2
    assert "script-src https://cdn.jsdelivr.net/npm/swagger-ui-dist@" in policy
    assert "'sha256-" in policy
    assert "unsafe-eval" not in policy
    assert "'unsafe-inline'" not in policy.partition("script-src")[2].partition(";")[0]


async def test_openapi_shows_what_campaigns_take_and_answer(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    paths, schemas = document["paths"], document["components"]["schemas"]

    upload = paths["/v1/campaigns/{campaign_id}/recipients"]["put"]
    assert set(upload["requestBody"]["content"]) == {"text/csv", "application/x-ndjson"}
    report = paths["/v1/campaigns/{campaign_id}/report"]["get"]
    assert set(report["responses"]["200"]["content"]) == {"text/csv; charset=utf-8", "application/x-ndjson"}
    assert [parameter["name"] for parameter in report["parameters"]] == ["campaign_id", "format", "organizationId"]
    assert {"201", "202"} <= set(paths["/v1/campaigns"]["post"]["responses"])
    for act in ACTS:
        assert paths[f"/v1/campaigns/{{campaign_id}}/{act}"]["post"]["description"]
    view = schemas["CampaignView"]
    assert (
        {"campaignId", "state", "waitsFor", "crossesQuietHoursAt"} <= set(view["properties"]) == set(view["required"])
    )
    assert set(schemas["ConsentRecord"]["required"]) == {"number", "isOut", "at", "source", "words"}
