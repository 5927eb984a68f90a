"""What holds for every page: coming in, going out, the language, the theme, live, and Redis away and back."""

from collections.abc import Callable

import httpx
import pytest
from playwright.sync_api import Page, expect

from oxyq.access.tokens import Principal
from tests.browser.conftest import PHONE, Shop, Visitor, check_accessibility, check_fits, wire_bytes

NewVisitor = Callable[..., Visitor]


def test_a_stranger_is_asked_who_he_is_and_comes_back_to_his_page(new_visitor: NewVisitor, shop: Shop) -> None:
    visitor = new_visitor()
    page = visitor.open("audit?by=ana")
    expect(page.get_by_role("heading", name="Entrar no painel")).to_be_visible()
    check_accessibility(page)

    page.get_by_label("Token de acesso").fill(shop.token())
    page.get_by_role("button", name="Entrar").click()

    expect(page).to_have_url(f"{shop.board}audit?by=ana")
    [cookie] = visitor.context.cookies()
    assert (cookie["httpOnly"], cookie["secure"], cookie["sameSite"], cookie["path"]) == (
        True,
        True,
        "Strict",
        "/admin",
    )


@pytest.mark.parametrize("script", [True, False])
def test_a_login_link_lets_in_once(new_visitor: NewVisitor, shop: Shop, script: bool) -> None:
    secret = shop.run(shop.app.login_links.make(Principal("ana", "owner")))
    page = new_visitor(java_script_enabled=script).page

    page.goto(f"{shop.board}login#link={secret}")
    if not script:
        page.get_by_text("Tenho um link de acesso").click()
        page.get_by_label("Link de acesso").fill(f"{shop.board}login#link={secret}")
        page.get_by_role("button", name="Entrar").click()

    expect(page.get_by_role("heading", name="Visão geral")).to_be_visible()
    again = httpx.post(f"{shop.board}login", data={"link": secret})
    assert again.status_code == 401


def test_a_wrong_token_says_nothing_but_no(new_visitor: NewVisitor, shop: Shop) -> None:
    visitor = new_visitor()
    page = visitor.open("login")
    page.get_by_label("Token de acesso").fill("eyJ.not.it")
    page.get_by_role("button", name="Entrar").click()

    expect(page.get_by_role("alert")).to_contain_text("não vale")
    assert visitor.context.cookies() == []
    visitor.complaints.clear()  # the browser tells of the 401


def test_log_out(owner: Page, shop: Shop) -> None:
    [cookie] = owner.context.cookies()
    owner.locator(".menu summary").click()
    owner.get_by_role("button", name="Sair").click()

    expect(owner.get_by_role("heading", name="Entrar no painel")).to_be_visible()
    assert owner.context.cookies() == []
    # The old cookie is worth nothing, wherever it was copied to.
    answer = httpx.get(shop.board, headers={"Cookie": f"{cookie['name']}={cookie['value']}"})
    assert (answer.status_code, answer.headers["location"]) == (303, "./login")


@pytest.mark.parametrize("script", [True, False])
def test_language_and_theme_are_chosen_for_the_session(new_visitor: NewVisitor, script: bool) -> None:
    page = new_visitor(java_script_enabled=script).log_in()
    page.locator(".menu summary").click()
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    assert page.locator("html").get_attribute("lang") == "en"

    page.locator(".menu summary").click()
    page.get_by_role("button", name="Dark").click()

    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert page.locator("body").evaluate("body => getComputedStyle(body).backgroundColor") == "rgb(15, 21, 19)"
    check_accessibility(page) if script else None


def test_who_asks_for_english_is_answered_in_english(new_visitor: NewVisitor) -> None:
    page = new_visitor(locale="en-US").open("login")

    expect(page.get_by_role("heading", name="Log in to the board")).to_be_visible()


def test_the_keyboard_is_enough(owner: Page) -> None:
    owner.keyboard.press("Tab")
    expect(owner.get_by_role("link", name="Ir para o conteúdo")).to_be_focused()
    owner.keyboard.press("Enter")
    expect(owner.locator("#main")).to_be_focused()

    owner.locator(".menu summary").focus()
    owner.keyboard.press("Enter")
    expect(owner.get_by_role("button", name="Sair")).to_be_visible()
    owner.keyboard.press("Escape")
    expect(owner.get_by_role("button", name="Sair")).to_be_hidden()
    expect(owner.locator(".menu summary")).to_be_focused()


def test_on_a_phone_in_the_dark(new_visitor: NewVisitor, shop: Shop) -> None:
    page = new_visitor(viewport=PHONE, color_scheme="dark").log_in()

    check_fits(page)
    check_accessibility(page)
    assert wire_bytes(page, shop.board) <= 60_000


def test_a_session_that_is_ended_elsewhere_ends_here(owner: Page, shop: Shop) -> None:
    """The tab hears of it by itself; it need not be touched."""
    expect(owner.locator("#live")).to_have_class("live on")
    for session in shop.run(shop.app.sessions.list()):
        shop.run(shop.app.sessions.revoke(session.id))

    expect(owner.get_by_role("heading", name="Entrar no painel")).to_be_visible(timeout=30_000)


def test_redis_goes_and_comes_back(new_visitor: NewVisitor, shop: Shop) -> None:
    """Open pages say so and go on by themselves; pages that are opened meanwhile wait for it."""
    watching, coming = new_visitor(), new_visitor()
    page, other = watching.log_in(), coming.log_in()
    expect(page.locator("#live")).to_have_class("live on")

    shop.redis.kill()
    expect(page.get_by_role("alert")).to_contain_text("O Redis não responde")
    expect(page.get_by_role("heading", name="Visão geral")).to_be_visible()
    other.reload()
    expect(other.get_by_role("heading", name="O Redis não responde")).to_be_visible()

    shop.redis.start()
    expect(page.locator("#away")).to_be_hidden(timeout=30_000)
    expect(other.get_by_role("heading", name="Visão geral")).to_be_visible(timeout=30_000)
    for visitor in (watching, coming):
        visitor.complaints.clear()  # the browser tells of each 503


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)  # fmt: skip
def test_a_page_of_another_site_can_do_nothing_here(owner: Page, shop: Shop, headers: dict[str, str]) -> None:
    [cookie] = owner.context.cookies()
    mine = {"Cookie": f"{cookie['name']}={cookie['value']}"}

    answer = httpx.post(f"{shop.board}logout", headers={**mine, **headers})

    assert answer.status_code == 403
    assert httpx.get(shop.board, headers=mine).status_code == 200
