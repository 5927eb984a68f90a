"""Recorded webhooks of each gateway: the same fact reads the same, whoever tells it."""

import json
from pathlib import Path

import httpx
import pytest

from oxyq.gateways.baileys import BaileysGateway
from oxyq.gateways.base import Gateway
from oxyq.gateways.cloud_api import CloudGateway
from oxyq.gateways.evolution import EvolutionGateway
from oxyq.gateways.news import (
    ConnectionNews,
    Dropped,
    Inbound,
    News,
    PersonWrote,
    Preference,
    StatusNews,
)
from oxyq.gateways.waha import WahaGateway
from oxyq.jobs import InboundMessage, decode, parse_new, wire

RECORDED = Path(__file__).parents[2] / "recorded"
AT_MS = 1_795_377_084_000
NUMBER = "551199990001"
BSUID = "BR.13491208655302741918"
LID = "700000000000001@lid"
OURS = "wamid.HBgMNTUxMTk5OTkwMDAxFQIAERgSMkI="


async def no_bridge(instance_id: str) -> str | None:
    return None


def gateway(name: str) -> Gateway:
    client = httpx.AsyncClient()
    match name:
        case "cloud":
            return CloudGateway(
                "106540352242922", access_token="t", app_secret="s", verify_token="v",
                api_url="http://127.0.0.1:9", api_version="v26.0", client=client,
            )  # fmt: skip
        case "evolution":
            return EvolutionGateway("http://127.0.0.1:9", "loja-centro", api_key="k", webhook_token="w", client=client)
        case "waha":
            return WahaGateway("http://127.0.0.1:9", "loja-centro", api_key="k", webhook_secret="w", client=client)
        case _:
            return BaileysGateway(no_bridge, key="k" * 32, client=client)


def told(name: str, file: str) -> News:
    return gateway(name).parse_webhook((RECORDED / name / f"{file}.json").read_bytes())


def the_message(name: str, file: str) -> InboundMessage:
    """The one message of a file, as it would be in the queue."""
    if name == "baileys":  # the bridge adds jobs itself
        job = decode("message", json.loads((RECORDED / name / f"{file}.json").read_text(encoding="utf-8")))
        assert isinstance(job, InboundMessage)
        return job
    [news] = told(name, file).news
    assert isinstance(news, Inbound)
    return parse_new(InboundMessage, news.fields, organization_id="org_1", instance_id="wa_1")


PDF = {"mimetype": "application/pdf", "fileName": "orçamento março.pdf"}


@pytest.mark.parametrize("name", ["cloud", "evolution", "baileys", "waha"])
@pytest.mark.parametrize(
    ("file", "type_", "content", "reply_id", "media"),
    [
        ("text", "text", "Oi! Quero um orçamento pra amanhã 😀", None, None),
        ("image", "image", "É essa peça aqui 👇", None, {"mimetype": "image/jpeg"}),
        ("voice", "audio", "[áudio]", None, {"mimetype": "audio/ogg; codecs=opus", "isVoice": True}),
        ("document", "document", "[documento]", None, PDF),
        ("button", "button", "Confirmar ✅", "confirmar", None),
        ("list", "list", "Corte de cabelo", "corte", None),
        ("location", "location", "[localização]", None, None),
        ("contact", "contact", "[contato]", None, None),
        ("unknown_type", "unknown", "[mensagem]", None, None),
    ],
)
def test_what_somebody_wrote_is_the_same_through_every_gateway(
    name: str, file: str, type_: str, content: str, reply_id: str | None, media: dict[str, object] | None
) -> None:
    message = the_message(name, file)

    assert (message.sender, message.timestamp, message.push_name) == (NUMBER, AT_MS, "Ana Lúcia 🌻")
    assert (message.type, message.content, message.reply_id) == (type_, content, reply_id)
    found = wire(message).get("media")
    # Only some tell the size, the length and an id of the file.
    shared = {key: found[key] for key in ("mimetype", "fileName", "isVoice") if key in found} if found else None
    assert shared == media
    assert message.message_id and not message.is_cut


def test_the_message_that_is_answered_is_named() -> None:
    quoted = {name: the_message(name, "text").quoted_id for name in ("cloud", "evolution", "baileys", "waha")}

    assert quoted == {"cloud": OURS, "evolution": "3EB02B", "baileys": "3EB02B", "waha": "3EB02B"}


def test_what_only_the_cloud_api_tells() -> None:
    by_number, by_username = the_message("cloud", "text"), the_message("cloud", "username_only")

    assert (by_number.chat_id, by_number.bsuid) == (NUMBER, BSUID)
    assert (by_username.sender, by_username.chat_id) == ("BR.2610227519432898", "BR.2610227519432898")
    assert the_message("cloud", "template_button").reply_id == "parar"
    assert the_message("cloud", "voice").media.id == "1954714208747491"  # type: ignore[union-attr]


def test_what_only_whatsapp_web_tells() -> None:
    media = the_message("evolution", "voice").media
    assert media is not None and (media.seconds, media.size) == (7, 9876)
    assert the_message("evolution", "image").media.size == 123456  # type: ignore[union-attr]  # protobuf's Long
    flow = the_message("evolution", "flow")
    assert (flow.type, flow.content, flow.reply_id) == ("flow", "Horário escolhido", "sab-10h")
    wrapped = the_message("evolution", "ephemeral")
    assert (wrapped.content, wrapped.quoted_id) == ("some daqui a 24 h ⏳", "3EB0EE")


@pytest.mark.parametrize("name", ["evolution", "waha"])
def test_a_hidden_id_stands_beside_the_number_or_for_it(name: str) -> None:
    both, alone = the_message(name, "lid"), the_message(name, "lid_only")

    assert (both.sender, both.lid, both.chat_id) == (NUMBER, LID, LID)
    assert (alone.sender, alone.lid, alone.chat_id) == (LID, LID, LID)


@pytest.mark.parametrize(
    ("file", "type_", "content", "reply_id"),
    [
        ("webjs_text", "text", "Oi! Quero um orçamento pra amanhã 😀", None),
        ("webjs_voice", "audio", "[áudio]", None),
        ("webjs_document", "document", "[documento]", None),
        ("webjs_location", "location", "[localização]", None),
        ("webjs_button", "button", "Confirmar ✅", "confirmar"),
        ("gows_lid", "text", "Oi! Quero um orçamento pra amanhã 😀", None),
    ],
)
def test_each_engine_of_waha_tells_the_same(file: str, type_: str, content: str, reply_id: str | None) -> None:
    message = the_message("waha", file)

    assert (message.sender, message.timestamp, message.push_name) == (NUMBER, AT_MS, "Ana Lúcia 🌻")
    assert (message.type, message.content, message.reply_id) == (type_, content, reply_id)
    assert message.message_id == "3A1A" and message.lid == (LID if file == "gows_lid" else None)


def test_wahas_browser_tells_of_files_and_of_what_is_answered() -> None:
    assert the_message("waha", "webjs_text").quoted_id == "3EB02B"
    voice, document = the_message("waha", "webjs_voice").media, the_message("waha", "webjs_document").media
    assert voice is not None and (voice.mimetype, voice.is_voice) == ("audio/ogg; codecs=opus", True)
    assert document is not None and (document.mimetype, document.file_name) == (PDF["mimetype"], PDF["fileName"])


def status(word: str, **more: object) -> StatusNews:
    return StatusNews(OURS, word, AT_MS, **({"key": "send-6a1f/0", "recipient": NUMBER} | more))  # type: ignore[arg-type]


OWNER = "Oi Ana, aqui é o Zé, já te respondo 🙂"
NEEDS_TEMPLATE = (
    "code 131047: Re-engagement message; outside 24 hours only an approved template may be sent: give metaTemplate"
)
STOPPED = "code 131050: User has stopped marketing messages; the person stopped marketing"


@pytest.mark.parametrize(
    ("name", "file", "expected"),
    [
        (
            "cloud",
            "statuses",
            News(
                (
                    status("sent"),
                    status("delivered"),
                    status("read"),
                    status("read"),
                    status("failed", reason=NEEDS_TEMPLATE),
                    status("failed", reason=STOPPED, is_suppressed=True),
                    StatusNews("wamid.QkQ=", "delivered", AT_MS, recipient="BR.2610227519432898"),
                ),
                (Dropped("unknown", "status deleted"),),
            ),
        ),
        (
            "cloud",
            "preferences",
            News((Preference(NUMBER, False, AT_MS), Preference("BR.2610227519432898", True, AT_MS))),
        ),
        (
            "cloud",
            "echo",
            News((PersonWrote(NUMBER, OWNER, "wamid.ZTE=", AT_MS),), (Dropped("ignored", "revoke"),)),
        ),
        ("cloud", "reaction", News(dropped=(Dropped("ignored", "reaction"),))),
        ("evolution", "owner", News((PersonWrote(NUMBER, OWNER, "3B0A", AT_MS),))),
        ("evolution", "sent", News((StatusNews("3EB0AB", "sent", AT_MS, recipient=NUMBER),))),
        ("evolution", "connection_open", News((ConnectionNews("open"),))),
        ("evolution", "connection_closed", News((ConnectionNews("closed", "code 428"),))),
        ("evolution", "connection_logged_out", News((ConnectionNews("needs_pairing", "code 401"),))),
        ("evolution", "qrcode", News((ConnectionNews("needs_pairing", "a QR code waits to be scanned"),))),
        ("evolution", "group", News(dropped=(Dropped("ignored", "not a chat with one person"),))),
        ("evolution", "reaction", News(dropped=(Dropped("ignored", "reactionMessage"),))),
        ("evolution", "contacts_update", News(dropped=(Dropped("unknown", "contacts.update"),))),
        (
            "evolution",
            "update_of_theirs",
            News(dropped=(Dropped("ignored", "a status of what somebody else wrote"),)),
        ),
        ("waha", "owner", News((PersonWrote(NUMBER, OWNER, "3B0A", AT_MS),))),
        ("waha", "webjs_owner", News((PersonWrote(NUMBER, OWNER, "3B0A", AT_MS),))),
        ("waha", "gows_owner", News((PersonWrote(NUMBER, OWNER, "3B0A", AT_MS),))),
        ("waha", "session_working", News((ConnectionNews("open"),))),
        ("waha", "session_starting", News((ConnectionNews("connecting"),))),
        ("waha", "session_scan_qr_code", News((ConnectionNews("needs_pairing", "a QR code waits to be scanned"),))),
        (
            "waha",
            "session_stopped",
            News((ConnectionNews("closed", "the session is stopped; start it at the WAHA server"),)),
        ),
        (
            "waha",
            "session_failed",
            News(
                (ConnectionNews("needs_pairing", "the session failed; restart it at the WAHA server, or link it anew"),)
            ),
        ),
        ("waha", "group", News(dropped=(Dropped("ignored", "not a chat with one person"),))),
        ("waha", "story", News(dropped=(Dropped("ignored", "not a chat with one person"),))),
        ("waha", "reaction", News(dropped=(Dropped("ignored", "no message"),))),
        ("waha", "webjs_notice", News(dropped=(Dropped("ignored", "e2e_notification"),))),
        ("waha", "state_change", News(dropped=(Dropped("unknown", "state.change"),))),
        ("waha", "ack_pending", News(dropped=(Dropped("ignored", "ack 0"),))),
        ("waha", "ack_group", News(dropped=(Dropped("ignored", "not a chat with one person"),))),
        ("waha", "ack_of_theirs", News(dropped=(Dropped("ignored", "a status of what somebody else wrote"),))),
        (
            "baileys",
            "events",
            News(
                (
                    StatusNews("3EB0AB", "delivered", AT_MS, recipient=NUMBER),
                    StatusNews("3EB0AC", "failed", AT_MS, reason="463 account restricted"),
                    PersonWrote(NUMBER, OWNER, "3B0A", AT_MS, lid=LID),
                    ConnectionNews("needs_pairing", "logged out by the phone"),
                ),
                (
                    Dropped("malformed", "status: a status that nobody knows"),
                    Dropped("unknown", "call"),
                    Dropped("unknown", "no type"),
                ),
            ),
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_everything_else_that_is_told(name: str, file: str, expected: News) -> None:
    assert told(name, file) == expected


@pytest.mark.parametrize(
    ("name", "file", "expected"),
    [
        ("evolution", "update_server_ack", "sent"),
        ("evolution", "update_delivery_ack", "delivered"),
        ("evolution", "update_read", "read"),
        ("evolution", "update_error", "failed"),
        ("waha", "ack_server", "sent"),
        ("waha", "ack_device", "delivered"),
        ("waha", "ack_read", "read"),
        ("waha", "ack_played", "read"),
        ("waha", "ack_error", "failed"),
    ],
)
def test_some_tell_no_time_with_a_status_so_it_is_now(name: str, file: str, expected: str) -> None:
    [news] = told(name, file).news

    assert isinstance(news, StatusNews)
    assert (news.provider_id, news.status, news.recipient) == ("3EB0AB", expected, NUMBER)
    assert news.at_ms > 1_700_000_000_000


def test_a_batch_is_read_to_its_end_and_in_its_order() -> None:
    """Two entries, three changes, a broken message and a broken status, another shop's number, an unknown field, and
    an entry that is none."""
    found = told("cloud", "batch")

    assert [news.fields["content"] for news in found.news if isinstance(news, Inbound)] == [
        "Oi",
        "tudo bem?",
        "queria marcar um horário",
    ]
    assert [news.status for news in found.news if isinstance(news, StatusNews)] == ["read"]
    assert [dropped.why for dropped in found.dropped] == [
        "malformed",
        "malformed",
        "another_number",
        "unknown",
        "malformed",
    ]


@pytest.mark.parametrize("path", sorted(RECORDED.glob("evolution/*.json")), ids=lambda path: path.stem)
def test_the_servers_key_in_the_body_reaches_nothing_that_is_kept(path: Path) -> None:
    assert "B6D711FCDE4D4FD5936544120E713976" not in repr(gateway("evolution").parse_webhook(path.read_bytes()))


@pytest.mark.parametrize(
    ("name", "field", "event"), [("evolution", "instance", "messages.upsert"), ("waha", "session", "message.any")]
)
def test_another_instance_of_the_same_server_is_not_ours(name: str, field: str, event: str) -> None:
    body = json.loads((RECORDED / name / "text.json").read_text(encoding="utf-8")) | {field: "loja-bairro"}

    assert gateway(name).parse_webhook(json.dumps(body).encode()) == News(dropped=(Dropped("another_number", event),))
