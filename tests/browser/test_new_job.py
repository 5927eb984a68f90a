"""The form that adds a job: it knows what each kind must say, and says what is wrong where it is wrong."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import (
    ORGANIZATION,
    PHONE,
    Shop,
    Visitor,
    check_accessibility,
    check_fits,
    wire_bytes,
)

NewVisitor = Callable[..., Visitor]


def shown_job(page: Page, shop: Shop, queue: str) -> dict[str, object]:
    """What the job carries whose page is shown."""
    expect(page.get_by_text("Está na fila.")).to_be_visible()
    [data] = shop.run(shop.app.queues[queue].data([page.url.rpartition("/")[2]]))
    assert isinstance(data, dict)
    return data


def test_a_reminder_is_added_after_what_was_wrong_is_corrected(new_visitor: NewVisitor, shop: Shop) -> None:
    visitor = new_visitor()
    page = visitor.log_in()
    page.goto(f"{shop.board}queue/automation/new")
    expect(page.get_by_role("heading", name="Novo trabalho")).to_be_visible()
    check_accessibility(page)

    # Given a form with a number that is none, and an organization that is not known
    page.get_by_label("Organização").fill("nobody")
    page.get_by_label("Tipo").fill("reminder")
    page.get_by_label("Para quem (número)").fill("12")
    page.get_by_label("Texto").fill("Seu banho é amanhã às 10h ☕")
    page.get_by_text("Mais campos, se precisar").click()
    page.get_by_label("Quando enviar").fill("2027-01-15T09:30")
    page.get_by_label("Dados seus").fill("{")
    page.get_by_role("button", name="Acrescentar à fila").click()

    # Then it says what is wrong at the field, and keeps what was written
    expect(page.locator("#metadata-problem")).to_contain_text("não é JSON válido")
    page.get_by_label("Dados seus").fill('{"bookingId": "b-1"}')
    page.get_by_role("button", name="Acrescentar à fila").click()
    expect(page.locator("#organizationId-problem")).to_contain_text("não existe aqui")
    page.get_by_label("Organização").fill(ORGANIZATION)
    page.get_by_role("button", name="Acrescentar à fila").click()
    expect(page.locator("#recipientNumber-problem")).to_contain_text("8 a 15")
    expect(page.get_by_label("Texto")).to_have_value("Seu banho é amanhã às 10h ☕")
    check_accessibility(page)

    # When it is corrected, then it is in the queue, for its time
    page.get_by_label("Para quem (número)").fill("+55 11 99999-8888")
    page.get_by_role("button", name="Acrescentar à fila").click()
    data = shown_job(page, shop, "automation")
    assert data["recipientNumber"] == "5511999998888"
    assert data["metadata"] == {"bookingId": "b-1"}
    assert data["scheduledFor"] == 1_800_016_200_000, "09:30 in São Paulo"
    expect(page.locator(".timeline")).to_contain_text("15/01/2027 09:30:00")
    visitor.complaints.clear()  # the browser tells of each 422


@pytest.mark.parametrize("script", [True, False])
def test_a_message_is_added_by_who_sees_one_organization(new_visitor: NewVisitor, shop: Shop, script: bool) -> None:
    # Given somebody of one organization, who is not asked which
    page = new_visitor(java_script_enabled=script).log_in("operator", ORGANIZATION)
    page.goto(f"{shop.board}queue/message/new")
    expect(page.get_by_label("Organização")).to_have_count(0)

    page.get_by_label("Seu número").fill("wa_1")
    page.get_by_label("De quem (número)").fill("5511999998888")
    page.get_by_label("Texto", exact=True).fill("Oi")
    page.get_by_role("button", name="Acrescentar à fila").click()

    assert shown_job(page, shop, "message")["organizationId"] == ORGANIZATION


def test_a_campaign_to_some_people(owner: Page, shop: Shop) -> None:
    owner.goto(f"{shop.board}queue/message/new")
    owner.get_by_role("navigation", name="O que acrescentar").get_by_role("link", name="Campanha").click()
    owner.get_by_label("Organização").fill(ORGANIZATION)
    owner.get_by_label("Texto, com").fill("Olá {{name}}!")
    owner.get_by_label("Para quem").fill("5511999998888\n\n 5511977777777 \n")
    owner.get_by_text("Mais campos").click()
    owner.get_by_label("Valores das variáveis").fill('{"name": "você"}')
    owner.get_by_role("button", name="Acrescentar à fila").click()

    data = shown_job(owner, shop, "campaign")
    assert data["recipients"] == ["5511999998888", "5511977777777"]
    assert str(data["campaignId"]).startswith("manual-")


def test_the_same_fact_with_other_words_is_refused(new_visitor: NewVisitor, shop: Shop) -> None:
    visitor = new_visitor()
    page = visitor.log_in("owner", ORGANIZATION)
    for text in ("first", "second"):
        page.goto(f"{shop.board}queue/automation/new")
        page.get_by_label("Código da automação").fill("twice")
        page.get_by_label("Tipo").fill("reminder")
        page.get_by_label("Para quem (número)").fill("5511999998888")
        page.get_by_label("Texto").fill(text)
        page.get_by_role("button", name="Acrescentar à fila").click()

    expect(page.locator("#automationId-problem")).to_contain_text("outro conteúdo")
    visitor.complaints.clear()  # the browser tells of the 409


def test_who_may_only_look_gets_no_form(new_visitor: NewVisitor, shop: Shop) -> None:
    page = new_visitor().log_in("viewer")
    page.goto(f"{shop.board}queue/message/new")
    expect(page.get_by_text("somente de leitura")).to_be_visible()
    expect(page.locator("main form")).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone_and_the_wire(new_visitor: NewVisitor, shop: Shop, scheme: str) -> None:
    page = new_visitor(viewport=PHONE, color_scheme=scheme, locale="en-US").log_in()
    for kind in ("message", "automation", "campaign"):
        assert wire_bytes(page, f"{shop.board}queue/{kind}/new") < 60 * 1024
        page.get_by_text("More fields").click()
        check_fits(page)
        check_accessibility(page)
