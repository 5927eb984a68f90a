"""Chats on the board: who waits, what was said, taking over, and writing as a person."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from oxyq.clock import now_ms
from oxyq.conversations.store import Place
from oxyq.gateways.simulator import read_log
from tests.browser.conftest import ORGANIZATION, PHONE, Shop, Visitor, check_accessibility, check_fits, wire_bytes

NewVisitor = Callable[..., Visitor]

ANA, BIA = "5511999990001", "5511999990002"
_ids = itertools.count(1)


def hears(shop: Shop, text: str, sender: str = ANA, name: str = "Ana Souza") -> str:
    """Somebody writes; the id of the job."""
    fields: dict[str, Any] = {
        "organization_id": ORGANIZATION, "instance_id": "wa_demo", "sender": sender, "content": text,
        "message_id": f"in-{next(_ids)}", "timestamp": now_ms(), "push_name": name,
    }  # fmt: skip
    return shop.run(shop.app.producer.add_message_job(**fields))


def sent_to(shop: Shop, number: str) -> list[str]:
    return [message.text for message in read_log(shop.app.settings.simulator_log_path) if message.to == number]


async def _ended(shop: Shop, job_id: str) -> bool:
    record = await shop.app.queues["message"].job(job_id)
    return record is not None and record.finished_ms is not None


@pytest.fixture(scope="module")
def chats(workers: Shop) -> Shop:
    """Ana was answered from the list of questions; Bia asked for a person."""
    for text, sender, name in (
        ("q horas vcs abrem?", ANA, "Ana Souza"),
        ("quero falar com um atendente", BIA, "Bia Lima"),
    ):
        job = hears(workers, text, sender, name)
        workers.until(lambda job=job: _ended(workers, job))  # type: ignore[misc]
    return workers


def open_chat(page: Page, shop: Shop, number: str = ANA) -> Page:
    """The chat with somebody, by way of the number."""
    page.goto(f"{shop.board}conversations/{number}?instance=wa_demo&organization={ORGANIZATION}")
    expect(page.locator("ol.chat")).to_be_visible()
    return page


def test_the_list_shows_who_waits_and_hides_numbers_until_they_are_asked_for(owner: Page, chats: Shop) -> None:
    owner.goto(f"{chats.board}conversations?organization={ORGANIZATION}")
    first, second = owner.locator("ul.chats li").all()
    expect(first).to_contain_text("espera uma pessoa")
    expect(first).to_contain_text("•••••-0002")
    expect(second).to_contain_text("•••••-0001")
    assert "Ana Souza" not in owner.content() and ANA not in owner.content()
    check_accessibility(owner)

    owner.get_by_role("link", name="Esperando uma pessoa").click()
    expect(owner.locator("ul.chats li")).to_have_count(1)
    owner.get_by_role("link", name="Todas").click()
    owner.get_by_role("button", name="Mostrar números e textos").click()
    expect(owner.locator("ul.chats li").first).to_contain_text("Bia Lima")

    owner.get_by_label("Número da pessoa").fill("(55) 11 99999-0001")
    owner.get_by_role("button", name="Buscar").click()
    expect(owner.locator("ul.chats li")).to_have_count(1)
    owner.get_by_label("Número da pessoa").fill("abc")
    owner.get_by_role("button", name="Buscar").click()
    expect(owner.locator(".problem")).to_be_visible()
    assert wire_bytes(owner, f"{chats.board}conversations?organization={ORGANIZATION}") <= 60 * 1024


def test_a_chat_in_its_order_with_who_answered_and_what_became_of_it(owner: Page, chats: Shop) -> None:
    open_chat(owner, chats)
    assert ANA not in owner.url
    owner.get_by_role("button", name="Mostrar números e textos").click()

    theirs, ours = owner.locator("ol.chat li").all()[:2]
    expect(theirs).to_contain_text("q horas vcs abrem?")
    expect(ours).to_contain_text("perguntas e respostas")
    expect(ours).to_contain_text("enviada")
    expect(ours).to_contain_text("Abrimos de segunda a sábado")
    check_accessibility(owner)
    assert wire_bytes(owner, owner.url) <= 60 * 1024


@pytest.mark.parametrize("script", [True, False])
def test_a_person_takes_over_writes_and_hands_back(new_visitor: NewVisitor, chats: Shop, script: bool) -> None:
    page = open_chat(new_visitor(java_script_enabled=script).log_in("operator", sub="paula"), chats)
    words = f"Oi Ana, aqui é a Paula! {script}"

    page.get_by_role("button", name="Assumir a conversa").click()
    expect(page.get_by_role("status").filter(has_text="A conversa é sua")).to_be_visible()
    page.get_by_label("Escrever como pessoa").fill(words)
    page.get_by_role("button", name="Enviar").click()

    expect(page.locator("ol.chat li.person").last).to_contain_text("paula")
    chats.until(lambda: _was_sent(chats, words))
    if script:
        expect(page.locator("ol.chat li.person").last).to_contain_text("enviada")  # live, without a reload
    assert sent_to(chats, ANA).count(words) == 1

    page.get_by_role("button", name="Devolver ao automático").click()
    expect(page.get_by_role("button", name="Assumir a conversa")).to_be_visible()


async def _was_sent(shop: Shop, text: str) -> bool:
    return text in sent_to(shop, ANA)


def test_what_somebody_writes_shows_up_by_itself(owner: Page, chats: Shop) -> None:
    owner.goto(f"{chats.board}conversations?organization={ORGANIZATION}")
    owner.get_by_role("button", name="Mostrar números e textos").click()
    expect(owner.locator("#live.on")).to_be_visible()

    hears(chats, "aceita pix?", "5511999990003", "Eva Reis")

    expect(owner.locator("ul.chats li").first).to_contain_text("Eva Reis")


def test_a_text_that_cannot_be_sent_is_kept_with_the_reason(new_visitor: NewVisitor, chats: Shop) -> None:
    visitor = new_visitor()
    page = open_chat(visitor.log_in(), chats, BIA)
    field = page.get_by_label("Escrever como pessoa")
    field.evaluate("area => { area.removeAttribute('maxlength'); area.value = 'a'.repeat(5000); }")
    page.get_by_role("button", name="Enviar").click()

    expect(page.locator("#text-problem")).to_contain_text("4096")
    assert len(page.get_by_label("Escrever como pessoa").input_value()) == 5000
    visitor.complaints.clear()  # the browser tells of the 422


def test_who_may_only_look_finds_no_button_and_others_find_no_chat(new_visitor: NewVisitor, chats: Shop) -> None:
    viewer = open_chat(new_visitor().log_in("viewer", ORGANIZATION), chats)
    expect(viewer.get_by_role("button", name="Assumir a conversa")).to_have_count(0)
    expect(viewer.get_by_label("Escrever como pessoa")).to_have_count(0)
    expect(viewer.get_by_role("button", name="Mostrar números e textos")).to_have_count(0)

    chats.run(
        chats.app.organizations.save(
            chats.run(_organization(chats)).model_copy(update={"id": "org_2", "instances": ["wa_2"]})
        )
    )
    stranger = new_visitor()
    page = stranger.log_in("owner", "org_2")
    page.goto(viewer.url)
    expect(page.get_by_role("heading", name="Não encontrado")).to_be_visible()
    stranger.complaints.clear()  # the browser tells of the 404


async def _organization(shop: Shop) -> Any:
    return await shop.app.organizations.get(ORGANIZATION)


@pytest.mark.parametrize("look", [{"viewport": PHONE}, {"color_scheme": "dark"}, {"locale": "en-US"}])
def test_on_a_phone_in_the_dark_and_in_english(new_visitor: NewVisitor, chats: Shop, look: dict[str, Any]) -> None:
    page = open_chat(new_visitor(**look).log_in(), chats)
    check_fits(page)
    check_accessibility(page)
    page.goto(f"{chats.board}conversations?organization={ORGANIZATION}")
    expect(page.locator("ul.chats li").first).to_be_visible()
    check_fits(page)
    check_accessibility(page)


def test_a_chat_of_a_paused_organization_says_so(owner: Page, chats: Shop) -> None:
    place = Place(ORGANIZATION, "wa_demo", ANA)
    assert chats.run(chats.app.conversations.chat(place)) is not None
    chats.run(chats.app.organizations.change(ORGANIZATION, lambda one: one.model_copy(update={"paused_at": now_ms()})))
    try:
        open_chat(owner, chats)
        expect(owner.locator(".notice.warn")).to_contain_text("pausada")
        expect(owner.get_by_label("Escrever como pessoa")).to_have_count(0)
    finally:
        chats.run(chats.app.organizations.change(ORGANIZATION, lambda one: one.model_copy(update={"paused_at": None})))
