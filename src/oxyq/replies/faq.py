"""Answers from an organization's own list of questions; says nothing when it is not sure."""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Final, Protocol, TypeVar

from oxyq.replies.plain_text import plain

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


Questions = TypeVar("Questions", bound=Entry)


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


def answer_all(entries: Sequence[Entry], texts: Sequence[str]) -> str | None:
    """One answer to all messages of a burst, or None when anything in it would stay unanswered.

    Each message that asks something has its own answer, or all together ask for one and none asks for more.
    """
    parts = [text for text in texts if not _is_small_talk(text)] or list(texts)
    found = [best_answer(entries, part) for part in parts]
    sure = [answer for answer, _ in filter(None, found)]
    if len(sure) == len(parts):
        return "\n\n".join(dict.fromkeys(sure)) or None
    together = best_answer(entries, "\n".join(parts))
    if together is None or set(sure) - {together[0]}:
        return None
    # "vcs abrem" and "sabado?" are one question; "vcs abrem" and "meu gato sumiu" are not.
    known = _words_about(entries, together[0])
    is_covered = all(
        part_found or known.issuperset(content_words(part)) for part, part_found in zip(parts, found, strict=True)
    )
    return together[0] if is_covered else None


def nearest(entries: Iterable[Entry], text: str, count: int) -> list[Entry]:
    """The entries that are most like a question, best first, sure or not; those that share nothing are left out."""
    asked = content_words(text)
    scored = [(score, entry) for entry in entries if (score := _entry_score(entry, asked)) > 0]
    return [entry for _, entry in sorted(scored, key=lambda pair: pair[0], reverse=True)[:count]]


def scores(entries: Iterable[Questions], text: str) -> Iterator[tuple[Questions, str, float]]:
    """Each entry that shares anything with a question, its nearest wording and that one's score (up to 100)."""
    asked = content_words(text)
    for entry in entries:
        scored = ((_score(content_words(question), asked), question) for question in entry.questions)
        score, question = max(scored, default=(0.0, ""))
        if score > 0:
            yield entry, question, score


@lru_cache(maxsize=4096)
def content_words(text: str) -> tuple[str, ...]:
    """The words that carry meaning: lower case, no accents, no stop words, unless only those are left."""
    once = re.sub(r"(.)\1{2,}", r"\1", plain(text[:_READ_CHARACTERS]))
    words = tuple(_SHORT_FORMS.get(word, word) for word in once.split())
    return tuple(word for word in words if word not in _STOP_WORDS) or words


def _is_small_talk(text: str) -> bool:
    return _STOP_WORDS.issuperset(content_words(text))


def _words_about(entries: Iterable[Entry], answer: str) -> set[str]:
    questions = [question for entry in entries if entry.answer == answer for question in entry.questions]
    return {word for question in questions for word in content_words(question)}


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
