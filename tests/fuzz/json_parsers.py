"""Parsers of bodies: JSON, the payloads of jobs in both their ways in, files of recipients, forms."""

import json
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl

import httpx
from pydantic import BaseModel

from oxyq.api.strict_json import NotJson, parse_json
from oxyq.automations.schedule import Schedule
from oxyq.campaigns.recipient_files import Row, recipient_reader
from oxyq.engine.json_text import decode_json, encode_json
from oxyq.errors import InvalidPayload
from oxyq.gateways.baileys import BaileysGateway
from oxyq.gateways.base import Gateway
from oxyq.gateways.cloud_api import CloudGateway
from oxyq.gateways.evolution import EvolutionGateway
from oxyq.gateways.news import Inbound
from oxyq.gateways.waha import WahaGateway
from oxyq.instances import Instance
from oxyq.jobs import (
    MAX_PAYLOAD_BYTES,
    Automation,
    CampaignRequest,
    InboundMessage,
    NewDeadLetter,
    Payload,
    PersonReply,
    decode,
    parse_new,
    wire,
)
from oxyq.operating.search.job_filter import read_filter
from oxyq.organizations import Organization
from tests.fuzz.parser import Parser, text

_JSON_WORDS: Final = (
    *(b"{", b"}", b"[", b"]", b'"', b",", b":", b"null", b"true", b"false", b"0", b"-1", b"1.0", b'"5"', b"1e400"),
    *(b"NaN", b"-Infinity", b"9007199254740993", b'"\\ud800"', b'"\\u0000"', b"\xef\xbb\xbf", b"\xff\xfe", b'""'),
    *(b'" "', b'"a\\nb"', b'"\\u202e"', "\"🐶\"".encode(), b'"' + b"x" * 4097 + b'"', b"[" * 70, b'{"a":' * 70),
)  # fmt: skip
_JOB_ID: Final = re.compile(r"[a-z]{1,10}-[0-9a-f]{32}|dlq-.+", re.DOTALL)


def _strict_json(raw: bytes) -> None:
    value = parse_json(raw)
    assert parse_json(json.dumps(value).encode()) == value


def _stored_json(raw: bytes) -> None:
    value = decode_json(raw)
    try:
        written = encode_json(value)
    except (ValueError, RecursionError):
        return  # 1e400 and what is too deep can be read, and nobody writes it again
    assert decode_json(written.encode()) == value


def _payload(model: type[Payload], queue: str | None) -> Parser:
    """As it comes by the API: strict JSON, then the model; what is taken is decoded to the same by a worker."""

    def read(raw: bytes) -> None:
        value = parse_json(raw)
        if not isinstance(value, dict):
            raise InvalidPayload("payload", "must be an object")
        payload = parse_new(model, value)
        written = wire(payload)
        in_redis = encode_json(written)
        assert queue is None or decode(queue, decode_json(in_redis.encode())) == payload
        assert model is CampaignRequest or len(in_redis.encode()) <= MAX_PAYLOAD_BYTES * 2
        assert _JOB_ID.fullmatch(payload.job_id()), payload.job_id()
        assert parse_new(model, payload).job_id() == payload.job_id()

    return Parser(read, (InvalidPayload, NotJson), _JSON_WORDS)


def _stored_payload(queue: str) -> Parser:
    """As a worker reads it: whoever wrote it."""

    def read(raw: bytes) -> None:
        payload = decode(queue, decode_json(raw))
        encode_json(wire(payload))

    return Parser(read, (InvalidPayload, ValueError, RecursionError), _JSON_WORDS)


def _model(model: type[BaseModel]) -> Parser:
    def read(raw: bytes) -> None:
        value = parse_json(raw)
        if not isinstance(value, dict):
            raise InvalidPayload("payload", "must be an object")
        made = parse_new(model, value)
        assert parse_new(model, wire(made)) == made

    return Parser(read, (InvalidPayload, NotJson), _JSON_WORDS)


# --- recipients ---------------------------------------------------------------------------------------------


def _recipients(file_format: str) -> Parser:
    """In one piece and byte for byte it is the same file, and the same refusal."""

    def read(raw: bytes) -> None:
        whole, pieces = (
            _rows(file_format, [raw]),
            _rows(file_format, [raw[at : at + 7] for at in range(0, len(raw), 7)]),
        )
        assert whole == pieces
        if isinstance(whole, InvalidPayload):
            raise whole
        assert all("\0" not in row.number for row in whole)

    words = (b'"', b'""', b",", b";", b"\t", b"\r", b"\n", b"\r\n", b"\n\n", b"\xef\xbb\xbf", b"\xff", b"\0", b"=1+1")
    return Parser(read, (_Refused,), words if file_format == "csv" else (*words, *_JSON_WORDS))


class _Refused(InvalidPayload):
    """An InvalidPayload that is compared by what it says."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Refused) and self.problems == other.problems

    __hash__ = None  # type: ignore[assignment]


def _rows(file_format: str, pieces: list[bytes]) -> "list[Row] | _Refused":
    reader = recipient_reader("csv" if file_format == "csv" else "ndjson")
    rows = list[Row]()
    try:
        for piece in pieces:
            rows += reader.feed(piece)
        return rows + reader.finish()
    except InvalidPayload as error:
        return _Refused(error.field, error.problem, error.more)


# --- webhooks -----------------------------------------------------------------------------------------------


async def _no_bridge(instance_id: str) -> str | None:
    return None


_CLIENT = httpx.AsyncClient()
GATEWAYS: Final[Mapping[str, Gateway]] = {
    "cloud": CloudGateway(
        "1", access_token="t", app_secret="s", verify_token="v", api_url="http://x", api_version="v26.0",
        client=_CLIENT,
    ),
    "evolution": EvolutionGateway("http://x", "loja", api_key="k", webhook_token="w" * 32, client=_CLIENT),
    "waha": WahaGateway("http://x", "loja", api_key="k", webhook_secret="w", client=_CLIENT),
    "baileys": BaileysGateway(_no_bridge, key="k" * 32, client=_CLIENT),
}  # fmt: skip


def _webhook(gateway: Gateway) -> Parser:
    """Every message in it is one that the queue takes; what was left out is told in plain words."""

    def read(raw: bytes) -> None:
        found = gateway.parse_webhook(raw)
        for news in found.news:
            if isinstance(news, Inbound):
                parse_new(InboundMessage, news.fields, organization_id="org_1", instance_id="wa_1")
        assert all(dropped.what.isprintable() and len(dropped.what) <= 64 for dropped in found.dropped)

    return Parser(read, words=_JSON_WORDS)


def _filter(raw: bytes) -> None:
    values = dict(parse_qsl(text(raw), keep_blank_values=True))
    found = read_filter(values)
    assert read_filter(found.to_json()) == found


JSON_PARSERS: Final[Mapping[str, Parser]] = {
    "strict-json": Parser(_strict_json, (NotJson,), _JSON_WORDS),
    "stored-json": Parser(_stored_json, (ValueError, RecursionError), _JSON_WORDS),
    "message": _payload(InboundMessage, "message"),
    "person-reply": _payload(PersonReply, "message"),
    "automation": _payload(Automation, "automation"),
    "campaign": _payload(CampaignRequest, "campaign"),
    "dead-letter": _payload(NewDeadLetter, None),
    "stored-message": _stored_payload("message"),
    "stored-automation": _stored_payload("automation"),
    "stored-campaign": _stored_payload("campaign"),
    "schedule": _model(Schedule),
    "organization": _model(Organization),
    "instance": _model(Instance),
    "recipients-csv": _recipients("csv"),
    "recipients-ndjson": _recipients("ndjson"),
    **{f"webhook-{name}": _webhook(gateway) for name, gateway in GATEWAYS.items()},
    "job-filter": Parser(_filter, words=(b"&", b"=", b"%00", b"%0d%0a", b"%ff", b"since=", b"contact=%2B", b"text=")),
}
