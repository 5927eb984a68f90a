"""Errors that are one and the same have one fingerprint, whatever differs in their words."""

import pytest

from oxyq.operating.error_classes import known_error
from oxyq.operating.error_fingerprint import BLANK, pattern

KEY = "send-0d1b8c6f2ab74c7e9d2f5b6a1c3e4f50/0"


@pytest.mark.parametrize(
    ("text", "what_is_left"),
    [
        (f"{KEY}: the number is not on WhatsApp", "the number is not on WhatsApp"),
        ("the number 5511999998888 is not on WhatsApp", "the number … is not on WhatsApp"),
        ("the number +55 (11) 99999-8888 is not on WhatsApp", "the number … is not on WhatsApp"),
        (f"{KEY}: Meta refused it, code 131026: Message undeliverable", None),
        (f"{KEY}: WAHA refused it (401): no", "WAHA refused it (401): no"),
        (f"{KEY}: answered 502 without saying what became of it", "answered 502 without saying what became of it"),
        ("connect ECONNREFUSED 127.0.0.1:6379", "connect ECONNREFUSED …"),
        ("connect ECONNREFUSED ::1:6379", None),
        ("Timeout: not finished within 60 s", "Timeout: not finished within … s"),
        (
            "instanceId: 'wa_1' is not a number of this organization",
            "instanceId: … is not a number of this organization",
        ),
        ('organizationId: "Ana\'s shop" is unknown here', "organizationId: … is unknown here"),
        ("it isn't there, and wasn't yesterday", "it isn't there, and wasn't yesterday"),
        ("no answer from https://evolution.example/message/sendText/wa_1?key=abc", "no answer from …"),
        ("5511999998888@c.us does not exist", "… does not exist"),
        ("no file /var/lib/oxyq/log.ndjson", "no file …"),
        ("at 2026-11-23T10:00:00.123Z it was 7c9e6679-7425-40de-944b-e07fc1f90ae7", "at … it was …"),
        ("<Job object at 0x7f3a2b1c>", "<Job object at …>"),
        ("first line\n  second\tline", "first line second line"),
        ("", ""),
        ("…", "…"),
    ],
)
def test_what_differs_each_time_is_taken_out(text: str, what_is_left: str | None) -> None:
    left = pattern(text)

    if what_is_left is not None:
        assert left == what_is_left
    assert pattern(left) == left, "what is left has nothing more to take out"


@pytest.mark.parametrize(
    ("one", "another"),
    [
        (
            f"{KEY}: no connection (ConnectError); nothing was sent",
            "auto-77/0: no connection (ConnectError); nothing was sent",
        ),
        ("the number 5511999998888 is unknown", "the number 351 912 345 678 is unknown"),
        ("'Olá, Ana' is too long", "'Olá, Bia, tudo bem?' is too long"),
        ("Timeout: not finished within 60 s", "timeout: NOT finished within 120.5 s"),
    ],
)
def test_the_same_error_has_the_same_fingerprint(one: str, another: str) -> None:
    assert known_error("exhausted", one).fingerprint == known_error("exhausted", another).fingerprint


@pytest.mark.parametrize(
    ("one", "another"),
    [
        ("Meta refused it, code 131026: Undeliverable", "Meta refused it, code 131049: Undeliverable"),
        ("answered 502 without saying more", "answered 404 without saying more"),
        ("the number is not on WhatsApp", "the connection was refused"),
    ],
)
def test_another_error_has_another_fingerprint(one: str, another: str) -> None:
    assert known_error("exhausted", one).fingerprint != known_error("exhausted", another).fingerprint


def test_a_fingerprint_is_the_same_in_every_process_and_version() -> None:
    """It stands in links that people keep."""
    assert known_error("exhausted", f"{KEY}: the number is not on WhatsApp").fingerprint == "e2d5ae8b06ce75ff"


@pytest.mark.parametrize("text", ["'" * 1000, "-" * 5000, "1" * 5000, "a.b@" * 500, "://" * 400, "/a" * 700, "(" * 999])
def test_hostile_texts_take_no_time(text: str) -> None:
    assert len(pattern(text)) <= 300


def test_no_number_and_no_quoted_text_is_left() -> None:
    left = pattern('"Sua consulta é amanhã" to 5511999998888 (Ana, +55 11 98888-7777) failed')

    assert not any(digit in left for digit in "0123456789")
    assert "consulta" not in left
    assert BLANK in left
