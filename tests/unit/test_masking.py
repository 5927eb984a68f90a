"""Of people's numbers and texts nobody sees more than is needed to tell two apart."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oxyq.masking import mask_json, mask_number, mask_numbers_in, mask_text
from oxyq.outcomes import JsonValue


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("5511999998888", "55 11 •••••-8888"),
        ("551133334444", "55 11 •••••-4444"),
        ("+55 (11) 99999-8888", "55 11 •••••-8888"),
        ("5511999998888@c.us", "55 11 •••••-8888@c.us"),
        ("5511999998888:12@s.whatsapp.net", "55 11 •••••-8888@s.whatsapp.net"),
        ("351912345678", "•••••-5678"),
        ("14155550123", "•••••-0123"),
        ("123456789012@lid", "•••••-9012@lid"),
        ("BR.abcdefgh", "•••••-efgh"),
        ("1234567", "•••••"),
        ("", "•••••"),
    ],
)
def test_a_number_shows_where_it_is_from_and_how_it_ends(number: str, shown: str) -> None:
    assert mask_number(number) == shown


def test_a_text_shows_its_length() -> None:
    assert mask_text("Olá, quero agendar um banho") == "••• (27)"
    assert mask_text("") == ""


def test_a_reason_stays_without_the_numbers_in_it() -> None:
    assert mask_numbers_in("5511999998888 has no WhatsApp (code 131026)") == (
        "55 11 •••••-8888 has no WhatsApp (code 131026)"
    )
    assert mask_numbers_in("false_5511999998888@c.us_3EB0") == "false_55 11 •••••-8888@c.us_3EB0"
    for plain in ("msg-0a1b2c3d", "repeat:auto:1795377084000", "wa_instance_1", "camp-5511999998888"):
        assert mask_numbers_in(plain) == plain


JOBS: dict[str, tuple[JsonValue, JsonValue]] = {
    "a message": (
        {
            "organizationId": "org_123", "instanceId": "wa_1", "from": "5511999998888@c.us", "content": "Oi, tudo bem?",
            "messageId": "false_5511999998888@c.us_3EB0", "timestamp": 1795377084000, "pushName": "Ana",
            "chatId": "5511999998888@c.us", "lid": "123456789012@lid", "type": "text", "isGroup": False,
        },
        {
            "organizationId": "org_123", "instanceId": "wa_1", "from": "55 11 •••••-8888@c.us", "content": "••• (13)",
            "messageId": "false_55 11 •••••-8888@c.us_3EB0", "timestamp": 1795377084000, "pushName": "••• (3)",
            "chatId": "55 11 •••••-8888@c.us", "lid": "•••••-9012@lid", "type": "text", "isGroup": False,
        },
    ),
    "a reminder": (
        {
            "automationId": "auto_001", "type": "reminder", "recipientNumber": "5511999998888", "content": "Lembrete",
            "scheduledFor": 1795380684000, "metadata": {"bookingId": "booking_123", "phone": 5511999998888, "age": 7},
        },
        {
            "automationId": "auto_001", "type": "reminder", "recipientNumber": "55 11 •••••-8888", "content": "••• (8)",
            "scheduledFor": 1795380684000,
            "metadata": {"bookingId": "booking_123", "phone": "55 11 •••••-8888", "age": 7},
        },
    ),
    "a campaign": (
        {
            "campaignId": "natal",
            "recipients": ["5511999998888", {"number": "11 99999-8888", "variables": {"name": "Ana"}}],
            "template": "Olá {{name}}", "metaTemplate": {"name": "promo", "language": "pt_BR", "parameters": ["Ana"]},
        },
        {
            "campaignId": "natal",
            "recipients": ["55 11 •••••-8888", {"number": "•••••-8888", "variables": {"name": "••• (3)"}}],
            "template": "••• (12)", "metaTemplate": {"name": "promo", "language": "pt_BR", "parameters": ["••• (3)"]},
        },
    ),
    "what hides under names of ours": (
        {"id": {"from": "5511999998888"}, "jobIds": ["msg-1", "5511999998888"], "5511999998888": 1, "type": ["Olá"]},
        {"id": {"from": "55 11 •••••-8888"}, "jobIds": ["msg-1", "55 11 •••••-8888"], "55 11 •••••-8888": 1,
         "type": ["Olá"]},
    ),
    "what is no object": ("Olá", "••• (3)"),
    "nothing": (None, None),
}  # fmt: skip


@pytest.mark.parametrize(("data", "shown"), JOBS.values(), ids=JOBS.keys())
def test_of_a_job_ids_times_and_our_own_words_stay(data: JsonValue, shown: JsonValue) -> None:
    assert mask_json(data) == shown


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(JSON, st.from_regex(r"55[1-9]19[0-9]{8}", fullmatch=True), st.text(min_size=1, max_size=10))
def test_a_number_is_seen_nowhere_however_deep_it_lies(value: JsonValue, number: str, name: str) -> None:
    forms: list[JsonValue] = [
        {name: number}, {name: [value, {name: int(number)}]}, [[number]], {"id": number, "x": {number: value}},
        {"contactId": int(number)},
    ]  # fmt: skip
    for data in forms:
        if name.endswith(("At", "Ms")) or name == "timestamp":
            continue
        assert number not in json.dumps(mask_json(data))
