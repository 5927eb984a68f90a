"""Who answers a message: owner commands first, then the list of questions, else a person."""

import pytest

from oxyq.gateways.simulator import customer_message
from oxyq.jobs import InboundMessage, parse_new
from oxyq.organizations import demo_organization
from oxyq.replies import owner
from oxyq.replies.router import Reply, answer

SHOP = demo_organization()
CUSTOMER, OWNER, OWNER_WITHOUT_NINTH_DIGIT = "5511999990001", "5511988880000", "551188880000"


def written_by(number: str, text: str) -> InboundMessage:
    return parse_new(InboundMessage, customer_message("org_demo", "wa_demo", number, text, 1_795_377_084_000))


async def status() -> str:
    return "tudo em ordem"


async def never_asked() -> str:
    raise AssertionError("only an owner's question may cost a look at the queues")


@pytest.mark.parametrize("number", [OWNER, OWNER_WITHOUT_NINTH_DIGIT])
async def test_an_owner_who_asks_hears_how_the_queues_are(number: str) -> None:
    assert await answer(written_by(number, "status"), SHOP, status) == Reply("tudo em ordem", "owner")


async def test_an_owner_who_writes_something_else_is_helped() -> None:
    reply = await answer(written_by(OWNER, "vocês abrem sábado?"), SHOP, never_asked)

    assert reply == Reply(owner.HELP, "owner")
    assert "status" in owner.HELP


async def test_a_customer_with_a_known_question_gets_its_answer() -> None:
    reply = await answer(written_by(CUSTOMER, "vcs abrem sabado?"), SHOP, never_asked)

    assert reply == Reply(SHOP.faq[0].answer, "faq")


@pytest.mark.parametrize("text", ["meu gato sumiu", "status"])
async def test_all_else_is_handed_to_a_person(text: str) -> None:
    """The owner's words too, when a customer writes them."""
    reply = await answer(written_by(CUSTOMER, text), SHOP, never_asked)

    assert reply == Reply(SHOP.hand_off, "hand_off")
