"""An Evolution server answers 400 to everything: what its words say of the message."""

import json
from dataclasses import replace

import httpx
import pytest

from oxyq.gateways.base import GatewayError, InstanceHalted, MaybeSent, NeverWill, NotReady, NotSent, SlowDown
from oxyq.gateways.evolution import EvolutionGateway
from oxyq.gateways.outbound import Outbound, OutboundMedia, OutboundText

KEY = "B6D711FCDE4D4FD5936544120E713976"
MESSAGE = OutboundText("org_1", "wa_1", "5511999990001", "segredo da Ana", "key-1")


def gateway(handler: object) -> EvolutionGateway:
    client = httpx.AsyncClient(transport=httpx.MockTransport(handler))  # type: ignore[arg-type]
    return EvolutionGateway("https://evo.example.com/base/", "loja/1", api_key=KEY, webhook_token="w", client=client)


def error_body(status: int, *messages: object) -> dict[str, object]:
    return {"status": status, "error": "Bad Request", "response": {"message": list(messages)}}


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (400, error_body(400, "Error: Connection Closed"), NotReady),
        (400, error_body(400, "Error: Connection was lost"), NotReady),
        (400, error_body(400, {"exists": False, "jid": "x@s.whatsapp.net", "number": "5511999990001"}), NeverWill),
        (400, error_body(400, ['instance requires property "text"']), NeverWill),
        (400, error_body(400, "Owned media must be a url or base64"), NeverWill),
        (400, error_body(400, "Error: rate-overlimit"), SlowDown),
        # It may come from after the sending: from the server's database, for one.
        (400, error_body(400, "PrismaClientKnownRequestError: Unique constraint failed"), MaybeSent),
        (400, error_body(400, "Error: Timed Out"), MaybeSent),
        (400, {"status": 400, "response": {"message": "TypeError: x is undefined"}}, MaybeSent),
        (500, error_body(500, "Internal server error"), MaybeSent),
        (401, error_body(401, "Unauthorized"), InstanceHalted),
        (403, error_body(403, "Forbidden"), InstanceHalted),
        (404, error_body(404, 'The "loja/1" instance does not exist'), InstanceHalted),
        (429, error_body(429, "Too many requests"), SlowDown),
        (400, {}, NotSent),
        (404, {}, NotSent),
        (502, {}, MaybeSent),
        (201, {}, MaybeSent),
        (201, {"key": {"id": 7}}, MaybeSent),
    ],
)
async def test_each_answer_says_what_may_be_done(status: int, body: object, expected: type[GatewayError]) -> None:
    with pytest.raises(GatewayError) as failed:
        await gateway(lambda request: httpx.Response(status, json=body)).send(MESSAGE)

    assert type(failed.value) is expected
    assert str(failed.value).startswith("key-1: ") and "5511999990001" not in str(failed.value)


async def test_what_the_server_repeats_of_us_does_not_get_into_our_errors() -> None:
    text = 'segredo da "Ana"\nde verdade'
    echo = error_body(400, f"Error with {text} to 5511999990001@s.whatsapp.net, apikey {KEY}")

    with pytest.raises(MaybeSent) as failed:
        await gateway(lambda request: httpx.Response(400, json=echo)).send(replace(MESSAGE, text=text))

    assert not any(hidden in str(failed.value) for hidden in ("segredo", "5511999990001", KEY))


MEDIA = "https://cdn.example.com/a"


@pytest.mark.parametrize(
    ("message", "path", "body"),
    [
        (MESSAGE, "sendText", {"number": "5511999990001", "text": "segredo da Ana", "linkPreview": False}),
        (
            OutboundMedia("o", "i", "70000@lid", "document", MEDIA, "k", "Contrato", "application/pdf", "c.pdf"),
            "sendMedia",
            {
                "number": "70000@lid",
                "mediatype": "document",
                "media": MEDIA,
                "caption": "Contrato",
                "mimetype": "application/pdf",
                "fileName": "c.pdf",
            },
        ),
        (
            OutboundMedia("o", "i", "5511999990001", "audio", MEDIA, "k"),
            "sendWhatsAppAudio",
            {"number": "5511999990001", "audio": MEDIA},
        ),
        (
            OutboundMedia("o", "i", "5511999990001", "sticker", MEDIA, "k"),
            "sendSticker",
            {"number": "5511999990001", "sticker": MEDIA},
        ),
    ],
    ids=["text", "document", "audio", "sticker"],
)
async def test_each_kind_goes_its_way(message: Outbound, path: str, body: object) -> None:
    requests: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(201, json={"key": {"id": "3EB0AB"}})

    receipt = await gateway(answer).send(message)

    [request] = requests
    assert receipt.provider_id == "3EB0AB"
    assert str(request.url) == f"https://evo.example.com/base/message/{path}/loja%2F1"
    assert request.headers["apikey"] == KEY
    assert json.loads(request.content) == body


async def test_the_registered_form_of_a_number_is_its_address() -> None:
    rows = [
        {"jid": "551199990001@s.whatsapp.net", "exists": True, "number": "5511999990001"},
        {"jid": "5511999990002@s.whatsapp.net", "exists": False, "number": "5511999990002"},
    ]
    found = await gateway(lambda request: httpx.Response(200, json=rows)).resolve(
        "wa_1", ["5511999990002", "5511999990001", "5511999990003"]
    )

    assert [(one.exists, one.address) for one in found] == [(False, None), (True, "551199990001"), (False, None)]
