"""A cursor is what we gave, or it is refused."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oxyq.api.cursor import Cursors
from oxyq.errors import InvalidPayload

SECRET = "a-secret-for-tests-of-forty-characters.."


@given(st.text(max_size=200))
def test_what_we_signed_we_read(place: str) -> None:
    cursors = Cursors(SECRET)

    assert cursors.read(cursors.sign(place)) == place
    assert cursors.sign(place).isascii()


def spoiled() -> dict[str, str]:
    good = Cursors(SECRET).sign("1795377084000-a1")
    raw = base64.urlsafe_b64decode(good + "=" * (-len(good) % 4))
    assert base64.urlsafe_b64decode(good[:-1] + chr(ord(good[-1]) + 1) + "=") == raw
    return {
        "nothing": "",
        "a word": "abc",
        "one letter": "A",
        "without its mark": base64.urlsafe_b64encode(b"1795377084000-a1").decode().rstrip("="),
        "another place": base64.urlsafe_b64encode(raw[:16] + b"1795377084001-a1").decode().rstrip("="),
        "padded": good + "==",
        "a letter more": good + "A",
        "cut": good[:-1],
        "the same bytes, written otherwise": good[:-1] + chr(ord(good[-1]) + 1),
        "a line break": good + "\n",
        "a space": " " + good,
        "not ASCII": good + "é",
        "another secret": Cursors("another-secret-of-forty-characters......").sign("1795377084000-a1"),
        "a megabyte": "A" * 1_000_000,
    }


@pytest.mark.parametrize("cursor", spoiled().values(), ids=spoiled().keys())
def test_what_we_did_not_sign_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidPayload, match="take it from the page before") as refused:
        Cursors(SECRET).read(cursor)

    assert refused.value.field == "cursor"


@given(st.integers(0, 42), st.integers(1, 255))
def test_one_bit_is_enough(at: int, change: int) -> None:
    good = Cursors(SECRET).sign("1795377084000-a1")
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    other = letters[(letters.index(good[at]) + change) % 64]
    if other == good[at]:
        return

    with pytest.raises(InvalidPayload):
        Cursors(SECRET).read(good[:at] + other + good[at + 1 :])
