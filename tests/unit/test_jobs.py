"""Payloads: exact on the wire, strict at our own door, tolerant towards what lies in Redis."""

import copy
import json
import re
import time
from typing import Any

import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oxyq.engine.attempt import dead_letter_id
from oxyq.errors import InvalidPayload
from oxyq.jobs import (
    MAX_PAYLOAD_BYTES,
    Automation,
    CampaignRequest,
    CampaignSend,
    InboundMessage,
    NewDeadLetter,
    decode,
    parse_new,
    wire,
)

# The three payloads of the design, exactly as a Node service writes them.
MESSAGE: dict[str, Any] = {
    "organizationId": "org_123",
    "instanceId": "wa_instance_1",
    "from": "5511999999999@c.us",
    "content": "Olá, quero agendar um banho",
    "messageId": "msg_abc123",
    "timestamp": 1795377084000,
}
CAMPAIGN: dict[str, Any] = {
    "campaignId": "campaign_001",
    "organizationId": "org_123",
    "recipients": ["5511888888888", "5511777777777"],
    "template": "Olá {{name}}, temos promoção hoje!",
    "variables": {"name": "Cliente"},
}
AUTOMATION: dict[str, Any] = {
    "automationId": "auto_001",
    "organizationId": "org_123",
    "type": "reminder",
    "recipientNumber": "5511999999999",
    "content": "Lembrete: Consulta amanhã às 10h",
    "scheduledFor": 1795380684000,
    "metadata": {"bookingId": "booking_123"},
}
SEND: dict[str, Any] = {
    "kind": "campaign.send",
    "v": 1,
    "campaignId": "campaign_001",
    "organizationId": "org_123",
    "recipient": "5511888888888",
    "text": "Olá Cliente, temos promoção hoje!",
    "step": 0,
}
LETTER: dict[str, Any] = {
    "originalQueue": "message",
    "originalJobId": "msg-1",
    "failedReason": "given up by support",
    "data": {"content": "Olá"},
}
KINDS = [
    ("message", InboundMessage, MESSAGE),
    ("campaign", CampaignRequest, CAMPAIGN),
    ("automation", Automation, AUTOMATION),
    ("campaign", CampaignSend, SEND),
]
MODELS = {
    "message": InboundMessage,
    "campaign": CampaignRequest,
    "automation": Automation,
    "send": CampaignSend,
    "letter": NewDeadLetter,
}
DATA = {"message": MESSAGE, "campaign": CAMPAIGN, "automation": AUTOMATION, "send": SEND, "letter": LETTER}

every_kind = pytest.mark.parametrize(("queue", "model", "data"), KINDS, ids=lambda part: getattr(part, "__name__", ""))


# --- the way out and back ----------------------------------------------------------------------------------


@every_kind
def test_the_wire_form_is_exactly_the_json_of_the_design(queue: str, model: type, data: dict[str, Any]) -> None:
    assert wire(parse_new(model, data)) == data


@every_kind
def test_what_we_put_on_the_wire_is_decoded_to_the_same(queue: str, model: type, data: dict[str, Any]) -> None:
    payload = parse_new(model, data)

    decoded = decode(queue, wire(payload))

    assert isinstance(decoded, model)
    assert decoded == payload


def test_a_payload_may_come_as_mapping_model_keywords_or_a_mix() -> None:
    from_mapping = parse_new(Automation, AUTOMATION)
    keywords = {
        "automation_id": "auto_001",
        "organization_id": "org_123",
        "type": "reminder",
        "recipient_number": "5511999999999",
        "content": "Lembrete: Consulta amanhã às 10h",
        "scheduled_for": 1795380684000,
        "metadata": {"bookingId": "booking_123"},
    }

    assert parse_new(Automation, from_mapping) == from_mapping
    assert parse_new(Automation, **keywords) == from_mapping
    assert parse_new(Automation, keywords) == from_mapping
    assert parse_new(Automation, {**AUTOMATION, "content": "old"}, content=AUTOMATION["content"]) == from_mapping


def test_the_caller_s_data_is_left_as_it_was() -> None:
    before = copy.deepcopy(CAMPAIGN)

    parse_new(CampaignRequest, CAMPAIGN, instance_id="wa_2")

    assert before == CAMPAIGN


def test_optional_fields_are_optional_and_absent_on_the_wire() -> None:
    reminder = parse_new(Automation, {**AUTOMATION, "scheduledFor": None, "metadata": None})

    assert {"scheduledFor", "metadata", "instanceId"}.isdisjoint(wire(reminder))


def test_a_send_is_the_first_step_unless_it_says_otherwise() -> None:
    bare = {name: value for name, value in SEND.items() if name not in ("kind", "v", "step")}

    assert wire(parse_new(CampaignSend, bare)) == SEND


def test_null_inside_metadata_is_the_tenants_own_and_stays() -> None:
    reminder = parse_new(Automation, {**AUTOMATION, "metadata": {"note": None}})

    assert wire(reminder)["metadata"] == {"note": None}


def test_a_payload_cannot_be_changed() -> None:
    message = parse_new(InboundMessage, MESSAGE)

    with pytest.raises(pydantic.ValidationError):
        message.content = "other"  # type: ignore[misc]


def test_the_sender_is_digits_in_python_and_a_whatsapp_address_on_the_wire() -> None:
    message = parse_new(InboundMessage, {**MESSAGE, "from": "5511999999999:12@s.whatsapp.net"})

    assert message.sender == "5511999999999"
    assert wire(message)["from"] == "5511999999999@c.us"


# --- bad input ---------------------------------------------------------------------------------------------

DEEP: dict[str, Any] = {}
_inner = DEEP
for _ in range(5_000):
    _inner["deeper"] = {}
    _inner = _inner["deeper"]

BAD_IDS = [
    ("", "must not be blank"),
    ("   ", "must not be blank"),
    ("x" * 129, "has 129 characters; at most 128"),
    ("a\r\nb", "control characters"),
    ("a\0b", "control characters"),
    ("a\u2028b", "control characters"),
    ("\ud83d", "control characters"),
    (123, 'must be text, not a number; write "123" instead of 123'),
    (10**5000, "must be text, not a number"),
    (None, "must be text, not null"),
    (["a"], "must be text, not a list"),
]
BAD_TEXTS = [
    ("", "must not be blank"),
    (" \n\t", "must not be blank"),
    ("\u200b\u200e\ufeff", "must not be blank"),
    ("\u0301" * 100, "must not be blank"),
    ("x" * 4097, "has 4097 characters; WhatsApp takes at most 4096"),
    ("a\0b", "NUL character"),
    ("half \ud83d", "lone surrogate"),
    (5, 'write "5" instead of 5'),
    (True, "must be text, not true or false"),
    ({"text": "a"}, "must be text, not an object"),
]
BAD_NUMBERS = [
    ("1234567", "8 to 15 digits"),
    ("1" * 1_000_000, "8 to 15 digits"),
    ("5511abc999999", "other characters than digits"),
    ("120363025246125486@g.us", "is a group"),
    (5511999999999, 'write "5511999999999" instead of 5511999999999'),
    (None, "must be text, not null"),
]
BAD_TIMES = [
    (1795377084, "looks like seconds; multiply by 1000"),
    (0, "milliseconds since 1970"),
    (-1, "milliseconds since 1970"),
    (253_402_300_800_000, "between the years 2001 and 2100"),
    (2**63, "milliseconds since 1970"),
    ("1795377084000", "must be a whole number, not text"),
    (1795377084000.0, "must be a whole number, not a number with a point"),
    (True, "must be a whole number, not true or false"),
]
BAD_VARIABLES = [
    ([], "variables", "must be an object"),
    (None, "variables", "must be an object with fields, not null"),
    ({"name": 5}, "variables.name", 'write "5" instead of 5'),
    ({"name": None}, "variables.name", "must be text, not null"),
    ({"name": {"a": "b"}}, "variables.name", "must be text, not an object"),
    ({"name": "a\0"}, "variables.name", "NUL"),
    ({"name": "\udc00"}, "variables.name", "lone surrogate"),
    ({"name": "x" * 4097}, "variables.name", "has 4097 characters"),
    ({"name": "a", "1x": "b"}, "variables.1x", "is no variable name"),
    ({"name": "a", "x" * 65: "b"}, "variables." + "x" * 65, "is no variable name"),
    ({"name": "a", "não": "b"}, "variables.não", "is no variable name"),
    ({"name": "a", "": "b"}, "variables", "is no variable name"),
    ({"name": "a", "b\nERROR forged": "b"}, r"variables.'b\nERROR forged'", "is no variable name"),
    ({"name": "a", "\ud83d": "b"}, "variables.\ufffd\ufffd\ufffd", "is no variable name"),
    ({"name": "a", 5: "b"}, "variables[5]", "names are text"),
]
BAD_RECIPIENTS = [
    ([], "recipients", "must not be empty"),
    ("5511888888888", "recipients", "must be a list, not text"),
    ({"number": "5511888888888"}, "recipients", "must be a list, not an object"),
    (None, "recipients", "must be a list, not null"),
    ([5511888888888], "recipients[0]", 'write "5511888888888" instead of 5511888888888'),
    (["5511888888888", None], "recipients[1]", "must be a number as text, or an object"),
    (["5511888888888", ["a"]], "recipients[1]", "must be a number as text, or an object"),
    (["5511888888888", ""], "recipients[1]", "must have 1 to 64 characters"),
    (["5511888888888", "9" * 65], "recipients[1]", "must have 1 to 64 characters"),
    (["5511888888888", "\ud83d"], "recipients[1]", "lone surrogate"),
    ([{}], "recipients[0].number", "is missing; give a number"),
    ([{"number": 5511888888888}], "recipients[0].number", 'write "5511888888888"'),
    ([{"number": "5511888888888", "nome": "Ana"}], "recipients[0].nome", "is not a known field"),
    ([{"number": "5511888888888", "variabels": {}}], "recipients[0].variabels", "did you mean variables?"),
    ([{"number": "5511888888888", "variables": {"a": 1}}], "recipients[0].variables.a", 'write "1"'),
    (["abc", "def"], "recipients[0]", "other characters than digits"),
    ([{"number": "abc"}], "recipients[0].number", "other characters than digits"),
]
BAD_TEMPLATES = [
    ("{{name}} {x.__class__}", "'{x.__class__}' is not a placeholder"),
    ("{{name}} {{x|attr|b}}", "'{{x|attr|b}}' is not a placeholder"),
    ("{{nome}}", "{{nome}} has no value for recipient 5511888888888; add nome to variables"),
    ("{{name}}" + "x" * 4096, "has 4104 characters"),
]
META_TEMPLATE = {"name": "promo_banho", "language": "pt_BR", "parameters": ["{{name}}", "{{animal|seu amigo}}"]}
BAD_META_TEMPLATES = [
    ("promo", "", "must be an object with fields, not text"),
    ({}, ".name", "is missing; give its name at Meta"),
    ({"name": "promo"}, ".language", "is missing; give its language as Meta writes it, such as pt_BR"),
    ({**META_TEMPLATE, "name": ""}, ".name", "small letters, digits and _"),
    ({**META_TEMPLATE, "name": "Promo Banho"}, ".name", "small letters, digits and _"),
    ({**META_TEMPLATE, "name": "promo\n"}, ".name", "small letters, digits and _"),
    ({**META_TEMPLATE, "name": "p" * 513}, ".name", "1 to 512"),
    ({**META_TEMPLATE, "language": "pt-BR"}, ".language", "write one such as pt_BR"),
    ({**META_TEMPLATE, "language": "português"}, ".language", "write one such as pt_BR"),
    ({**META_TEMPLATE, "parameter": []}, ".parameter", "did you mean parameters?"),
    ({**META_TEMPLATE, "parameters": "Ana"}, ".parameters", "must be a list, not text"),
    ({**META_TEMPLATE, "parameters": [5]}, ".parameters[0]", 'write "5" instead of 5'),
    ({**META_TEMPLATE, "parameters": ["a", ""]}, ".parameters[1]", "is blank, which Meta refuses; write a text"),
    ({**META_TEMPLATE, "parameters": [" \u200b"]}, ".parameters[0]", "is blank, which Meta refuses; write a text"),
    ({**META_TEMPLATE, "parameters": ["a\nb"]}, ".parameters[0]", "has a line break or a tab"),
    ({**META_TEMPLATE, "parameters": ["a\rb"]}, ".parameters[0]", "has a line break or a tab"),
    ({**META_TEMPLATE, "parameters": ["a\tb"]}, ".parameters[0]", "has a line break or a tab"),
    ({**META_TEMPLATE, "parameters": ["a     b"]}, ".parameters[0]", "has more than 4 spaces in a row"),
    ({**META_TEMPLATE, "parameters": ["a\0b"]}, ".parameters[0]", "NUL character"),
    ({**META_TEMPLATE, "parameters": ["\ud83d"]}, ".parameters[0]", "lone surrogate"),
    ({**META_TEMPLATE, "parameters": ["a"] * 21}, ".parameters", "at most 20 are taken"),
    ({**META_TEMPLATE, "parameters": ["a" * 4000, "b" * 97]}, ".parameters", "have 4097 characters together"),
]
BAD_METADATA = [
    ([], "must be an object"),
    ({"at": float("nan")}, "NaN or Infinity"),
    ({"at": float("inf")}, "NaN or Infinity"),
    ({"at": object()}, "JSON cannot carry"),
    ({"at": "\ud83d"}, "lone surrogate"),
    ({5: "b"}, "names are text"),
    (DEEP, "nested too deeply"),
]
BAD_REASONS = [
    ("", "must not be blank"),
    ("\n", "must not be blank"),
    ("x" * 1001, "has 1001 characters; at most 1000 are taken"),
    ("a\0b", "NUL character"),
    ("half \ud83d", "lone surrogate"),
    (None, "must be text, not null"),
]


def _bad_payloads() -> list[Any]:
    cases = [
        *(
            (kind, field, value, field, problem)
            for kind, field in [
                ("message", "organizationId"),
                ("message", "instanceId"),
                ("message", "messageId"),
                ("automation", "automationId"),
                ("automation", "type"),
                ("campaign", "campaignId"),
                ("send", "campaignId"),
                ("letter", "originalQueue"),
                ("letter", "originalJobId"),
            ]
            for value, problem in BAD_IDS
        ),
        *(
            (kind, field, value, field, problem)
            for kind, field in [
                ("message", "content"),
                ("automation", "content"),
                ("campaign", "template"),
                ("send", "text"),
            ]
            for value, problem in BAD_TEXTS
        ),
        *(
            (kind, field, value, field, problem)
            for kind, field in [("message", "from"), ("automation", "recipientNumber"), ("send", "recipient")]
            for value, problem in BAD_NUMBERS
        ),
        *(
            (kind, field, value, field, problem)
            for kind, field in [("message", "timestamp"), ("automation", "scheduledFor")]
            for value, problem in BAD_TIMES
        ),
        *(("campaign", "variables", value, field, problem) for value, field, problem in BAD_VARIABLES),
        *(("campaign", "recipients", value, field, problem) for value, field, problem in BAD_RECIPIENTS),
        *(("campaign", "template", value, "template", problem) for value, problem in BAD_TEMPLATES),
        *(
            (kind, "metaTemplate", value, f"metaTemplate{at}", problem)
            for kind in ("campaign", "automation", "send")
            for value, at, problem in BAD_META_TEMPLATES
        ),
        *(("automation", "metadata", value, "metadata", problem) for value, problem in BAD_METADATA),
        *(("letter", "data", value, "data", problem) for value, problem in BAD_METADATA if value != []),
        *(("letter", "failedReason", value, "failedReason", problem) for value, problem in BAD_REASONS),
        ("campaign", "recipients", ["5511888888888"] * 1_000_001, "recipients", "at most 1000000 are taken"),
        ("automation", "metadata", {"note": "x" * 70_000}, "payload", "at most 65536 are taken"),
        ("letter", "data", {"note": "x" * 70_000}, "payload", "at most 65536 are taken"),
        ("letter", "data", "x" * 70_000, "payload", "at most 65536 are taken"),
        ("send", "v", 2, "v", "this version knows no other"),
        ("send", "kind", "campaign.sent", "kind", "must be 'campaign.send'"),
        ("send", "step", -1, "step", "must be 0 or more"),
        ("send", "step", True, "step", "must be a whole number"),
        ("message", "organisationId", "org", "organisationId", "did you mean organizationId?"),
        ("message", "zzz", 1, "zzz", "remove it (known are organizationId, instanceId, from,"),
        ("campaign", "kind", "campaign.send", "kind", "is not a known field"),
    ]
    return [pytest.param(*case, id=f"{case[0]}.{case[1]} {_shown(case[2])}") for case in cases]


def _shown(value: object) -> str:
    if isinstance(value, str):
        return ascii(value[:20])
    is_short = value is None or (isinstance(value, int | float) and value < 10**20)
    return str(value) if is_short else type(value).__name__


@pytest.mark.parametrize(("kind", "changed", "value", "field", "problem"), _bad_payloads())
def test_bad_data_is_refused_with_the_field_and_a_fix(
    kind: str, changed: str, value: object, field: str, problem: str
) -> None:
    with pytest.raises(InvalidPayload) as caught:
        parse_new(MODELS[kind], {**DATA[kind], changed: value})

    assert caught.value.field == field
    assert problem in caught.value.problem
    assert len(str(caught.value)) < 500
    assert not re.search("Value error|None$", caught.value.problem)


@every_kind
def test_a_missing_field_is_named_and_explained(queue: str, model: type, data: dict[str, Any]) -> None:
    for field in set(data) - {"kind", "v", "step", "scheduledFor", "metadata", "variables"}:
        with pytest.raises(InvalidPayload) as caught:
            parse_new(model, {name: value for name, value in data.items() if name != field})

        assert caught.value.field == field
        assert re.match(r"is missing; give (a |an |the |your |when |what |whom |WhatsApp's )", caught.value.problem)


@pytest.mark.parametrize("value", [[], "text", 5, True, [("a", 1)]])
def test_a_payload_that_is_no_object_is_refused(value: Any) -> None:
    with pytest.raises(InvalidPayload, match=r"^payload: must be an object with fields, not "):
        parse_new(InboundMessage, value)


def test_a_field_given_under_both_its_names_is_refused() -> None:
    with pytest.raises(InvalidPayload, match="organizationId: is given twice"):
        parse_new(InboundMessage, {**MESSAGE, "organization_id": "org_999"})


@pytest.mark.parametrize("recipients", [[1] * 1_000_000, ["x"] * 100_000], ids=["no text", "no number"])
def test_a_huge_list_of_rubbish_is_refused_quickly(recipients: list[Any]) -> None:
    """Without a report for each of a million elements, which would take gigabytes."""
    started = time.thread_time()

    with pytest.raises(InvalidPayload, match=r"recipients\[0\]"):
        parse_new(CampaignRequest, {**CAMPAIGN, "recipients": recipients})

    assert time.thread_time() - started < 2


@pytest.mark.parametrize(
    ("kind", "changed", "value"),
    [
        ("message", "content", "é" * 4096),
        ("message", "messageId", "😀" * 128),
        ("message", "timestamp", 978_307_200_000),
        ("message", "timestamp", 4_102_444_799_999),
        ("campaign", "variables", {"name": "x" * 4096, "_" + "x" * 63: ""}),
        ("campaign", "recipients", ["5511888888888", "9" * 64]),
        ("send", "step", 1000),
        ("letter", "failedReason", "é" * 1000),
        ("letter", "data", "x" * 60_000),
    ],
)
def test_the_largest_values_pass(kind: str, changed: str, value: object) -> None:
    assert parse_new(MODELS[kind], {**DATA[kind], changed: value})


@pytest.mark.parametrize(
    ("timestamp", "problem"),
    [
        (978_307_199_999, "milliseconds since 1970"),
        (4_102_444_800_000, "milliseconds since 1970"),
        (978_307_200, "looks like seconds"),
        (978_307_199, "milliseconds since 1970"),
        (4_102_444_799, "looks like seconds"),
        (4_102_444_800, "milliseconds since 1970"),
    ],
)
def test_times_are_of_this_century_in_milliseconds(timestamp: int, problem: str) -> None:
    with pytest.raises(InvalidPayload, match=problem):
        parse_new(InboundMessage, {**MESSAGE, "timestamp": timestamp})


def test_a_payload_of_exactly_the_largest_size_passes() -> None:
    room = MAX_PAYLOAD_BYTES - len(json.dumps(wire(_with_note("")), ensure_ascii=False, separators=(",", ":")).encode())

    assert _with_note("x" * room)
    with pytest.raises(InvalidPayload, match="has 65537 bytes"):
        _with_note("x" * (room + 1))


def _with_note(note: str) -> Automation:
    return parse_new(Automation, {**AUTOMATION, "metadata": {"note": note}})


# --- what lies in Redis ------------------------------------------------------------------------------------


@every_kind
def test_unknown_fields_from_redis_are_kept(queue: str, model: type, data: dict[str, Any]) -> None:
    stored = {**data, "addedByNode": {"deep": [1, None]}, "another": None}

    decoded = decode(queue, stored)

    assert isinstance(decoded, model)
    assert wire(decoded)["addedByNode"] == {"deep": [1, None]}


def test_unknown_fields_of_a_recipient_are_kept() -> None:
    row = {"number": "5511888888888", "variables": {}, "crmId": 7}

    decoded = decode("campaign", {**CAMPAIGN, "recipients": [row]})

    assert wire(decoded)["recipients"] == [row]


@every_kind
def test_known_fields_from_redis_are_checked(queue: str, model: type, data: dict[str, Any]) -> None:
    with pytest.raises(InvalidPayload) as caught:
        decode(queue, {**data, "organizationId": 5})

    assert caught.value.field == "organizationId"


@pytest.mark.parametrize("data", [None, [], "text", 5, {}])
def test_data_from_redis_that_is_no_payload_is_refused(data: Any) -> None:
    for queue in ("message", "automation", "campaign"):
        with pytest.raises(InvalidPayload):
            decode(queue, data)


def test_only_the_wire_names_count_in_redis() -> None:
    """A Node service's own field `sender` must not be taken for `from`."""
    decoded = decode("message", {**MESSAGE, "sender": "Ana"})

    assert isinstance(decoded, InboundMessage)
    assert decoded.sender == "5511999999999"
    assert wire(decoded)["sender"] == "Ana"


def test_a_bomb_in_an_unknown_field_is_refused() -> None:
    with pytest.raises(InvalidPayload, match="nested too deeply"):
        decode("message", {**MESSAGE, "extra": DEEP})
    with pytest.raises(InvalidPayload, match="at most 65536"):
        decode("message", {**MESSAGE, "extra": "x" * 70_000})


def test_half_a_character_in_an_unknown_field_stops_nothing() -> None:
    decoded = decode("message", {**MESSAGE, "extra": "\ud83d"})

    assert re.fullmatch("[0-9a-f]{32}", decoded.fingerprint())


def test_in_the_campaign_queue_the_kind_decides() -> None:
    assert isinstance(decode("campaign", CAMPAIGN), CampaignRequest)
    assert isinstance(decode("campaign", {**CAMPAIGN, "kind": "seed"}), CampaignRequest)
    assert isinstance(decode("campaign", SEND), CampaignSend)


def test_a_queue_without_payloads_is_named() -> None:
    with pytest.raises(InvalidPayload, match="there is no queue 'mesage'; use message, automation or campaign"):
        decode("mesage", MESSAGE)


# --- campaigns ---------------------------------------------------------------------------------------------


def test_one_bad_number_does_not_stop_a_campaign() -> None:
    """Planning counts and lists it; the others still get their message."""
    request = parse_new(CampaignRequest, {**CAMPAIGN, "recipients": ["abc", "5511888888888"]})

    assert [number for number, _ in request.people()] == ["abc", "5511888888888"]


def test_people_come_with_their_own_variables() -> None:
    rows = ["5511888888888", {"number": "+55 11 77777-7777", "variables": {"name": "Ana"}}]

    request = parse_new(CampaignRequest, {**CAMPAIGN, "recipients": rows})

    assert list(request.people()) == [("5511888888888", {}), ("+55 11 77777-7777", {"name": "Ana"})]


def test_a_variable_may_come_from_every_recipient_instead_of_the_campaign() -> None:
    rows = [{"number": "5511888888888", "variables": {"name": "Ana"}}]

    assert parse_new(CampaignRequest, {**CAMPAIGN, "variables": {}, "recipients": rows})


def test_the_recipient_without_a_value_is_named_before_anything_is_sent() -> None:
    rows = [{"number": "5511888888888", "variables": {"name": "Ana"}}, "5511777777777"]

    for way_in in (
        lambda data: parse_new(CampaignRequest, data),
        lambda data: decode("campaign", data),
    ):
        with pytest.raises(InvalidPayload, match=r"template: \{\{name\}\} has no value for recipient 5511777777777"):
            way_in({**CAMPAIGN, "variables": {}, "recipients": rows})


@pytest.mark.parametrize(
    ("parameter", "problem"),
    [
        ("{{name", "is not a placeholder"),
        ("{Oi|Olá", "is not a choice of texts"),
        ("{{nome}}", r"\{\{nome\}\} has no value for recipient 5511888888888; add nome to variables"),
    ],
)
def test_parameters_of_a_campaign_are_templates_too(parameter: str, problem: str) -> None:
    """What is wrong with one names it, and not the text."""
    template = {**META_TEMPLATE, "parameters": ["{{name}}", parameter]}

    with pytest.raises(InvalidPayload, match=rf"^metaTemplate.parameters\[1\]: .*{problem}"):
        parse_new(CampaignRequest, {**CAMPAIGN, "metaTemplate": template})


def test_parameters_that_are_sent_are_taken_as_they_are() -> None:
    """A value with braces is no placeholder: it was rendered before, or is the automation's own."""
    template = {**META_TEMPLATE, "parameters": ["{{name", "{a|b}"]}

    assert wire(parse_new(CampaignSend, {**SEND, "metaTemplate": template}))["metaTemplate"] == template
    assert wire(parse_new(Automation, {**AUTOMATION, "metaTemplate": template}))["metaTemplate"] == template


@pytest.mark.parametrize("template", [None, META_TEMPLATE, {"name": "a", "language": "fil", "parameters": []}])
def test_a_template_comes_back_as_it_was_stored(template: object) -> None:
    """Null, as Node may write it, is none."""
    request = decode("campaign", {**CAMPAIGN, "metaTemplate": template})

    assert wire(request).get("metaTemplate") == template


# --- dead letters ------------------------------------------------------------------------------------------


def test_the_reason_of_a_dead_letter_may_have_lines() -> None:
    """A traceback, for one."""
    letter = parse_new(NewDeadLetter, {**LETTER, "failedReason": "given up:\n  no such number"})

    assert letter.failed_reason == "given up:\n  no such number"


@pytest.mark.parametrize("data", [None, [], "text", 5, True, {"a": [None]}])
def test_a_dead_letter_keeps_data_of_any_shape(data: Any) -> None:
    """Its job was perhaps no payload at all."""
    assert wire(parse_new(NewDeadLetter, {**LETTER, "data": data})).get("data") == data


def test_a_dead_letter_by_hand_has_the_id_that_the_engine_would_give_it() -> None:
    """So that there is one letter a job, whoever buries it."""
    assert parse_new(NewDeadLetter, LETTER).job_id() == dead_letter_id("message", "msg-1")


# --- ids and fingerprints ----------------------------------------------------------------------------------


def test_ids_and_fingerprints_are_what_they_were() -> None:
    """A change here would run, once more, every job that is remembered under its old id."""
    stored = {name: parse_new(MODELS[name], DATA[name]) for name in DATA if name != "letter"}

    assert {name: payload.job_id() for name, payload in stored.items()} == {
        "message": "msg-84e4c230de79f01b751b3e2397d43cea",
        "campaign": "camp-9717c840cbad64cfabb2253249decb14",
        "automation": "auto-91fe8f6133ae46a92e522fb688222fa4",
        "send": "send-163c8e1c79f9d10c8fa120f8baa2c5b7",
    }
    assert {name: payload.fingerprint() for name, payload in stored.items()} == {
        "message": "dc8198508983c3c2aa28e572867bf176",
        "campaign": "82b581bace3971d7bc3d01cff1787b8c",
        "automation": "853a3be44777b4d205d68be57ac82c66",
        "send": "cb9e2bf722f4cb1003f1631c69d224e6",
    }


@pytest.mark.parametrize(
    ("kind", "changed", "value"),
    [
        ("message", "organizationId", "other"),
        ("message", "instanceId", "other"),
        ("message", "messageId", "other"),
        ("automation", "organizationId", "other"),
        ("automation", "automationId", "other"),
        ("automation", "recipientNumber", "5511999999998"),
        ("automation", "scheduledFor", 1795380684001),
        ("automation", "scheduledFor", None),
        ("campaign", "organizationId", "other"),
        ("campaign", "campaignId", "other"),
        ("send", "organizationId", "other"),
        ("send", "campaignId", "other"),
        ("send", "recipient", "5511888888889"),
        ("send", "step", 1),
        ("letter", "originalQueue", "automation"),
        ("letter", "originalJobId", "msg-2"),
    ],
)
def test_another_business_fact_is_another_job(kind: str, changed: str, value: object) -> None:
    other = parse_new(MODELS[kind], {**DATA[kind], changed: value})

    assert other.job_id() != parse_new(MODELS[kind], DATA[kind]).job_id()


@pytest.mark.parametrize(
    ("kind", "changed", "value"),
    [
        ("message", "content", "other"),
        ("message", "timestamp", 1795377084001),
        ("message", "from", "5511999999998@c.us"),
        ("automation", "content", "other"),
        ("automation", "metadata", {}),
        ("campaign", "template", "other"),
        ("campaign", "metaTemplate", META_TEMPLATE),
        ("automation", "metaTemplate", META_TEMPLATE),
        ("campaign", "recipients", ["5511888888888"]),
        ("send", "text", "other"),
        ("letter", "failedReason", "other"),
        ("letter", "data", None),
    ],
)
def test_other_data_under_the_same_facts_is_the_same_job_with_another_fingerprint(
    kind: str, changed: str, value: object
) -> None:
    first = parse_new(MODELS[kind], DATA[kind])
    second = parse_new(MODELS[kind], {**DATA[kind], changed: value})

    assert second.job_id() == first.job_id()
    assert second.fingerprint() != first.fingerprint()


def test_the_order_of_fields_does_not_matter() -> None:
    backwards = dict(reversed(MESSAGE.items()))

    assert parse_new(InboundMessage, backwards).fingerprint() == parse_new(InboundMessage, MESSAGE).fingerprint()


IDS = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp", "Zs"]), min_size=1, max_size=10)


@settings(max_examples=60)
@given(IDS, IDS, IDS, IDS, IDS, IDS)
def test_ids_are_harmless_and_never_run_together(a: str, b: str, c: str, d: str, e: str, f: str) -> None:
    """("a", "bc") and ("ab", "c") are different tenants' messages."""
    first = parse_new(InboundMessage, {**MESSAGE, "organizationId": a, "instanceId": b, "messageId": c})
    second = parse_new(InboundMessage, {**MESSAGE, "organizationId": d, "instanceId": e, "messageId": f})

    assert re.fullmatch("[a-z]{1,4}-[A-Za-z0-9_-]{8,120}", first.job_id())
    assert (first.job_id() == second.job_id()) == ((a, b, c) == (d, e, f))


def test_ids_that_only_differ_in_where_they_are_cut_differ() -> None:
    first = parse_new(CampaignRequest, {**CAMPAIGN, "organizationId": "a", "campaignId": "bc"})
    second = parse_new(CampaignRequest, {**CAMPAIGN, "organizationId": "ab", "campaignId": "c"})

    assert first.job_id() != second.job_id()
