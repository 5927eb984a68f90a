"""Trying out says who would answer, as it will be when somebody really asks."""

import pytest

from oxyq.answering import AiSettings, Rule
from oxyq.organizations import FaqEntry, Organization, demo_organization
from oxyq.replies.trial import try_out

SHOP = demo_organization()


def _shop(**changes: object) -> Organization:
    return SHOP.model_copy(update=changes)


def test_what_the_list_knows_is_answered_with_its_score() -> None:
    trial = try_out(SHOP, "q horas vcs abrem?")

    assert (trial.answered_by, trial.doubt) == ("faq", None)
    assert trial.answer == SHOP.faq[0].answer == trial.nearest[0].answer
    assert trial.nearest[0].question == "que horas vocês abrem" and trial.nearest[0].score >= 80


def test_what_it_does_not_know_goes_to_a_person_and_says_what_was_near() -> None:
    trial = try_out(SHOP, "vocês vendem ração para peixe?")

    assert (trial.answered_by, trial.answer) == ("hand_off", SHOP.hand_off)
    assert all(near.score < 80 for near in trial.nearest)


def test_two_answers_that_are_as_near_are_a_doubt() -> None:
    twice = [FaqEntry(questions=["quanto custa o banho"], answer=answer) for answer in ("R$ 50", "R$ 60")]

    trial = try_out(_shop(faq=twice), "quanto custa o banho?")

    assert (trial.answered_by, trial.doubt) == ("hand_off", "too_close")
    assert [near.answer for near in trial.nearest] == ["R$ 50", "R$ 60"]


@pytest.mark.parametrize(
    ("changes", "text", "by"),
    [
        ({}, "SAIR", "opt_out"),
        ({}, "quero falar com um atendente", "hand_off"),
        ({"rules": [Rule(words=["banho"], answer="Ligue!")]}, "quanto custa o banho?", "rule"),
        (
            {"ai": AiSettings.model_validate({"model": {"provider": "openai", "model": "m"}, "prompt": "Loja."})},
            "meu gato sumiu",
            "ai",
        ),
    ],
)
def test_others_go_before_and_after_the_list(changes: dict[str, object], text: str, by: str) -> None:
    assert try_out(_shop(**changes), text).answered_by == by
