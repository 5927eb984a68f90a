"""Rules fit what they name and nothing else, in no time whatever anybody writes."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oxyq.answering import Rule
from oxyq.organizations import Organization
from oxyq.replies.rules import first_fit
from oxyq.replies.turn import Turn

SHOP = Organization(id="org_1", name="Pet Shop")
MENU = Rule(messages=["menu", "oi"], answer="1 Banho, 2 Preços")
BATH = Rule(messages=["1", "banho"], answer="Vamos agendar!", reply_ids=["row-bath"])
PRICES = Rule(words=["tabela de preços", "orçamento"], answer="Banho R$ 50")
THUMB = Rule(messages=["👍"], answer="Combinado!")
ACCIDENT = Rule(words=["acidente"], answer="Já vamos ligar.", hands_off=True)
RULES = [MENU, BATH, PRICES, THUMB, ACCIDENT]


def wrote(*texts: str, reply_id: str | None = None) -> Turn:
    return Turn(SHOP, "5511999990001", texts, reply_id)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("MENU", MENU),
        ("Oi!!", MENU),
        ("1️⃣", BATH),
        (" 1. ", BATH),
        ("me manda a Tabela de  Preços pf", PRICES),
        ("quanto fica o orcamento?", PRICES),
        (" 👍 ", THUMB),
        ("sofri um ACIDENTE", ACCIDENT),
    ],
)
def test_a_rule_fits_however_it_is_written(text: str, rule: Rule) -> None:
    assert first_fit(RULES, wrote(text)) is rule


@pytest.mark.parametrize(
    "text", ["oi, tudo bem?", "11", "tabela com preços", "orçamentos", "👎", "", "...", "menu do dia"]
)
def test_a_rule_fits_nothing_else(text: str) -> None:
    assert first_fit(RULES, wrote(text)) is None


def test_what_was_chosen_fits_by_its_id_alone() -> None:
    assert first_fit(RULES, wrote("Quero este", reply_id="row-bath")) is BATH
    assert first_fit(RULES, wrote("Quero este", reply_id="ROW-BATH")) is None


def test_the_first_rule_that_any_message_of_a_burst_triggers_wins() -> None:
    assert first_fit(RULES, wrote("bom dia", "manda a tabela de preços", "1")) is BATH


@given(trigger=st.text(min_size=1, max_size=40), around=st.text(max_size=40))
def test_triggers_are_letters_and_never_patterns(trigger: str, around: str) -> None:
    """Whatever a tenant writes, its own text triggers it; a text without words triggers no words."""
    rule = Rule.model_construct(messages=[trigger], words=[trigger], reply_ids=[], answer="x")

    assert first_fit([rule], wrote(trigger)) is rule
    assert first_fit([Rule.model_construct(messages=[], words=[trigger], reply_ids=[], answer="x")], wrote("")) is None
    first_fit([rule], wrote(around))


@pytest.mark.parametrize("trigger", ["(a+)+$", "a " * 30, "a*" * 30, ".*.*.*=.*", "a" * 4096])
def test_hostile_triggers_and_texts_take_no_time(trigger: str) -> None:
    rules = [Rule(messages=[trigger], words=[trigger], answer="x")] * 50
    started = time.thread_time()

    for text in ("a" * 30 + "!", "a " * 2048, "a" * 4096, "\u0301" * 4096):
        first_fit(rules, wrote(text))

    assert time.thread_time() - started < 0.5
