"""Answers from an organization's own list of questions; says nothing when it is not sure."""

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from typing import Final, Protocol

SURE_SCORE: Final = 80.0
"""Chosen before it was tried on real sentences; of those in the tests, no wrong answer reaches it."""

TOO_CLOSE_SCORE: Final = 3.0
"""Two different answers nearer to each other than this are a guess."""

_READ_CHARACTERS: Final = 500
"""Nobody asks one short question with more; the rest would only cost time."""

_STOP_WORDS: Final = frozenset(
    # greetings and courtesies
    "oi oie ola ei boa boas bom bem dia tarde noite favor pf pfv gostaria queria quero saber moca moco "
    # articles, prepositions, pronouns
    "a o as os ao aos um uma uns umas da das de do dos na nas no nos em com sem para pela pelo por "
    "eu ela ele me te vc vcs voce voces meu meus minha minhas seu seus sua suas esse essa este esta "
    # verbs and small words that every question has
    "isso isto e era ser sao foi tem ter tenho ai ate como ja la onde ou qual quais quando que se so "
    "tambem tudo".split()
)
_SHORT_FORMS: Final = {
    "hj": "hoje",
    "horarios": "horario",
    "n": "nao",
    "p": "para",
    "pra": "para",
    "pro": "para",
    "q": "que",
    "qd": "quando",
    "qdo": "quando",
    "qnt": "quanto",
    "qnto": "quanto",
    "qto": "quanto",
    "tb": "tambem",
    "tbm": "tambem",
    "vlr": "valor",
}


class Entry(Protocol):
    """Ways to ask one thing, and what to answer."""

    @property
    def questions(self) -> list[str]:
        """Ways to ask it."""

    @property
    def answer(self) -> str:
        """What to answer."""


def best_answer(entries: Iterable[Entry], text: str) -> tuple[str, float] | None:
    """The answer that fits and its score (80 to 100), or None when none fits or two fit equally well."""
    asked = content_words(text)
    scored = sorted(((_entry_score(entry, asked), entry.answer) for entry in entries), reverse=True)
    if not scored or scored[0][0] < SURE_SCORE:
        return None
    (score, answer), *others = scored
    if any(score - other < TOO_CLOSE_SCORE for other, rival in others if rival != answer):
        return None
    return answer, score


@lru_cache(maxsize=4096)
def content_words(text: str) -> tuple[str, ...]:
    """The words that carry meaning: lower case, no accents, no stop words, unless only those are left."""
    plain = unicodedata.normalize("NFKD", text[:_READ_CHARACTERS].lower())
    plain = "".join(character for character in plain if not unicodedata.combining(character))
    plain = re.sub(r"(.)\1{2,}", r"\1", re.sub(r"[^a-z0-9]+", " ", plain))
    words = tuple(_SHORT_FORMS.get(word, word) for word in plain.split())
    return tuple(word for word in words if word not in _STOP_WORDS) or words


def _entry_score(entry: Entry, asked: tuple[str, ...]) -> float:
    return max((_score(content_words(question), asked) for question in entry.questions), default=0.0)


def _score(question: tuple[str, ...], asked: tuple[str, ...]) -> float:
    # "não quero agendar" shares every word that counts with "quero agendar".
    if not question or not asked or ("nao" in asked) != ("nao" in question):
        return 0.0
    one, other = " ".join(question), " ".join(asked)
    # Here and not above: 4 MB that only a process carries which is asked something.
    from rapidfuzz import fuzz

    return 0.55 * fuzz.token_set_ratio(one, other) + 0.45 * fuzz.WRatio(one, other)
