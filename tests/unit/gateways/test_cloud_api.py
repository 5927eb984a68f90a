"""What is asked of Meta's Cloud API, byte for byte, and what each of its codes means."""

import json
from collections.abc import Callable

import httpx
import pytest

from oxyq.gateways.base import (
    ContactSuppressed,
    GatewayError,
    InstanceHalted,
    MaybeSent,
    NeedsTemplate,
    NeverWill,
    NotSent,
    SlowDown,
)
from oxyq.gateways.cloud_api import CloudGateway
from oxyq.gateways.outbound import Outbound, OutboundMedia, OutboundTemplate, OutboundText

TOKEN = "EAAJB-access-token"
NUMBER = "5511999990001"
TAKEN = {"messaging_product": "whatsapp", "messages": [{"id": "wamid.1", "message_status": "accepted"}]}

Answers = Callable[[httpx.Request], httpx.Response]


def gateway(answer: Answers) -> CloudGateway:
    return CloudGateway(
        "1122", access_token=TOKEN, app_secret="s", verify_token="v", api_url="https://graph.example.com/",
        api_version="v26.0", client=httpx.AsyncClient(transport=httpx.MockTransport(answer)),
    )  # fmt: skip


def answering(status: int, body: object, **headers: str) -> Answers:
    return lambda request: httpx.Response(status, json=body, headers=headers)


async def asked(message: Outbound) -> dict[str, object]:
    """The body of the request that sends this message."""
    requests: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(200, json=TAKEN)

    receipt = await gateway(answer).send(message)

    [request] = requests
    assert receipt.provider_id == "wamid.1"
    assert (request.method, str(request.url)) == ("POST", "https://graph.example.com/v26.0/1122/messages")
    assert request.headers["authorization"] == f"Bearer {TOKEN}"
    body: dict[str, object] = json.loads(request.content)
    return body


def text(recipient: str = NUMBER, key: str = "send-6a1f/0") -> OutboundText:
    return OutboundText("org_1", "wa_1", recipient, "Olá 😀", key)


async def test_a_text() -> None:
    assert await asked(text()) == {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": NUMBER,
        "type": "text",
        "text": {"body": "Olá 😀", "preview_url": False},
        "biz_opaque_callback_data": "send-6a1f/0",
    }


async def test_a_person_who_hides_their_number_is_the_recipient_and_not_to() -> None:
    body = await asked(text("BR.1502576394655843"))

    assert body["recipient"] == "BR.1502576394655843" and "to" not in body and "recipient_type" not in body


async def test_a_key_that_meta_would_refuse_stays_here() -> None:
    assert (await asked(text(key="k" * 512)))["biz_opaque_callback_data"] == "k" * 512
    assert "biz_opaque_callback_data" not in await asked(text(key="k" * 513))


async def test_a_template_with_its_parameters_and_one_without() -> None:
    template = OutboundTemplate("org_1", "wa_1", NUMBER, "lembrete_1", "pt_BR", ["Ana", "10h"], "Oi Ana", "key-1")

    body = await asked(template)

    assert (body["type"], body["template"]) == (
        "template",
        {
            "name": "lembrete_1",
            "language": {"code": "pt_BR"},
            "components": [
                {"type": "body", "parameters": [{"type": "text", "text": "Ana"}, {"type": "text", "text": "10h"}]}
            ],
        },
    )
    plain = OutboundTemplate("org_1", "wa_1", NUMBER, "oi", "pt_BR", [], "Oi", "key-1")
    assert (await asked(plain))["template"] == {"name": "oi", "language": {"code": "pt_BR"}, "components": []}


async def test_files() -> None:
    url = "https://cdn.example.com/a.pdf"
    document = OutboundMedia("org_1", "wa_1", NUMBER, "document", url, "k", "Contrato", "application/pdf", "c.pdf")
    voice = OutboundMedia("org_1", "wa_1", NUMBER, "audio", url, "k", file_name="a.ogg")

    assert (await asked(document))["document"] == {"link": url, "caption": "Contrato", "filename": "c.pdf"}
    assert (await asked(voice))["audio"] == {"link": url}


# --- what the codes mean -----------------------------------------------------------------------------------


def graph_error(code: int, **more: object) -> dict[str, object]:
    return {"error": {"message": f"(#{code}) words", "type": "OAuthException", "code": code, "fbtrace_id": "x"} | more}


async def failure(answer: Answers, message: Outbound | None = None) -> GatewayError:
    with pytest.raises(GatewayError) as failed:
        await gateway(answer).send(message or text())
    assert str(failed.value).startswith("send-6a1f/0: ")
    return failed.value


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ((1, 2, 131000, 131016, 131057, 133004), NotSent),
        ((131047,), NeedsTemplate),
        ((131050, 131026, 131049, 130472), ContactSuppressed),
        ((100, 131008, 131009, 131021, 131030, 131051, 131053, 131062, 131063), NeverWill),
        ((132000, 132001, 132005, 132007, 132008, 132012, 137000), NeverWill),
        ((132015, 132016, 132068), NeverWill),
        ((0, 3, 10, 190, 200, 250, 299), InstanceHalted),
        ((368, 131005, 131031, 131037, 131042, 131045, 130497), InstanceHalted),
        ((999999, 300), NeverWill),
    ],
)
async def test_each_code_means_what_may_be_done_whatever_the_status(
    codes: tuple[int, ...], expected: type[GatewayError]
) -> None:
    for code in codes:
        for status in (400, 403, 500 if expected is NotSent else 404):
            assert type(await failure(answering(status, graph_error(code)))) is expected, code


async def test_only_who_stopped_marketing_has_opted_out() -> None:
    for code in (131050, 131026, 131049, 130472):
        error = await failure(answering(400, graph_error(code)))
        assert isinstance(error, ContactSuppressed) and error.opted_out is (code == 131050)


@pytest.mark.parametrize(
    ("code", "scope", "seconds"),
    [
        (131056, "pair", 6.0),
        (130429, "number", 5.0),
        (4, "number", 300.0),
        (80007, "number", 300.0),
        (133016, "number", 300.0),
        (131048, "campaign", 14400.0),
        (131064, "campaign", 14400.0),
    ],
)
async def test_limits_say_what_to_slow_down_and_for_how_long(code: int, scope: str, seconds: float) -> None:
    error = await failure(answering(400, graph_error(code)))
    told = await failure(answering(400, graph_error(code), **{"retry-after": "17"}))

    assert isinstance(error, SlowDown) and isinstance(told, SlowDown)
    assert (error.scope, error.retry_after_seconds) == (scope, seconds)
    assert told.retry_after_seconds == 17.0


@pytest.mark.parametrize(
    ("usage", "seconds"),
    [
        ('{"1122":[{"type":"messaging","estimated_time_to_regain_access":19}]}', 19 * 60.0),
        ('{"1122":[{"type":"messaging","estimated_time_to_regain_access":0}]}', 300.0),
        ("nonsense", 300.0),
        ("[7]", 300.0),
        ('{"1122":7}', 300.0),
    ],
)
async def test_meta_says_in_a_header_when_calls_are_let_through_again(usage: str, seconds: float) -> None:
    error = await failure(answering(400, graph_error(80007), **{"x-business-use-case-usage": usage}))

    assert isinstance(error, SlowDown) and error.retry_after_seconds == seconds


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (400, graph_error(999999, is_transient=True), NotSent),
        (500, graph_error(999999), NotSent),
        (429, graph_error(999999), SlowDown),
        (400, {"error": {"message": "no code"}}, NotSent),
        (200, {}, MaybeSent),
        (200, [], MaybeSent),
        (200, {"messages": [{"id": 7}]}, MaybeSent),
        (302, {}, NotSent),
        (401, {}, InstanceHalted),
        (404, {}, NotSent),
        (429, {}, SlowDown),
        (500, {}, MaybeSent),
        (502, {}, MaybeSent),
        (504, {}, MaybeSent),
    ],
)
async def test_unknown_codes_and_answers_without_any(status: int, body: object, expected: type[GatewayError]) -> None:
    assert type(await failure(answering(status, body))) is expected


@pytest.mark.parametrize("content", [b"", b"<html>", b"\xff\xfe", b"[" * 100_000, b"x" * 1_000_000])
async def test_a_body_that_nobody_can_read_leaves_it_open(content: bytes) -> None:
    assert type(await failure(lambda request: httpx.Response(200, content=content))) is MaybeSent


async def test_meta_repeating_what_we_sent_does_not_get_it_into_our_errors() -> None:
    message = OutboundText("org_1", "wa_1", NUMBER, "segredo da Ana", "send-6a1f/0")
    echo = f"Invalid: segredo da Ana\nto +55 (11) 99999-0001 {NUMBER} by {TOKEN}"

    said = str(await failure(answering(400, {"error": {"message": echo, "code": 100}}), message))

    assert "Invalid" in said and "\n" not in said
    assert not any(hidden in said for hidden in ("segredo", NUMBER, "99999", TOKEN))


# --- how the number stands ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "expected"),
    [("CONNECTED", "open"), ("FLAGGED", "open"), ("BANNED", "halted"), ("PENDING", "closed"), (None, "open")],
)
async def test_metas_word_for_a_number_is_one_of_ours(status: str | None, expected: str) -> None:
    known = {"id": "1122", "display_phone_number": "+55 11 3000-0000", "quality_rating": "GREEN", "status": status}

    state = await gateway(answering(200, known)).state("wa_1")

    assert (state.state, state.number) == (expected, "551130000000")
    assert "quality green" in state.detail


async def test_an_expired_token_halts_it() -> None:
    state = await gateway(answering(401, graph_error(190))).state("wa_1")

    assert state.state == "halted" and "set a new access_token" in state.detail
