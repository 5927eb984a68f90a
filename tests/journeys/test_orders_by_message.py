"""What people say in WhatsApp changes what a running campaign does: its owner's orders, and a customer's "sair"."""

import time

import pytest

from oxyq.app import App
from oxyq.limits import NumberSettings, RateLimit
from oxyq.organizations import demo_organization
from tests.journeys.conftest import ORGANIZATION, OWNER, StartProcess, WhatsApp

#: So many a second: a campaign of hundreds is far from its end when somebody says something.
A_SECOND = 40
PEOPLE = [f"55119700{number:05}" for number in range(400)]


@pytest.mark.timeout(120)
async def test_an_owner_pauses_a_campaign_by_message_and_it_stops_within_a_second(
    app: App, start_oxyq: StartProcess, whatsapp: WhatsApp
) -> None:
    await _campaign_runs(app, start_oxyq, whatsapp)

    said_ms = time.time() * 1000
    await _writes(app, OWNER, "pausar campanha promo")
    told = await whatsapp.until_told(OWNER)

    # Then nothing went out later than a second after he said so, and nothing does any more
    sent = [message.at_ms for message in whatsapp.received if message.to != OWNER]
    assert max(sent) <= said_ms + 1000
    assert len(sent) < len(PEOPLE)
    assert "promo" in told[0] and (await app.campaigns.get(ORGANIZATION, "promo")).state == "paused"  # type: ignore[union-attr]

    # And when he lets it go on, everybody gets it once
    await _writes(app, OWNER, "retomar campanha promo")
    await whatsapp.until(len(PEOPLE) + 2)
    assert sorted(message.to for message in whatsapp.received if message.to != OWNER) == sorted(PEOPLE)


@pytest.mark.timeout(120)
async def test_who_says_sair_in_the_middle_of_a_campaign_gets_nothing_more(
    app: App, start_oxyq: StartProcess, whatsapp: WhatsApp
) -> None:
    await _campaign_runs(app, start_oxyq, whatsapp)
    reached = {message.to for message in whatsapp.received}
    tired = next(number for number in reversed(PEOPLE) if number not in reached)

    await _writes(app, tired, "Sair!")
    (confirmed,) = await whatsapp.until_told(tired)
    await whatsapp.until(len(PEOPLE) + 1)  # the others, the confirmation, and the owner's summary

    assert "não vai mais receber" in confirmed
    assert await whatsapp.until_told(tired) == [confirmed]
    assert {message.to for message in whatsapp.received} >= set(PEOPLE)


async def _campaign_runs(app: App, start_oxyq: StartProcess, whatsapp: WhatsApp) -> None:
    """Given a campaign that has reached some of its people, by workers that answer messages, too."""
    numbers = {"wa_demo": NumberSettings(rate=RateLimit(max=A_SECOND, per_seconds=1), answers_share=0.2)}
    shop = demo_organization().model_copy(update={"id": ORGANIZATION, "numbers": numbers})
    await app.organizations.save(shop)
    start_oxyq("workers", "start")
    await app.producer.add_campaign_job(
        campaign_id="promo", organization_id=ORGANIZATION, template="Olá! Banho com desconto.", recipients=PEOPLE
    )
    await whatsapp.until(30)


async def _writes(app: App, number: str, text: str) -> None:
    await app.producer.add_message_job(
        organization_id=ORGANIZATION, instance_id="wa_demo", sender=number, content=text,
        message_id=f"in-{time.monotonic_ns()}", timestamp=int(time.time() * 1000),
    )  # fmt: skip
