"""What a WAHA server's answers say of a message, in the forms of its versions and engines."""

import json
from dataclasses import replace

import httpx
import pytest

from oxyq.gateways.base import GatewayError, InstanceHalted, MaybeSent, NeverWill, NotReady, NotSent, SlowDown
from oxyq.gateways.outbound import Outbound, OutboundMedia, OutboundText
from oxyq.gateways.waha import WahaGateway

KEY = "B6D711FCDE4D4FD5936544120E713976"
MESSAGE = OutboundText("org_1", "wa_1", "5511999990001", "segredo da Ana", "key-1")


def gateway(handler: object) -> WahaGateway:
    client = httpx.AsyncClient(transport=httpx.MockTransport(handler))  # type: ignore[arg-type]
    return WahaGateway("https://waha.example.com/base/", "loja/1", api_key=KEY, webhook_secret="w", client=client)


def not_working(status: str) -> dict[str, object]:
    return {"error": "Session status is not as expected. Try again later or restart the session", "status": status}


def thrown(message: str) -> dict[str, object]:
    return {"statusCode": 500, "exception": {"message": message, "name": "Error"}, "request": {"body": {"text": "x"}}}


PLUS = "The feature is available only in Plus version. Check this out: https://waha.devlike.pro/"


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (422, not_working("SCAN_QR_CODE"), NotReady),
        (422, not_working("STARTING"), NotReady),
        (422, {"statusCode": 422, "message": PLUS, "error": "Unprocessable Entity"}, NeverWill),
        (422, {"statusCode": 422, "message": "The method is not implemented by the engine."}, NeverWill),
        (422, {"statusCode": 422, "message": "something new"}, MaybeSent),
        (400, {"statusCode": 400, "message": ["chatId must be a string"], "error": "Bad Request"}, NeverWill),
        (400, {"statusCode": 400, "message": "Bad Request"}, MaybeSent),
        (500, thrown("Connection Closed"), NotReady),
        (500, thrown("rate-overlimit"), SlowDown),
        # It may come from after the sending.
        (500, thrown("Evaluation failed: t: t"), MaybeSent),
        (500, thrown("Timed Out"), MaybeSent),
        (500, thrown("Protocol error (Runtime.callFunctionOn): Connection closed."), MaybeSent),
        (500, {"statusCode": 500}, MaybeSent),
        (401, {"statusCode": 401, "message": "Unauthorized"}, InstanceHalted),
        (403, {"statusCode": 403, "message": "Forbidden"}, InstanceHalted),
        (404, {"statusCode": 404, "message": "Session not found", "error": "Not Found"}, InstanceHalted),
        (404, {"statusCode": 404, "message": "We didn't find a session with name 'loja/1'."}, InstanceHalted),
        (429, {"statusCode": 429, "message": "Too many requests"}, SlowDown),
        (400, {}, NotSent),
        (502, {}, MaybeSent),
        (201, {}, MaybeSent),
        (201, {"id": 7}, MaybeSent),
    ],
)
async def test_each_answer_says_what_may_be_done(status: int, body: object, expected: type[GatewayError]) -> None:
    with pytest.raises(GatewayError) as failed:
        await gateway(lambda request: httpx.Response(status, json=body)).send(MESSAGE)

    assert type(failed.value) is expected
    assert str(failed.value).startswith("key-1: ") and "5511999990001" not in str(failed.value)


async def test_what_the_server_repeats_of_us_does_not_get_into_our_errors() -> None:
    text = 'segredo da "Ana"\nde verdade'
    echo = thrown(f"Error with {text} to 5511999990001@c.us, key {KEY}") | {"request": {"body": {"text": text}}}

    with pytest.raises(MaybeSent) as failed:
        await gateway(lambda request: httpx.Response(500, json=echo)).send(replace(MESSAGE, text=text))

    assert not any(hidden in str(failed.value) for hidden in ("segredo", "5511999990001", KEY))


@pytest.mark.parametrize(
    "body",
    [
        {"key": {"remoteJid": "5511999990001@s.whatsapp.net", "fromMe": True, "id": "3EB0AB"}},  # NOWEB
        {"id": {"fromMe": True, "id": "3EB0AB", "_serialized": "true_5511999990001@c.us_3EB0AB"}},  # WEBJS
        {"id": "true_5511999990001@c.us_3EB0AB", "fromMe": True},  # newer
        {"id": "true_70000@lid_3EB0AB"},
        {"id": "3EB0AB"},
    ],
)
async def test_the_id_is_whatsapps_own_whatever_stands_around_it(body: object) -> None:
    receipt = await gateway(lambda request: httpx.Response(201, json=body)).send(MESSAGE)

    assert receipt.provider_id == "3EB0AB"


MEDIA = "https://cdn.example.com/a"
TO = {"session": "loja/1", "chatId": "5511999990001@c.us"}


@pytest.mark.parametrize(
    ("message", "way", "body"),
    [
        (MESSAGE, "sendText", TO | {"text": "segredo da Ana", "linkPreview": False}),
        (
            OutboundMedia("o", "i", "70000@lid", "document", MEDIA, "k", "Contrato", "application/pdf", "c.pdf"),
            "sendFile",
            {
                "session": "loja/1",
                "chatId": "70000@lid",
                "file": {"url": MEDIA, "mimetype": "application/pdf", "filename": "c.pdf"},
                "caption": "Contrato",
            },
        ),
        (
            OutboundMedia("o", "i", "5511999990001", "audio", MEDIA, "k"),
            "sendVoice",
            TO | {"file": {"url": MEDIA, "mimetype": "audio/ogg; codecs=opus"}},
        ),
        (
            OutboundMedia("o", "i", "5511999990001", "video", MEDIA, "k", "Veja"),
            "sendVideo",
            TO | {"file": {"url": MEDIA, "mimetype": "video/mp4"}, "caption": "Veja"},
        ),
        (
            OutboundMedia("o", "i", "5511999990001", "sticker", MEDIA, "k"),
            "sendImage",
            TO | {"file": {"url": MEDIA, "mimetype": "image/webp"}},
        ),
    ],
    ids=["text", "document", "audio", "video", "sticker"],
)
async def test_each_kind_goes_its_way(message: Outbound, way: str, body: object) -> None:
    requests: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(201, json={"id": "3EB0AB"})

    await gateway(answer).send(message)

    [request] = requests
    assert str(request.url) == f"https://waha.example.com/base/api/{way}"
    assert request.headers["x-api-key"] == KEY
    assert json.loads(request.content) == body


async def test_the_registered_form_of_a_number_is_its_address() -> None:
    rows = {
        "5511999990001": {"numberExists": True, "chatId": "551199990001@c.us"},
        "5511999990002": {"numberExists": False, "chatId": "5511999990002@c.us"},
        "5511999990003": {"numberExists": True, "chatId": "group@g.us"},
    }
    found = await gateway(lambda request: httpx.Response(200, json=rows[request.url.params["phone"]])).resolve(
        "wa_1", list(rows)
    )

    assert [(one.exists, one.address) for one in found] == [(True, "551199990001"), (False, None), (True, None)]


async def test_an_answer_without_the_answer_is_no_word_on_a_number() -> None:
    with pytest.raises(NotSent):
        await gateway(lambda request: httpx.Response(200, json={})).resolve("wa_1", ["5511999990001"])


@pytest.mark.parametrize(
    ("status", "state", "number"),
    [
        ("WORKING", "open", "551130000000"),
        ("STARTING", "connecting", None),
        ("SCAN_QR_CODE", "needs_pairing", None),
        ("STOPPED", "closed", None),
        ("FAILED", "needs_pairing", None),
        ("DREAMING", "unknown", None),
    ],
)
async def test_a_session_says_how_it_stands(status: str, state: str, number: str | None) -> None:
    me = {"id": "551130000000:7@c.us"} if number else None
    body = {"name": "loja/1", "status": status, "me": me}

    found = await gateway(lambda request: httpx.Response(200, json=body)).state("wa_1")

    assert (found.state, found.number) == (state, number)
