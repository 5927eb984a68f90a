"""Who is on the board is seen over HTTP, and can be sent away; a token that is revoked is none."""

import time

import httpx
import pytest

from oxyq.access.tokens import Principal, Verifier, issue
from oxyq.app import App
from oxyq.settings import Settings
from tests.integration.api.conftest import As

ANA, RUI = Principal("ana", "owner"), Principal("rui", "operator", "org_123")


async def test_the_sessions_are_listed_without_what_lets_anybody_in(
    client: httpx.AsyncClient, as_: As, app: App
) -> None:
    secret = await app.sessions.open(RUI, None, "198.51.100.7")

    answer = await client.get("/v1/sessions", headers=as_("owner"))

    (shown,) = answer.json()["sessions"]
    assert (shown["by"], shown["role"], shown["organizationId"]) == ("rui", "operator", "org_123")
    assert (shown["address"], shown["endsAt"] - shown["begunAt"]) == ("198.51.100.7", 12 * 3600 * 1000)
    assert secret not in answer.text


async def test_one_is_ended_and_that_is_written_down(client: httpx.AsyncClient, as_: As, app: App) -> None:
    secret = await app.sessions.open(RUI, None, "")
    (shown,) = (await client.get("/v1/sessions", headers=as_("owner"))).json()["sessions"]

    ended = await client.delete(f"/v1/sessions/{shown['id']}", headers=as_("owner"))

    assert ended.status_code == 204
    assert await app.sessions.find(secret) is None
    (entry,) = (await client.get("/v1/audit", headers=as_("owner"))).json()["entries"]
    assert (entry["action"], entry["outcome"], entry["detail"]) == ("session.end", "done", {"of": "rui"})
    assert (await client.delete(f"/v1/sessions/{shown['id']}", headers=as_("owner"))).status_code == 404


async def test_those_of_others_are_not_there(client: httpx.AsyncClient, as_: As, app: App) -> None:
    of_all, of_123 = await app.sessions.open(ANA, None, ""), await app.sessions.open(RUI, None, "")
    shown = (await client.get("/v1/sessions", headers=as_("owner"))).json()["sessions"]
    assert len(shown) == 2

    mine = (await client.get("/v1/sessions", headers=as_("owner", "org_123"))).json()["sessions"]
    assert [one["by"] for one in mine] == ["rui"]
    assert (await client.get("/v1/sessions", headers=as_("owner", "org_2"))).json() == {"sessions": []}
    for one in shown:
        answer = await client.delete(f"/v1/sessions/{one['id']}", headers=as_("owner", "org_2"))
        assert answer.status_code == 404
    for name in ("x", of_all, "..", "%2e%2e", "*", "a" * 10_000):
        assert (await client.delete(f"/v1/sessions/{name}", headers=as_("owner"))).status_code in (404, 405)
    assert await app.sessions.find(of_all)
    assert await app.sessions.find(of_123)


@pytest.mark.parametrize("role", ["operator", "viewer"])
async def test_only_who_may_change_settings_ends_one(client: httpx.AsyncClient, as_: As, role: str) -> None:
    assert (await client.delete("/v1/sessions/x", headers=as_(role))).status_code == 403


# --- tokens that are good no more ---------------------------------------------------------------------------------


async def test_a_revoked_token_gets_the_same_401_as_every_other(
    client: httpx.AsyncClient, settings: Settings, app: App
) -> None:
    token, other = (issue(settings, "ana", "owner") for _ in range(2))
    look = "/v1/audit"
    assert (await client.get(look, headers={"Authorization": f"Bearer {token}"})).status_code == 200

    await app.revocations.revoke_token(Verifier.of(settings).verify(token).token_id or "")

    refused = await client.get(look, headers={"Authorization": f"Bearer {token}"})
    wrong = await client.get(look, headers={"Authorization": "Bearer x"})
    assert refused.status_code == 401
    for answer in (refused, wrong):
        assert {**answer.json()["error"], "requestId": ""} == {
            "code": "unauthorized", "message": "send a valid token in the header Authorization: Bearer …",
            "requestId": "",
        }  # fmt: skip
    assert (await client.get(look, headers={"Authorization": f"Bearer {other}"})).status_code == 200


async def test_a_person_who_left_is_locked_out_with_all_tokens(
    client: httpx.AsyncClient, settings: Settings, app: App
) -> None:
    token = {"Authorization": f"Bearer {issue(settings, 'ana', 'owner')}"}

    await app.revocations.revoke_person("ana", int(time.time()))

    assert (await client.get("/v1/audit", headers=token)).status_code == 401
