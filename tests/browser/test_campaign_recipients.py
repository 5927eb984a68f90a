"""Who got a campaign, who did not and why: looked up on the board, and taken home as a file."""

import csv
import io
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from oxyq.audit import Wanted
from tests.browser.campaigns import campaign, make, make_one_that_ended, open_shops, people
from tests.browser.conftest import ORGANIZATION, Shop, Visitor, check_accessibility

NewVisitor = Callable[..., Visitor]


@pytest.fixture(scope="module", autouse=True)
def shops(shop: Shop) -> None:
    """Two shops."""
    open_shops(shop)


@pytest.fixture(scope="module")
def ended(workers: Shop) -> Shop:
    """A campaign that is over, with more people in it than fit on a page."""
    return make_one_that_ended(workers)


def test_who_got_it_is_looked_up(new_visitor: NewVisitor, ended: Shop) -> None:
    shop = ended
    page = new_visitor(java_script_enabled=False).log_in(org=ORGANIZATION)
    campaign(page, shop, "Grande", "/recipients")
    rows = page.locator("tbody tr")
    expect(rows).to_have_count(50)
    expect(rows.first).to_contain_text("55 11 •••••-0000")
    page.get_by_role("link", name="Próxima").click()
    expect(rows).to_have_count(22)
    page.get_by_role("link", name="Voltar ao começo").click()
    expect(rows).to_have_count(50)

    page.get_by_role("link", name="Falharam").click()
    expect(rows).to_have_count(1)
    expect(rows.first).to_contain_text("o número não está no WhatsApp")
    page.get_by_role("link", name="De fora").click()
    expect(rows.first).to_contain_text("Número que não vale: precisa de 8 a 15 dígitos")
    page.get_by_role("link", name="Todos").click()
    page.get_by_label("Buscar por telefone").fill("(11) 97200-0042")
    page.get_by_role("button", name="Buscar").click()
    expect(rows).to_have_count(1)
    expect(rows.first).to_contain_text("43")


def test_a_long_search_goes_on_by_itself(new_visitor: NewVisitor, shop: Shop) -> None:
    """Given a list that no page can look through in its time, then the page goes on until somebody is found."""
    make(shop, "Longa", people(20_000, first=73_000_000), start=False)
    page = new_visitor().log_in(org=ORGANIZATION)
    campaign(page, shop, "Longa", "/recipients")
    page.get_by_label("Buscar por telefone").fill("5511973019999")
    page.get_by_role("button", name="Buscar").click()

    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.locator("tbody tr").first).to_contain_text("20.000")


def test_numbers_and_texts_are_shown_to_an_owner_who_asks_for_them(new_visitor: NewVisitor, ended: Shop) -> None:
    shop, visitor = ended, new_visitor()
    page = visitor.log_in(org=ORGANIZATION)
    campaign(page, shop, "Grande", "/recipients")
    page.get_by_label("Buscar por telefone").fill("nome7")
    page.get_by_role("button", name="Buscar").click()
    expect(page.locator("#q-problem")).to_contain_text("Com os números ocultos, busque o número inteiro")
    visitor.complaints.clear()

    page.get_by_role("button", name="Mostrar números e textos").click()

    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.locator("tbody tr").first).to_contain_text("5511972000007")
    expect(page.locator("tbody tr").first).to_contain_text("Nome7!")
    (revealed,) = shop.run(shop.app.audit.page(Wanted(action="board.reveal"), limit=1)).entries
    assert revealed.detail == {"page": "campaigns/Grande/recipients"}
    check_accessibility(page)


@pytest.mark.parametrize(("role", "number"), [("owner", "5511972000007"), ("operator", "55 11 •••••-0007")])
def test_the_report_has_the_numbers_for_owners_only(
    new_visitor: NewVisitor, ended: Shop, role: str, number: str
) -> None:
    page = new_visitor().log_in(role, ORGANIZATION)
    campaign(page, ended, "Grande")
    with page.expect_download() as coming:
        page.get_by_role("link", name="Baixar planilha").click()

    download = coming.value
    assert download.suggested_filename == "campaign-Grande.csv"
    rows = list(csv.DictReader(io.StringIO(Path(download.path()).read_text("utf-8"))))
    assert len(rows) == 72
    assert {row["row"]: row["number"] for row in rows}["8"] == number
    (exported,) = ended.run(ended.app.audit.page(Wanted(action="campaign.export"), limit=1)).entries
    assert (exported.deed.role, exported.deed.target) == (role, "Grande")
