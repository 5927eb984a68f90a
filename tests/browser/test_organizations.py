"""Organizations on the board: how one stands, pausing, numbers, limits, answers, who opted out, settings."""

import json
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from oxyq.gateways.local.lease import holding
from oxyq.gateways.local.serving import serving
from oxyq.instances import Instance
from oxyq.organizations import Organization, demo_organization
from oxyq.receiving.registration import Registration
from tests.browser.conftest import ORGANIZATION, PHONE, Shop, Visitor, check_accessibility, check_fits, wire_bytes

NewVisitor = Callable[..., Visitor]

ANA = "5511999990001"
PAGES = ("", "/answers", "/answers/faq/0", "/answers/rules/new", "/limits", "/opt-outs", "/settings", "/numbers/new")


@pytest.fixture(autouse=True)
def fresh(shop: Shop) -> None:
    """Each test begins with the shop as it was, with a number of each kind."""
    organization = demo_organization().model_copy(update={"id": ORGANIZATION, "instances": ["wa_demo"]})
    shop.run(shop.app.organizations.save(organization))


def stored(shop: Shop) -> Organization:
    async def read() -> Organization:
        found = await shop.app.organizations.get(ORGANIZATION)
        assert found is not None
        return found

    return shop.run(read())


def open_page(page: Page, shop: Shop, part: str = "") -> Page:
    page.goto(f"{shop.board}organizations/{ORGANIZATION}{part}")
    return page


def told(page: Page, words: str) -> None:
    expect(page.locator("main > .notice").filter(has_text=words)).to_be_visible()


def test_the_list_leads_to_one_and_who_is_bound_to_one_sees_no_list(new_visitor: NewVisitor, shop: Shop) -> None:
    shop.run(shop.app.organizations.save(demo_organization().model_copy(update={"id": "org_2", "name": "Outra"})))
    page = new_visitor().log_in()
    page.get_by_role("link", name="Organizações").click()
    expect(page.get_by_role("row")).to_have_count(3)
    check_accessibility(page)
    assert wire_bytes(page, page.url) <= 60 * 1024

    page.get_by_label("Buscar pelo código").fill("org_1")
    page.get_by_role("button", name="Buscar").click()
    page.get_by_role("link", name="Pet Shop Amigo Fiel").click()
    expect(page.get_by_role("heading", name="Pet Shop Amigo Fiel", level=1)).to_be_visible()

    visitor = new_visitor()
    bound = visitor.log_in("viewer", "org_2")
    bound.get_by_role("link", name="Organizações").click()
    expect(bound).to_have_url(f"{shop.board}organizations/org_2")
    for part in ("", "/answers", "/limits", "/opt-outs", "/settings", "/numbers/wa_demo"):
        open_page(bound, shop, part)
        expect(bound.get_by_role("heading", name="Não encontrado")).to_be_visible()
    visitor.complaints.clear()  # the browser tells of each 404


@pytest.mark.parametrize("script", [True, False])
def test_it_is_paused_and_resumed(new_visitor: NewVisitor, shop: Shop, script: bool) -> None:
    page = open_page(new_visitor(java_script_enabled=script).log_in("operator"), shop)
    page.locator("summary", has_text="Pausar").click()
    page.get_by_role("button", name="Pausar a organização").click()
    told(page, "nada mais é enviado")
    assert stored(shop).is_paused

    page.get_by_role("button", name="Retomar").click()
    told(page, "Retomada")
    assert not stored(shop).is_paused


def test_limits_are_saved_and_what_is_wrong_is_told_at_its_field(owner: Page, shop: Shop) -> None:
    open_page(owner, shop, "/limits")
    owner.get_by_label("No máximo").fill("30")
    owner.get_by_label("mensagens em (segundos)").fill("60")
    owner.get_by_label("Só nestes horários").check()
    owner.get_by_label("Segunda").fill("08:00-12:00, 14:00-18:00")
    owner.get_by_label("Sábado").fill("")
    owner.get_by_label("Outros dias sem envio").fill("2026-12-24")
    owner.get_by_role("button", name="Salvar").click()
    told(owner, "Salvo")

    organization = stored(shop)
    assert organization.rate is not None and (organization.rate.max, organization.rate.per_seconds) == (30, 60)
    hours = organization.sending_hours
    assert hours is not None
    assert hours.days.mon == (("08:00", "12:00"), ("14:00", "18:00")) and hours.days.sat == ()
    assert [day.isoformat() for day in hours.closed] == ["2026-12-24"]
    assert len(organization.faq) == len(demo_organization().faq)  # what is on other pages stays


def test_a_wrong_window_is_kept_and_told(new_visitor: NewVisitor, shop: Shop) -> None:
    visitor = new_visitor()
    page = open_page(visitor.log_in(), shop, "/limits")
    page.get_by_label("Só nestes horários").check()
    page.get_by_label("Segunda").fill("20:00-09:00")
    page.get_by_role("button", name="Salvar").click()

    expect(page.locator("#mon-problem")).to_be_visible()
    expect(page.get_by_label("Segunda")).to_have_value("20:00-09:00")
    assert stored(shop).sending_hours is None
    check_accessibility(page)
    visitor.complaints.clear()  # the browser tells of the 422


def test_what_somebody_else_changed_meanwhile_is_not_lost(new_visitor: NewVisitor, shop: Shop) -> None:
    visitor = new_visitor()
    page = open_page(visitor.log_in(), shop, "/settings")
    shop.run(shop.app.organizations.change(ORGANIZATION, lambda one: one.model_copy(update={"hand_off": "Já vamos!"})))

    page.get_by_label("Nome", exact=True).fill("Pet Shop Novo")
    page.get_by_role("button", name="Salvar").click()

    expect(page.get_by_role("alert").filter(has_text="Outra pessoa mudou")).to_be_visible()
    expect(page.get_by_label("Nome", exact=True)).to_have_value("Pet Shop Novo")
    assert stored(shop).hand_off == "Já vamos!"
    visitor.complaints.clear()


def test_settings_are_saved_and_owners_only_once_they_are_shown(owner: Page, shop: Shop) -> None:
    open_page(owner, shop, "/settings")
    assert "5511988880000" not in owner.content()
    owner.get_by_label("Nome", exact=True).fill("Pet Shop da Paula")
    owner.get_by_label("Silêncio com pessoa (minutos)").fill("45")
    owner.get_by_label("Esperar silêncio (segundos)").fill("2,5")
    owner.get_by_label("Modelo").fill("gpt-x")
    owner.get_by_label("Instruções").fill("Você é a Lia.")
    owner.get_by_role("button", name="Salvar").click()
    told(owner, "Salvo")
    organization = stored(shop)
    assert (organization.name, organization.owners) == ("Pet Shop da Paula", ["5511988880000"])
    assert (organization.conversation.person_minutes, organization.conversation.quiet_seconds) == (45, 2.5)
    assert organization.ai is not None and organization.ai.model.model == "gpt-x"

    owner.get_by_role("button", name="Mostrar números e textos").click()
    owner.get_by_label("Números dos donos").fill("5511988880000\n5511977770000")
    owner.get_by_label("Modelo").fill("")
    owner.get_by_role("button", name="Salvar").click()
    told(owner, "Salvo")
    assert stored(shop).owners == ["5511988880000", "5511977770000"] and stored(shop).ai is None


@pytest.mark.parametrize("script", [True, False])
def test_answers_are_tried_added_changed_and_removed(new_visitor: NewVisitor, shop: Shop, script: bool) -> None:
    page = open_page(new_visitor(java_script_enabled=script).log_in(), shop, "/answers")
    page.get_by_label("O que um cliente escreveria").fill("vocês vendem aquário?")
    page.get_by_role("button", name="Ver a resposta").click()
    expect(page.locator(".trial")).to_contain_text("Uma pessoa é chamada")

    page.get_by_role("link", name="Nova pergunta").click()
    page.get_by_label("Jeitos de perguntar").fill("vocês vendem aquário\ntem aquário")
    page.get_by_label("Resposta").fill("Sim, a partir de R$ 200.")
    page.get_by_role("button", name="Salvar").click()
    told(page, "Salvo")
    assert stored(shop).faq[-1].questions == ["vocês vendem aquário", "tem aquário"]

    page.get_by_label("O que um cliente escreveria").fill("vocês vendem aquário?")
    page.get_by_role("button", name="Ver a resposta").click()
    expect(page.locator(".trial blockquote")).to_have_text("Sim, a partir de R$ 200.")
    expect(page.locator(".trial tbody tr").first).to_contain_text("100")

    page.get_by_role("link", name="Mudar: vocês vendem aquário").click()
    page.get_by_label("Resposta").fill("Não mais.")
    page.get_by_role("button", name="Salvar").click()
    assert stored(shop).faq[-1].answer == "Não mais."
    page.get_by_role("link", name="Mudar: vocês vendem aquário").click()
    page.locator("summary", has_text="Remover").click()
    page.get_by_role("button", name="Remover de vez").click()
    told(page, "Removido")
    assert stored(shop).faq == demo_organization().faq


def test_a_rule_needs_something_that_triggers_it(new_visitor: NewVisitor, shop: Shop) -> None:
    visitor = new_visitor()
    page = open_page(visitor.log_in(), shop, "/answers/rules/new")
    page.get_by_label("Resposta", exact=True).fill("Veja o menu.")
    page.get_by_role("button", name="Salvar").click()
    expect(page.locator("#words-problem")).to_be_visible()
    visitor.complaints.clear()

    page.get_by_label("Mensagens inteiras").fill("menu")
    page.get_by_label("Depois da resposta, uma pessoa assume").check()
    page.get_by_role("button", name="Salvar").click()
    told(page, "Salvo")
    [rule] = stored(shop).rules
    assert (rule.messages, rule.answer, rule.hands_off) == (["menu"], "Veja o menu.", True)


@pytest.mark.parametrize("script", [True, False])
def test_somebody_is_taken_out_looked_up_and_brought_back(new_visitor: NewVisitor, shop: Shop, script: bool) -> None:
    visitor = new_visitor(java_script_enabled=script)
    page = open_page(visitor.log_in("operator"), shop, "/opt-outs")
    page.get_by_label("Tirar alguém das campanhas").fill("(11) 99999-0001")
    page.get_by_label("O que a pessoa disse (opcional)").fill("por telefone")
    page.get_by_role("button", name="Tirar").click()
    told(page, "não recebe mais campanhas")
    consent = shop.run(shop.app.contacts.consent(ORGANIZATION, ANA))
    assert consent is not None and (consent.is_out, consent.source) == (True, "board:ana")
    assert ANA not in page.content()

    page.get_by_label("Procurar um número").fill("11 99999-0001")
    page.get_by_role("button", name="Buscar").click()
    expect(page.locator("tbody tr")).to_have_count(1)
    check_accessibility(page) if script else None
    page.get_by_role("button", name="Voltar a receber").click()
    told(page, "volta a receber")
    assert shop.run(shop.app.contacts.opted_out(ORGANIZATION, [ANA])) == set()

    page.get_by_label("Tirar alguém das campanhas").fill("123")
    page.get_by_role("button", name="Tirar").click()
    expect(page.locator("#number-problem")).to_be_visible()
    visitor.complaints.clear()


def test_a_number_is_set_up_with_its_secrets_and_limits_and_removed(owner: Page, shop: Shop) -> None:
    open_page(owner, shop)
    owner.get_by_role("link", name="Novo número").click()
    owner.get_by_label("Código do número").fill("wa_meta")
    owner.get_by_label("Como se conecta").select_option("cloud")
    owner.get_by_label("Código na Meta (phone number ID)").fill("106540352242922")
    owner.get_by_role("button", name="Salvar").click()
    expect(owner.get_by_role("heading", name="wa_meta", level=1)).to_be_visible()
    instance = shop.run(shop.app.instances.get("wa_meta"))
    assert instance is not None and instance.organization_id == ORGANIZATION

    secret = owner.locator("li", has_text="access_token")
    secret.get_by_label("Novo valor").fill("EAAG-very-secret")
    secret.get_by_role("button", name="Guardar").click()
    told(owner, "Segredo guardado")
    expect(owner.locator("li", has_text="access_token")).to_contain_text("guardado")
    assert "EAAG-very-secret" not in owner.content()
    assert shop.run(shop.app.instances.secrets(instance)) == {"access_token": "EAAG-very-secret"}

    owner.get_by_label("Campanhas e lembretes por dia").fill("500")
    owner.get_by_label("Pausa mínima (segundos)").fill("2")
    owner.locator("section", has_text="Limites deste número").get_by_role("button", name="Salvar").click()
    told(owner, "Salvo")
    limits = stored(shop).numbers["wa_meta"]
    assert (limits.daily, limits.gap_seconds) == (500, (2, 2))
    check_accessibility(owner)
    assert wire_bytes(owner, owner.url) <= 60 * 1024

    owner.locator("summary", has_text="Caminho até o WhatsApp").click()
    owner.locator("summary", has_text="Remover o número").click()
    owner.get_by_role("button", name="Remover de vez").click()
    told(owner, "Número removido")
    assert shop.run(shop.app.instances.get("wa_meta")) is None and stored(shop).instances == ["wa_demo"]


def test_roles_see_what_they_may_do(new_visitor: NewVisitor, shop: Shop) -> None:
    for role, may_pause in (("viewer", 0), ("operator", 1)):
        page = open_page(new_visitor().log_in(role, ORGANIZATION), shop)
        expect(page.locator("summary", has_text="Pausar")).to_have_count(may_pause)
        expect(page.get_by_role("link", name="Novo número")).to_have_count(0)
        for part in ("/limits", "/settings"):
            open_page(page, shop, part)
            expect(page.locator("fieldset:not([disabled])")).to_have_count(0)
            expect(page.get_by_role("button", name="Salvar")).to_have_count(0)
        open_page(page, shop, "/answers")
        expect(page.get_by_role("link", name="Nova pergunta")).to_have_count(0)
        expect(page.get_by_role("button", name="Ver a resposta")).to_be_visible()


@pytest.mark.parametrize("look", [{"viewport": PHONE}, {"color_scheme": "dark"}, {"locale": "en-US"}])
def test_on_a_phone_in_the_dark_and_in_english(new_visitor: NewVisitor, shop: Shop, look: dict[str, Any]) -> None:
    page = new_visitor(**look).log_in()
    for part in PAGES:
        open_page(page, shop, part)
        expect(page.locator("h1")).to_be_visible()
        check_fits(page)
        check_accessibility(page)


class PairingBridge:
    """A bridge that only links: what it says of its number is `known`."""

    def __init__(self) -> None:
        self.known: dict[str, str | None] = {"state": "closed", "detail": "", "number": None, "qr": None, "code": None}

    def routes(self) -> list[Route]:
        return [
            Route("/instances/{id}", self._state),
            Route("/instances/{id}/pair", self._pair, methods=["POST"]),
            Route("/instances/{id}/logout", self._logout, methods=["POST"]),
        ]

    async def _state(self, request: Request) -> Response:
        return JSONResponse({"id": request.path_params["id"], **self.known})

    async def _pair(self, request: Request) -> Response:
        phone = json.loads(await request.body() or b"{}").get("phone")
        self.known |= (
            {"state": "needs_pairing", "code": "ABCD-EFGH"} if phone else {"state": "needs_pairing", "qr": "2@a"}
        )
        return await self._state(request)

    async def _logout(self, request: Request) -> Response:
        self.known |= {"state": "closed", "qr": None, "code": None, "number": None}
        return JSONResponse({})


@pytest.fixture
def bridge(shop: Shop) -> Iterator[PairingBridge]:
    """A bridge that has the shop's number wa_phone."""
    made = PairingBridge()
    number = Instance(id="wa_phone", organization_id=ORGANIZATION, gateway="baileys")
    shop.run(Registration(shop.app.instances, shop.app.organizations, shop.app.gateways).save(number))

    async def begin() -> AsyncExitStack:
        stack = AsyncExitStack()
        url = await stack.enter_async_context(serving(Starlette(routes=made.routes()), 0))
        await stack.enter_async_context(holding(shop.app.redis, "wa_phone", url, prefix=shop.app.hub.prefix))
        return stack

    stack = shop.run(begin())
    yield made
    shop.run(stack.aclose())


def test_a_number_is_linked_by_a_code_that_is_scanned_and_unlinked(
    owner: Page, shop: Shop, bridge: PairingBridge
) -> None:
    open_page(owner, shop, "/numbers/wa_phone")
    owner.get_by_role("button", name="Ligar por QR code").click()
    told(owner, "Ligação iniciada")
    picture = owner.get_by_role("img", name="QR code para ligar o celular")
    first = picture.get_attribute("src")
    assert first is not None and first.startswith("data:image/svg+xml")
    check_accessibility(owner)

    bridge.known["qr"] = "2@another"
    expect(picture).not_to_have_attribute("src", first)  # without a reload: codes live for some 20 s
    bridge.known |= {"state": "open", "qr": None, "number": "551130000000"}
    expect(owner.locator('[data-region="state"]')).to_contain_text("conectado")
    expect(picture).to_have_count(0)

    owner.locator("summary", has_text="Desligar do celular").click()
    owner.get_by_role("button", name="Desligar", exact=True).click()
    told(owner, "Desligado do celular")
    assert bridge.known["state"] == "closed"


def test_a_number_is_linked_by_a_code_that_is_typed_and_only_by_owners(
    new_visitor: NewVisitor, shop: Shop, bridge: PairingBridge
) -> None:
    page = open_page(new_visitor(java_script_enabled=False).log_in(), shop, "/numbers/wa_phone")
    page.get_by_label("Ou por código: número do celular").fill("55 11 99999-0001")
    page.get_by_role("button", name="Receber código").click()
    expect(page.locator(".code-to-type")).to_contain_text("ABCD-EFGH")

    bridge.known["qr"] = "2@secret"
    operator = open_page(new_visitor().log_in("operator"), shop, "/numbers/wa_phone")
    expect(operator.locator('[data-region="state"]')).to_contain_text("precisa ser ligado")
    expect(operator.get_by_role("img", name="QR code para ligar o celular")).to_have_count(0)
    assert "ABCD-EFGH" not in operator.content()
