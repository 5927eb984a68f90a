"""Every message's whole way: a customer's phone, the real Baileys in our bridge, our API and workers, and back."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import httpx
import pytest

from oxyq.answering import ConversationSettings, Rule
from oxyq.app import App
from oxyq.conversations.entry import HistoryLine
from oxyq.limits import NumberSettings, RateLimit
from oxyq.organizations import demo_organization
from oxyq.sending.ledger import Entry, Ledger
from tests.journeys.conftest import ORGANIZATION, StartProcess, campaign_ended
from tests.journeys.scrape import scraped
from tests.journeys.whatsapp_world import NodeProcess, Phones, World, until
from tests.redis_server import free_port
from tests.requirements import require

ANA, BIA = "5511999990001", "5511999990002"
#: What a worker's death costs before another has its job, and a bridge's before another has its numbers.
SOON = {"OXYQ_LOCK_SECONDS": "1", "OXYQ_STALLED_INTERVAL_SECONDS": "0.5"}
SHORT_LEASE = {"OXYQ_BRIDGE_LEASE_SECONDS": "4"}


@pytest.fixture
def environment(environment: dict[str, str]) -> dict[str, str]:
    """With a key that all share, and ports that nobody else has."""
    return {
        **environment,
        "OXYQ_BRIDGE_KEY": "0123456789abcdef" * 4,
        "OXYQ_BRIDGE_PORT": "0",
        "OXYQ_PORT": "0",
    }


StartNode = Callable[..., NodeProcess]


@pytest.fixture
def start_node(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartNode]:
    """Starts a program of bridge/ in this installation's environment; what still runs at the end is ended."""
    require("bridge")
    started: list[NodeProcess] = []

    def start(program: str, **changes: str) -> NodeProcess:
        shared = {name: value for name, value in environment.items() if name != "OXYQ_PORT"}
        process = NodeProcess(program, {**shared, **changes}, tmp_path_factory.mktemp("node"))
        started.append(process)
        return process

    yield start
    for process in started:
        process.end()


@pytest.fixture
async def world(app: App, start_oxyq: StartProcess, start_node: StartNode) -> AsyncIterator[World]:
    """A shop with everything that runs, and no number yet; the workers are the test's to start."""
    shop = demo_organization().model_copy(
        update={
            "id": ORGANIZATION,
            "instances": [],
            "conversation": ConversationSettings(quiet_seconds=0, longest_wait_seconds=0),
            "rules": [Rule(words=["recado"], answer="anotado")],
        }
    )
    await app.organizations.save(shop)
    fake, api = start_node("fake-whatsapp/cli.mjs"), start_oxyq("api")
    at = await fake.said()
    api_url = (await api.until_it_says('{"news": "API on ')).split('"')[0]
    bridge = {"OXYQ_API_URL": api_url, "OXYQ_BRIDGE_WHATSAPP_URL": at["url"], "OXYQ_BRIDGE_WHATSAPP_ROOT": at["root"]}
    async with httpx.AsyncClient(base_url=at["control"]) as client:
        yield World(app, Phones(client), lambda: start_node("src/main.mjs", **bridge, **SHORT_LEASE), api_url)


async def test_a_number_is_linked_and_a_customers_message_is_answered_and_read(
    world: World, start_oxyq: StartProcess, tmp_path: Path
) -> None:
    # Given an installation to which the owner adds a number, as the guide says
    start_oxyq("workers", "start")
    await world.start_bridge().said()
    (tmp_path / "number.json").write_text(
        json.dumps({"id": "wa_1", "organizationId": ORGANIZATION, "gateway": "baileys"})
    )
    assert await start_oxyq("instances", "set", str(tmp_path / "number.json")).ended() == 0

    # When the code it shows is scanned with the phone
    pairing = start_oxyq("instances", "pair", "wa_1", "--json")
    shown = json.loads("{" + await pairing.until_it_says("{"))
    await world.phones.do("scan", qr=shown["qr"])
    assert await pairing.ended() == 0, pairing.output

    # And a customer writes, whose message WhatsApp delivers twice, as it does
    await world.phones.write(ANA, "abre no sábado?", id="3AFIRST")
    await world.phones.write(ANA, "abre no sábado?", id="3AFIRST")
    await world.phones.write(BIA, "aceita pix?")

    # Then her phone shows the answer, once
    ((answer_id, answer),) = (await world.phones.show(ANA)).items()
    assert "segunda a sábado" in answer
    await world.phones.show(BIA)  # who wrote later, so that a second answer to the first would have come
    assert len(await world.phones.of(ANA)) == 1

    # And we know when she has read it
    await _ledger(world.app, "wa_1", answer_id, "delivered")
    await world.phones.do("receipt", id=answer_id, type="read")
    await _ledger(world.app, "wa_1", answer_id, "read")
    said = await _history(world.app, "wa_1", ANA)
    assert [(line.author, line.text) for line in said] == [("them", "abre no sábado?"), ("us", answer)]


@pytest.mark.timeout(120)
async def test_bridges_die_while_customers_write_and_nothing_is_lost_or_answered_twice(
    world: World, start_oxyq: StartProcess
) -> None:
    # Given ten numbers in one bridge, and twenty customers: a number of Baileys may send twenty a minute, and no more
    require("promtool")
    worker_port = free_port()
    start_oxyq("workers", "start", **SOON, OXYQ_METRICS_PORT=str(worker_port))
    numbers = {f"wa_{n}": f"551190000000{n}" for n in range(10)}
    await _no_gaps(world.app, *numbers)
    bridge = world.start_bridge()
    await bridge.said()
    for instance_id in numbers:
        await world.add(ORGANIZATION, instance_id)
    await asyncio.gather(*(world.link(instance_id, account) for instance_id, account in numbers.items()))
    customers = {f"55119777700{n:02}": f"wa_{n % 10}" for n in range(20)}
    texts = ["recado um", "recado dois", "recado três"]

    async def write(text: str) -> None:
        for number, instance_id in customers.items():
            await world.phones.write(number, text, account=numbers[instance_id])

    # When the bridge is killed twice in the midst of their writing, and another takes over
    written = 0
    for text in texts:
        await write(text)
        if text != texts[-1]:
            # Some are answered, others are on their way.
            await until(world.phones.ids_written, lambda ids, before=written: len(ids) > before, 40)  # type: ignore[misc]
            bridge.crash()
            written = len(await world.phones.ids_written())
            bridge = world.start_bridge()

    # Then all they wrote came in, in its order, and each of our answers is on the phone it is for, once
    async def history(number: str) -> list[HistoryLine]:
        return await _history(world.app, customers[number], number)

    for number in customers:
        said = await until(
            lambda number=number: history(number),  # type: ignore[misc]
            lambda lines: sum(line.author == "them" for line in lines) == len(texts),
            60,
        )
        assert [line.text for line in said if line.author == "them"] == texts
        answers = [line for line in said if line.author == "us"]
        assert 1 <= len(answers) <= len(texts)
        assert list((await world.phones.show(number, len(answers))).values()) == ["anotado"] * len(answers)
        assert said[-1].author == "us"

    # And what the three processes told meanwhile is what Prometheus reads
    told = await scraped(f"{world.api_url}/metrics", "API", "every process")
    assert told["oxyq_queue_finished_total", (("outcome", "completed"), ("queue", "message"))] >= len(customers)
    assert told["oxyq_numbers", (("state", "open"),)] == len(numbers)
    assert told["oxyq_queue_alive", (("queue", "message"),)] == 1
    told = await scraped(f"http://127.0.0.1:{worker_port}/metrics", "workers", "every process")
    assert told["oxyq_sends_total", (("kind", "message"), ("outcome", "sent"))] >= len(customers)
    assert told["oxyq_job_run_seconds_count", (("queue", "message"),)] >= len(customers)
    told = await scraped(f"{(await bridge.said())['url']}/metrics", "bridge")
    assert told["oxyq_bridge_numbers", (("state", "open"),)] == len(numbers)
    assert told["oxyq_bridge_inbound_total", ()] > 0
    assert told["oxyq_bridge_sends_total", (("outcome", "sent"),)] > 0
    assert told["oxyq_bridge_redis_up", ()] == 1


async def test_the_owner_answers_on_the_phone_and_the_bot_is_silent_in_that_chat(
    world: World, start_oxyq: StartProcess
) -> None:
    start_oxyq("workers", "start")
    await world.start_bridge().said()
    await world.linked(ORGANIZATION, "wa_1")
    await world.phones.write(ANA, "aceita pix?")
    ((_, answer),) = (await world.phones.show(ANA)).items()

    # When the owner answers by hand, and the customer goes on
    await world.phones.do("typed", to=ANA, text="Oi Ana, aqui é o João")
    await until(lambda: _history(world.app, "wa_1", ANA), lambda said: any(line.author == "person" for line in said))
    await world.phones.write(ANA, "abre no sábado?")
    await until(lambda: _history(world.app, "wa_1", ANA), lambda said: len(said) == 4)

    # Then nothing more goes to her from us, and others are answered as before
    await world.phones.write(BIA, "abre no sábado?")
    await world.phones.show(BIA)
    assert list((await world.phones.of(ANA)).values()) == [answer]
    said = await _history(world.app, "wa_1", ANA)
    assert [(line.author, line.text) for line in said][2:] == [
        ("person", "Oi Ana, aqui é o João"),
        ("them", "abre no sábado?"),
    ]


async def test_a_worker_is_killed_before_whatsapp_confirms_and_the_phone_shows_the_answer_once(
    world: World, start_oxyq: StartProcess
) -> None:
    # Given a WhatsApp that takes the next message, and does not say so
    worker = start_oxyq("workers", "start", **SOON)
    await world.start_bridge().said()
    await world.linked(ORGANIZATION, "wa_1")
    await world.phones.do("policy", noAck=True)
    await world.phones.write(ANA, "aceita pix?")
    (answer_id,) = await until(world.phones.ids_written)
    assert (await _entry(world.app, "wa_1", answer_id)).state == "sending"

    # When the worker dies while it waits for that, and another goes on
    worker.popen.kill()
    worker.popen.wait()
    again = start_oxyq("workers", "start", **SOON)
    await again.until_it_says('{"queue": "message", "jobs"')  # it found the job

    # Then it is the same message for WhatsApp, which says at last that it has it
    await world.phones.do("receipt", id=answer_id, type="sent")
    await _ledger(world.app, "wa_1", answer_id, "sent", "delivered")
    await until(lambda: _history(world.app, "wa_1", ANA), lambda said: len(said) == 2, 30)
    assert list(await world.phones.of(ANA)) == [answer_id] == await world.phones.ids_written()


async def test_a_number_that_was_logged_out_keeps_its_campaign_until_it_is_linked_again(
    world: World, start_oxyq: StartProcess
) -> None:
    workers = start_oxyq("workers", "start")
    await world.start_bridge().said()
    await _no_gaps(world.app, "wa_1")
    await world.linked(ORGANIZATION, "wa_1")

    # Given somebody who removed the device on the phone
    await world.phones.do("logout")
    await world.state("wa_1", "needs_pairing")
    show = start_oxyq("instances", "show", "wa_1")
    assert await show.ended() == 0
    assert "needs_pairing" in show.output

    # When a campaign starts meanwhile, then it waits
    people = [ANA, BIA, "5511999990003"]
    await world.app.producer.add_campaign_job(
        campaign_id="promo", organization_id=ORGANIZATION, template="Banho com desconto", recipients=people
    )
    await until(lambda: asyncio.to_thread(lambda: workers.output), lambda told: "link it again by phone" in told)
    known = await world.app.instances.known_state("wa_1")
    assert known is not None and known.state == "needs_pairing"
    assert await world.app.dead_letters.count() == 0

    # And goes out when the number is linked again
    await world.link("wa_1")
    counts = await campaign_ended(world.app, "promo", len(people), 40)
    assert (counts.sent, counts.failed) == (len(people), 0)
    for number in people:
        assert list((await world.phones.show(number)).values()) == ["Banho com desconto"]
    assert await world.app.dead_letters.count() == 0


# --- looking ----------------------------------------------------------------------------------------------------


async def _history(app: App, instance_id: str, number: str) -> list[HistoryLine]:
    return await app.conversations.history(await app.take_over.place(ORGANIZATION, instance_id, number))


async def _entry(app: App, instance_id: str, message_id: str) -> Entry:
    ledger = Ledger(app.hub)
    key = await ledger.key_of(ORGANIZATION, instance_id, message_id)
    assert key is not None
    entry = await ledger.entry(ORGANIZATION, key)
    assert entry is not None
    return entry


async def _ledger(app: App, instance_id: str, message_id: str, *states: str) -> None:
    await until(lambda: _entry(app, instance_id, message_id), lambda entry: entry.state in states)


async def _no_gaps(app: App, *instances: str) -> None:
    """As fast as a number of Baileys may be at all."""
    fast = NumberSettings(rate=RateLimit(max=20, per_seconds=60), gap_seconds=(0, 0))
    shop = await app.organizations.get(ORGANIZATION)
    assert shop is not None
    await app.organizations.save(shop.model_copy(update={"numbers": dict.fromkeys(instances, fast)}))
