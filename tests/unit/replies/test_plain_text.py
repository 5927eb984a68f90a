"""What people write is compared without case, accents and signs."""

import pytest

from oxyq.replies.plain_text import plain


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Olá, TUDO bem?", "ola tudo bem"),
        ("  *Não*\n_sei_ ", "nao sei"),
        ("1️⃣", "1"),
        ("opção nº 2.", "opcao no 2"),
        ("Ça va? Привет!", "ca va привет"),
        ("👍 ...", ""),
        ("", ""),
    ],
)
def test_words_are_left(text: str, words: str) -> None:
    assert plain(text) == words
