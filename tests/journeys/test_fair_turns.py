"""Two shops, one flooded: the customers of the other do not notice."""

import time

from oxyq.answering import ConversationSettings
from oxyq.app import App
from oxyq.organizations import demo_organization
from tests.journeys.conftest import ORGANIZATION, StartProcess, WhatsApp

FLOOD, FEW = 400, 10


async def test_customers_of_one_shop_do_not_wait_behind_those_of_another(
    app: App, start_oxyq: StartProcess, whatsapp: WhatsApp
) -> None:
    """Ten customers write to a small shop after four hundred wrote to a large one: they are answered in turn."""
    # Given two shops, and a large one whose customers all wrote first
    at_once = {"conversation": ConversationSettings(quiet_seconds=0)}
    for organization in (ORGANIZATION, "org_small"):
        await app.organizations.save(demo_organization().model_copy(update={"id": organization, **at_once}))

    async def write(organization: str, number: int) -> None:
        await app.producer.add_message_job(
            organization_id=organization, instance_id="wa_demo", sender=f"5511{number}0000",
            content="qual o preço do banho?", message_id=f"turn-{number}", timestamp=int(time.time() * 1000),
        )  # fmt: skip

    for number in range(FLOOD):
        await write(ORGANIZATION, 90_000 + number)
    for number in range(FEW):
        await write("org_small", 80_000 + number)

    # When a worker starts
    start_oxyq("workers", "message", OXYQ_MESSAGE_CONCURRENCY="5")

    # Then every second answer is for the small shop, until all of its customers have theirs
    received = await whatsapp.until(FLOOD + FEW, seconds=40)
    places = [place for place, message in enumerate(received) if message.to.startswith("551180")]
    assert len(places) == FEW
    # Five run at once, and may overtake each other.
    assert places[-1] < 2 * FEW + 5
