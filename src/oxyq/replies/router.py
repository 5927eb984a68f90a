"""Decides who answers a customer: a person, a rule, the list of questions, or a language model."""

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from oxyq.errors import ConfigurationError
from oxyq.replies import faq, rules
from oxyq.replies.ai import Ai
from oxyq.replies.errors import AiUnavailable
from oxyq.replies.plain_text import plain
from oxyq.replies.turn import Turn

Route: TypeAlias = Literal["opt_out", "owner", "rule", "faq", "ai", "hand_off", "person", "stale", "automation"]
"""`automation`: nobody asked; a reminder or follow-up of ours."""

#: Whole messages only: "o atendente foi muito gentil" asks for nobody.
_ASKS_FOR_A_PERSON: Final = frozenset(
    {
        "atendente", "atendente humano", "atendimento humano", "humano", "pessoa", "falar com atendente",
        "falar com um atendente", "falar com uma atendente", "falar com uma pessoa", "falar com alguem",
        "falar com humano", "falar com um humano", "quero um atendente", "quero falar com atendente",
        "quero falar com um atendente", "quero falar com uma atendente", "quero falar com uma pessoa",
        "quero falar com alguem", "quero falar com um humano",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reply:
    """What to answer, who decided it, whether a person takes over after it, and in a word why."""

    text: str
    route: Route
    hands_off: bool = False
    reason: str = ""


class Router:
    """Answers the customers of all organizations; without an `ai`, people answer what rules and list do not."""

    def __init__(self, ai: Ai | None) -> None:
        self._ai = ai

    async def answer(self, turn: Turn, *, last_chance: bool = False) -> Reply:
        """The reply to one turn.

        AiUnavailable when a language model may answer later, ConfigurationError when none can be asked here; with
        `last_chance` a person takes over instead.
        """
        return first_answer(turn) or await self._by_ai(turn, last_chance) or _hand_off(turn, "unanswered")

    async def _by_ai(self, turn: Turn, last_chance: bool) -> Reply | None:
        settings = turn.organization.ai
        if self._ai is None or settings is None:
            return None
        try:
            answer = await self._ai.answer(turn, settings)
        except (AiUnavailable, ConfigurationError):
            if not last_chance:
                raise
            return _hand_off(turn, "ai_unavailable")
        if answer.text is None:
            return _hand_off(turn, answer.reason)
        return Reply(answer.text, "ai", answer.hands_off, answer.reason)


def first_answer(turn: Turn) -> Reply | None:
    """The reply that needs no model: a person was asked for, a rule fits, or the list of questions knows it."""
    return _person_asked_for(turn) or _by_rule(turn) or _by_faq(turn)


def _person_asked_for(turn: Turn) -> Reply | None:
    if any(plain(text) in _ASKS_FOR_A_PERSON for text in turn.texts):
        return _hand_off(turn, "asked_for")
    return None


def _by_rule(turn: Turn) -> Reply | None:
    rule = rules.first_fit(turn.organization.rules, turn)
    return None if rule is None else Reply(rule.answer, "rule", rule.hands_off)


def _by_faq(turn: Turn) -> Reply | None:
    found = faq.answer_all(turn.organization.faq, turn.texts)
    return None if found is None else Reply(found, "faq")


def _hand_off(turn: Turn, reason: str) -> Reply:
    return Reply(turn.organization.hand_off, "hand_off", True, reason)
