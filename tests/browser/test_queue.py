"""The page of a queue in a browser: states, filters, choosing rows, tasks, cleaning, limits, pausing."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from oxyq.engine import Entry, Job, JobOptions, Worker
from oxyq.operating.bulk.task import Task
from tests.browser.conftest import (
    ORGANIZATION,
    PHONE,
    Shop,
    Visitor,
    check_accessibility,
    check_fits,
    wire_bytes,
)
from tests.integration.engine.journal import eventually

NUMBERS = [f"55119888800{n:02}" for n in range(30)]
OTHER = "org_other"


async def _fail_all(shop: Shop) -> None:
    """30 messages failed, every third of another organization, every tenth by a timeout; none is with a worker."""
    queue = shop.app.queues["message"]

    async def handler(job: Job) -> None:
        raise RuntimeError("Timeout: the gateway did not answer" if job.id.endswith("0") else "no connection to it")

    await queue.add_many(
        [
            Entry(
                "inbound",
                {
                    "organizationId": OTHER if n % 3 == 0 else ORGANIZATION,
                    "instanceId": "wa_1",
                    "from": f"{number}@c.us",
                    "content": f"Olá, queria marcar um banho para o Rex número {n}",
                },
                job_id=f"msg-{n:03}",
            )
            for n, number in enumerate(NUMBERS)
        ]
    )
    worker = Worker("message", handler, hub=shop.app.hub, concurrency=30)
    await worker.start()

    async def failed() -> int:
        return (await queue.counts())["failed"]

    await eventually(failed, len(NUMBERS))
    await worker.stop()


@pytest.fixture
def failed(shop: Shop) -> Shop:
    """The shop with failed messages, as they were at the beginning."""

    async def renew() -> None:
        await shop.app.queues["message"].obliterate()
        await shop.app.queues["message"].resume()
        await shop.app.queues["dead-letter"].obliterate()
        await shop.app.queues["dead-letter"].resume()
        await _fail_all(shop)

    shop.run(renew())
    return shop


def ended(shop: Shop, page: Page) -> Task:
    """The task whose page is open, once it has ended."""
    expect(page).to_have_url(re.compile(r"/tasks/task-[0-9a-f]+$"))
    task_id = page.url.rsplit("/", 1)[1]

    async def look() -> Task | None:
        task = await shop.app.bulk.get(task_id)
        return task if task.has_ended else None

    return shop.until(look)  # type: ignore[no-any-return]


def counts(shop: Shop) -> dict[str, int]:
    return shop.run(shop.app.queues["message"].counts())


def test_all_that_fit_a_filter_are_retried_with_progress(failed: Shop, owner: Page) -> None:
    owner.goto(f"{failed.board}queue/message?state=failed")
    expect(owner.locator("tbody tr")).to_have_count(30)
    owner.get_by_text("Filtrar", exact=True).first.click()
    owner.get_by_label("Organização").fill(OTHER)
    owner.get_by_role("button", name="Filtrar").click()
    expect(owner.locator("tbody tr")).to_have_count(10)
    assert "organization=org_other" in owner.url
    check_accessibility(owner)

    owner.get_by_label("Todos os 10 que se encaixam").check()
    owner.get_by_role("button", name="Tentar de novo").click()

    task = ended(failed, owner)
    assert (task.tally.done, task.order.by) == (10, "ana")
    expect(owner.locator("[data-region=task]")).to_contain_text("concluída")
    assert (counts(failed)["waiting"], counts(failed)["failed"]) == (10, 20)
    check_accessibility(owner)


def test_chosen_rows_are_removed_after_a_question(failed: Shop, owner: Page) -> None:
    owner.goto(f"{failed.board}queue/message?state=failed")
    owner.get_by_label("Escolher msg-004").check()
    owner.get_by_label("Escolher msg-005").check()
    expect(owner.get_by_text("2 escolhidos")).to_be_visible()
    owner.locator("summary", has_text="Apagar").click()
    owner.get_by_role("button", name="Apagar de vez").click()

    assert ended(failed, owner).tally.done == 2
    assert failed.run(failed.app.queues["message"].job("msg-004")) is None
    assert counts(failed)["failed"] == 28


def test_nothing_chosen_is_told(failed: Shop, owner: Page) -> None:
    owner.goto(f"{failed.board}queue/message?state=failed")
    owner.get_by_role("button", name="Tentar de novo").click()
    expect(owner.get_by_role("status").filter(has_text="Marque alguns")).to_be_visible()
    assert counts(failed)["failed"] == 30


def test_a_person_an_error_and_a_text_are_found(failed: Shop, owner: Page) -> None:
    owner.goto(f"{failed.board}queue/message?state=failed&contact=(11) 98888-0007")
    expect(owner.locator("tbody tr")).to_have_count(1)
    expect(owner.locator("tbody tr")).to_contain_text("msg-007")
    owner.goto(f"{failed.board}queue/message?state=failed&error=timeout")
    expect(owner.locator("tbody tr")).to_have_count(3)
    owner.goto(f"{failed.board}queue/message?state=failed&text=rex número 12")
    expect(owner.locator("tbody tr")).to_have_count(1)
    owner.goto(f"{failed.board}queue/message?state=failed&text=unicórnio")
    expect(owner.get_by_text("Nenhum trabalho se encaixa")).to_be_visible()


def test_a_filter_that_makes_no_sense_is_told_at_its_field(failed: Shop, new_visitor: Callable[..., Visitor]) -> None:
    visitor = new_visitor()
    page = visitor.log_in()
    page.goto(f"{failed.board}queue/message?state=failed&contact=ninguém")
    expect(page.locator("#contact-problem")).to_be_visible()
    check_accessibility(page)
    visitor.complaints = [one for one in visitor.complaints if "422" not in one]


def test_delayed_jobs_run_now_and_waiting_ones_go_to_the_dead_letters(failed: Shop, owner: Page) -> None:
    later = JobOptions(delay_ms=3_600_000)
    failed.run(
        failed.app.queues["message"].add_many([Entry("later", {}, job_id=f"l{n}", options=later) for n in "abc"])
    )
    owner.goto(f"{failed.board}queue/message?state=delayed")
    owner.get_by_label("Escolher la").check()
    owner.get_by_role("button", name="Rodar agora").click()
    assert ended(failed, owner).tally.done == 1

    owner.goto(f"{failed.board}queue/message?state=waiting")
    owner.get_by_label("Escolher la").check()
    owner.get_by_role("button", name="Guardar em Falhas").click()
    assert ended(failed, owner).tally.done == 1
    assert failed.run(failed.app.dead_letters.get("dlq-message-la")).kind == "by-hand"


def test_cleaning_counts_first(failed: Shop, owner: Page) -> None:
    owner.goto(f"{failed.board}queue/message?state=failed")
    owner.get_by_role("link", name="Limpar").click()
    expect(owner.get_by_text("Nada para limpar")).to_be_visible()
    owner.get_by_label("Mais antigos que").select_option("all")
    owner.get_by_role("button", name="Contar").click()
    check_accessibility(owner)
    owner.get_by_role("button", name="Apagar 30 trabalhos").click()

    assert ended(failed, owner).tally.done == 30
    assert counts(failed)["failed"] == 0


def test_a_queue_is_paused_and_goes_on(failed: Shop, owner: Page) -> None:
    owner.goto(f"{failed.board}queue/message")
    owner.locator("summary", has_text="Pausar").click()
    owner.get_by_role("button", name="Pausar agora").click()
    expect(owner.locator(".badge", has_text="pausada")).to_be_visible()
    assert failed.run(failed.app.queues["message"].is_paused())
    owner.get_by_role("button", name="Retomar").click()
    expect(owner.locator(".badge", has_text="pausada")).to_have_count(0)
    assert not failed.run(failed.app.queues["message"].is_paused())


def test_limits_are_changed_live(failed: Shop, new_visitor: Callable[..., Visitor]) -> None:
    visitor = new_visitor()
    page = visitor.log_in()
    page.goto(f"{failed.board}queue/message/limits")
    page.get_by_label("Trabalhos ao mesmo tempo", exact=True).fill("7")
    page.get_by_label(re.compile("Trabalhos a cada")).fill("40")
    page.get_by_role("button", name="Salvar").click()
    expect(page.get_by_role("status").filter(has_text="Já estão valendo")).to_be_visible()
    limits = failed.run(failed.app.limits.get("message"))
    assert (limits.concurrency, limits.rate) == (7, 40)
    check_accessibility(page)

    page.get_by_label("Trabalhos ao mesmo tempo", exact=True).evaluate(
        "one => { one.type = 'text'; one.value = '-1'; }"
    )
    page.get_by_role("button", name="Salvar").click()
    expect(page.locator("#concurrency-problem")).to_be_visible()
    visitor.complaints = [one for one in visitor.complaints if "422" not in one]
    failed.run(failed.app.limits.change("message", None, None))


def test_without_script_a_task_is_ordered_and_cancelled(failed: Shop, new_visitor: Callable[..., Visitor]) -> None:
    page = new_visitor(java_script_enabled=False).log_in("operator")
    page.goto(f"{failed.board}queue/message?state=failed")
    page.get_by_label("Escolher msg-001").check()
    page.get_by_label("Todos os 30 desta lista").check()
    page.get_by_label("Por segundo, no máximo").fill("1")
    page.get_by_role("button", name="Tentar de novo").click()
    expect(page).to_have_url(re.compile(r"/tasks/task-"))
    page.locator("summary", has_text="Cancelar a tarefa").click()
    page.get_by_role("button", name="Cancelar agora").click()

    task = ended(failed, page)
    page.reload()
    expect(page.get_by_text("cancelada")).to_be_visible()
    assert task.state == "cancelled"
    assert task.tally.done < 30
    assert counts(failed)["failed"] + counts(failed)["waiting"] == 30
    page.get_by_role("link", name="Tarefas").first.click()
    expect(page.locator("tbody tr").first).to_contain_text("cancelada")


def test_who_may_only_look_is_offered_nothing_to_do(failed: Shop, new_visitor: Callable[..., Visitor]) -> None:
    page = new_visitor().log_in("viewer")
    page.goto(f"{failed.board}queue/message?state=failed")
    expect(page.locator("tbody tr")).to_have_count(30)
    assert page.locator("main input[type=checkbox], main form[method=post]").count() == 0
    assert not any(number in page.content() for number in NUMBERS)
    assert "Rex" not in page.content()


def test_an_organization_sees_its_own_jobs_and_no_switches(failed: Shop, new_visitor: Callable[..., Visitor]) -> None:
    page = new_visitor(locale="en-US").log_in("operator", ORGANIZATION)
    page.goto(f"{failed.board}queue/message?state=failed")
    expect(page.locator("tbody tr")).to_have_count(20)
    expect(page.locator(".tabs [aria-current] .count")).to_have_text("20")
    assert OTHER not in page.content()
    assert page.get_by_text("Pause").count() == page.get_by_role("link", name="Limits").count() == 0
    page.get_by_label("All 20 that fit").check()
    page.get_by_role("button", name="Retry").click()

    assert ended(failed, page).tally.done == 20
    assert counts(failed)["failed"] == 10


def test_numbers_and_texts_are_shown_to_owners_who_ask(failed: Shop, owner: Page) -> None:
    owner.goto(f"{failed.board}queue/message?state=failed")
    assert not any(number in owner.content() for number in NUMBERS)
    owner.get_by_role("button", name="Mostrar números e textos").click()
    expect(owner.locator("tbody")).to_contain_text(NUMBERS[5])


def test_counts_and_rows_are_live(failed: Shop, owner: Page) -> None:
    owner.goto(f"{failed.board}queue/message?state=failed")
    expect(owner.locator(".tabs [aria-current] .count")).to_have_text("30")
    failed.run(failed.app.queues["message"].retry("msg-009"))
    expect(owner.locator(".tabs [aria-current] .count")).to_have_text("29")
    expect(owner.locator("tbody tr")).to_have_count(29)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone_it_fits_and_can_be_read(failed: Shop, new_visitor: Callable[..., Visitor], scheme: str) -> None:
    page = new_visitor(viewport=PHONE, color_scheme=scheme).log_in()
    for address in ("queue/message?state=failed", "queue/message/clean?state=failed&age=all", "tasks"):
        page.goto(failed.board + address)
        check_fits(page)
        check_accessibility(page)


def test_a_page_takes_less_than_60_kilobytes(failed: Shop, owner: Page) -> None:
    assert wire_bytes(owner, f"{failed.board}queue/message?state=failed") < 60 * 1024
