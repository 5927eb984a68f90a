"""Texts are sealed and opened; without their key they are words for "gone", and nothing breaks."""

import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oxyq.text_keys import MARK, UNREADABLE, TextKey

KEY = TextKey("org_1", b"k" * 32)
NONE = TextKey("org_1", None)


@given(st.text())
def test_what_is_sealed_opens_again(text: str) -> None:
    sealed = KEY.seal(text)

    assert KEY.open(sealed) == text
    assert not text or sealed.startswith(MARK)
    assert len(text) < 4 or text not in sealed


def test_the_same_text_never_looks_the_same() -> None:
    assert KEY.seal("Oi") != KEY.seal("Oi")


def test_without_a_key_nothing_is_sealed_and_what_was_is_unreadable() -> None:
    assert NONE.seal("Oi") == "Oi"
    assert NONE.open("Oi") == "Oi"
    assert NONE.open(KEY.seal("Oi")) == UNREADABLE
    assert not NONE.is_there and KEY.is_there


@pytest.mark.parametrize(
    "stored", [MARK, f"{MARK}x", f"{MARK}é", KEY.seal("Oi")[:-4], TextKey("org_2", b"k" * 32).seal("Oi")],
    ids=["nothing", "no base64", "no ASCII", "cut off", "another's"],
)  # fmt: skip
def test_what_nobody_sealed_so_is_unreadable_and_no_error(stored: str) -> None:
    """A person may write anything, and one organization's text is no other's."""
    assert KEY.open(stored) == UNREADABLE


def test_texts_are_found_wherever_they_stand() -> None:
    stored = f'{{"text":"{KEY.seal("olá 1")}","more":["{KEY.seal("2")}"]}}'.encode()

    assert KEY.open_all(stored) == '{"text":"olá 1","more":["2"]}'.encode()
    assert KEY.open_all(secrets.token_bytes(64)) is not None
