"""Campaigns on the board: found, watched and steered by clicks, by those who may."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from oxyq.campaigns.intake import CampaignIntake
from oxyq.jobs import CampaignContent, parse_new
from tests.browser.campaigns import (
    SLOW,
    TEXT,
    campaign,
    has,
    is_in,
    make,
    make_one_that_ended,
    open_shops,
    people,
    stored,
)
from tests.browser.conftest import ORGANIZATION, PHONE, Shop, Visitor, check_accessibility, check_fits, wire_bytes

NewVisitor = Callable[..., Visitor]


@pytest.fixture(scope="module", autouse=True)
def shops(shop: Shop) -> None:
    """Two shops."""
    open_shops(shop)


@pytest.fixture(scope="module")
def ended(workers: Shop) -> Shop:
    """A campaign that is over, with more people in it than fit on a page."""
    return make_one_that_ended(workers)


def test_it_is_watched_paused_resumed_and_cancelled(new_visitor: NewVisitor, workers: Shop) -> None:
    """The page goes on by itself; each button does what it says, and the queue shows it."""
    shop = workers
    make(shop, "Devagar", people(100, first=71_000_000), instanceId=SLOW)
    page = new_visitor().log_in(org=ORGANIZATION)
    campaign(page, shop, "Devagar")
    expect(page.locator(".badge.ok")).to_have_text("enviando")
    expect(page.locator(".progress .now")).to_contain_text("no ritmo que o número aguenta")
    expect(page.locator(".progress .until")).to_contain_text("Deve terminar")
    page.get_by_text("Como esta conta é feita").click()
    expect(page.get_by_text("o ritmo do número para campanhas: 47 mensagens por minuto")).to_be_visible()
    page.get_by_text("Como esta conta é feita").click()
    sent = page.locator(".stat", has_text="Enviadas").locator("dd")
    before = int(sent.inner_text())
    page.locator("h1").click()  # nothing is held open
    shop.until(lambda: has(shop, "Devagar", "sent", before + 2))
    expect(sent).not_to_have_text(str(before))

    page.get_by_role("button", name="Pausar").click()
    expect(page.get_by_text("Campanha pausada.")).to_be_visible()
    expect(page.locator(".progress .now")).to_contain_text("Ninguém recebe nada até você retomar.")
    assert stored(shop, "Devagar").state == "paused"

    page.get_by_role("button", name="Retomar").click()
    expect(page.get_by_text("Campanha retomada.")).to_be_visible()
    assert stored(shop, "Devagar").state in ("planning", "running")

    page.get_by_text("Cancelar campanha").click()
    page.get_by_role("button", name="Cancelar de vez").click()
    expect(page.get_by_text("Campanha cancelada.")).to_be_visible()
    cancelled = stored(shop, "Devagar")
    assert cancelled.state == "cancelled"
    expect(page.locator(".stat", has_text="Canceladas")).to_contain_text(str(cancelled.statuses["planned"]))


def test_what_failed_is_sent_again(new_visitor: NewVisitor, workers: Shop) -> None:
    """5511990009902 is a number that the simulator says is not on WhatsApp."""
    shop = workers
    make(shop, "Falhas", [("5511970000001", {"nome": "Ana"}), ("5511990009902", {"nome": "Rui"}), ("1", {"nome": "x"})])
    shop.until(lambda: is_in(shop, "Falhas", "completed"))
    page = new_visitor(java_script_enabled=False).log_in(org=ORGANIZATION)
    campaign(page, shop, "Falhas")
    expect(page.locator(".stat", has_text="Falharam")).to_contain_text("1")
    expect(page.get_by_role("row", name="Número que não vale")).to_contain_text("1")

    page.get_by_text("Reenviar as falhas").click()
    page.get_by_role("button", name="Reenviar para 1").click()

    expect(page.get_by_text("Reenvio iniciado.")).to_be_visible()
    assert stored(shop, "Falhas").again == 1


def test_who_may_only_look_has_no_buttons(new_visitor: NewVisitor, ended: Shop) -> None:
    page = new_visitor(locale="en-US").log_in("viewer", ORGANIZATION)
    page.goto(f"{ended.board}campaigns")
    expect(page.get_by_role("link", name="Grande")).to_be_visible()
    expect(page.get_by_role("link", name="New campaign")).to_have_count(0)
    campaign(page, ended, "Grande")

    expect(page.get_by_text("Send failed ones again")).to_have_count(0)
    expect(page.get_by_role("button", name="Show numbers and texts")).to_have_count(0)
    answer = page.request.post(
        f"{ended.board}campaigns/Grande/cancel", headers={"Origin": ended.url}, form={"back": "campaigns"}
    )
    assert answer.status == 403


def test_another_shop_sees_none_of_it(new_visitor: NewVisitor, ended: Shop) -> None:
    visitor = new_visitor()
    page = visitor.log_in(org="org_2")
    page.goto(f"{ended.board}campaigns")
    expect(page.get_by_text("Nenhuma campanha ainda")).to_be_visible()
    for address in (
        "campaigns/Grande", "campaigns/Grande/recipients", "campaigns/Grande/edit", "campaigns/Grande/report",
        f"campaigns?organization={ORGANIZATION}", f"campaigns/Grande?organization={ORGANIZATION}",
        f"campaigns/Grande/report?organization={ORGANIZATION}",
    ):  # fmt: skip
        assert page.request.get(ended.board + address).status == 404, address
    for act in ("start", "pause", "resume", "cancel", "resend-failed", "edit", "list", "empty", "check"):
        for query in ("", f"?organization={ORGANIZATION}"):
            answer = page.request.post(
                f"{ended.board}campaigns/Grande/{act}{query}", headers={"Origin": ended.url}, form={"rows": "x"}
            )
            assert answer.status == 404, (act, query)


def test_who_sees_all_chooses_a_shop(new_visitor: NewVisitor, ended: Shop) -> None:
    page = new_visitor(java_script_enabled=False).log_in()
    page.goto(f"{ended.board}campaigns")
    expect(page.get_by_role("heading", name="De qual organização?")).to_be_visible()
    page.get_by_label("Buscar pelo código").fill("123")
    page.get_by_role("button", name="Buscar").click()
    page.get_by_role("link", name="Pet Shop Amigo Fiel").click()
    page.get_by_role("link", name="Grande").click()
    expect(page.get_by_role("heading", name="Grande")).to_be_visible()
    page.get_by_role("link", name="Quem recebe").click()
    expect(page.locator("tbody tr")).to_have_count(50)


def test_the_list_is_narrowed_by_tabs_and_words(new_visitor: NewVisitor, ended: Shop) -> None:
    page = new_visitor(java_script_enabled=False).log_in(org=ORGANIZATION)
    make(ended, "Procurada", people(1), start=False, template="Vacina {{nome}}")
    page.goto(f"{ended.board}campaigns")
    page.get_by_label("Buscar por nome ou texto").fill("vacina")
    page.get_by_role("button", name="Buscar").click()
    expect(page.locator(".campaigns li")).to_have_count(1)
    page.get_by_role("link", name="Terminadas").click()
    expect(page.get_by_text("Nenhuma campanha encontrada")).to_be_visible()
    page.get_by_role("link", name="Rascunhos").click()
    expect(page.locator(".campaigns li")).to_have_count(1)


PAGES = (
    "campaigns", "new-campaign", "campaigns/Grande", "campaigns/Grande/recipients", "campaigns/Rascunho%20novo",
    "campaigns/Vazia",
)  # fmt: skip


@pytest.mark.parametrize("options", [{"viewport": PHONE, "color_scheme": "dark"}, {}], ids=["phone, dark", "desk"])
def test_every_page_fits_and_can_be_used_by_everybody(
    new_visitor: NewVisitor, ended: Shop, options: dict[str, object]
) -> None:
    shop = ended
    make(shop, "Rascunho novo", [*people(3), ("123", {"nome": "x"})], start=False)
    content = {"campaignId": "Vazia", "organizationId": ORGANIZATION, "template": TEXT}
    shop.run(CampaignIntake(shop.app.campaigns).open(parse_new(CampaignContent, content)))
    page = new_visitor(**options).log_in(org=ORGANIZATION)
    for address in PAGES:
        size = wire_bytes(page, shop.board + address)
        assert size <= 60_000, (address, size)
        check_fits(page)
        check_accessibility(page)
    campaign(page, shop, "Rascunho novo")
    if page.get_by_role("button", name="Conferir agora").count():
        page.get_by_role("button", name="Conferir agora").click()
    expect(page.get_by_role("heading", name="Quem fica de fora")).to_be_visible()
    check_fits(page)
    check_accessibility(page)
