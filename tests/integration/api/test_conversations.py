"""Chats over HTTP: which there are, what was said, who answers; each organization sees its own."""

from typing import Any

import httpx
import pytest

from oxyq.app import App
from oxyq.engine.scripts import now_ms
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
        await app.take_over.person_wrote(organization, "wa_1", PersonWrote(contact, text, f"3A-{contact}", at))


async def get(client: httpx.AsyncClient, headers: dict[str, str], path: str, **more: Any) -> Any:
    answer = await client.get(f"/v1/conversations{path}", headers=headers, **more)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.usefixtures("chats")
async def test_chats_newest_first_and_what_was_said(client: httpx.AsyncClient, as_: As) -> None:
    mine = as_("viewer", "org_123")

    first, second = await get(client, mine, "")
    ana = await get(client, mine, f"/{ANA}")

    assert (first["contact"], second["contact"]) == (ANA, BIA)
    assert first["silentUntil"] > now_ms() and second["silentUntil"] is None
    assert ana["messages"] == [
        {"author": "person", "text": "Oi Ana!", "at": ana["messages"][0]["at"], "id": f"3A-{ANA}", "route": None}
    ]
    assert await get(client, mine, "", params={"waiting": "true"}) == []
    assert len(await get(client, mine, "", params={"limit": "1"})) == 1


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
