"""What is done over HTTP is in the audit, before and after; who may read it reads it in pages."""

from collections.abc import Sequence
from typing import Any

import httpx
import pytest
import structlog
from structlog.testing import CapturingLogger

from oxyq.app import App
from oxyq.audit import ASKED, AuditEntry, Wanted
from oxyq.errors import QueueUnavailable
from oxyq.gateways.simulator import customer_message
from tests.integration.api.conftest import As

MESSAGE = customer_message("org_123", "wa_1", "5511999998888", "Oi", 1_795_377_084_000)


async def written(app: App, organization_id: str | None = None) -> Sequence[AuditEntry]:
    return (await app.audit.page(Wanted(organization_id))).entries


async def told(client: httpx.AsyncClient, headers: dict[str, str], query: str = "") -> list[dict[str, Any]]:
    answer = await client.get(f"/v1/audit{query}", headers=headers)
    assert answer.status_code == 200, answer.text
    entries: list[dict[str, Any]] = answer.json()["entries"]
    return entries


# --- what is written ----------------------------------------------------------------------------------------------


async def test_a_deed_is_written_down_with_what_became_of_it(
    client: httpx.AsyncClient, as_: As, app: App, shops: tuple[str, str]
) -> None:
    done = await client.post("/v1/contacts/5511999998888/opt-out", headers=as_("operator", "org_123"))
    refused = await client.post("/v1/campaigns/no-such/pause", headers=as_("owner", "org_123"))
    assert (done.status_code, refused.status_code) == (200, 404)

    last, first = await written(app)
    assert (first.deed.action, first.deed.target) == ("contact.opt-out", "55 11 •••••-8888")
    assert (first.deed.by, first.deed.role, first.deed.door) == ("tests", "operator", "api")
    assert (first.deed.organization_id, first.deed.address, first.outcome) == ("org_123", "127.0.0.1", "done")
    assert (last.deed.action, last.deed.target, last.outcome) == ("campaign.pause", "no-such", "not_found")


async def test_looking_and_being_refused_at_the_door_is_no_deed(
    client: httpx.AsyncClient, as_: As, app: App, shops: tuple[str, str]
) -> None:
    await client.get("/v1/contacts/5511999998888", headers=as_("owner", "org_123"))
    await client.post("/v1/contacts/5511999998888/opt-out", headers=as_("viewer", "org_123"))
    await client.post("/v1/contacts/5511999998888/opt-out")

    assert await written(app) == []


async def test_what_programs_hand_in_is_its_own_record_and_what_people_do_is_written_down(
    client: httpx.AsyncClient, as_: As, app: App, shops: tuple[str, str]
) -> None:
    assert (await client.post("/v1/messages", json=MESSAGE, headers=as_("service"))).status_code == 202
    assert await written(app) == []

    answer = await client.post("/v1/messages", json=MESSAGE, headers=as_("owner"))

    (entry,) = await written(app)
    assert (entry.deed.action, entry.outcome) == ("message.add", "done")
    assert entry.detail == {"queue": "message", "id": answer.json()["id"]}
    # Whose it was stood in the body; its people see it too
    assert await written(app, "org_123") == [entry]


async def test_the_audit_has_no_texts(client: httpx.AsyncClient, as_: As, app: App, shops: tuple[str, str]) -> None:
    await client.post("/v1/messages", json=MESSAGE, headers=as_("owner"))
    words = {"words": "não quero mais"}
    await client.post("/v1/contacts/5511999998888/opt-out", json=words, headers=as_("owner", "org_123"))

    for entry in await written(app):
        assert not {"Oi", "não quero", "5511999998888"} & set(str(entry).split("'"))
        assert "5511999998888" not in str(entry)


async def test_what_was_done_is_done_though_its_end_cannot_be_written_down(
    client: httpx.AsyncClient, as_: As, app: App, shops: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given Redis goes away behind the deed, its caller is told of the deed, and the audit that it was asked for."""

    async def away(*_: object) -> None:
        raise QueueUnavailable("Redis went away")

    log = CapturingLogger()
    monkeypatch.setattr(structlog, "get_logger", lambda: log)
    monkeypatch.setattr(app.audit, "end", away)

    answer = await client.post("/v1/contacts/5511999998888/opt-out", headers=as_("owner", "org_123"))

    assert answer.status_code == 200
    (entry,) = await written(app)
    assert entry.outcome == ASKED
    assert log.calls == []


async def test_what_cannot_be_written_down_is_not_done(
    client: httpx.AsyncClient, as_: As, app: App, shops: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> str:
        raise QueueUnavailable("Redis went away")

    monkeypatch.setattr(app.audit, "begin", away)

    answer = await client.post("/v1/contacts/5511999998888/opt-out", headers=as_("owner", "org_123"))

    assert answer.status_code == 503
    assert await app.contacts.consent("org_123", "5511999998888") is None


# --- reading it ---------------------------------------------------------------------------------------------------


async def test_an_entry_is_shown_whole(client: httpx.AsyncClient, as_: As, shops: tuple[str, str]) -> None:
    await client.post("/v1/campaigns/c/pause", headers=as_("owner", "org_123"))

    (entry,) = await told(client, as_("owner"))

    assert entry.pop("at") == int(entry.pop("id").partition("-")[0])
    assert entry == {
        "action": "campaign.pause", "target": "c", "by": "tests", "role": "owner", "door": "api",
        "organizationId": "org_123", "address": "127.0.0.1", "outcome": "not_found", "detail": {},
    }  # fmt: skip


async def test_it_is_read_in_pages_and_by_who_and_what(
    client: httpx.AsyncClient, as_: As, shops: tuple[str, str]
) -> None:
    for name in ("a", "b", "c"):
        await client.post(f"/v1/campaigns/{name}/pause", headers=as_("owner", "org_123"))
    await client.post("/v1/contacts/5511999998888/opt-out", headers=as_("service", "org_123"))

    seen, query = list[str](), "?action=campaign&limit=2"
    while True:
        page = (await client.get(f"/v1/audit{query}", headers=as_("owner"))).json()
        seen += [entry["target"] for entry in page["entries"]]
        if page["next"] is None:
            break
        query = f"?action=campaign&limit=2&cursor={page['next']}"

    assert seen == ["c", "b", "a"]
    assert [entry["action"] for entry in await told(client, as_("owner"), "?action=contact.opt-out")] == [
        "contact.opt-out"
    ]
    assert await told(client, as_("owner"), "?by=somebody") == []


async def test_who_is_of_one_organization_sees_its_entries_only(
    client: httpx.AsyncClient, as_: As, shops: tuple[str, str]
) -> None:
    await client.post("/v1/campaigns/a/pause", headers=as_("owner", "org_123"))
    await client.post("/v1/campaigns/b/pause", headers=as_("owner", "org_2"))

    assert [entry["target"] for entry in await told(client, as_("operator", "org_123"))] == ["a"]
    assert [entry["target"] for entry in await told(client, as_("operator"), "?organizationId=org_2")] == ["b"]
    answer = await client.get("/v1/audit?organizationId=org_2", headers=as_("owner", "org_123"))
    assert answer.status_code == 404


@pytest.mark.parametrize(
    ("query", "field"), [("limit=0", "limit"), ("limit=201", "limit"), ("cursor=x", "cursor"), ("who=ana", "who")]
)
async def test_a_wrong_parameter_is_named(client: httpx.AsyncClient, as_: As, query: str, field: str) -> None:
    answer = await client.get(f"/v1/audit?{query}", headers=as_("owner"))

    assert (answer.status_code, answer.json()["error"]["field"]) == (422, field)


@pytest.mark.parametrize(("role", "status"), [("owner", 200), ("operator", 200), ("viewer", 403), ("service", 403)])
async def test_who_may_read_it(client: httpx.AsyncClient, as_: As, role: str, status: int) -> None:
    assert (await client.get("/v1/audit", headers=as_(role))).status_code == status
    assert (await client.get("/v1/sessions", headers=as_(role))).status_code == status
