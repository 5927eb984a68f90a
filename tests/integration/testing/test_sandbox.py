"""The testing kit: a whole installation that works when told to, by a clock that is set."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
import redis.asyncio

from oxyq.gateways.base import MaybeSent, NeverWill, NotSent
from oxyq.testing import NotDone, Sandbox, Sent, automation, campaign, inbound_message

ANA, BIA = "5511999990001", "5511999990002"
MONDAY = datetime(2026, 11, 23, 13, 0, tzinfo=UTC)  # 10:00 in São Paulo


async def test_nothing_happens_until_it_is_told_to_run() -> None:
    # Given a sandbox with a server of its own, and a customer who asked something
    async with Sandbox(now=MONDAY) as sandbox:
        await sandbox.app.producer.add_message_job(inbound_message("Que horas vocês abrem?", number=ANA))
        assert (await sandbox.app.queues["message"].counts())["waiting"] == 1

        # When all is worked off
        await sandbox.run_until_empty()

        # Then there is one answer, and its time is the sandbox's
        [answer] = sandbox.whatsapp.texts_to(ANA)
        assert answer.startswith("Abrimos de segunda a sábado")
        assert 0 <= sandbox.whatsapp.received[0].at_ms - MONDAY.timestamp() * 1000 < 60_000


async def test_what_is_due_is_done_at_its_time_and_nothing_before(redis_url: str) -> None:
    # Given two reminders, for one and for three hours later
    async with Sandbox(redis_url=redis_url, now=MONDAY) as sandbox:
        for hours, number in ((3, BIA), (1, ANA)):
            await sandbox.app.producer.add_automation_job(automation(number=number), delay_ms=hours * 3_600_000)

        # When 59 minutes pass, then two, then the rest of the day
        await sandbox.run()
        await sandbox.advance(minutes=59)
        assert sandbox.whatsapp.received == []
        await sandbox.advance(minutes=2)
        assert [one.to for one in sandbox.whatsapp.received] == [ANA]
        await sandbox.advance(hours=23)

        # Then each went out when it was due
        late = [one.at_ms - MONDAY.timestamp() * 1000 - hours * 3_600_000 for one, hours in _with(sandbox, 1, 3)]
        assert all(0 <= ms < 60_000 for ms in late), late


def _with(sandbox: Sandbox, *hours: int) -> "list[tuple[Sent, int]]":
    return list(zip(sandbox.whatsapp.received, hours, strict=True))


async def test_faults_happen_as_they_were_ordered(redis_url: str) -> None:
    async with Sandbox(redis_url=redis_url, now=MONDAY) as sandbox:
        # Given a WhatsApp that is away twice for Ana, and never takes anything for Bia
        sandbox.whatsapp.fail(NotSent("the connection was refused"), to=ANA, times=2)
        sandbox.whatsapp.fail(NeverWill("not on WhatsApp"), to=BIA, times=None)
        for number in (ANA, BIA):
            await sandbox.app.producer.add_automation_job(automation("Oi", number=number))

        await sandbox.run_until_empty()

        # Then Ana's came with the third attempt, and Bia's is a dead letter
        assert sandbox.whatsapp.texts_to(ANA) == ["Oi"]
        assert sandbox.whatsapp.asked == 4
        [letter] = await sandbox.dead_letters()
        assert letter.queue == "automation"
        assert "not on WhatsApp" in letter.reason

        # And once it is healed, the replay goes through
        sandbox.whatsapp.heal()
        assert await sandbox.app.dead_letters.replay(letter)
        await sandbox.run_until_empty()
        assert sandbox.whatsapp.texts_to(BIA) == ["Oi"]
        assert await sandbox.dead_letters() == []


async def test_a_lost_reply_never_makes_a_campaign_send_twice(redis_url: str) -> None:
    async with Sandbox(redis_url=redis_url, now=MONDAY) as sandbox:
        sandbox.whatsapp.lose_reply(to=ANA)
        request = campaign([ANA, BIA])
        await sandbox.app.producer.add_campaign_job(request)

        await sandbox.run_until_empty()

        assert sorted(one.to for one in sandbox.whatsapp.received if one.to in (ANA, BIA)) == [ANA, BIA]
        stored = await sandbox.app.campaigns.get(request.organization_id, request.campaign_id)
        assert stored is not None and stored.state == "completed"


async def test_who_sends_can_be_held_in_the_middle(redis_url: str) -> None:
    async with Sandbox(redis_url=redis_url) as sandbox:
        sandbox.whatsapp.hold()
        await sandbox.app.producer.add_automation_job(automation("Oi", number=ANA))

        working = asyncio.ensure_future(sandbox.run())
        await asyncio.wait_for(sandbox.whatsapp.until_someone_waits(), 20)
        assert (await sandbox.app.queues["automation"].counts())["active"] == 1
        assert sandbox.whatsapp.received == []

        sandbox.whatsapp.release()
        await working
        assert sandbox.whatsapp.texts_to(ANA) == ["Oi"]


async def test_what_cannot_be_done_in_time_is_named(redis_url: str) -> None:
    async with Sandbox(redis_url=redis_url) as sandbox:
        # Given a queue that is paused, and a reminder for next month
        await sandbox.app.queues["message"].pause()
        await sandbox.app.producer.add_message_job(inbound_message())
        await sandbox.app.producer.add_automation_job(automation(), delay_ms=86_400_000 * 40)

        # Then waiting for the one ends, and so does waiting for the other
        with pytest.raises(NotDone, match=r"^still there: 1 prioritized in message$"):
            await sandbox.run(patience_seconds=0.2)
        await sandbox.app.queues["message"].resume()
        with pytest.raises(NotDone, match=r"^a job is due in 39 days"):
            await sandbox.run_until_empty()
        await sandbox.run_until_empty(within=timedelta(days=41))
        assert "Banho amanhã às 10h" in sandbox.whatsapp.texts_to(ANA)


async def test_it_leaves_nothing_behind(redis_url: str, redis_client: "redis.asyncio.Redis") -> None:
    before = datetime.now(UTC)
    async with Sandbox(redis_url=redis_url, now=MONDAY + timedelta(days=9)) as sandbox:
        prefix = sandbox.app.settings.redis_prefix
        await sandbox.app.producer.add_message_job(inbound_message())
        assert await redis_client.keys(f"*{prefix}:*")
        late = sandbox

    assert await redis_client.keys(f"*{prefix}:*") == []
    assert 0 <= late.now_ms / 1000 - before.timestamp() < 60
    with pytest.raises(RuntimeError, match="async with"):
        _ = late.app


async def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="now: has no time zone"):
        Sandbox(now=datetime(2026, 11, 23, 10, 0))


async def test_maybe_sent_by_order_arrives_nowhere(redis_url: str) -> None:
    """A reminder is sent once more after it, marked; `lose_reply` is for what did arrive."""
    async with Sandbox(redis_url=redis_url) as sandbox:
        sandbox.whatsapp.fail(MaybeSent("cut off"), to=ANA)
        await sandbox.app.producer.add_automation_job(automation("Oi", number=ANA))
        await sandbox.run_until_empty()
        assert sandbox.whatsapp.texts_to(ANA) == ["Oi"]
        assert sandbox.whatsapp.asked == 2
