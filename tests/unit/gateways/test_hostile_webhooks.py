"""Whatever a webhook's body holds: what is a message can be kept, and the rest is refused or dropped, never a crash."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oxyq.errors import InvalidPayload
from oxyq.gateways.baileys import BaileysGateway
from oxyq.gateways.base import Gateway
from oxyq.gateways.cloud_api import CloudGateway
from oxyq.gateways.evolution import EvolutionGateway
from oxyq.gateways.news import Inbound, News
from oxyq.gateways.waha import WahaGateway
from oxyq.jobs import InboundMessage, parse_new


async def no_bridge(instance_id: str) -> str | None:
    return None


CLIENT = httpx.AsyncClient()
GATEWAYS: dict[str, Gateway] = {
    "cloud": CloudGateway(
        "1", access_token="t", app_secret="s", verify_token="v", api_url="http://x", api_version="v26.0", client=CLIENT
    ),
    "evolution": EvolutionGateway("http://x", "loja", api_key="k", webhook_token="w", client=CLIENT),
    "waha": WahaGateway("http://x", "loja", api_key="k", webhook_secret="w", client=CLIENT),
    "baileys": BaileysGateway(no_bridge, key="k" * 32, client=CLIENT),
}


def parsed(name: str, body: object) -> News:
    """What the gateway makes of it; every message in it must be one that the queue takes."""
    news = GATEWAYS[name].parse_webhook(json.dumps(body).encode())
    for one in news.news:
        if isinstance(one, Inbound):
            parse_new(InboundMessage, one.fields, organization_id="org_1", instance_id="wa_1")
    return news


def cloud_body(messages: object, contacts: object = (), field: str = "messages", name: str = "messages") -> object:
    value = {"metadata": {"phone_number_id": "1"}, "contacts": contacts, name: messages}
    return {"object": "whatsapp_business_account", "entry": [{"changes": [{"field": field, "value": value}]}]}


def evolution_body(data: object, event: str = "messages.upsert") -> object:
    return {"event": event, "instance": "loja", "data": data, "apikey": "SECRET"}


def waha_body(payload: object, event: str = "message.any") -> object:
    return {"event": event, "session": "loja", "payload": payload}


def text_message(gateway: str, words: object, /, **more: object) -> object:
    if gateway == "cloud":
        message = {"from": "5511999990001", "id": "wamid.1", "timestamp": "1795377084", "type": "text"}
        return cloud_body([message | {"text": {"body": words}} | more])
    if gateway == "waha":
        message = {"id": "false_5511999990001@c.us_3A1", "from": "5511999990001@c.us", "timestamp": "1795377084"}
        return waha_body(message | {"fromMe": False, "body": words} | more)
    key = {"remoteJid": "5511999990001@s.whatsapp.net", "fromMe": False, "id": "3A1"}
    return evolution_body({"key": key, "message": {"conversation": words}, "messageTimestamp": 1795377084} | more)


# --- arbitrary JSON ----------------------------------------------------------------------------------------


NAMES = st.sampled_from(
    "entry changes field value metadata phone_number_id contacts messages statuses errors from from_user_id id type "
    "timestamp text body wa_id user_id profile name image caption mime_type interactive button_reply context status "
    "recipient_id code title event instance data key remoteJid remoteJidAlt fromMe message conversation "
    "extendedTextMessage imageMessage ephemeralMessage contextInfo stanzaId messageTimestamp keyId update state "
    "session payload body hasMedia media mimetype ack to vCards replyTo _data selectedButtonId Info SenderAlt "
    "statusReason events contact at lid reason to message_echoes user_preferences category".split()
)
WORDS = st.sampled_from(
    "1 loja messages user_preferences smb_message_echoes messages.upsert messages.update send.message "
    "connection.update false_5511999990001@c.us_3A1 true_70000001@lid_3A1 WORKING "
    "5511999990001 5511999990001@s.whatsapp.net 70000001@lid BR.1 text image audio interactive button reaction sent "
    "failed READ status person connection open close 1795377084 \ud83d \u0000 stop marketing_messages".split(" ")
)
LEAVES = (
    st.none() | st.booleans() | st.integers(-(10**25), 10**25) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(), max_size=12) | WORDS
)  # fmt: skip
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES | st.text(max_size=5), inner, max_size=6),
    max_leaves=25,
)


@pytest.mark.parametrize("name", GATEWAYS)
@given(body=JSON)
@settings(max_examples=80, deadline=None)
def test_any_json_is_read_or_refused(name: str, body: object) -> None:
    try:
        parsed(name, body)
    except InvalidPayload as error:
        assert error.field


@given(part=JSON, contacts=JSON, field=st.sampled_from(["messages", "user_preferences", "smb_message_echoes"]))
@settings(max_examples=150, deadline=None)
def test_any_part_of_metas_is_read_or_dropped(part: object, contacts: object, field: str) -> None:
    for name in ("messages", "statuses", "errors", "user_preferences", "message_echoes"):
        parsed("cloud", cloud_body([part], contacts, field, name))


EVENTS = ["messages.upsert", "messages.update", "send.message", "connection.update", "qrcode.updated"]


@given(data=JSON, event=st.sampled_from(EVENTS))
@settings(max_examples=150, deadline=None)
def test_any_data_of_evolutions_is_read_or_dropped(data: object, event: str) -> None:
    parsed("evolution", evolution_body(data, event))


@given(payload=JSON, event=st.sampled_from(["message", "message.any", "message.ack", "session.status"]))
@settings(max_examples=150, deadline=None)
def test_any_payload_of_wahas_is_read_or_dropped(payload: object, event: str) -> None:
    parsed("waha", waha_body(payload, event))


MUTATIONS: dict[str, Callable[[Any], object]] = {
    "type": lambda value: {"type": value, "status": value, "state": value},
    "id": lambda value: {"id": value, "keyId": value},
    "times": lambda value: {"timestamp": value, "messageTimestamp": value, "at": value},
    "people": lambda value: {"from": value, "from_user_id": value, "to": value, "contact": value},
    "contents": lambda value: {"text": value, "message": value, "context": value, "contextInfo": value},
    "wahas": lambda value: {"body": value, "media": value, "replyTo": value, "_data": value, "location": value},
    "names": lambda value: {"pushName": value, "profile": value, "errors": value},
}


@pytest.mark.parametrize("mutation", MUTATIONS)
@given(value=JSON)
@settings(max_examples=80, deadline=None)
def test_a_sound_message_with_one_strange_field_is_still_kept_or_dropped(mutation: str, value: object) -> None:
    for gateway in ("cloud", "evolution", "waha"):
        news = parsed(gateway, text_message(gateway, "oi", **MUTATIONS[mutation](value)))
        assert len(news.news) + len(news.dropped) == 1


@pytest.mark.parametrize("name", GATEWAYS)
@pytest.mark.parametrize(
    "raw",
    [
        *(b"", b" ", b"null", b"[]", b"7", b'"oi"', b"{}", b"{", b"\xff\xfe", b'{"entry":', b"NaN", b"[" * 100_000),
        *(b'{"entry":{}}', b'{"events":{}}', b'{"event":7}', b'{"a":' * 5000 + b"1" + b"}" * 5000),
    ],
    ids=lambda raw: repr(raw[:12]),
)
def test_what_is_no_webhook_of_its_is_refused_naming_the_field(name: str, raw: bytes) -> None:
    with pytest.raises(InvalidPayload) as refused:
        GATEWAYS[name].parse_webhook(raw)
    assert refused.value.field in ("body", "entry", "event", "events")


# --- texts -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["cloud", "evolution", "waha"])
def test_a_text_of_a_megabyte_is_cut_and_says_so(name: str) -> None:
    [news] = parsed(name, text_message(name, "😀" * 262_144)).news

    assert isinstance(news, Inbound)
    assert news.fields["content"] == "😀" * 4096 and news.fields["isCut"] is True


@pytest.mark.parametrize("name", ["cloud", "evolution", "waha"])
@pytest.mark.parametrize(
    ("text", "content"),
    [
        ("a" * 4096, "a" * 4096),
        ("oi\u0000!", "oi!"),
        ("meio \ud83d emoji", "meio  emoji"),
        ("", "[mensagem]"),
        (" \n\t", "[mensagem]"),
        ("\u200b\u200b", "[mensagem]"),
        ("\u0000", "[mensagem]"),
        (7, "[mensagem]"),
        (None, "[mensagem]"),
    ],
    ids=ascii,
)
def test_what_cannot_be_kept_of_a_text_is_taken_out(name: str, text: object, content: str) -> None:
    found = parsed(name, text_message(name, text))

    contents = [news.fields["content"] for news in found.news if isinstance(news, Inbound)]
    # WhatsApp Web's message without anything in it is none.
    nothing: dict[str, tuple[object, ...]] = {"evolution": (None,), "waha": (None, "", 7)}
    assert contents == ([] if text in nothing.get(name, ()) else [content])
    assert all("isCut" not in news.fields for news in found.news if isinstance(news, Inbound))


@pytest.mark.parametrize("name", ["cloud", "evolution", "waha"])
def test_a_message_whose_time_makes_no_sense_is_kept_with_the_time_of_now(name: str) -> None:
    for time in ("soon", -1, 0, 10**30, None, {"low": "x"}):
        [news] = parsed(name, text_message(name, "oi", timestamp=time, messageTimestamp=time)).news
        assert isinstance(news, Inbound)
        assert isinstance(news.fields["timestamp"], int) and news.fields["timestamp"] > 1_700_000_000_000


def test_what_was_dropped_is_told_in_a_few_plain_characters() -> None:
    found = parsed("cloud", cloud_body([], field="x\n\x1b[31m5511999990001" + "y" * 500))

    [dropped] = found.dropped
    assert dropped.what.isprintable() and len(dropped.what) <= 64 and "99999" not in dropped.what
