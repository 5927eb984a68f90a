"""Trying out what a customer would be answered, before anybody asks; nothing is sent and no model is asked."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from oxyq.organizations import FaqEntry, Organization
from oxyq.replies import faq, opt_out
from oxyq.replies.router import first_answer
from oxyq.replies.turn import Turn

Answerer: TypeAlias = Literal["opt_out", "rule", "faq", "ai", "hand_off"]
"""Who would answer; `hand_off`: a person, of whom the customer is told."""
Doubt: TypeAlias = Literal["unsure", "too_close"]
"""Why the list says nothing though it has something like it: none is near enough, or two are as near as each other."""

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Near:
    """An entry of the list that is like the question: the wording that is nearest, and its score (0 to 100)."""

    question: str
    answer: str
    score: float


@dataclass(frozen=True, slots=True)
class Trial:
    """Who would answer and what (None: a model, or the words for opting out); `nearest`: what the list has, best first,
    sure (`faq.SURE_SCORE`) or not."""

    answered_by: Answerer
    answer: str | None
    nearest: tuple[Near, ...]
    doubt: Doubt | None = None


def try_out(organization: Organization, text: str) -> Trial:
    """What somebody would be answered who writes this as a whole message."""
    nearest = tuple(_near(organization.faq, text))
    if opt_out.read_wish(text) is not None:
        return Trial("opt_out", None, nearest)
    reply = first_answer(Turn(organization, "", (text,)))
    if reply is None:
        doubt: Doubt | None = None
        if nearest:
            doubt = "unsure" if nearest[0].score < faq.SURE_SCORE else "too_close"
        if organization.ai is not None:
            return Trial("ai", None, nearest, doubt)
        return Trial("hand_off", organization.hand_off, nearest, doubt)
    match reply.route:
        case "rule" | "faq" | "hand_off" as route:
            return Trial(route, reply.text, nearest)
        case route:
            raise AssertionError(f"nothing that asks no model answers as {route}")


def _near(entries: Sequence[FaqEntry], text: str) -> list[Near]:
    scored = [Near(question, entry.answer, round(score, 1)) for entry, question, score in faq.scores(entries, text)]
    return sorted(scored, key=lambda near: near.score, reverse=True)[:_SHOWN]
