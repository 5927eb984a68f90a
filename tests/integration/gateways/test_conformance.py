"""What every gateway promises, whatever speaks behind it."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Literal

import pytest

from oxyq.gateways.base import (
    BadSignature,
    ContactSuppressed,
    GatewayError,
    InstanceHalted,
    InstanceState,
    MaybeSent,
    NeedsTemplate,
    NeverWill,
    NotReady,
    NotSent,
    Resolved,
    SlowDown,
)
from oxyq.gateways.news import Inbound, StatusNews
from oxyq.gateways.outbound import Outbound, OutboundMedia, OutboundTemplate, OutboundText
from oxyq.jobs import InboundMessage, parse_new
from tests.integration.gateways.conftest import SECRETS, Make, Rig, Webhooks, listening

ALL = ["simulator", "cloud", "evolution", "baileys", "waha"]
OVER_HTTP = ALL[1:]
GOOD = "5511999990001"
TEXT = "Olá, Ana! 😀\nSeu pedido está pronto."

Rigs = Callable[[str], Rig]


def text_to(recipient: str, key: str = "send-6a1f/0") -> OutboundText:
    return OutboundText("org_1", "wa_1", recipient, TEXT, key)


def media(kind: Any = "image", **more: Any) -> OutboundMedia:
    return OutboundMedia("org_1", "wa_1", GOOD, kind, "https://cdn.example.com/a b.jpg", "key-1", **more)


TEMPLATE = OutboundTemplate(
    "org_1", "wa_1", GOOD, "lembrete_consulta", "pt_BR", ["Ana", "amanhã às 10h"], "Oi Ana, …", "key-1"
)


def assert_tells_nothing(error: GatewayError, key: str, recipient: str) -> None:
    """The error begins with the key and holds no text, secret or whole number."""
    said = str(error)
    assert said.startswith(f"{key}: ") and "\n" not in said
    for hidden in (TEXT, "pedido", recipient, *SECRETS.values()):
        assert hidden not in said


# --- what goes out -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ALL)
async def test_a_text_arrives_as_it_was_written(rigs: Rigs, name: str) -> None:
    rig = rigs(name)

    first, second = await rig.gateway.send(text_to(GOOD)), await rig.gateway.send(text_to(GOOD, "key-2"))

    assert rig.gateway.name == name
    assert [(to, text) for to, text, _ in rig.received()] == [(GOOD, TEXT), (GOOD, TEXT)]
    assert first.provider_id and first.provider_id != second.provider_id


@pytest.mark.parametrize("name", ALL)
async def test_a_file_arrives_with_its_words(rigs: Rigs, name: str) -> None:
    rig = rigs(name)

    await rig.gateway.send(media("document", caption="Seu contrato", mimetype="application/pdf", file_name="c.pdf"))
    await rig.gateway.send(media("audio"))
    await rig.gateway.send(media("sticker"))

    texts = [text for _, text, _ in rig.received()]
    assert texts[0] == "Seu contrato"
    assert all("https://cdn.example.com/a b.jpg" in text for text in texts[1:])


@pytest.mark.parametrize("name", OVER_HTTP)
@pytest.mark.parametrize("kind", ["audio", "sticker"])
async def test_words_that_whatsapp_would_not_show_are_refused_and_not_lost(rigs: Rigs, name: str, kind: str) -> None:
    with pytest.raises(NeverWill, match=r"^key-1: caption: .*send the words as a text"):
        await rigs(name).gateway.send(media(kind, caption="escuta isso"))
    assert rigs(name).received() == []


@pytest.mark.parametrize("name", ALL)
async def test_templates_go_out_where_they_can_and_are_refused_elsewhere(rigs: Rigs, name: str) -> None:
    rig = rigs(name)
    if "templates" in rig.gateway.capabilities:
        await rig.gateway.send(TEMPLATE)
        assert len(rig.received()) == 1
    else:
        with pytest.raises(NeverWill, match=r"^key-1: templates"):
            await rig.gateway.send(TEMPLATE)
        assert rig.received() == []


async def test_a_template_reaches_meta_with_its_parameters_in_order(rigs: Rigs) -> None:
    await rigs("cloud").gateway.send(TEMPLATE)

    assert rigs("cloud").received() == [(GOOD, "lembrete_consulta Ana amanhã às 10h", "key-1")]


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("recipient", ["", "abc", "120363000000000001@g.us", "551199999000155119999900015511"])
async def test_nothing_goes_to_what_is_no_person(rigs: Rigs, name: str, recipient: str) -> None:
    with pytest.raises(NeverWill):
        await rigs(name).gateway.send(text_to(recipient))
    assert rigs(name).received() == []


@pytest.mark.parametrize("name", OVER_HTTP)
async def test_hidden_ids_are_known_by_those_that_made_them(rigs: Rigs, name: str) -> None:
    rig = rigs(name)
    theirs, others = "BR.13491208655302741918", "700000000000001@lid"
    if name != "cloud":
        theirs, others = others, theirs

    await rig.gateway.send(text_to(theirs))
    with pytest.raises(NeverWill):
        await rig.gateway.send(text_to(others))

    assert [to for to, _, _ in rig.received()] == [theirs]


@pytest.mark.parametrize("name", ALL)
async def test_an_id_known_beforehand_is_the_id_it_gets(rigs: Rigs, name: str) -> None:
    gateway = rigs(name).gateway
    message = text_to(GOOD)

    before = gateway.provider_id(message)

    receipt = await gateway.send(message)
    assert before in (None, receipt.provider_id)
    assert (before is not None) == ("repeats-safely" in gateway.capabilities)


async def test_baileys_ids_look_like_whatsapp_webs_own(make: Make) -> None:
    gateway = make("baileys", "http://127.0.0.1:9")

    assert gateway.provider_id(text_to(GOOD)) == "3EB0" + "BFECF0BAD1D3AF6A89"
    assert gateway.provider_id(text_to("5511999990002")) == gateway.provider_id(text_to(GOOD))
    assert gateway.provider_id(text_to(GOOD, "other")) != gateway.provider_id(text_to(GOOD))
    assert gateway.provider_id(OutboundText("org_1", None, GOOD, "x", "k")) is None


@pytest.mark.parametrize("name", OVER_HTTP)
async def test_what_repeats_safely_is_one_message_however_often_it_is_sent(rigs: Rigs, name: str) -> None:
    rig = rigs(name)

    for _ in range(3):
        await rig.gateway.send(text_to(GOOD))

    assert len(rig.received()) == (1 if "repeats-safely" in rig.gateway.capabilities else 3)


# --- how it fails ------------------------------------------------------------------------------------------


FAULTS: list[tuple[str, str, type[GatewayError], str | None]] = [
    ("cloud", "9901", NotSent, None),
    ("cloud", "9902", ContactSuppressed, None),
    ("cloud", "9903", MaybeSent, None),
    ("cloud", "9905", NotSent, None),
    ("cloud", "9906", SlowDown, "number"),
    ("cloud", "9907", SlowDown, "pair"),
    ("cloud", "9908", SlowDown, "campaign"),
    ("cloud", "9909", NeedsTemplate, None),
    ("cloud", "9910", ContactSuppressed, None),
    ("cloud", "9911", InstanceHalted, None),
    ("cloud", "9912", MaybeSent, None),
    ("cloud", "9913", MaybeSent, None),
    ("evolution", "9901", NotReady, None),
    ("evolution", "9902", NeverWill, None),
    ("evolution", "9903", MaybeSent, None),
    ("evolution", "9905", NotReady, None),
    ("evolution", "9906", SlowDown, "number"),
    ("evolution", "9911", InstanceHalted, None),
    ("evolution", "9912", MaybeSent, None),
    ("evolution", "9913", MaybeSent, None),
    ("baileys", "9901", NotSent, None),
    ("baileys", "9902", NeverWill, None),
    ("baileys", "9903", MaybeSent, None),
    ("baileys", "9905", NotReady, None),
    ("baileys", "9906", SlowDown, "number"),
    ("baileys", "9907", SlowDown, "pair"),
    ("baileys", "9908", SlowDown, "campaign"),
    ("baileys", "9911", InstanceHalted, None),
    ("baileys", "9912", MaybeSent, None),
    ("baileys", "9913", MaybeSent, None),
    ("waha", "9901", NotReady, None),
    ("waha", "9903", MaybeSent, None),
    ("waha", "9905", NotReady, None),
    ("waha", "9906", SlowDown, "number"),
    ("waha", "9911", InstanceHalted, None),
    ("waha", "9912", MaybeSent, None),
    ("waha", "9913", MaybeSent, None),
    ("simulator", "9901", NotSent, None),
    ("simulator", "9902", NeverWill, None),
    ("simulator", "9903", MaybeSent, None),
    ("simulator", "9905", NotSent, None),
    ("simulator", "9906", SlowDown, "number"),
    ("simulator", "9907", SlowDown, "pair"),
    ("simulator", "9908", SlowDown, "campaign"),
]


@pytest.mark.parametrize(("name", "ending", "expected", "scope"), FAULTS)
async def test_each_failure_says_what_may_be_done_next(
    rigs: Rigs, name: str, ending: str, expected: type[GatewayError], scope: str | None
) -> None:
    rig, recipient = rigs(name), f"551199999{ending}"

    with pytest.raises(GatewayError) as failed:
        await rig.gateway.send(text_to(recipient))

    assert type(failed.value) is expected
    assert_tells_nothing(failed.value, "send-6a1f/0", recipient)
    if isinstance(failed.value, SlowDown):
        assert failed.value.scope == scope
    # Only where it says so may it have gone out, and where it says not, it did not.
    assert len(rig.received()) <= (expected is MaybeSent)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("ending", ["9904", "9905", "9906", "9907", "9908"])
async def test_what_failed_only_once_or_was_slow_arrives_when_it_is_tried_again(
    rigs: Rigs, name: str, ending: str
) -> None:
    rig, message = rigs(name), text_to(f"551199999{ending}")
    for _ in range(2):
        try:
            await rig.gateway.send(message)
            break
        except (NotSent, SlowDown):
            continue

    assert len(rig.received()) == 1


async def test_meta_tells_who_stopped_marketing_from_who_cannot_be_reached(rigs: Rigs) -> None:
    for ending, has_opted_out in (("9902", False), ("9910", True)):
        with pytest.raises(ContactSuppressed) as refused:
            await rigs("cloud").gateway.send(text_to(f"551199999{ending}"))
        assert refused.value.opted_out is has_opted_out


@pytest.mark.parametrize(
    ("name", "secret"),
    [("cloud", "access_token"), ("evolution", "api_key"), ("baileys", "bridge_key"), ("waha", "api_key")],
)
@pytest.mark.parametrize("wrong", ["wrong-é-secret-of-32-characters-or-more", ""])
async def test_a_wrong_secret_halts_the_number_and_is_not_told(
    rigs: Rigs, make: Make, name: str, secret: str, wrong: str
) -> None:
    server = rigs(name).server
    assert server is not None
    async with server.running() as url:
        gateway = make(name, url, **{secret: wrong})
        with pytest.raises(InstanceHalted) as refused:
            await gateway.send(text_to(GOOD))
        assert_tells_nothing(refused.value, "send-6a1f/0", GOOD)
        assert wrong == "" or wrong not in str(refused.value)
        assert (await gateway.state("wa_1")).state == "halted"
    assert server.received == []


# --- connections that end badly ----------------------------------------------------------------------------


Ending = Literal["before the reply", "in its head", "in its body", "never"]
_PIECES: dict[Ending, bytes] = {
    "before the reply": b"",
    "in its head": b"HTTP/1.1 200 OK\r\ncontent-ty",
    "in its body": b'HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{"messages":[{"id":',
}


@asynccontextmanager
async def cut_off(ending: Ending) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A real socket that takes a whole request and ends there; gives its address, and the requests."""
    requests: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        requests.append(head + await reader.readexactly(length))
        if ending == "never":
            await asyncio.Event().wait()
        writer.write(_PIECES[ending])

    async with listening(serve) as url:
        yield url, requests


@pytest.mark.parametrize("name", OVER_HTTP)
@pytest.mark.parametrize("ending", _PIECES)
async def test_a_connection_that_ends_after_the_request_may_have_sent_it(make: Make, name: str, ending: Ending) -> None:
    async with cut_off(ending) as (url, requests):
        with pytest.raises(MaybeSent) as lost:
            await make(name, url).send(text_to(GOOD))
    assert len(requests) == 1  # and nobody tried again by himself
    assert_tells_nothing(lost.value, "send-6a1f/0", GOOD)


@pytest.mark.parametrize("name", OVER_HTTP)
async def test_a_reply_that_never_comes_has_a_deadline(make: Make, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"oxyq.gateways.{'cloud_api' if name == 'cloud' else name}.SEND_SECONDS", 0.2)
    async with cut_off("never") as (url, _), asyncio.timeout(5):
        with pytest.raises(MaybeSent):
            await make(name, url).send(text_to(GOOD))


async def test_a_reply_that_drips_for_ever_has_a_deadline_too(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte comes in time, and the whole never: httpx alone would wait for ever."""
    monkeypatch.setattr("oxyq.gateways.cloud_api.SEND_SECONDS", 0.3)
    monkeypatch.setattr("oxyq.gateways.http_calls._CONNECT_SECONDS", 0.1)

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 99999\r\n\r\n")
        while not writer.is_closing():
            writer.write(b" ")
            await asyncio.sleep(0.05)

    async with listening(drip) as url, asyncio.timeout(5):
        with pytest.raises(MaybeSent):
            await make("cloud", url).send(text_to(GOOD))


@pytest.mark.parametrize("name", OVER_HTTP)
async def test_where_nobody_listens_nothing_was_sent(make: Make, name: str) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        gateway = make(name, f"http://127.0.0.1:{unused.getsockname()[1]}")
        with pytest.raises(NotSent) as refused:
            await gateway.send(text_to(GOOD))
        state = await gateway.state("wa_1")
    assert_tells_nothing(refused.value, "send-6a1f/0", GOOD)
    assert isinstance(refused.value, NotReady) == (name == "baileys")  # another bridge takes the number over
    assert state.state == "unknown" and state.detail


@pytest.mark.parametrize("name", OVER_HTTP)
@pytest.mark.parametrize("ending", _PIECES)
async def test_looking_again_is_harmless_so_a_lost_answer_is_no_doubt(make: Make, name: str, ending: Ending) -> None:
    async with cut_off(ending) as (url, _):
        gateway = make(name, url)
        with pytest.raises(NotSent):
            await gateway.mark_read("wa_1", GOOD, ["wamid.1"])
        with pytest.raises(NotSent):
            await gateway.typing("wa_1", GOOD, answering="wamid.1")


# --- what is shown and looked up ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", OVER_HTTP)
async def test_people_see_that_somebody_reads_and_writes(rigs: Rigs, name: str) -> None:
    rig = rigs(name)
    assert rig.server is not None

    await rig.gateway.mark_read("wa_1", GOOD, ["wamid.1", "wamid.2"])
    await rig.gateway.mark_read("wa_1", GOOD, [])
    await rig.gateway.typing("wa_1", GOOD, answering="wamid.2")
    await rig.gateway.typing("wa_1", GOOD)

    if name == "cloud":  # the last one stands for all before it, and nothing is shown but under a message
        assert rig.server.shown == [("read", "wamid.2"), ("typing", "wamid.2")]
    else:
        assert rig.server.shown == [("read", "wamid.1"), ("read", "wamid.2"), ("typing", GOOD), ("typing", GOOD)]


@pytest.mark.parametrize("name", ALL)
async def test_numbers_are_looked_up_in_their_order_or_not_at_all(rigs: Rigs, name: str) -> None:
    gateway = rigs(name).gateway
    numbers = [f"55119999{number:05}" for number in range(70)] + ["5511999999902"]
    if "resolve" not in gateway.capabilities:
        with pytest.raises(NeverWill):
            await gateway.resolve("wa_1", numbers)
        return

    found = await gateway.resolve("wa_1", numbers)

    assert found == [Resolved(number, True, number) for number in numbers[:-1]] + [Resolved(numbers[-1], False, None)]
    assert await gateway.resolve("wa_1", []) == []


@pytest.mark.parametrize("name", ALL)
async def test_a_number_that_is_connected_says_so(rigs: Rigs, name: str) -> None:
    state = await rigs(name).gateway.state("wa_1")

    assert isinstance(state, InstanceState) and state.state == "open"
    assert state.number == ("551130000000" if name in ("cloud", "baileys", "waha") else None)


@pytest.mark.parametrize("name", ALL)
async def test_closing_is_harmless_and_leaves_the_shared_client_open(rigs: Rigs, name: str) -> None:
    gateway = rigs(name).gateway

    await gateway.close()
    await gateway.close()

    await gateway.send(text_to(GOOD))


@pytest.mark.parametrize("name", OVER_HTTP)
async def test_after_the_client_was_closed_nothing_goes_out(rigs: Rigs, name: str, client: Any) -> None:
    await client.aclose()

    with pytest.raises(NotSent):
        await rigs(name).gateway.send(text_to(GOOD))


# --- what is heard -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", OVER_HTTP)
async def test_what_becomes_of_a_message_is_heard_in_signed_webhooks(rigs: Rigs, webhooks: Webhooks, name: str) -> None:
    gateway = rigs(name).gateway
    assert "webhook" in gateway.capabilities

    receipt = await gateway.send(text_to(GOOD))

    heard: list[StatusNews] = []
    for _ in range(3):
        headers, raw = await webhooks.next()
        gateway.verify_webhook(headers, raw)
        heard += [news for news in gateway.parse_webhook(raw).news if isinstance(news, StatusNews)]
    assert [news.status for news in heard] == ["sent", "delivered", "read"]
    assert {news.provider_id for news in heard} == {receipt.provider_id}
    assert {news.recipient for news in heard} == {GOOD}
    assert {news.key for news in heard} == {"send-6a1f/0" if "correlates" in gateway.capabilities else None}


@pytest.mark.parametrize("name", ["cloud", "baileys", "waha"])
async def test_a_webhook_that_was_changed_on_its_way_is_refused(rigs: Rigs, webhooks: Webhooks, name: str) -> None:
    gateway = rigs(name).gateway
    await gateway.send(text_to(GOOD))
    headers, raw = await webhooks.next()

    for altered in (raw.replace(b"{", b"{ ", 1), raw[:-1] + b',"x":1}', raw + b"\n"):
        with pytest.raises(BadSignature):
            gateway.verify_webhook(headers, altered)


@pytest.mark.parametrize("name", ["cloud", "evolution", "waha"])
async def test_a_customer_who_writes_is_heard(rigs: Rigs, webhooks: Webhooks, name: str) -> None:
    rig = rigs(name)
    assert rig.server is not None

    rig.server.write("5511999990007", "bom dia ☀️")

    headers, raw = await webhooks.next()
    rig.gateway.verify_webhook(headers, raw)
    [news] = rig.gateway.parse_webhook(raw).news
    assert isinstance(news, Inbound)
    message = parse_new(InboundMessage, news.fields, organization_id="org_1", instance_id="wa_1")
    assert (message.sender, message.content, message.type) == ("5511999990007", "bom dia ☀️", "text")


async def test_the_simulator_hears_nothing(rigs: Rigs) -> None:
    with pytest.raises(BadSignature):
        rigs("simulator").gateway.verify_webhook({}, b"{}")


@pytest.mark.parametrize("name", ALL)
async def test_one_gateway_serves_many_at_once(rigs: Rigs, name: str) -> None:
    rig = rigs(name)
    messages: list[Outbound] = [text_to(f"55119999{number:05}", f"key-{number}") for number in range(50)]

    receipts = await asyncio.gather(*map(rig.gateway.send, messages))

    assert len({receipt.provider_id for receipt in receipts}) == len(rig.received()) == 50
