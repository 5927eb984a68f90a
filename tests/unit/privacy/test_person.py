"""A person is recognized however the number is written, and nobody else is."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oxyq.numbers import contact_key
from oxyq.privacy.person import ERASED, Person

ANA = Person(["5511987654321", "271828182845904@lid", "BR.Abc123"])
WRITTEN = [
    "5511987654321", "551187654321", "+5511987654321", "11987654321", "1187654321", "011987654321", "(11) 98765-4321",
    "(11)8765-4321", "+55 (11) 98765-4321", "55 11 9 8765 4321", "55.11.98765.4321", "5511987654321@c.us",
    "5511987654321:12@s.whatsapp.net", "271828182845904@lid", "271828182845904:3@lid", "BR.Abc123",
]  # fmt: skip
OTHERS = [
    "5511987654322", "551187654322", "5521987654321", "1198765432", "11987654320", "21987654321", "98765-4321",
    "27182818284590@lid", "1271828182845904@lid", "BR.Abc1234", "1795454190253", "119876543210",
]  # fmt: skip


@pytest.mark.parametrize("written", WRITTEN)
def test_every_spelling_is_theirs_and_can_be_taken_out(written: str) -> None:
    text = f"fale com {written}, por favor"

    assert ANA.is_at(written)
    assert ANA.is_in(text.encode())
    assert not ANA.is_in(ANA.taken_out(text.encode()))
    assert ANA.taken_out_of_text(text).endswith(", por favor")


@pytest.mark.parametrize("written", OTHERS)
def test_nobody_else_is_taken_for_them(written: str) -> None:
    assert not ANA.is_at(written)
    assert not ANA.is_in(f"fale com {written}, por favor".encode())


@pytest.mark.parametrize("before", ["", "x", "xx", "\x1c\x18\x0d"])
def test_ids_of_meta_have_the_number_packed_in_them(before: str) -> None:
    packed = base64.b64encode(f"{before}5511987654321\x15\x02\x00\x11\x18".encode()).decode()

    assert ANA.is_in(f"wamid.{packed}".encode())
    assert ANA.taken_out_of_text(f"id wamid.{packed} ok") == f"id wamid.{ERASED} ok"


def test_json_stays_json() -> None:
    stored = '{"5511987654321":{"n":551187654321,"ok":true,"t":"é (11) 98765-4321!"}}'.encode()

    assert ANA.taken_out(stored) == f'{{"{ERASED}":{{"n":null,"ok":true,"t":"é {ERASED}!"}}}}'.encode()


def test_what_is_no_text_stays_as_it_is() -> None:
    stored = b"\xff\xfe 5511987654321 \x00"

    assert ANA.taken_out(stored) == b"\xff\xfe " + ERASED.encode() + b" \x00"


@given(st.from_regex(r"55[1-9][1-9]9?[6-9][0-9]{7}|[1-9][0-9]{7,14}", fullmatch=True), st.text(max_size=20))
def test_any_number_is_found_and_gone_whatever_stands_around_it(number: str, around: str) -> None:
    person = Person([number])
    text = f"{around} {contact_key(number)} {number} {around}"

    assert person.is_at(number) and person.is_at(contact_key(number))
    assert not person.is_in(person.taken_out(text.encode(errors="replace")))
