"""Failures on the board: groups, lists, a dry run before a replay, a question before anything is thrown away."""

import itertools
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from oxyq.jobs import Automation, parse_stored
from oxyq.redis_keys import message
from tests.browser.conftest import (
    ORGANIZATION,
    PATIENCE_SECONDS,
    PHONE,
    Shop,
    Visitor,
    check_accessibility,
    check_fits,
    wire_bytes,
)

NewVisitor = Callable[..., Visitor]

NUMBER, TEXT = "5511999998888", "Lembrete: banho amanhã às 10h"
REFUSED = "no connection (ConnectError); nothing was sent"
NO_WHATSAPP = f"the number {NUMBER} is not on WhatsApp"


@pytest.fixture(autouse=True)
def clean(shop: Shop) -> Iterator[None]:
    """No failures are left from the test before, and no jobs in the queue."""
    yield
    shop.run(shop.app.queues["dead-letter"].obliterate())
    shop.run(shop.app.queues["dead-letter"].resume())
    shop.run(shop.app.queues["automation"].obliterate())
    shop.run(shop.app.queues["automation"].resume())


def bury(shop: Shop, name: str, reason: str = REFUSED, *, org: str = ORGANIZATION, **more: Any) -> str:
    """Write the dead letter of a reminder; returns its id."""
    data = {
        "automationId": name, "organizationId": org, "type": "reminder", "recipientNumber": NUMBER, "content": TEXT,
    }  # fmt: skip
    letter = {
        "originalQueue": "automation", "originalJobId": name, "originalJobName": "automation", "organizationId": org,
        "data": data, "opts": {"attempts": 3}, "failedReason": reason, "kind": "exhausted", "attemptsMade": 3,
        "attempts": [{"attempt": 3, "at": 1_795_377_084_000, "error": reason}], "replays": [],
        "failedAt": 1_795_377_084_000, **more,
    }  # fmt: skip
    dead: Any = shop.app.queues["dead-letter"]
    found: str = shop.run(dead.add("failed-job", letter, job_id=f"dlq-automation-{name}"))
    return found


def count(shop: Shop) -> int:
    return shop.run(shop.app.dead_letters.count())


def waiting(shop: Shop) -> list[str]:
    return [job.id for job in shop.run(shop.app.queues["automation"].jobs("wait"))]


def test_groups_tell_what_failed_and_what_is_best_done(owner: Page, shop: Shop) -> None:
    # Given three reminders that failed alike, and one whose number has no WhatsApp
    for number in range(3):
        bury(shop, f"a-{number}", f"auto-{number}/0: {REFUSED}")
    bury(shop, "b", NO_WHATSAPP)

    owner.get_by_role("link", name="Falhas", exact=True).click()

    # Then each group says in plain words what happened and what to do, the biggest first
    expect(owner.locator(".group h2")).to_have_text(["Sem conexão com o outro lado", "O número não tem WhatsApp"])
    expect(owner.locator(".group").first.locator(".big")).to_have_text("3")
    expect(owner.locator(".group").first.locator(".badge")).to_have_text("Reenviar")
    expect(owner.locator(".group").nth(1).locator(".badge")).to_have_text("Jogar fora")
    assert NUMBER not in owner.content()
    check_accessibility(owner)
    check_fits(owner)

    # and its letters are listed
    owner.get_by_role("link", name="Ver 3 falhas").click()
    expect(owner.locator("tbody tr")).to_have_count(3)
    expect(owner.get_by_role("heading", level=1)).to_have_text("Sem conexão com o outro lado")
    check_accessibility(owner)
    check_fits(owner)


def test_what_is_new_comes_by_itself(owner: Page, shop: Shop) -> None:
    bury(shop, "a")
    owner.goto(shop.board + "dead-letters")
    expect(owner.locator(".group .big")).to_have_text("1")
    deadline = time.monotonic() + PATIENCE_SECONDS
    for number in itertools.count():
        bury(shop, f"b-{number}")
        if owner.locator(".group .big").inner_text() != "1":
            break
        assert time.monotonic() < deadline, "the page never heard of it"


def test_a_group_is_replayed_after_a_dry_run(owner: Page, shop: Shop) -> None:
    # Given three reminders that never went out, and one that did although its job failed afterwards
    for number in range(4):
        bury(shop, f"a-{number}")
    sent: Any = {"automationId": "a-3", "organizationId": ORGANIZATION, "type": "reminder", "recipientNumber": NUMBER,
                 "content": TEXT}  # fmt: skip
    key = message(ORGANIZATION, f"{parse_stored(Automation, sent).job_id()}/0", prefix=shop.app.hub.prefix)
    shop.run(shop.app.redis.hset(key, mapping={"state": "sent", "at": "1"}))  # type: ignore[arg-type]

    owner.goto(shop.board + "dead-letters")
    owner.get_by_role("link", name="Reenviar…").click()

    # Then the dry run says what would happen, and nothing has yet
    expect(owner.locator(".foreseen li")).to_have_text(
        [re.compile(r"3\s*mensagens sairiam"), re.compile(r"1\s*já foi enviada, e não sai de novo")]
    )
    check_accessibility(owner)
    assert count(shop) == 4

    # When the owner says so, then they are all back in the queue
    owner.get_by_label("Quantas por segundo").fill("500")
    owner.get_by_role("button", name="Reenviar 4 falhas").click()
    expect(owner).to_have_url(re.compile("/tasks/task-"))
    shop.until(lambda: _is_count(shop, 0))
    assert sorted(waiting(shop)) == [f"a-{number}" for number in range(4)]


async def _is_count(shop: Shop, wanted: int) -> bool:
    return await shop.app.dead_letters.count() == wanted


def test_ticked_ones_are_thrown_away_after_a_question(owner: Page, shop: Shop) -> None:
    for number in range(3):
        bury(shop, f"a-{number}")
    owner.goto(shop.board + "dead-letters/list")

    owner.get_by_label("Marcar a-0").check()
    owner.get_by_label("Marcar a-2").check()
    owner.get_by_role("button", name="Jogar marcadas fora…").click()

    expect(owner.get_by_role("heading", level=2)).to_have_text("2 falhas serão jogadas fora")
    check_accessibility(owner)
    assert count(shop) == 3
    owner.get_by_role("button", name="Jogar 2 fora").click()
    shop.until(lambda: _is_count(shop, 1))


def test_nothing_ticked_is_said_so(new_visitor: NewVisitor, shop: Shop) -> None:
    bury(shop, "a")
    visitor = new_visitor()
    page = visitor.log_in()
    page.goto(shop.board + "dead-letters/list")

    page.get_by_role("button", name="Reenviar marcadas…").click()

    expect(page.locator("main")).to_contain_text("tick some rows first")
    visitor.complaints.clear()  # the browser tells of the 422


def test_one_is_shown_edited_and_replayed(new_visitor: NewVisitor, shop: Shop) -> None:
    # Given a failure
    letter_id = bury(shop, "a", f"the number {NUMBER} did not answer")
    visitor = new_visitor()
    owner = visitor.log_in()
    owner.goto(f"{shop.board}dead-letters/{letter_id}")
    expect(owner.locator("main")).to_contain_text("Se for reenviado: a mensagem sairia.")
    assert NUMBER not in owner.content() and TEXT not in owner.content()
    check_accessibility(owner)
    check_fits(owner)

    # When the owner shows it, and edits it wrongly
    owner.get_by_role("button", name="Mostrar números e textos").click()
    editor = owner.get_by_label("Conteúdo, em JSON")
    editor.fill(editor.input_value().replace(TEXT, ""))
    owner.get_by_role("button", name="Reenviar com este conteúdo").click()

    # Then the page says what is wrong, and keeps what was written
    expect(owner.locator("#data-problem")).to_contain_text("data.content: must not be blank")
    expect(editor).to_have_value(re.compile('"content": ""'))
    check_accessibility(owner)
    visitor.complaints.clear()  # the browser tells of the 422

    # When it is right, then it runs with that
    editor.fill(editor.input_value().replace('"content": ""', '"content": "Às 11h ☕"'))
    owner.get_by_role("button", name="Reenviar com este conteúdo").click()
    expect(owner.get_by_role("status").filter(has_text="voltou para a fila")).to_be_visible()
    [data] = shop.run(shop.app.queues["automation"].data(["a"]))
    assert isinstance(data, dict) and data["content"] == "Às 11h ☕"
    assert count(shop) == 0


def test_one_is_thrown_away_after_a_question(owner: Page, shop: Shop) -> None:
    letter_id = bury(shop, "a")
    owner.goto(f"{shop.board}dead-letters/{letter_id}")

    owner.get_by_text("Jogar fora…").click()
    owner.get_by_role("button", name="Jogar fora").click()

    expect(owner.get_by_role("status").filter(has_text="jogada fora")).to_be_visible()
    assert count(shop) == 0


def test_what_is_no_job_says_so_and_takes_new_data(new_visitor: NewVisitor, shop: Shop) -> None:
    letter_id = bury(
        shop, "a", "malformed: its 'data' is not JSON", kind="malformed", data=None, raw={"data": "{broken"}
    )
    owner = new_visitor(locale="en-US").log_in()

    owner.goto(f"{shop.board}dead-letters/{letter_id}")

    expect(owner.get_by_role("heading", level=1)).to_have_text("Cannot be read as a job")
    expect(owner.get_by_role("button", name="Replay", exact=True)).to_have_count(0)


def test_an_operator_replays_and_sees_no_numbers_and_edits_nothing(new_visitor: NewVisitor, shop: Shop) -> None:
    letter_id = bury(shop, "a", NO_WHATSAPP)
    operator = new_visitor().log_in("operator")

    operator.goto(f"{shop.board}dead-letters/{letter_id}")

    expect(operator.get_by_label("Conteúdo, em JSON")).to_have_count(0)
    assert NUMBER not in operator.content()
    operator.get_by_role("button", name="Reenviar", exact=True).click()
    expect(operator.get_by_role("status").filter(has_text="voltou para a fila")).to_be_visible()
    assert waiting(shop) == ["a"]


def test_a_viewer_looks_and_has_no_buttons(new_visitor: NewVisitor, shop: Shop) -> None:
    letter_id = bury(shop, "a")
    viewer = new_visitor().log_in("viewer")

    for page in ("dead-letters", "dead-letters/list", f"dead-letters/{letter_id}"):
        viewer.goto(shop.board + page)
        expect(viewer.locator("main h1")).to_be_visible()
        expect(viewer.locator("main").get_by_text(re.compile("Reenviar…|Jogar .*fora…|marcadas"))).to_have_count(0)


def test_an_organization_sees_its_own(new_visitor: NewVisitor, shop: Shop) -> None:
    mine, theirs = bury(shop, "a"), bury(shop, "b", org="org_2")
    visitor = new_visitor()
    page = visitor.log_in("operator", ORGANIZATION)

    page.goto(shop.board + "dead-letters/list")
    expect(page.locator("tbody tr")).to_have_count(1)
    page.goto(f"{shop.board}dead-letters/{theirs}")
    expect(page.get_by_role("heading", level=1)).to_have_text("Não encontrado")
    page.goto(f"{shop.board}dead-letters/list?organization=org_2")
    expect(page.get_by_role("heading", level=1)).to_have_text("Não encontrado")
    visitor.complaints.clear()  # the browser tells of each 404
    page.goto(f"{shop.board}dead-letters/{mine}")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sem conexão com o outro lado")


def test_without_script_on_a_phone_in_the_dark(new_visitor: NewVisitor, shop: Shop) -> None:
    for number in range(2):
        bury(shop, f"a-{number}")
    bury(shop, "b", NO_WHATSAPP)
    page = new_visitor(viewport=PHONE, color_scheme="dark", java_script_enabled=False).log_in()

    for address in ("dead-letters", "dead-letters/list", "dead-letters/replay", "dead-letters/purge",
                    "dead-letters/dlq-automation-b"):  # fmt: skip
        page.goto(shop.board + address)
        expect(page.locator("main h1")).to_be_visible()
        wide, window = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
        assert wide <= window, f"{address}: {wide} in {window}"
    page.goto(shop.board + "dead-letters/list")
    page.get_by_label("Marcar b", exact=True).check()
    page.get_by_role("button", name="Reenviar marcadas…").click()
    page.get_by_role("button", name="Reenviar 1 falha").click()
    shop.until(lambda: _is_count(shop, 2))
    assert waiting(shop) == ["b"]


def test_pages_are_light(owner: Page, shop: Shop) -> None:
    for number in range(60):
        bury(shop, f"a-{number:02}", f"error of the kind {chr(97 + number % 26)}{chr(97 + number // 26)} again")

    for address in ("dead-letters", "dead-letters/list"):
        assert wire_bytes(owner, shop.board + address) < 60_000
    expect(owner.locator("tbody tr")).to_have_count(50)
    owner.get_by_role("link", name="Próxima").click()
    expect(owner.locator("tbody tr")).to_have_count(10)
