"""Making a campaign on the board: its text, its list, a look at both, and only then it goes out."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.campaigns import TEXT, campaign, gone_out, is_in, make, open_shops, people, stored
from tests.browser.conftest import ORGANIZATION, Shop, Visitor, check_accessibility

NewVisitor = Callable[..., Visitor]


@pytest.fixture(scope="module", autouse=True)
def shops(shop: Shop) -> None:
    """Two shops."""
    open_shops(shop)


PEOPLE = "telefone;nome\n(11) 97000-0001;Ana\n11970000002;Bia\n+55 11 97000-0001;Ana\n123;Caio\n"


@pytest.mark.parametrize("script", [True, False])
def test_from_the_text_to_the_last_message(new_visitor: NewVisitor, workers: Shop, script: bool) -> None:
    """Given a list with mistakes, when these are mended, checked and started, then each good number gets it once."""
    shop, name = workers, f"Banho {'com' if script else 'sem'} script"
    visitor = new_visitor(java_script_enabled=script)
    page = visitor.log_in(org=ORGANIZATION)
    page.locator(".main-menu").get_by_role("link", name="Campanhas").click()
    page.get_by_role("link", name="Nova campanha").first.click()
    page.get_by_label("Nome da campanha").fill(name)
    page.get_by_label("Mensagem", exact=True).fill(TEXT)
    page.get_by_role("button", name="Continuar").click()

    # Its list lacks a name first.
    expect(page.get_by_text("Sua mensagem precisa também destas colunas: nome.")).to_be_visible()
    page.get_by_label("Ou cole a lista aqui").fill("telefone;nome\n11 97000-0001;\n")
    page.get_by_role("button", name="Conferir a lista").click()
    expect(page.get_by_text("linha 2: falta nome para 11 97000-0001.")).to_be_visible()
    assert page.get_by_label("Ou cole a lista aqui").input_value() == "telefone;nome\n11 97000-0001;\n"
    visitor.complaints.clear()  # the browser tells of the 422
    page.get_by_label("Ou cole a lista aqui").fill(PEOPLE)
    page.get_by_role("button", name="Conferir a lista").click()

    # What would happen is shown, and nothing has happened.
    stats = page.locator(".check .stat")
    expect(stats.filter(has_text="Vão receber")).to_contain_text("2")
    expect(stats.filter(has_text="Repetido na lista")).to_contain_text("1")
    expect(page.get_by_text("Começa assim que você mandar.")).to_be_visible()
    assert stored(shop, name).state == "draft"

    page.get_by_text("Começar a enviar").click()
    page.get_by_role("button", name="Enviar para 2 pessoas").click()
    expect(page.get_by_text("Campanha iniciada.")).to_be_visible()
    shop.until(lambda: is_in(shop, name, "completed"))
    page.reload() if not script else None
    expect(page.get_by_text("2 pessoas receberam")).to_be_visible()
    assert len([text for text in gone_out(shop, "5511970000002") if text.endswith("Para sair, responda SAIR.")]) >= 1


def test_a_file_is_sent_by_the_script_with_its_progress(new_visitor: NewVisitor, shop: Shop, tmp_path: Path) -> None:
    visitor = new_visitor()
    page = visitor.log_in(org=ORGANIZATION)
    page.goto(f"{shop.board}new-campaign")
    page.get_by_label("Nome da campanha").fill("Arquivo")
    page.get_by_label("Mensagem", exact=True).fill(TEXT)
    page.get_by_role("button", name="Continuar").click()
    wrong, good = tmp_path / "wrong.csv", tmp_path / "good.csv"
    wrong.write_bytes("telefone;nome\n11970000001;José\n".encode("latin-1"))
    good.write_text("telefone;nome\n" + "".join(f"55119{70_000_000 + at};Nome{at}\n" for at in range(5_000)))

    page.get_by_label("Arquivo da planilha").set_input_files(wrong)
    page.get_by_role("button", name="Enviar o arquivo").click()
    expect(page.locator("#upload .problem")).to_contain_text("o arquivo não está em UTF-8")
    visitor.complaints.clear()
    page.get_by_label("Arquivo da planilha").set_input_files(good)
    page.get_by_role("button", name="Enviar o arquivo").click()

    expect(page.locator(".check .stat").first).to_contain_text("5.000")
    assert stored(shop, "Arquivo").uploaded == 5_000


def test_a_draft_is_corrected_and_gets_another_list(new_visitor: NewVisitor, shop: Shop) -> None:
    """The text without handing in the list again, and the list without writing the text again."""
    visitor = new_visitor(java_script_enabled=False)
    page = visitor.log_in("operator", ORGANIZATION)
    make(shop, "Rascunho", people(3), start=False)
    campaign(page, shop, "Rascunho")
    page.get_by_role("button", name="Conferir agora").click()
    page.get_by_role("link", name="Mudar a mensagem").click()
    page.get_by_label("Mensagem", exact=True).fill("Oi {{nome}}, e {{animal}}?")
    page.get_by_role("button", name="Salvar").click()
    expect(page.get_by_text("falta animal para 5511970000000")).to_be_visible()
    visitor.complaints.clear()
    page.get_by_label("Mensagem", exact=True).fill("Oi {{nome}}, e {{animal|seu amigo}}?")
    page.get_by_text("Mais opções").click()
    page.get_by_label("Nome do modelo").fill("promo_banho")
    page.get_by_label("Valores de {{1}}").fill("{{nome}}")
    page.get_by_role("button", name="Salvar").click()

    expect(page.get_by_text("Oi •••, e seu amigo?")).to_be_visible()
    draft = stored(shop, "Rascunho")
    assert (draft.state, draft.uploaded, draft.template) == ("draft", 3, "Oi {{nome}}, e {{animal|seu amigo}}?")
    assert draft.meta_template is not None
    assert (draft.meta_template.name, draft.meta_template.parameters) == ("promo_banho", ["{{nome}}"])

    page.get_by_text("Trocar a lista").first.click()
    page.get_by_role("button", name="Trocar a lista").click()
    page.get_by_label("Ou cole a lista aqui").fill("telefone;nome\n11 97000-0009;Zoe\n")
    page.get_by_role("button", name="Conferir a lista").click()
    expect(page.locator(".check .stat").first).to_contain_text("1")

    page.get_by_text("Descartar", exact=True).first.click()
    page.get_by_role("button", name="Descartar").click()
    expect(page.get_by_text("Campanha cancelada.")).to_be_visible()
    assert stored(shop, "Rascunho").state == "cancelled"


def test_bare_numbers_are_a_list_too(new_visitor: NewVisitor, shop: Shop) -> None:
    page = new_visitor(java_script_enabled=False).log_in(org=ORGANIZATION)
    page.goto(f"{shop.board}new-campaign")
    page.get_by_label("Nome da campanha").fill("Só números")
    page.get_by_label("Mensagem", exact=True).fill("Oi!")
    page.get_by_role("button", name="Continuar").click()
    page.get_by_label("Ou cole a lista aqui").fill("11 97000-0001\n(11) 97000-0002\n")
    page.get_by_role("button", name="Conferir a lista").click()

    expect(page.locator(".check .stat").first).to_contain_text("2")


def test_a_form_with_mistakes_is_shown_again_with_all_that_was_written(new_visitor: NewVisitor, shop: Shop) -> None:
    visitor = new_visitor(java_script_enabled=False)
    page = visitor.log_in(org=ORGANIZATION)
    make(shop, "Existe", people(1), start=False)
    page.goto(f"{shop.board}new-campaign")
    page.get_by_label("Nome da campanha").fill("Existe")
    page.get_by_label("Mensagem", exact=True).fill("Oi {{nome")
    page.get_by_label("Em um dia e horário").check()
    page.get_by_role("button", name="Continuar").click()
    expect(page.get_by_role("alert")).to_contain_text("Confira os campos marcados.")
    expect(page.locator("#start-problem")).to_be_visible()
    assert page.get_by_label("Mensagem", exact=True).input_value() == "Oi {{nome"

    page.get_by_label("Quando eu mandar").check()
    page.get_by_role("button", name="Continuar").click()
    expect(page.locator("#text-problem")).to_contain_text("não é um campo")
    page.get_by_label("Mensagem", exact=True).fill("Oi")
    page.get_by_role("button", name="Continuar").click()
    expect(page.locator("#name-problem")).to_contain_text("já existe outra campanha com esse nome")
    visitor.complaints.clear()


def test_one_for_tomorrow_is_scheduled_and_may_begin_now(new_visitor: NewVisitor, shop: Shop) -> None:
    page = new_visitor().log_in(org=ORGANIZATION)
    page.goto(f"{shop.board}new-campaign")
    page.get_by_label("Nome da campanha").fill("Amanhã")
    page.get_by_label("Mensagem", exact=True).fill("Oi!")
    page.get_by_label("Em um dia e horário").check()
    tomorrow = page.evaluate(
        "new Date(Date.now() + 86400000).toLocaleDateString('sv', {timeZone: 'America/Sao_Paulo'})"
    )
    page.get_by_label("Dia e horário").last.fill(f"{tomorrow}T09:30")
    page.get_by_role("button", name="Continuar").click()
    page.get_by_label("Ou cole a lista aqui").fill("11 97000-0001\n")
    page.get_by_role("button", name="Conferir a lista").click()
    expect(page.get_by_text("Começa amanhã às 09:30.")).to_be_visible()
    page.get_by_text("Agendar", exact=True).click()
    page.get_by_role("button", name="Enviar para 1 pessoa").click()

    expect(page.get_by_text("Campanha agendada.")).to_be_visible()
    expect(page.get_by_text("Começa sozinha amanhã às 09:30.")).to_be_visible()
    assert stored(shop, "Amanhã").state == "scheduled"
    check_accessibility(page)
    page.get_by_text("Começar agora").first.click()
    page.get_by_role("button", name="Começar agora").click()
    expect(page.get_by_text("Campanha iniciada.")).to_be_visible()
    assert stored(shop, "Amanhã").state != "scheduled"
