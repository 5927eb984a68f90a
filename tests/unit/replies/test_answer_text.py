"""What a model wrote goes out as WhatsApp takes it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oxyq.jobs import MAX_TEXT_CHARACTERS, check_text
from oxyq.replies.answer_text import sendable


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("  Olá! \n", "Olá!"),
        ("a\tb\x00\x1b[31m\nc", "a b[31m\nc"),
        ("família: 👨‍👩‍👧", "família: 👨‍👩‍👧"),
        ("meio emoji \ud83d!", "meio emoji !"),
        ("\u200b\u200b", ""),
        (" \n ", ""),
    ],
)
def test_only_what_can_be_sent_is_left(written: str, sent: str) -> None:
    assert sendable(written) == sent


def test_a_long_text_ends_with_its_last_whole_sentence() -> None:
    sentence = "Custa R$ 1.500,00 por mês. "

    sent = sendable(sentence * 1000)

    assert MAX_TEXT_CHARACTERS - len(sentence) < len(sent) <= MAX_TEXT_CHARACTERS
    assert sent.endswith("por mês.")


def test_one_endless_sentence_is_cut_where_it_must_be() -> None:
    assert sendable("a" * 5000) == "a" * MAX_TEXT_CHARACTERS


def test_a_model_that_was_stopped_is_not_quoted_mid_sentence() -> None:
    assert sendable("Custa R$ 1.500. O retorno é em", is_cut=True) == "Custa R$ 1.500."
    assert sendable("Custa R$ 1.5", is_cut=True) == "Custa R$ 1.5"


@given(written=st.text(alphabet=st.characters(), max_size=200).map(lambda text: text * 40), is_cut=st.booleans())
def test_whatever_a_model_writes_can_be_sent_or_is_nothing(written: str, is_cut: bool) -> None:
    sent = sendable(written, is_cut=is_cut)

    assert sent == "" or check_text(sent) == sent
