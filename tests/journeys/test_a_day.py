"""A day in the life of a shop, by a clock that is set: what takes so long that no test could wait for it."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from oxyq.gateways.base import NotSent
from oxyq.testing import INSTANCE, ORGANIZATION, OWNER, Sandbox, automation, campaign, inbound_message, organization

ANA = "5511999990001"
ASKED, ANSWER = (
    "Que horas vocês abrem?",
    "Abrimos de segunda a sábado, das 8h às 19h. Aos domingos e feriados estamos fechados.",
)
TEN = datetime(2026, 11, 24, 13, 0, tzinfo=UTC)  # a Tuesday, 10:00 in São Paulo


@pytest.fixture
async def sandbox(redis_url: str) -> AsyncIterator[Sandbox]:
    """A shop on a Tuesday at ten in the morning."""
    async with Sandbox(redis_url=redis_url, now=TEN) as opened:
        yield opened


async def ask(sandbox: Sandbox, text: str = ASKED) -> None:
    """Ana writes, and all that follows from it within seconds is done."""
    await sandbox.app.producer.add_message_job(inbound_message(text, number=ANA))
    await sandbox.advance(seconds=10)


async def test_while_a_person_has_taken_over_the_bot_is_silent_and_then_it_answers_again(sandbox: Sandbox) -> None:
    # Given Ana, who was answered, and somebody of the shop who then took the chat over
    await ask(sandbox)
    assert sandbox.whatsapp.texts_to(ANA) == [ANSWER]
    shop = await sandbox.app.organizations.get(ORGANIZATION)
    assert shop is not None
    await sandbox.app.take_over.take_over(shop, INSTANCE, ANA)

    # When she writes at once, and 29 minutes later, then she hears nothing of the bot
    await ask(sandbox)
    await sandbox.advance(minutes=29)
    await ask(sandbox)
    assert sandbox.whatsapp.texts_to(ANA) == [ANSWER]

    # And after half an hour she does
    await sandbox.advance(minutes=1)
    await ask(sandbox)
    assert sandbox.whatsapp.texts_to(ANA) == [ANSWER, ANSWER]


async def test_a_burst_is_one_turn_when_she_has_been_silent_for_a_moment(sandbox: Sandbox) -> None:
    for text in ("Oi!", "tudo bem?", ASKED):
        await sandbox.app.producer.add_message_job(inbound_message(text, number=ANA))
        await sandbox.run()
        await sandbox.advance(seconds=1)
    assert sandbox.whatsapp.texts_to(ANA) == []

    await sandbox.advance(seconds=1)

    assert len(sandbox.whatsapp.texts_to(ANA)) == 1


async def test_a_message_that_waited_through_an_outage_is_for_a_person(sandbox: Sandbox) -> None:
    # Given a message that nobody worked on for sixteen minutes
    await sandbox.app.producer.add_message_job(inbound_message(ASKED, number=ANA))
    await sandbox.skip(minutes=16)

    # When the workers are back, then it is not answered as if nothing had been
    await sandbox.run_until_empty()
    assert ANSWER not in sandbox.whatsapp.texts_to(ANA)
    assert len(sandbox.whatsapp.texts_to(OWNER)) == 1


async def test_a_campaign_at_night_waits_for_the_morning_and_ends_there(sandbox: Sandbox) -> None:
    # Given a shop that sends from nine to eight, and its campaign of half past ten at night
    await sandbox.app.organizations.save(
        organization(sendingHours={day: [["09:00", "20:00"]] for day in ("mon", "tue", "wed", "thu", "fri")})
    )
    await sandbox.advance(hours=12, minutes=30)
    await sandbox.app.producer.add_campaign_job(campaign(10))

    # When the night passes
    await sandbox.advance(hours=10, minutes=29)
    assert sandbox.whatsapp.received == []
    await sandbox.run_until_empty()

    # Then it went out on Wednesday from nine on, each once, and the owner was told at the end
    nine_ms = (TEN + timedelta(hours=23)).timestamp() * 1000
    customers = [one for one in sandbox.whatsapp.received if one.to != OWNER]
    assert len({one.to for one in customers}) == len(customers) == 10
    assert all(nine_ms <= one.at_ms < nine_ms + 600_000 for one in customers)
    assert len(sandbox.whatsapp.texts_to(OWNER)) == 1


async def test_whatsapp_is_away_for_longer_than_attempts_last(sandbox: Sandbox) -> None:
    # Given a WhatsApp that takes nothing, and a reminder with three attempts
    sandbox.whatsapp.fail(NotSent("the connection was refused"), times=None)
    await sandbox.app.producer.add_automation_job(automation("Oi", number=ANA))
    await sandbox.run_until_empty()
    [letter] = await sandbox.dead_letters()
    assert len(letter.attempts) == sandbox.whatsapp.asked == 3

    # When it is back half an hour later, and somebody replays what was given up
    await sandbox.advance(minutes=30)
    sandbox.whatsapp.heal()
    assert await sandbox.app.dead_letters.replay(letter)
    await sandbox.run_until_empty()

    # Then it is there, once
    assert sandbox.whatsapp.texts_to(ANA) == ["Oi"]
