"""The page of one job: what it shows, and each thing that can be done with it."""

import asyncio
import contextlib
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from oxyq.clock import now_ms
from oxyq.engine import Job, Worker
from oxyq.operating.found_job import JobPlace
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


def reminder(shop: Shop, name: str, **fields: Any) -> str:
    """Add a reminder; returns the address of its page."""
    job_id = shop.run(
        shop.app.producer.add_automation_job(
            automationId=name, organizationId=ORGANIZATION, type="reminder", recipientNumber=NUMBER, content=TEXT,
            **fields,
        )
    )  # fmt: skip
    return f"queue/automation/job/{job_id}"


def state(shop: Shop, address: str) -> str:
    return shop.run(shop.app.queues["automation"].state(address.rpartition("/")[2]))


@contextlib.contextmanager
def working(shop: Shop, handler: Any, **options: Any) -> Iterator[None]:
    """A worker with this handler on the queue `automation`."""

    async def start() -> Worker:
        worker = Worker(
            "automation", handler, redis_url=shop.redis.url, prefix=shop.environment["OXYQ_REDIS_PREFIX"],
            worker_name="loja-1", lock_seconds=2, **options,
        )  # fmt: skip
        await worker.start()
        return worker

    worker = shop.run(start())
    try:
        yield
    finally:
        shop.run(worker.stop(grace_seconds=0))


def failed(shop: Shop, name: str) -> str:
    """A reminder that failed for good, after three attempts with a log."""

    async def handler(job: Job) -> None:
        await job.log(f"tentativa {job.attempt} para {NUMBER}")
        raise ConnectionError(f"no line to {NUMBER}")

    address = reminder(shop, name)
    with working(shop, handler, backoff_strategies={"exponential": lambda job, error: 1}):
        shop.until(lambda: _is(shop, address, "failed"))
    return address


async def _is(shop: Shop, address: str, wanted: str) -> bool:
    return await shop.app.queues["automation"].state(address.rpartition("/")[2]) == wanted


def test_a_failed_job_tells_what_happened_and_runs_again(owner: Page, shop: Shop) -> None:
    # Given a reminder that failed three times
    address = failed(shop, "fails")
    owner.goto(shop.board + address)

    # Then the page tells it, with numbers and texts masked
    expect(owner.get_by_role("heading", name="Automação")).to_be_visible()
    expect(owner.locator("main .notice.bad")).to_contain_text("no line to 55 11 •••••-8888")
    expect(owner.locator(".timeline li strong")).to_have_text(
        ["Entrou na fila", "Tentativa sem sucesso", "Tentativa sem sucesso", "Começou", "Tentativa sem sucesso",
         "Falhou de vez"]
    )  # fmt: skip
    expect(owner.locator(".log li")).to_have_count(3)
    assert NUMBER not in owner.content() and TEXT not in owner.content()
    # and each attempt has its stack trace
    owner.get_by_text("Tentativa 3", exact=True).click()
    expect(owner.locator("details.attempt[open] pre")).to_contain_text("ConnectionError: no line to")
    check_accessibility(owner)

    # When it is run again, then it is back in the queue, and its dead letter is gone
    expect(owner.get_by_role("link", name="Abrir")).to_be_visible()
    owner.get_by_role("button", name="Tentar de novo").click()
    expect(owner.get_by_role("status").filter(has_text="voltou para a fila")).to_be_visible()
    assert state(shop, address) == "prioritized"
    expect(owner.get_by_role("link", name="Abrir")).to_have_count(0)
    shop.run(shop.app.queues["automation"].remove(address.rpartition("/")[2]))


def test_the_owner_shows_and_edits_what_it_carries(new_visitor: NewVisitor, shop: Shop) -> None:
    # Given a reminder of later
    visitor = new_visitor()
    owner = visitor.log_in()
    address = reminder(shop, "edited", scheduledFor=now_ms() + HOUR)
    owner.goto(shop.board + address)
    expect(owner.get_by_text("Para editar, mostre números e textos.")).to_be_visible()

    # When the owner shows it and writes something wrong
    owner.get_by_role("button", name="Mostrar números e textos").click()
    editor = owner.get_by_label("Conteúdo, em JSON")
    expect(editor).to_have_value(re.compile(TEXT))
    editor.fill(editor.input_value().replace(TEXT, ""))
    owner.get_by_role("button", name="Salvar").click()

    # Then the page says what, and keeps what was written
    expect(owner.locator("#data-problem")).to_contain_text("content: ")
    expect(editor).to_have_value(re.compile('"content": ""'))
    check_accessibility(owner)
    editor.fill("{")
    owner.get_by_role("button", name="Salvar").click()
    expect(owner.locator("#data-problem")).to_contain_text("data: não é JSON válido")

    # When it is right, then it is saved
    visitor.complaints.clear()  # the browser tells of each 422
    owner.goto(shop.board + address)
    editor.fill(editor.input_value().replace(TEXT, "Às 11h ☕"))
    owner.get_by_role("button", name="Salvar").click()
    expect(owner.get_by_role("status").filter(has_text="foi salvo")).to_be_visible()
    [data] = shop.run(shop.app.queues["automation"].data([address.rpartition("/")[2]]))
    assert data["content"] == "Às 11h ☕"


def test_two_who_edit_the_same_job_do_not_overwrite_each_other(new_visitor: NewVisitor, shop: Shop) -> None:
    # Given one who looks at it without script: nothing tells him that it changed
    visitor = new_visitor(java_script_enabled=False)
    owner = visitor.log_in()
    address = reminder(shop, "edited by two", scheduledFor=now_ms() + HOUR)
    owner.goto(shop.board + address)
    owner.get_by_role("button", name="Mostrar números e textos").click()
    editor = owner.get_by_label("Conteúdo, em JSON")
    expect(editor).to_be_visible()

    async def change() -> None:
        job = await shop.app.jobs.find(JobPlace("automation", address.rpartition("/")[2]), None)
        await shop.app.job_actions.patch_data(job, {"content": "somebody else's"})

    # When somebody else changes it meanwhile
    shop.run(change())
    editor.fill(editor.input_value().replace(TEXT, "mine"))
    owner.get_by_role("button", name="Salvar").click()

    # Then he is told, and what he wrote is kept
    expect(owner.locator("#data-problem")).to_contain_text("alguém acabou de mudar este trabalho")
    expect(editor).to_have_value(re.compile('"content": "mine"'))
    visitor.complaints.clear()  # the browser tells of the 409


def test_a_delayed_job_is_moved_made_urgent_and_let_go(owner: Page, shop: Shop) -> None:
    address = reminder(shop, "later", scheduledFor=now_ms() + 24 * HOUR)
    job_id = address.rpartition("/")[2]
    owner.goto(shop.board + address)

    # When it gets another time
    owner.get_by_label("Horário", exact=True).fill("2027-01-15T09:30")
    owner.get_by_role("button", name="Mudar horário").click()
    expect(owner.get_by_role("status").filter(has_text="O horário foi mudado")).to_be_visible()
    expect(owner.locator(".timeline")).to_contain_text("15/01/2027 09:30:00")
    # or one that cannot be, then it says why
    owner.get_by_label("Horário", exact=True).fill("2020-01-15T09:30")
    owner.get_by_role("button", name="Mudar horário").click()
    expect(owner.locator("main .notice.bad")).to_contain_text("Não foi feito: at: is in the past")

    # When it gets another priority
    owner.get_by_label("Prioridade").fill("1")
    owner.get_by_role("button", name="Mudar prioridade").click()
    expect(owner.get_by_role("status").filter(has_text="A prioridade foi mudada")).to_be_visible()
    assert shop.run(shop.app.queues["automation"].job(job_id)).priority == 1

    # When it is let go
    owner.get_by_role("button", name="Rodar agora").click()
    expect(owner.get_by_role("status").filter(has_text="foi liberado")).to_be_visible()
    assert state(shop, address) == "prioritized"
    shop.run(shop.app.queues["automation"].remove(job_id))


@pytest.mark.parametrize("script", [True, False])
def test_a_job_is_copied_for_somebody_else_and_the_copy_removed(
    new_visitor: NewVisitor, shop: Shop, script: bool
) -> None:
    address = reminder(shop, f"copied {script}", scheduledFor=now_ms() + HOUR)
    page = new_visitor(java_script_enabled=script).log_in("operator")
    page.goto(shop.board + address)

    # When it is copied for another number
    page.locator("summary", has_text="Duplicar").click()
    page.get_by_label("Outro número").fill("5511977777777")
    page.get_by_role("button", name="Criar a cópia").click()

    # Then the copy is shown, and waits for the same time
    expect(page.get_by_text("Esta é a cópia.")).to_be_visible()
    copy = page.url.rpartition("/")[2]
    assert copy not in address
    [data] = shop.run(shop.app.queues["automation"].data([copy]))
    assert (data["recipientNumber"], data["content"]) == ("5511977777777", TEXT)

    # When it is removed, after a question, then it is gone
    page.locator("summary", has_text="Remover").click()
    expect(page.get_by_text("O trabalho some de vez")).to_be_visible()
    with page.expect_response(re.compile("/remove")) as answered:
        page.get_by_role("button", name="Remover de vez").click()
    assert answered.value.status == 303
    assert shop.run(shop.app.queues["automation"].job(copy)) is None


def test_a_job_that_hangs_is_ended_and_the_page_shows_it_live(owner: Page, shop: Shop) -> None:
    # Given a handler that tells how far it is and then hangs
    address = reminder(shop, "hangs")
    job_id = address.rpartition("/")[2]

    async def handler(job: Job) -> None:
        await job.update_progress(40)
        await job.log("primeira linha")
        await asyncio.Event().wait()

    with working(shop, handler):
        shop.until(lambda: _is(shop, address, "active"))
        owner.goto(shop.board + address)
        expect(owner.get_by_text("loja-1 está fazendo este trabalho desde")).to_be_visible()
        expect(owner.get_by_role("progressbar", name="Andamento")).to_have_attribute("value", "40")
        check_accessibility(owner)

        # When it logs something more, then the page shows it by itself
        shop.run(shop.app.queues["automation"].scripts.add_log(job_id, "segunda linha", 100))
        expect(owner.locator(".log")).to_contain_text("segunda linha")

        # When somebody ends it
        owner.locator("summary", has_text="Encerrar com falha").click()
        owner.get_by_role("button", name="Encerrar este trabalho").click()

        # Then it has failed, and is a dead letter
        expect(owner.locator("main .notice.bad")).to_contain_text("taken from its worker by ana")
        assert state(shop, address) == "failed"


def test_who_may_only_look_sees_no_buttons_and_nobody_sees_anothers(new_visitor: NewVisitor, shop: Shop) -> None:
    address = reminder(shop, "looked at", scheduledFor=now_ms() + HOUR)

    viewer = new_visitor().log_in("viewer", ORGANIZATION)
    viewer.goto(shop.board + address)
    expect(viewer.get_by_role("heading", name="Automação")).to_be_visible()
    expect(viewer.locator("main button")).to_have_count(0)
    expect(viewer.locator("main")).not_to_contain_text(TEXT)

    # An operator acts, but sees the content masked, and so must not write it
    operator = new_visitor().log_in("operator", ORGANIZATION)
    operator.goto(shop.board + address)
    expect(operator.get_by_text("Só o proprietário vê e edita o conteúdo.")).to_be_visible()
    headers = {"Origin": shop.url, "Sec-Fetch-Site": "same-origin"}
    answer = operator.request.post(shop.board + address, form={"data": "{}", "version": "x"}, headers=headers)
    assert answer.status == 403

    stranger = new_visitor()
    stranger.log_in("owner", "org_2")
    stranger.open(address)
    expect(stranger.page.get_by_role("heading", name="Não encontrado")).to_be_visible()
    stranger.complaints.clear()  # the browser tells of the 404


def test_what_others_wrote_is_shown_as_text(owner: Page, shop: Shop) -> None:
    """Another program adds what it likes; nothing of it becomes part of the page."""
    queue, evil = shop.app.queues["automation"], '"><img src=x onerror=alert(1)><script>alert(2)</script>'
    shop.run(queue.add(evil, {"organizationId": evil, "content": evil}, job_id="evil", delay_ms=HOUR))
    shop.run(queue.scripts.add_log("evil", f"\x1b[31m{evil}", 10))
    shop.run(shop.app.redis.set(queue.keys.job("no-job"), evil))

    owner.goto(f"{shop.board}queue/automation/job/evil")
    expect(owner.get_by_role("heading", level=1)).to_have_text(evil)
    expect(owner.get_by_text("O conteúdo não está em ordem:")).to_be_visible()
    expect(owner.locator(".log")).to_contain_text("<img src=x")
    check_accessibility(owner)

    owner.goto(f"{shop.board}queue/automation/job/no-job")
    expect(owner.get_by_text("its key holds a string")).to_be_visible()
    expect(owner.locator("main .actions button")).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone_and_the_wire(new_visitor: NewVisitor, shop: Shop, scheme: str) -> None:
    address = failed(shop, f"on a phone, {scheme}")
    page = new_visitor(viewport=PHONE, color_scheme=scheme, locale="en-US").log_in()

    assert wire_bytes(page, shop.board + address) < 60 * 1024
    expect(page.get_by_role("heading", name="What happened")).to_be_visible()
    check_fits(page)
    check_accessibility(page)
    page.locator("summary", has_text="Duplicate").click()
    check_fits(page)


# The last one: from here on live workers take what is added.
def test_what_it_sent_is_shown(owner: Page, workers: Shop) -> None:
    address = reminder(workers, "sent", transactional=True)
    workers.until(lambda: _is(workers, address, "completed"))

    owner.goto(workers.board + address)

    expect(owner.locator("section", has=owner.get_by_role("heading", name="O que saiu"))).to_contain_text("enviada")
    expect(owner.get_by_role("link", name=ORGANIZATION)).to_be_visible()
