"""Numbers: digits however they were written, and one key for each contact."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oxyq.errors import InvalidPayload
from oxyq.numbers import contact_key, digits, normalize_number

NO_NUMBERS = [
    ("", "8 to 15 digits"),
    ("1234567", "8 to 15 digits"),
    ("1" * 16, "8 to 15 digits"),
    ("1" * 40, "8 to 15 digits"),
    ("1" * 1_000_000, "8 to 15 digits"),
    ("5511abc999999", "other characters than digits"),
    ("٥٥١١٩٩٩٩٩٩٩٩٩", "other characters than digits"),
    ("5511999999999\u0660", "other characters than digits"),
    ("\u202a5511999999999\u202c", "other characters than digits"),
    ("55+11999999999", "other characters than digits"),
    ("011999999999", "country code"),
    ("120363025246125486@g.us", "is a group"),
    ("123456789012345@lid", "hidden id"),
    ("5511999999999@example.com", "unknown ending"),
]


@pytest.mark.parametrize(
    "written",
    [
        "5511999999999",
        "5511999999999@c.us",
        "5511999999999@s.whatsapp.net",
        "5511999999999:12@s.whatsapp.net",
        "5511999999999:0@c.us",
        "+5511999999999",
        "+55 (11) 99999-9999",
        "55 11 9 9999 9999",
    ],
)
def test_a_number_is_its_digits_however_it_was_written(written: str) -> None:
    assert normalize_number(written) == "5511999999999"


@pytest.mark.parametrize(("written", "problem"), NO_NUMBERS)
def test_what_is_no_number_is_refused(written: str, problem: str) -> None:
    with pytest.raises(InvalidPayload) as caught:
        normalize_number(written)

    assert caught.value.field == "number"
    assert problem in caught.value.problem


@given(st.text("0123456789+-() @:.cuslidg\u202a\u0665", max_size=30))
def test_a_number_is_8_to_15_digits_or_refused(written: str) -> None:
    try:
        number = normalize_number(written)
    except InvalidPayload:
        return
    assert re.fullmatch("[1-9][0-9]{7,14}", number)
    assert normalize_number(number) == number


@given(st.from_regex(r"[1-9][0-9]{7,14}", fullmatch=True), st.randoms(use_true_random=False))
def test_spaces_and_signs_never_change_a_number(number: str, random: Any) -> None:
    written = "".join(digit + random.choice(["", "", " ", "-", "(", ")"]) for digit in number)

    assert normalize_number(f"+{written}@c.us") == number


@pytest.mark.parametrize(
    ("number", "key"),
    [
        ("5511999990001", "5511999990001"),
        ("551199990001", "5511999990001"),
        ("553196883193", "5531996883193"),
        ("551133334444", "551133334444"),
        ("551123334444", "551123334444"),
        ("551153334444", "551153334444"),
        ("16505551234", "16505551234"),
        ("5500999990001", "5500999990001"),
    ],
    ids=["with 9", "without 9", "other area", "landline 3", "landline 2", "landline 5", "abroad", "no area"],
)
def test_a_brazilian_mobile_has_one_key_with_and_without_its_ninth_digit(number: str, key: str) -> None:
    assert contact_key(number) == key


def test_as_a_check_of_a_field_it_raises_what_pydantic_takes() -> None:
    assert digits("+55 (11) 99999-9999") == "5511999999999"
    with pytest.raises(ValueError, match="8 to 15 digits"):
        digits("123")
