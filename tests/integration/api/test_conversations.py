"""Chats over HTTP: which there are, what was said, who answers; each organization sees its own."""

from typing import Any

import httpx
import pytest

from oxyq.app import App
from oxyq.clock import now_ms
from oxyq.gateways.news import PersonWrote
from tests.integration.api.conftest import As

pytestmark = pytest.mark.usefixtures("shops")

ANA, BIA = "5511988888888", "5511977777777"


@pytest.fixture
async def chats(app: App, shops: tuple[str, str]) -> None:
    """Ana was written to by a person just now, Bia long ago; another shop has a chat with Ana, too."""
    for organization, contact, text, at in (
        ("org_123", BIA, "até logo", now_ms() - 86_400_000),
        ("org_123", ANA, "Oi Ana!", now_ms()),
        ("org_2", ANA, "segredo", now_ms()),
    ):
        await app.take_over.person_wrote(organization, "wa_1", PersonWrote(contact, text, f"3A-{contact[-4:]}", at))


async def get(client: httpx.AsyncClient, headers: dict[str, str], path: str, **more: Any) -> Any:
    answer = await client.get(f"/v1/conversations{path}", headers=headers, **more)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.usefixtures("chats")
async def test_chats_newest_first_and_what_was_said(client: httpx.AsyncClient, as_: As) -> None:
    mine = as_("owner", "org_123")

    first, second = (await get(client, mine, ""))["conversations"]
    ana = await get(client, mine, f"/{ANA}")

    assert (first["contact"], second["contact"]) == (ANA, BIA)
    assert first["silentUntil"] > now_ms() and second["silentUntil"] is None
    [message] = ana["messages"]
    assert (message["author"], message["text"], message["id"]) == ("person", "Oi Ana!", f"3A-{ANA[-4:]}")
    assert (message["jobId"], message["status"]) == (None, None)  # written by phone, past us
    assert first["last"]["text"] == "Oi Ana!" and ana["windowClosesAt"] is None
    assert (await get(client, mine, "", params={"waiting": "true"}))["conversations"] == []
    page = await get(client, mine, "", params={"limit": "1"})
    after = await get(client, mine, "", params={"cursor": page["next"]})
    assert [one["contact"] for one in (*page["conversations"], *after["conversations"])] == [ANA, BIA]
    assert after["next"] is None


@pytest.mark.usefixtures("chats")
async def test_a_chat_is_given_back_and_taken_over(client: httpx.AsyncClient, as_: As) -> None:
    mine = as_("operator", "org_123")

    released = await client.post(f"/v1/conversations/+{ANA}/release", headers=mine)
    taken = await client.post(f"/v1/conversations/{ANA}@c.us/take-over", headers=mine, params={"instanceId": "wa_1"})

    assert released.json()["silentUntil"] is None
    assert taken.json()["silentUntil"] > now_ms()


@pytest.mark.usefixtures("chats")
async def test_what_is_not_there_or_not_ours_is_not_found(client: httpx.AsyncClient, as_: As) -> None:
    paths = {
        f"/{ANA}?organizationId=org_2": 404,
        "/5511900000000": 404,
        f"/{ANA}?instanceId=wa_9": 404,
        "/nobody": 422,
        f"/{ANA}?instance=wa_1": 422,
        "?limit=0": 422,
        "?waiting=perhaps": 422,
    }
    for path, status in paths.items():
        answer = await client.get(f"/v1/conversations{path}", headers=as_("viewer", "org_123"))
        assert answer.status_code == status, (path, answer.text)


@pytest.mark.usefixtures("chats")
async def test_who_may_only_look_takes_nothing_over(client: httpx.AsyncClient, as_: As) -> None:
    for name in ("take-over", "release"):
        answer = await client.post(f"/v1/conversations/{ANA}/{name}", headers=as_("viewer", "org_123"))
        assert answer.status_code == 403


@pytest.mark.usefixtures("chats")
async def test_an_operator_reads_no_numbers_and_opens_chats_by_their_handle(client: httpx.AsyncClient, as_: As) -> None:
    mine = as_("operator", "org_123")
    [first, _] = (await get(client, mine, ""))["conversations"]
    assert (first["contact"], first["last"]["text"]) == ("55 11 •••••-8888", "••• (7)")

    chat = await get(client, mine, f"/{first['id']}")

    assert [message["text"] for message in chat["messages"]] == ["••• (7)"]
    assert "98888" not in str(chat)
    for handle in (f"{first['id']}A", "h_", "h_" + "A" * 40):
        answer = await client.get(f"/v1/conversations/{handle}", headers=mine)
        assert answer.status_code == 404, handle
    other = await client.get(f"/v1/conversations/{first['id']}", headers=as_("owner", "org_2"))
    assert other.status_code == 404


@pytest.mark.usefixtures("chats")
async def test_a_person_writes_once_however_often_it_is_sent(client: httpx.AsyncClient, as_: As, app: App) -> None:
    mine, path = as_("operator", "org_123"), f"/v1/conversations/{BIA}/messages"

    answers = [await client.post(path, headers=mine, json={"id": "r1", "text": "Oi Bia!"}) for _ in range(2)]
    other = await client.post(path, headers=mine, json={"id": "r1", "text": "Outra coisa"})

    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[0].json() == answers[1].json()
    assert (other.status_code, other.json()["error"]["code"]) == (409, "id_conflict")
    chat = await get(client, as_("owner", "org_123"), f"/{BIA}")
    said = chat["messages"][-1]
    assert (said["author"], said["text"], said["by"], said["status"]) == ("person", "Oi Bia!", "tests", "planned")
    assert said["jobId"] == answers[0].json()["jobId"] and chat["silentUntil"] > now_ms()
    assert (await app.queues["message"].counts())["waiting"] == 1
    job = await client.get(f"/v1/queues/message/jobs/{said['jobId']}", headers=as_("owner", "org_123"))
    assert job.status_code == 200 and job.json()["kind"] == "person-reply", job.text


@pytest.mark.usefixtures("chats")
async def test_what_cannot_be_written_says_why(client: httpx.AsyncClient, as_: As) -> None:
    mine = as_("operator", "org_123")
    reply = {"id": "r1", "text": "Oi!"}
    for path, body, status in (
        ("/5511900000000/messages", reply, 404),
        (f"/{ANA}/messages", {**reply, "text": " "}, 422),
        (f"/{ANA}/messages", {"text": "Oi!"}, 422),
        (f"/{ANA}/messages?organizationId=org_2", reply, 404),
    ):
        answer = await client.post(f"/v1/conversations{path}", headers=mine, json=body)
        assert answer.status_code == status, (path, answer.text)
    refused = await client.post(f"/v1/conversations/{ANA}/messages", headers=as_("viewer", "org_123"), json=reply)
    assert refused.status_code == 403

    await client.post("/v1/organizations/org_123/pause", headers=mine)
    paused = await client.post(f"/v1/conversations/{ANA}/messages", headers=mine, json=reply)
    assert paused.status_code == 409 and "paused" in paused.json()["error"]["message"]


@pytest.mark.usefixtures("chats")
async def test_meta_takes_texts_for_24_hours_after_somebody_wrote(client: httpx.AsyncClient, as_: As, app: App) -> None:
    """Given a number at Meta, and Ana, who has never written; then only a template may go to her, and that is said."""
    owner = as_("owner")
    number = {"gateway": "cloud", "phoneNumberId": "106540352242922"}
    saved = await client.put("/v1/instances/wa_1?organizationId=org_123", headers=owner, json=number)
    assert saved.status_code == 200, saved.text
    for name in ("access_token", "app_secret", "verify_token"):
        address = f"/v1/instances/wa_1/secrets/{name}?organizationId=org_123"
        await client.put(address, headers=owner, json={"value": "a" * 20})

    chat = await get(client, as_("owner", "org_123"), f"/{ANA}")
    body = {"id": "r1", "text": "Oi!"}
    refused = await client.post(f"/v1/conversations/{ANA}/messages", headers=as_("owner", "org_123"), json=body)

    assert chat["windowClosesAt"] == 0
    assert refused.status_code == 409 and "24 hours" in refused.json()["error"]["message"]
