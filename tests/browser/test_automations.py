"""Automations on the board: what waits is sent now, changed, moved, cancelled; schedules are made, run, removed."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from oxyq.clock import now_ms
from oxyq.jobs import Automation, decode
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

HOUR = 3_600_000
NUMBER, TEXT = "5511999998888", "Lembrete: banho amanhã às 10h"


@pytest.fixture(autouse=True)
def clean(shop: Shop) -> Iterator[None]:
    """Nothing waits that a test before left."""
    yield
    shop.run(shop.app.queues["automation"].obliterate())
    shop.run(shop.app.queues["automation"].resume())


def reminder(shop: Shop, name: str, *, hours: int = 24, org: str = ORGANIZATION, **fields: Any) -> str:
    """Add a reminder for later; returns its job's id."""
    return shop.run(
        shop.app.producer.add_automation_job(
            automationId=name, organizationId=org, type="reminder", recipientNumber=NUMBER, content=TEXT,
            scheduledFor=now_ms() + hours * HOUR, **fields,
        )
    )  # fmt: skip


def made_by_node(shop: Shop, name: str, data: Any) -> None:
    """A scheduler under an id of its own, with data that is what it likes."""
    shop.run(
        shop.app.queues["automation"].schedulers.upsert(
            name, "reminder", data, every_ms=24 * HOUR, starts_ms=now_ms() + HOUR
        )
    )  # fmt: skip


def carried(shop: Shop, job_id: str) -> Automation:
    """What a job carries now."""
    [data] = shop.run(shop.app.queues["automation"].data([job_id]))
    payload = decode("automation", data)
    assert isinstance(payload, Automation)
    return payload


def state(shop: Shop, job_id: str) -> str:
    return shop.run(shop.app.queues["automation"].state(job_id))


# --- what waits -------------------------------------------------------------------------------------------------


def test_what_waits_is_listed_the_next_first_with_numbers_and_texts_masked(owner: Page, shop: Shop) -> None:
    reminder(shop, "later", hours=48)
    reminder(shop, "sooner", hours=24)
    reminder(shop, "theirs", org="org_other")

    owner.locator("nav.main-menu").get_by_role("link", name="Automações").click()

    expect(owner.locator("tbody tr")).to_have_count(2)
    expect(owner.locator("tbody tr").first).to_contain_text(re.compile("em (23|24) horas|em 1 dia"))
    expect(owner.locator("tbody tr").first).to_contain_text("55 11 •••••-8888")
    assert NUMBER not in owner.content() and TEXT not in owner.content()
    check_accessibility(owner)
    check_fits(owner)


def test_one_is_sent_now(owner: Page, shop: Shop) -> None:
    job_id = reminder(shop, "a")
    owner.goto(shop.board + "automations")

    owner.get_by_role("button", name="Enviar agora").click()

    expect(owner.get_by_role("status").filter(has_text="Vai sair agora")).to_be_visible()
    [(_, place)] = shop.run(shop.app.queues["automation"].delayed_ids())
    assert (place >> 12) <= now_ms() + 1000
    assert state(shop, job_id) == "delayed", "a worker takes it in that moment"


def test_one_is_cancelled_after_a_question(owner: Page, shop: Shop) -> None:
    job_id = reminder(shop, "a")
    owner.goto(shop.board + "automations")
    owner.get_by_role("link", name="Lembrete").click()

    owner.get_by_text("Cancelar o envio…").click()
    check_accessibility(owner)
    owner.get_by_role("button", name="Cancelar o envio", exact=True).click()

    expect(owner.get_by_role("status").filter(has_text="foi cancelado")).to_be_visible()
    expect(owner.get_by_text("Nada esperando")).to_be_visible()
    assert state(shop, job_id) == "unknown"


def test_the_owner_shows_the_text_and_changes_it(new_visitor: NewVisitor, shop: Shop) -> None:
    job_id = reminder(shop, "a")
    visitor = new_visitor()
    owner = visitor.log_in()
    owner.goto(f"{shop.board}automations/waiting/{job_id}")
    expect(owner.get_by_label("Texto")).to_have_count(0)
    assert TEXT not in owner.content()

    # When it is shown, and emptied, then the page says what is wrong
    owner.get_by_role("button", name="Mostrar números e textos").click()
    expect(owner.get_by_label("Texto")).to_have_value(TEXT)
    owner.get_by_label("Texto").fill("x" * 4097)
    owner.get_by_role("button", name="Salvar").click()
    expect(owner.locator("#content-problem")).to_contain_text("tem 4097 caracteres")
    check_accessibility(owner)
    visitor.complaints.clear()  # the browser tells of the 422

    # When it is right, then it waits with that, at its time
    owner.get_by_label("Texto").fill("Mudou: às 11h ☕")
    owner.get_by_role("button", name="Salvar").click()
    expect(owner.get_by_role("status").filter(has_text="foi salvo")).to_be_visible()
    assert carried(shop, job_id).content == "Mudou: às 11h ☕"
    assert state(shop, job_id) == "delayed"


def test_an_operator_moves_one_and_sees_no_text(new_visitor: NewVisitor, shop: Shop) -> None:
    job_id = reminder(shop, "a")
    visitor = new_visitor()
    operator = visitor.log_in("operator", ORGANIZATION)
    operator.goto(f"{shop.board}automations/waiting/{job_id}")
    assert NUMBER not in operator.content() and TEXT not in operator.content()

    operator.get_by_label("Novo horário").fill("2020-01-01T10:00")
    operator.get_by_role("button", name="Mudar").click()
    expect(operator.locator("#at-problem")).to_contain_text("já passou")
    visitor.complaints.clear()  # the browser tells of the 422

    operator.get_by_label("Novo horário").fill("2027-01-15T10:00")
    operator.get_by_role("button", name="Mudar").click()

    expect(operator.get_by_role("status").filter(has_text="foi mudada")).to_be_visible()
    [(_, place)] = shop.run(shop.app.queues["automation"].delayed_ids())
    # São Paulo is three hours behind
    assert datetime.fromtimestamp((place >> 12) / 1000, tz=UTC).strftime("%Y-%m-%d %H:%M") == "2027-01-15 13:00"


def test_a_viewer_looks_and_has_no_buttons(new_visitor: NewVisitor, shop: Shop) -> None:
    job_id = reminder(shop, "a")
    made_by_node(shop, "node-1", {"organizationId": ORGANIZATION})
    viewer = new_visitor().log_in("viewer")

    for address in ("automations", f"automations/waiting/{job_id}", "automations/schedules",
                    "automations/schedules/node-1"):  # fmt: skip
        viewer.goto(shop.board + address)
        expect(viewer.locator("main h1")).to_be_visible()
        expect(viewer.locator("main button:visible, main summary:visible")).to_have_count(0)


def test_another_organizations_is_not_found(new_visitor: NewVisitor, shop: Shop) -> None:
    job_id = reminder(shop, "theirs", org="org_other")
    made_by_node(shop, "node-1", {"organizationId": "org_other"})
    visitor = new_visitor()
    page = visitor.log_in("operator", ORGANIZATION)

    for address in (f"automations/waiting/{job_id}", "automations/schedules/node-1",
                    "automations?organization=org_other", "automations/schedules?organization=org_other"):  # fmt: skip
        page.goto(shop.board + address)
        expect(page.get_by_role("heading", level=1)).to_have_text("Não encontrado")
    visitor.complaints.clear()  # the browser tells of each 404
    page.goto(shop.board + "automations/schedules")
    expect(page.get_by_text("Nenhuma agenda")).to_be_visible()


# --- schedules --------------------------------------------------------------------------------------------------


def test_a_schedule_is_made_changed_run_and_removed(new_visitor: NewVisitor, shop: Shop) -> None:
    # When the owner makes one, at first wrongly
    visitor = new_visitor()
    owner = visitor.log_in()
    owner.goto(shop.board + "automations/schedules")
    owner.get_by_role("link", name="Nova agenda").click()
    owner.get_by_label("Código da agenda").fill("às segundas")
    owner.get_by_label("Texto").fill("Bom dia! ☀️")
    owner.get_by_label("Para quem (número)").fill("123")
    owner.get_by_label("Dias e horas").fill("0 9 * * 1")
    owner.get_by_role("button", name="Salvar").click()

    # Then what is wrong stands at its field, and the rest stays
    expect(owner.locator("#number-problem")).to_be_visible()
    expect(owner.get_by_label("Texto")).to_have_value("Bom dia! ☀️")
    check_accessibility(owner)
    check_fits(owner)
    visitor.complaints.clear()  # the browser tells of the 422

    # When it is right, then it is listed with its next run, and shown with the next five
    owner.get_by_label("Para quem (número)").fill(NUMBER)
    owner.get_by_role("button", name="Salvar").click()
    expect(owner.get_by_role("status").filter(has_text="foi salva")).to_be_visible()
    check_accessibility(owner)
    assert NUMBER not in owner.content()
    owner.get_by_role("link", name="às segundas").click()
    expect(owner.locator("ol.events li")).to_have_count(5)
    expect(owner.locator("ol.events li").first).to_contain_text("09:00:00")

    # When it is changed
    owner.get_by_role("button", name="Mostrar números e textos").click()
    owner.get_by_label("Dias e horas").fill("")
    owner.get_by_label("Ou a cada tantos minutos").fill("90")
    owner.get_by_role("button", name="Salvar").click()
    expect(owner.locator("tbody tr")).to_contain_text("a cada 1 h 30 min")
    saved = shop.run(shop.app.automation_schedules.get(ORGANIZATION, "às segundas"))
    assert (saved.schedule.every_seconds, saved.schedule.automation.content) == (5400, "Bom dia! ☀️")

    # and run once, then there is a job besides that of the schedule
    owner.get_by_role("button", name="Enviar agora").click()
    expect(owner.get_by_role("status").filter(has_text="Vai sair uma vez")).to_be_visible()
    counts = shop.run(shop.app.queues["automation"].counts())
    assert counts["waiting"] + counts["delayed"] == 2

    # and removed
    owner.get_by_role("link", name="às segundas").click()
    owner.get_by_text("Remover…").click()
    owner.get_by_role("button", name="Remover a agenda").click()
    expect(owner.get_by_role("status").filter(has_text="foi removida")).to_be_visible()
    expect(owner.get_by_text("Nenhuma agenda")).to_be_visible()


def test_what_node_made_is_shown_and_marked(owner: Page, shop: Shop) -> None:
    known = {"automationId": "n", "organizationId": ORGANIZATION, "type": "reminder", "recipientNumber": NUMBER,
             "content": TEXT}  # fmt: skip
    made_by_node(shop, "node-reminder", known)
    made_by_node(shop, "node-other", {"what": "nobody knows"})

    owner.goto(shop.board + "automations/schedules")

    expect(owner.locator("tbody tr")).to_have_count(2)
    expect(owner.get_by_text("de outro programa")).to_have_count(2)
    expect(owner.get_by_text("não dá para ler aqui")).to_have_count(1)
    assert NUMBER not in owner.content()
    owner.get_by_role("link", name="node-reminder").click()
    expect(owner.get_by_text("Foi feita por outro programa")).to_be_visible()
    owner.get_by_role("button", name="Enviar agora").click()
    expect(owner.get_by_role("status").filter(has_text="Vai sair uma vez")).to_be_visible()
    check_accessibility(owner)


def test_a_run_of_a_schedule_leads_to_it(owner: Page, shop: Shop) -> None:
    made_by_node(
        shop, "node-1",
        {"automationId": "n", "organizationId": ORGANIZATION, "type": "reminder", "recipientNumber": NUMBER,
         "content": TEXT},
    )  # fmt: skip
    owner.goto(shop.board + "automations")

    expect(owner.get_by_text("de uma agenda")).to_be_visible()
    owner.get_by_role("link", name="Lembrete").click()
    owner.get_by_role("link", name="Abrir a agenda").click()

    expect(owner.get_by_role("heading", level=1)).to_have_text("node-1")


def test_without_script_on_a_phone_in_the_dark_in_english(new_visitor: NewVisitor, shop: Shop) -> None:
    job_id = reminder(shop, "a")
    made_by_node(shop, "node-1", {"organizationId": ORGANIZATION})
    page = new_visitor(
        viewport=PHONE, color_scheme="dark", java_script_enabled=False, locale="en-US"
    ).log_in()  # fmt: skip

    for address in ("automations", f"automations/waiting/{job_id}", "automations/schedules",
                    "automations/schedules/node-1", "automations/new-schedule"):  # fmt: skip
        page.goto(shop.board + address)
        expect(page.locator("main h1")).to_be_visible()
        check_fits(page)
    page.goto(f"{shop.board}automations/waiting/{job_id}")
    page.get_by_text("Cancel it…").click()
    page.get_by_role("button", name="Cancel it", exact=True).click()
    expect(page.get_by_role("status")).to_contain_text("cancelled")
    assert state(shop, job_id) == "unknown"


def test_pages_are_light(owner: Page, shop: Shop) -> None:
    for number in range(60):
        reminder(shop, f"a-{number}", hours=1 + number)

    assert wire_bytes(owner, shop.board + "automations") < 60_000
    expect(owner.locator("tbody tr")).to_have_count(50)
    owner.get_by_role("link", name="Próxima").click()
    expect(owner.locator("tbody tr")).to_have_count(10)
