"""While a model thinks, the customer sees that an answer is being written; what is found at once needs no such sign."""

import asyncio

import pytest

from oxyq.gateways.base import NotReady
from oxyq.gateways.by_instance import Gateways
from oxyq.gateways.simulator import SimulatorGateway
from oxyq.replies.turn import Turn
from tests.integration.conversations.conftest import ANA, Shop


class Typing(SimulatorGateway):
    """A simulator that remembers to whom it showed that an answer is written, and to which message."""

    def __init__(self, shop: Shop, *, fails: bool = False) -> None:
        super().__init__(shop.app.settings.simulator_log_path)
        self.shown = list[tuple[str, str, str | None]]()
        self.seen = asyncio.Event()
        self._fails = fails

    async def typing(self, instance_id: str, recipient: str, *, answering: str | None = None) -> None:
        """Remember it."""
        self.shown.append((instance_id, recipient, answering))
        self.seen.set()
        if self._fails:
            raise NotReady("not connected at the moment")


@pytest.mark.parametrize("fails", [False, True], ids=["shown", "not even that works"])
async def test_the_customer_sees_that_an_answer_is_written(shop: Shop, fails: bool) -> None:
    gateway = Typing(shop, fails=fails)
    shop.app.gateways = Gateways(gateway)
    await shop.open()

    async def thinking(turn: Turn) -> str:
        await gateway.seen.wait()
        return "Banho: R$ 50."

    shop.ai.say = thinking
    await shop.hears("quanto custa?", message_id="wamid-7")

    assert await shop.until_told(ANA) == ["Banho: R$ 50."]
    assert gateway.shown == [("wa_demo", ANA, "wamid-7")]


async def test_what_is_found_at_once_is_sent_without_a_sign(shop: Shop) -> None:
    gateway = Typing(shop)
    shop.app.gateways = Gateways(gateway)
    await shop.open()

    await shop.hears("oi")

    assert await shop.until_told(ANA) == ["oi"]
    assert gateway.shown == []
