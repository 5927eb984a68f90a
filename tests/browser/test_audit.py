"""The pages of who did what, and of who is here: read, filtered, and sessions ended, by a click."""

from collections.abc import Callable
from dataclasses import replace

import httpx
import pytest
from playwright.sync_api import Page, expect

from oxyq.access.tokens import Principal
from oxyq.audit import DONE, Deed, Wanted
from tests.browser.conftest import ORGANIZATION, PHONE, Shop, Visitor, check_accessibility, check_fits, wire_bytes

NewVisitor = Callable[..., Visitor]
DEED = Deed("job.retry", "message/msg-1", "bia", "operator", "board", ORGANIZATION, "198.51.100.7")


@pytest.fixture(scope="module", autouse=True)
def done(shop: Shop) -> None:
    """Sixty deeds of many kinds."""
    audit = shop.app.audit

    async def write() -> None:
        for number in range(52):
            await audit.write(replace(DEED, target=f"message/msg-{number}", by="caio"))
        await audit.write(replace(DEED, organization_id="org_2", by="dora", action="queue.pause", target="message"))
        await audit.write(replace(DEED, action="thing.new-in-a-later-version"), {"count": 3, "ids": ["a", "b"]})
        await audit.end(await audit.begin(replace(DEED, action="campaign.start", target="natal")), "not_allowed")
        await audit.begin(replace(DEED, action="dead-letter.replay", by="<b>eva</b>"))

    shop.run(write())


def rows(page: Page) -> list[str]:
    """What the rows say, each on one line."""
    return [" ".join(text.split()) for text in page.locator("table.audit tbody tr").all_inner_texts()]


# --- the audit ----------------------------------------------------------------------------------------------------


def test_it_says_who_did_what_to_what_from_where_and_what_came_of_it(owner: Page) -> None:
    owner.get_by_role("link", name="Auditoria").click()

    expect(owner.get_by_role("heading", name="Auditoria")).to_be_visible()
    told = rows(owner)
    (replay,) = [row for row in told if "Repetir falhas guardadas" in row]
    assert "<b>eva</b>" in replay
    assert "pedido, sem fim anotado" in replay
    (start,) = [row for row in told if "Iniciar campanha" in row]
    for part in ("bia", "Operador", "natal", ORGANIZATION, "não era possível", "not_allowed", "Painel", "198.51.100.7"):
        assert part in start
    # What has no words yet is said all the same, with its details
    (new,) = [row for row in told if "thing.new-in-a-later-version" in row]
    assert "count: 3 · ids: × 2" in new


def test_it_is_read_page_by_page(owner: Page) -> None:
    owner.goto(owner.url + "audit?by=caio")
    assert len(rows(owner)) == 50

    owner.get_by_role("link", name="Próxima").click()
    expect(owner.locator("table.audit tbody tr")).to_have_count(2)
    expect(owner.get_by_label("Quem", exact=True)).to_have_value("caio")

    owner.get_by_role("link", name="Anterior").click()
    expect(owner.locator("table.audit tbody tr")).to_have_count(50)


@pytest.mark.parametrize("script", [True, False])
def test_it_is_filtered_by_form_and_by_a_click_on_what_is_shown(new_visitor: NewVisitor, script: bool) -> None:
    visitor = new_visitor(java_script_enabled=script)
    visitor.log_in()
    page = visitor.open("audit")

    page.get_by_label("O quê", exact=True).select_option(label="Campanhas")
    page.get_by_role("button", name="Filtrar").click()
    expect(page.locator("table.audit tbody tr")).to_have_count(1)
    assert "natal" in rows(page)[0]

    page.get_by_role("link", name="Mostrar tudo").click()
    page.get_by_role("link", name="dora").click()
    expect(page.locator("table.audit tbody tr")).to_have_count(1)
    assert "Pausar fila" in rows(page)[0]

    page.get_by_label("Quem", exact=True).fill("ninguém")
    page.get_by_role("button", name="Filtrar").click()
    expect(page.get_by_text("Nada combina com este filtro")).to_be_visible()


def test_what_happens_meanwhile_appears_by_itself(owner: Page, shop: Shop) -> None:
    owner.goto(owner.url + "audit")
    expect(owner.locator("#live")).to_have_class("live on")

    shop.run(shop.app.audit.write(replace(DEED, by="just-now")))

    expect(owner.get_by_role("link", name="just-now")).to_be_visible()


def test_logging_in_is_in_it(shop: Shop) -> None:
    assert httpx.post(f"{shop.board}login", data={"token": shop.token()}).status_code == 303

    newest = shop.run(shop.app.audit.page(Wanted(by="ana"), limit=1)).entries[0]

    assert (newest.deed.action, newest.deed.door, newest.deed.address) == ("session.login", "board", "127.0.0.1")
    assert newest.outcome == DONE


def test_who_is_of_one_organization_sees_its_entries_only(new_visitor: NewVisitor, shop: Shop) -> None:
    visitor = new_visitor()
    visitor.log_in("operator", ORGANIZATION)
    page = visitor.open("audit?by=dora")
    expect(page.get_by_text("Nada combina com este filtro")).to_be_visible()
    assert page.get_by_label("Organização").count() == 0

    assert page.goto(f"{shop.board}audit?organization=org_2").status == 404  # type: ignore[union-attr]
    visitor.complaints.clear()  # the browser tells of the 404


def test_viewers_have_no_business_there(new_visitor: NewVisitor) -> None:
    visitor = new_visitor()
    page = visitor.log_in("viewer")
    assert page.get_by_role("link", name="Auditoria").count() == 0

    visitor.open("audit")
    expect(page.get_by_role("heading", name="Seu acesso não permite isto")).to_be_visible()
    visitor.complaints.clear()  # the browser tells of the 403


# --- sessions -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("script", [True, False])
def test_an_owner_ends_the_session_of_somebody(new_visitor: NewVisitor, shop: Shop, script: bool) -> None:
    theirs = shop.run(shop.app.sessions.open(Principal("fabio", "operator", ORGANIZATION), None, "198.51.100.9"))
    visitor = new_visitor(java_script_enabled=script)
    page = visitor.log_in()
    page.locator(".menu summary").click()
    page.get_by_role("link", name="Sessões abertas").click()

    row = page.locator("tr", has_text="fabio")
    expect(row).to_contain_text("198.51.100.9")
    expect(page.locator("tr", has_text="esta")).to_contain_text("ana")
    row.get_by_role("button", name="Encerrar").click()

    expect(page.get_by_text("A sessão de fabio foi encerrada.")).to_be_visible()
    expect(row).to_have_count(0)
    assert shop.run(shop.app.sessions.find(theirs)) is None
    (entry,) = shop.run(shop.app.audit.page(Wanted(action="session.end"), limit=1)).entries
    assert (entry.deed.by, entry.detail, entry.outcome) == ("ana", {"of": "fabio"}, DONE)


def test_others_see_and_end_what_is_their_own(new_visitor: NewVisitor, shop: Shop) -> None:
    shop.run(shop.app.sessions.open(Principal("gil", "viewer", ORGANIZATION), None, "203.0.113.1"))
    shop.run(shop.app.sessions.open(Principal("hugo", "viewer", ORGANIZATION), None, "203.0.113.2"))
    visitor = new_visitor()
    page = visitor.log_in("viewer", ORGANIZATION, "gil")
    visitor.open("sessions")
    expect(page.locator("tbody tr")).to_have_count(2)
    expect(page.locator("tr", has_text="hugo")).to_have_count(0)

    page.locator("tr", has_text="203.0.113.1").get_by_role("button", name="Encerrar").click()
    expect(page.locator("tbody tr")).to_have_count(1)


def test_an_operator_sees_all_and_ends_only_own(new_visitor: NewVisitor, shop: Shop) -> None:
    theirs = shop.run(shop.app.sessions.open(Principal("iris", "viewer", ORGANIZATION), None, "203.0.113.3"))
    visitor = new_visitor()
    page = visitor.log_in("operator", ORGANIZATION)
    visitor.open("sessions")
    row = page.locator("tr", has_text="iris")
    expect(row).to_be_visible()
    assert row.get_by_role("button").count() == 0

    session_id = next(one.id for one in shop.run(shop.app.sessions.list()) if one.principal.sub == "iris")
    answer = page.request.post(
        f"{shop.board}sessions/{session_id}/end", form={"back": "x"}, headers={"Origin": shop.url}, max_redirects=0
    )
    assert answer.status == 303  # back, with the reason
    assert shop.run(shop.app.sessions.find(theirs)) is not None


# --- how they look ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["audit", "sessions"])
@pytest.mark.parametrize(
    "options", [{}, {"viewport": PHONE, "color_scheme": "dark"}, {"locale": "en-US"}], ids=["desk", "phone", "english"]
)
def test_they_are_calm_small_and_for_everybody(
    new_visitor: NewVisitor, shop: Shop, address: str, options: dict[str, object]
) -> None:
    visitor = new_visitor(**options)
    visitor.log_in()
    page = visitor.open(address)

    check_fits(page)
    check_accessibility(page)
    assert wire_bytes(page, shop.board + address) <= 60_000
