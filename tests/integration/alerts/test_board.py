"""The board's first page says what is wrong: everything to who runs it, to a shop what is the shop's."""

from collections.abc import AsyncIterator

import httpx
import pytest

from oxyq.access.tokens import Principal
from oxyq.alerts.alert import Alert
from oxyq.api.application import create_api
from oxyq.app import App
from oxyq.dashboard.entrance import COOKIE
from oxyq.dashboard.pages.overview import OverviewPage
from oxyq.dashboard.rendering import Pages

BOARD = "/admin/queues/"


@pytest.fixture
async def client(app: App) -> AsyncIterator[httpx.AsyncClient]:
    firing = Alert("queue-late", "message", None, "firing", 1, 400, 300, fired_ms=1)
    own = Alert("number-disconnected", "wa_1", "org_1", "firing", 1, 600, 300, "closed", fired_ms=1)
    over = Alert("redis-memory", "", None, "resolved", 1, 81, 65, resolved_ms=2)
    await app.alerts.save([firing, own, over], ())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(create_api(app)), base_url="http://localhost") as client:
        yield client


async def page(app: App, client: httpx.AsyncClient, organization_id: str | None, language: str) -> str:
    principal = Principal("ana", "owner", organization_id)
    cookie = f"{COOKIE}={await app.sessions.open(principal, None, '')}"
    answer = await client.get(BOARD, headers={"Cookie": cookie, "Accept-Language": language})
    assert answer.status_code == 200, answer.text
    return answer.text


async def test_who_sees_all_is_told_of_all_that_holds(app: App, client: httpx.AsyncClient) -> None:
    shown = await page(app, client, None, "en")

    assert "The next job of message has waited 7 min, more than 5 min." in shown
    assert "The number wa_1 has not been connected for 10 min (closed)." in shown
    assert "Redis is filling up" not in shown


async def test_a_shop_is_told_of_its_own_in_its_language(app: App, client: httpx.AsyncClient) -> None:
    shown = await page(app, client, "org_1", "pt-BR")
    assert "O número wa_1 está desconectado há 10 min" in shown
    assert "Fila atrasada" not in shown

    assert "wa_1" not in await page(app, client, "org_2", "pt-BR")


async def test_an_open_page_hears_of_it(app: App, client: httpx.AsyncClient) -> None:
    """The page asks for itself again when its words are others."""
    told = await OverviewPage(app, Pages()).topics()["overview"].poll(None, "")

    assert "queue-late/message" in str(told)
