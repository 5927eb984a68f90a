"""Who answers a customer: a person who was asked for, a rule, the list of questions, a model, or a person."""

import pytest

from oxyq.answering import AiSettings, ModelChoice, Rule
from oxyq.errors import ConfigurationError
from oxyq.organizations import Organization, demo_organization
from oxyq.replies.ai import AiAnswer
from oxyq.replies.errors import AiUnavailable
from oxyq.replies.router import Reply, Router
from oxyq.replies.turn import Turn

AI = AiSettings(model=ModelChoice(provider="openai", model="small"), prompt="Você é gentil.")
SHOP = demo_organization().model_copy(update={"ai": AI})
HOURS, PRICE = SHOP.faq[0].answer, SHOP.faq[2].answer
CALLED_A_PERSON = Reply(SHOP.hand_off, "hand_off", True, "asked_for")


class Answers:
    """An `Ai` that gives one answer, and knows what it was asked."""

    def __init__(self, answer: AiAnswer | Exception) -> None:
        self.asked: list[Turn] = []
        self._answer = answer

    async def answer(self, turn: Turn, ai: AiSettings) -> AiAnswer:
        self.asked.append(turn)
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


def wrote(*texts: str, organization: Organization = SHOP) -> Turn:
    return Turn(organization, "5511999990001", texts)


def nobody() -> Answers:
    return Answers(AssertionError("a model costs money and is asked last"))


@pytest.mark.parametrize(
    "text", ["ATENDENTE", "falar com atendente", "Falar com uma pessoa!", "humano", "Quero falar com um atendente"]
)
async def test_who_asks_for_a_person_gets_one(text: str) -> None:
    assert await Router(nobody()).answer(wrote("oi", text)) == CALLED_A_PERSON


async def test_a_word_about_a_person_is_no_call_for_one() -> None:
    models = Answers(AiAnswer("Que bom!", False))

    assert await Router(models).answer(wrote("o atendente foi muito gentil")) == Reply("Que bom!", "ai")


async def test_a_rule_answers_before_the_list() -> None:
    shop = SHOP.model_copy(update={"rules": [Rule(words=["abrem"], answer="Hoje só até as 12h.", hands_off=True)]})

    reply = await Router(nobody()).answer(wrote("vcs abrem sabado?", organization=shop))

    assert reply == Reply("Hoje só até as 12h.", "rule", True)


async def test_the_list_answers_before_a_model() -> None:
    assert await Router(nobody()).answer(wrote("vcs abrem sabado?")) == Reply(HOURS, "faq")


async def test_two_questions_in_a_burst_get_both_answers() -> None:
    reply = await Router(nobody()).answer(wrote("oi", "vcs abrem sabado?", "qto custa o banho"))

    assert reply == Reply(f"{HOURS}\n\n{PRICE}", "faq")


async def test_a_model_answers_what_the_list_does_not() -> None:
    models = Answers(AiAnswer("Claro!", False, 10, 5, "small"))

    assert await Router(models).answer(wrote("vcs abrem sabado?", "e meu gato sumiu")) == Reply("Claro!", "ai")
    assert models.asked[0].texts == ("vcs abrem sabado?", "e meu gato sumiu")


async def test_a_model_that_gives_up_calls_a_person_and_says_why() -> None:
    reply = await Router(Answers(AiAnswer(None, True, reason="key_refused"))).answer(wrote("meu gato sumiu"))

    assert reply == Reply(SHOP.hand_off, "hand_off", True, "key_refused")


@pytest.mark.parametrize("models", [None, nobody()])
async def test_without_a_model_a_person_answers(models: Answers | None) -> None:
    shop = SHOP if models is None else SHOP.model_copy(update={"ai": None})

    reply = await Router(models).answer(wrote("meu gato sumiu", organization=shop))

    assert reply == Reply(SHOP.hand_off, "hand_off", True, "unanswered")


@pytest.mark.parametrize("error", [AiUnavailable("busy", 7.0), ConfigurationError("install it")])
async def test_a_model_that_is_away_is_waited_for_until_the_last_chance(error: Exception) -> None:
    router = Router(Answers(error))

    with pytest.raises(type(error)):
        await router.answer(wrote("meu gato sumiu"))
    reply = await router.answer(wrote("meu gato sumiu"), last_chance=True)

    assert reply == Reply(SHOP.hand_off, "hand_off", True, "ai_unavailable")
