"""What the stories about campaigns on the board start from: two shops, campaigns, and looks at what became of them."""

import json
from pathlib import Path

from playwright.sync_api import Page

from oxyq.campaigns.campaign import Campaign, Status
from oxyq.campaigns.intake import CampaignIntake
from oxyq.jobs import CampaignContent, parse_new
from oxyq.limits import NumberSettings, RateLimit
from oxyq.organizations import demo_organization
from tests.browser.conftest import ORGANIZATION, Shop

#: A number that sends one a second, so that there is time to look.
SLOW = "wa_slow"
TEXT = "{Oi|Olá} {{nome}}! Seu amigo tem banho com desconto. Para sair, responda SAIR."


def open_shops(shop: Shop) -> None:
    """The shop gets a slow number too, and there is another shop."""
    slow = NumberSettings(rate=RateLimit(max=60, per_seconds=60))

    async def save() -> None:
        organization = await shop.app.organizations.get(ORGANIZATION)
        assert organization is not None
        changed = {"instances": ["wa_demo", SLOW], "numbers": {SLOW: slow}}
        await shop.app.organizations.save(organization.model_copy(update=changed))
        await shop.app.organizations.save(demo_organization().model_copy(update={"id": "org_2", "name": "Outra loja"}))

    shop.run(save())


def make(shop: Shop, name: str, rows: list[tuple[str, dict[str, str]]], *, start: bool = True, **more: object) -> None:
    """A campaign with these recipients."""
    fields = {"campaignId": name, "organizationId": ORGANIZATION, "template": TEXT, **more}

    async def steps() -> None:
        filling = await CampaignIntake(shop.app.campaigns).open(parse_new(CampaignContent, fields))
        await filling.add(rows)
        await filling.finish()
        if start:
            await shop.app.campaign_control.start(ORGANIZATION, name)

    shop.run(steps())


def people(count: int, first: int = 70_000_000) -> list[tuple[str, dict[str, str]]]:
    """So many, in the order of their numbers."""
    return [(f"55119{first + at}", {"nome": f"Nome{at}"}) for at in range(count)]


def stored(shop: Shop, name: str) -> Campaign:
    """As it stands."""
    return shop.run(shop.app.campaign_control.find(ORGANIZATION, name))


def gone_out(shop: Shop, number: str) -> list[str]:
    """What this number got."""
    log = Path(shop.folder) / "simulator.jsonl"
    lines = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    return [line["text"] for line in lines if line["to"] == number]


def campaign(page: Page, shop: Shop, name: str, below: str = "") -> Page:
    """The page of a campaign."""
    page.goto(f"{shop.board}campaigns/{name}{below}?organization={ORGANIZATION}")
    return page


async def has(shop: Shop, name: str, status: Status, count: int) -> bool:
    """Whether so many are in this status by now."""
    return (await shop.app.campaign_control.find(ORGANIZATION, name)).statuses[status] >= count


async def is_in(shop: Shop, name: str, state: str) -> bool:
    """Whether it is in this state."""
    return (await shop.app.campaign_control.find(ORGANIZATION, name)).state == state


def make_one_that_ended(shop: Shop) -> Shop:
    """A campaign that live workers brought to its end, with more people in it than fit on a page."""
    make(shop, "Grande", [*people(70, first=72_000_000), ("5511990009902", {"nome": "Rui"}), ("123", {"nome": "x"})])
    shop.until(lambda: is_in(shop, "Grande", "completed"))
    return shop
