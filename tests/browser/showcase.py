"""`make screenshots`: every page of the board, in light and dark, of a shop in the middle of its day, into docs/board/.

A real installation as the browser tests have: Redis, API, workers, and what customers and the owner did there.
"""

import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from playwright.sync_api import Page, sync_playwright

from oxyq.app import App
from oxyq.clock import now_ms
from oxyq.gateways.simulator import NEVER_GETS_THROUGH, NOT_ON_WHATSAPP, customer_message
from oxyq.limits import RateLimit
from oxyq.organizations import demo_organization
from tests.browser.conftest import CHROMIUM, DESKTOP, ORGANIZATION, PHONE, Shop
from tests.redis_server import RedisServer

DOCS: Final = Path(__file__).parents[2] / "docs" / "board"
CUSTOMER: Final = "5511987654321"
#: File name -> page beneath the board. `{job}` and `{letter}` are filled in.
PAGES: Final = {
    "overview": "",
    "queue": "queue/campaign?state=completed",
    "job": "queue/message/job/{job}",
    "dead-letters": f"dead-letters?organization={ORGANIZATION}",
    "campaigns": f"campaigns?organization={ORGANIZATION}",
    "campaign": f"campaigns/promocao-de-banho?organization={ORGANIZATION}",
    "conversations": f"conversations?organization={ORGANIZATION}",
    "conversation": f"conversations/{CUSTOMER}?organization={ORGANIZATION}",
    "organizations": "organizations",
    "organization": f"organizations/{ORGANIZATION}",
    "automations": f"automations?organization={ORGANIZATION}",
    "tasks": "tasks",
    "audit": "audit",
}
#: Shown as an owner sees it after the click that shows numbers and texts: all of it is made up.
REVEALED: Final = ("conversation",)


@contextmanager
def open_shop() -> Iterator[Shop]:
    """An installation with its API and workers running, whose folder is gone in the end."""
    with tempfile.TemporaryDirectory() as folder:
        redis_folder, shop_folder = Path(folder, "redis"), Path(folder, "shop")
        redis_folder.mkdir()
        shop_folder.mkdir()
        with RedisServer(redis_folder) as redis:
            shop = Shop(redis, shop_folder)
            shop.environment["OXYQ_CAMPAIGN_ATTEMPTS"] = "1"
            try:
                shop.run(_open(shop.app))
                shop.start_api()
                shop.start("workers", "start", OXYQ_MESSAGE_ATTEMPTS="1", OXYQ_CAMPAIGN_ATTEMPTS="1")
                yield shop
            finally:
                shop.close()


async def _open(app: App) -> None:
    demo = demo_organization()
    rate = RateLimit(max=2, per_seconds=1)
    await app.organizations.save(demo.model_copy(update={"id": ORGANIZATION, "rate": rate}))
    await app.organizations.save(demo.model_copy(update={"id": "org_456", "name": "Barbearia do Zé"}))


async def live_a_day(app: App) -> str:
    """What happened until now; returns the id of a message's job."""
    shop = await app.organizations.get(ORGANIZATION)
    assert shop is not None
    for number, text in (
        (CUSTOMER, "Oi! Que horas vocês abrem?"),
        ("5511976543210", "quanto custa um banho?"),
        ("5511965432109", "vocês vendem foguetes espaciais?"),
        (f"551195432{NEVER_GETS_THROUGH}", "vocês estão abertos?"),
    ):
        job_id = await app.producer.add_message_job(
            customer_message(ORGANIZATION, shop.instances[0], number, text, now_ms())
        )
    for minutes in (20, 90, 60 * 26):
        await app.producer.add_automation_job(
            automation_id=f"lembrete-{minutes}", organization_id=ORGANIZATION, type="reminder",
            recipient_number=CUSTOMER, content="Lembrete: o Rex tem banho amanhã às 10h", delay_ms=minutes * 60_000,
        )  # fmt: skip
    people = [f"55119{40_000_000 + 37 * number}" for number in range(240)]
    people += [f"551194444{NOT_ON_WHATSAPP}", f"551193333{NEVER_GETS_THROUGH}", "11 9999"]
    await app.producer.add_campaign_job(
        campaign_id="promocao-de-banho", organization_id=ORGANIZATION, recipients=people,
        template="Olá {{name|tudo bem}}! Banho com 20% de desconto até sábado.",
    )  # fmt: skip
    await app.contacts.opt_out(ORGANIZATION, "5511912345678", source="showcase", words="SAIR")
    return str(job_id)


def main() -> int:
    """Make all pictures."""
    DOCS.mkdir(parents=True, exist_ok=True)
    with open_shop() as shop, sync_playwright() as playwright:
        job = shop.run(live_a_day(shop.app))
        time.sleep(20)  # a day goes by: rates and charts need some of it
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM)
        for scheme in ("light", "dark"):
            page = browser.new_page(viewport=DESKTOP, color_scheme=scheme, locale="pt-BR")  # type: ignore[arg-type]
            _log_in(page, shop)
            for name, address in PAGES.items():
                page.goto(shop.board + address.format(job=job))
                if name in REVEALED and (show := page.get_by_role("button", name="Mostrar números e textos")).count():
                    show.click()
                _settled(page)
                page.screenshot(path=DOCS / f"{name}-{scheme}.png")
                print(f"{name}-{scheme}.png", file=sys.stderr)
        phone = browser.new_page(viewport=PHONE, color_scheme="light", locale="pt-BR")
        _log_in(phone, shop)
        _settled(phone)
        phone.screenshot(path=DOCS / "phone.png")
        browser.close()
    return 0


def _log_in(page: Page, shop: Shop) -> None:
    page.goto(f"{shop.board}login")
    page.locator("#token").fill(shop.token())
    page.locator("#login button").click()
    page.wait_for_selector("nav.main-menu")


def _settled(page: Page) -> None:
    if page.locator("body[data-topics]:not([data-topics=''])").count():
        page.wait_for_selector("#live.on")


if __name__ == "__main__":
    sys.exit(main())
