"""The first page: how it stands in words, what was done as a chart, who works, Redis; live, and without script."""

import asyncio
import time
from collections.abc import Callable

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from oxyq.engine.events import JobCompleted, JobFailed
from oxyq.engine.job import Job
from oxyq.engine.settlement import RawJob
from oxyq.statistics.heartbeats import Heartbeat
from oxyq.statistics.recorder import Recorder
from tests.browser.conftest import ORGANIZATION, PHONE, Shop, Visitor, check_accessibility, check_fits, wire_bytes

NewVisitor = Callable[..., Visitor]

HOUR = 3600
SPANS = {"1 hora": 60, "24 horas": 72, "7 dias": 56, "90 dias": 90}


def a_job(queue: str, organization_id: str, added: float) -> Job:
    data = b'{"organizationId":"%b"}' % organization_id.encode()
    fields = {b"name": b"m", b"data": data, b"timestamp": str(round(added * 1000)).encode()}
    return Job(RawJob("job-1", "t", fields), queue, None)


async def work(shop: Shop, *hours_ago: float) -> None:
    """At each of these times: three messages done for our shop, two for another, of which one more failed."""
    for hours in hours_ago:
        at = time.time() - hours * HOUR
        recorder = Recorder(shop.app.hub, lambda at=at: at)
        for organization_id in (ORGANIZATION, ORGANIZATION, ORGANIZATION, "org_2", "org_2"):
            recorder.heard(JobCompleted(a_job("message", organization_id, at - 1.5), 0.5))
        recorder.heard(JobFailed(a_job("message", "org_2", at - 1), "no", None, 0.3))
        await recorder.flush()


@pytest.fixture(scope="module", autouse=True)
def worked(shop: Shop) -> None:
    """Work of half an hour, of five hours, of two days and of a month ago."""
    shop.run(work(shop, 0.5, 5, 50, 30 * 24))


@pytest.fixture
def alive(shop: Shop) -> Heartbeat:
    """A worker process that is alive and does nothing."""
    heartbeat = Heartbeat(shop.app.hub, {"message": 5, "automation": 5, "campaign": 3}, lambda: 2)
    shop.run(heartbeat.beat())
    return heartbeat


def total(page: Page, what: str) -> Locator:
    """A sum above the chart."""
    return page.locator("board-chart .stat").filter(has_text=what).locator("dd")


# --- how it stands --------------------------------------------------------------------------------------------


def test_the_headline_says_it_in_words_and_changes_by_itself(owner: Page, shop: Shop) -> None:
    """Nobody works; a job comes; somebody works on it; it is done. All that without a reload."""
    headline = owner.locator(".headline")
    expect(headline).to_have_text("Ninguém está trabalhando agora")
    expect(owner.locator("#workers")).to_contain_text("oxyq workers start")

    message = shop.app.queues["message"]
    job_id = shop.run(message.add("message", {"organizationId": ORGANIZATION}))
    # Its clock is ahead, so that it is not late before this test says so.
    shop.run(shop.app.redis.hset(message.keys.job(job_id), "timestamp", round((time.time() + HOUR) * 1000)))
    expect(headline).to_have_text("1 fila está parada")
    expect(owner.locator("article").filter(has_text="Mensagens")).to_contain_text("parada")

    heartbeat = Heartbeat(shop.app.hub, {"message": 5}, lambda: 2)
    shop.run(heartbeat.beat())
    expect(headline).to_have_text("Está tudo em dia")
    expect(owner.locator("#workers tbody tr")).to_contain_text(["Mensagens ×5"])

    shop.run(shop.app.redis.hset(message.keys.job(job_id), "timestamp", round((time.time() - HOUR) * 1000)))
    expect(headline).to_have_text("1 fila está atrasada")

    shop.run(message.remove(job_id))
    expect(headline).to_have_text("Está tudo em dia")
    shop.run(heartbeat.end())
    expect(headline).to_have_text("Ninguém está trabalhando agora")


def test_a_paused_queue_is_told(owner: Page, shop: Shop, alive: Heartbeat) -> None:
    expect(owner.locator(".headline")).to_have_text("Está tudo em dia")
    shop.run(shop.app.queues["campaign"].pause())
    expect(owner.locator(".headline")).to_have_text("1 fila está pausada")
    shop.run(shop.app.queues["campaign"].resume())
    expect(owner.locator(".headline")).to_have_text("Está tudo em dia")
    shop.run(alive.end())


def test_numbers_are_live(owner: Page, shop: Shop) -> None:
    delayed = owner.locator("article").filter(has_text="Automações").locator(".stat").filter(has_text="Agendados")
    before = int(delayed.locator("dd").inner_text())

    job_id = shop.run(shop.app.queues["automation"].add("reminder", {}, delay_ms=600_000))

    expect(delayed.locator("dd")).to_have_text(str(before + 1))
    shop.run(shop.app.queues["automation"].remove(job_id))
    expect(delayed.locator("dd")).to_have_text(str(before))


def test_redis_goes_and_the_numbers_go_on_when_it_is_back(new_visitor: NewVisitor, shop: Shop) -> None:
    visitor = new_visitor()
    page = visitor.log_in()
    expect(page.locator("#live")).to_have_class("live on")

    shop.redis.kill()
    expect(page.locator("#away")).to_be_visible()
    shop.redis.start()

    expect(page.locator("#away")).to_be_hidden(timeout=30_000)
    job_id = shop.run(shop.app.queues["campaign"].add("send", {}, delay_ms=600_000))
    delayed = page.locator("article").filter(has_text="Campanhas").locator(".stat").filter(has_text="Agendados")
    expect(delayed.locator("dd")).to_have_text("1")
    shop.run(shop.app.queues["campaign"].remove(job_id))
    visitor.complaints.clear()  # the browser tells of each 503


def test_a_setting_that_risks_jobs_is_told_by_itself(owner: Page, shop: Shop) -> None:
    redis = owner.locator("section").filter(has=owner.get_by_role("heading", name="Redis"))
    expect(redis).to_contain_text("em ordem")
    shop.run(shop.app.redis.config_set("maxmemory-policy", "allkeys-lru"))
    shop.run(shop.app.redis.config_set("maxmemory", "1gb"))

    expect(redis).to_contain_text("joga trabalhos fora (maxmemory-policy é allkeys-lru)")
    expect(redis.get_by_role("progressbar")).to_be_visible()
    expect(redis).to_contain_text("de 1 GB")
    check_accessibility(owner)
    shop.run(shop.app.redis.config_set("maxmemory-policy", "noeviction"))
    shop.run(shop.app.redis.config_set("maxmemory", "0"))


# --- what was done --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("script", [True, False])
def test_every_span_and_queue_can_be_chosen(new_visitor: NewVisitor, script: bool) -> None:
    page = new_visitor(java_script_enabled=script).log_in()

    for span, completed in (("1 hora", "5"), ("24 horas", "10"), ("7 dias", "15"), ("90 dias", "20")):
        page.get_by_role("link", name=span, exact=True).click()
        expect(page.get_by_role("link", name=span, exact=True)).to_have_attribute("aria-current", "true")
        expect(total(page, "Concluídos")).to_have_text(completed)
        rows = page.locator("board-chart tbody tr").all_text_contents()
        assert len(rows) == SPANS[span]
        bars = page.locator("board-chart path.done").get_attribute("d").count("M")
        assert bars == sum(not row.endswith("000") for row in rows) > 0
    page.locator("main").get_by_role("link", name="Campanhas", exact=True).last.click()
    expect(total(page, "Concluídos")).to_have_text("0")
    expect(page.locator(".reading")).to_have_text("Nada foi feito neste período.")
    expect(page.get_by_role("link", name="90 dias", exact=True)).to_have_attribute("aria-current", "true")


def test_the_chart_is_told_to_who_cannot_see_it(new_visitor: NewVisitor) -> None:
    """Its name has the sums, and there is a table of all its numbers."""
    page = new_visitor(java_script_enabled=False).log_in()

    chart = page.get_by_role("img", name="Todas as filas, na última hora: 5 concluídos, 1 falharam de vez")
    expect(chart).to_be_visible()
    page.get_by_text("Ver em números").click()
    told = [row.inner_text().split("\t")[1:] for row in page.locator("board-chart tbody tr").all()]
    assert [row for row in told if row != ["0", "0", "0"]] == [["5", "1", "0"]]


def test_bars_are_read_by_mouse_and_keyboard(owner: Page) -> None:
    reading = owner.locator(".reading")
    expect(reading).to_contain_text("Passe o mouse")
    owner.locator("board-chart svg").hover()
    expect(reading).to_contain_text("concluídos")
    owner.mouse.move(0, 0)
    expect(reading).to_contain_text("Passe o mouse")

    slider = owner.get_by_role("slider", name="Percorrer o gráfico com as setas")
    slider.focus()
    # Half an hour ago is about thirty bars to the left.
    while "5 concluídos, 1 falharam, 0 tentados de novo" not in reading.inner_text():
        assert slider.input_value() != "0"
        owner.keyboard.press("ArrowLeft")

    assert slider.get_attribute("aria-valuetext") == reading.inner_text()
    assert int(slider.input_value()) == pytest.approx(29, abs=6)


def test_the_chart_grows_by_itself(owner: Page, shop: Shop) -> None:
    """Drawn anew within seconds, table included."""
    before = int(total(owner, "Concluídos").inner_text())
    drawn = owner.locator("board-chart path.done").get_attribute("d")

    shop.run(work(shop, 0))

    expect(total(owner, "Concluídos")).to_have_text(str(before + 5))
    expect(owner.locator("board-chart path.done")).not_to_have_attribute("d", drawn)
    rows = owner.locator("board-chart tbody tr").all_text_contents()
    assert sum(row.endswith("510") for row in rows) == before // 5 + 1


# --- who sees what --------------------------------------------------------------------------------------------


def test_an_organization_sees_its_own_only(new_visitor: NewVisitor, shop: Shop) -> None:
    visitor = new_visitor()
    page = visitor.log_in("owner", org=ORGANIZATION)

    page.goto(f"{shop.board}?span=90d")
    expect(total(page, "Concluídos")).not_to_have_text("0")
    mine = int(total(page, "Concluídos").inner_text())
    assert mine % 3 == 0 and total(page, "Falharam de vez").inner_text() == "0"
    expect(page.locator(".headline")).to_contain_text("concluídos nas últimas 24 horas")
    expect(page.locator(".standing")).to_contain_text("Nenhum falhou de vez.")
    check_accessibility(page)
    expect(page.get_by_role("heading", name="Redis")).to_have_count(0)
    expect(page.locator("#workers")).to_have_count(0)

    page.goto(f"{shop.board}?organization=org_2")
    expect(page.get_by_role("heading", name="Não encontrado")).to_be_visible()
    visitor.complaints.clear()  # the browser tells of the 404


def test_who_sees_all_may_look_at_one(owner: Page, shop: Shop) -> None:
    owner.goto(f"{shop.board}?organization=org_2&span=90d")
    expect(owner.get_by_text("org_2")).to_be_visible()
    expect(owner.get_by_role("link", name="Ver as falhas")).to_be_visible()
    assert int(total(owner, "Falharam de vez").inner_text()) >= 4
    shop.run(work(shop, 0))
    expect(total(owner, "Falharam de vez")).not_to_have_text("4")
    owner.get_by_role("link", name="7 dias").click()
    expect(owner.get_by_text("org_2")).to_be_visible()

    owner.get_by_role("link", name="Ver tudo").click()
    expect(owner.get_by_role("heading", name="Redis")).to_be_visible()


def test_who_may_only_look_sees_the_same(new_visitor: NewVisitor) -> None:
    page = new_visitor().log_in("viewer")

    expect(page.get_by_role("heading", name="Quem trabalha")).to_be_visible()
    assert page.locator("main form").count() == 0


# --- on every screen ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [{}, {"viewport": PHONE}, {"color_scheme": "dark"}, {"viewport": PHONE, "color_scheme": "dark", "locale": "en-US"}],
    ids=["desk", "phone", "dark", "phone-dark-en"],
)
def test_it_can_be_read_everywhere(new_visitor: NewVisitor, shop: Shop, alive: Heartbeat, options: dict) -> None:
    page = new_visitor(**options).log_in()
    expect(page.locator("#live")).to_have_class("live on")

    check_fits(page)
    check_accessibility(page)
    page.locator("board-chart summary").click()
    check_fits(page)
    page.goto(f"{shop.board}?span=90d")
    check_accessibility(page)
    shop.run(alive.end())


def test_it_is_small(owner: Page, shop: Shop) -> None:
    assert wire_bytes(owner, f"{shop.board}?span=90d") <= 60_000


def test_what_cannot_be_asked_is_told(owner: Page, shop: Shop) -> None:
    [cookie] = owner.context.cookies()
    for query in ("span=1y", "queue=dead-letter", "queue=x", "span=1h&span=7d", "page=2"):
        answer = httpx.get(f"{shop.board}?{query}", headers={"Cookie": f"{cookie['name']}={cookie['value']}"})
        assert (query, answer.status_code) == (query, 422)
        assert "Não deu certo" in answer.text or "That did not work" in answer.text


# --- what looking costs ---------------------------------------------------------------------------------------


def test_fifty_tabs_cost_one_poller_and_nobody_costs_nothing(new_visitor: NewVisitor, shop: Shop) -> None:
    visitor = new_visitor()
    visitor.log_in()
    [cookie] = visitor.context.cookies()
    visitor.page.close()
    headers = {"Cookie": f"{cookie['name']}={cookie['value']}"}

    async def commands_with(tabs: int) -> float:
        """Redis's commands in a second while so many tabs listen."""

        async def listen(client: httpx.AsyncClient, heard: asyncio.Event) -> None:
            address = f"{shop.board}events?topics=overview,done:1h.all"
            async with client.stream("GET", address, headers=headers, timeout=60) as answer:
                async for line in answer.aiter_lines():
                    if line.startswith("event: value"):
                        heard.set()

        limits = httpx.Limits(max_connections=100)
        async with httpx.AsyncClient(limits=limits) as client:
            signals = [asyncio.Event() for _ in range(tabs)]
            listening = [asyncio.create_task(listen(client, heard)) for heard in signals]
            await asyncio.gather(*(heard.wait() for heard in signals))
            before, started = await asked(), time.monotonic()
            await asyncio.sleep(4)  # no wait for something: the time over which the rate is taken
            rate = (await asked() - before - 1) / (time.monotonic() - started)
            for task in listening:
                task.cancel()
            await asyncio.gather(*listening, return_exceptions=True)
        return rate

    async def asked() -> int:
        return (await shop.app.redis.info("stats"))["total_commands_processed"]

    one, fifty = shop.run(commands_with(1)), shop.run(commands_with(50))

    async def quiet() -> bool:
        """Whether a second passed in which nobody but us asked anything."""
        before = await asked()
        await asyncio.sleep(1)  # what is asked for is that nothing happens in it
        return await asked() - before <= 1

    print(f"commands a second: {one:.1f} with one tab, {fifty:.1f} with fifty")
    assert 2 < one < 80
    # Fifty pollers would ask fifty times as much. Not "the same": a busy machine looks less often than once a second.
    assert fifty < 5 * one
    shop.until(quiet)
