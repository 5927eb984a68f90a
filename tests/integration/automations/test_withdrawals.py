"""What is withdrawn is not sent, whoever added it; what is added afterwards is."""

import pytest
import redis.asyncio

from oxyq.automations.selection import Selection
from oxyq.automations.withdrawals import WITHDRAWN_SECONDS
from oxyq.clock import now_ms
from oxyq.jobs import Automation, parse_new, wire
from oxyq.outcomes import Done
from tests.integration.automations.conftest import ANA, BIA, ORG, Desk

HOUR = 3_600_000
WITHDRAWN = Done({"status": "withdrawn"})
AUTOMATION = parse_new(
    Automation, automation_id="a", organization_id=ORG.id, type="reminder", recipient_number=ANA, content="Olá"
)


async def test_all_of_a_booking_are_withdrawn_and_taken_out_of_the_queue(desk: Desk) -> None:
    for name, booking in (("day-before", "b1"), ("hour-before", "b1"), ("other", "b2")):
        await desk.add(name, delay_ms=HOUR, metadata={"bookingId": booking})

    assert await desk.control.withdraw(ORG.id, Selection(metadata={"bookingId": "b1"})) == 2
    assert await desk.waits() == ["other"]
    assert (await desk.queue.counts())["delayed"] == 1


async def test_one_person_is_left_out_and_the_others_are_not(desk: Desk) -> None:
    await desk.add(recipientNumber=ANA, delay_ms=HOUR)
    await desk.add(recipientNumber=BIA, delay_ms=HOUR)

    # Without the ninth digit it is the same person.
    assert await desk.control.withdraw(ORG.id, Selection(automation_id="a", recipient_number="551199990001")) == 1
    [left] = (await desk.waiting.page(ORG.id)).found
    assert left.automation.recipient_number == BIA


async def test_what_cannot_be_found_in_the_queue_is_not_sent_either(desk: Desk) -> None:
    """One that is ready already, and one that Node added under an id of its own."""
    await desk.add("ready", metadata={"bookingId": "b1"})
    await desk.queue.add(
        "reminder",
        {
            "automationId": "node", "organizationId": ORG.id, "type": "reminder", "recipientNumber": ANA,
            "content": "Olá", "metadata": {"bookingId": "b1"}, "extra": 1,
        },
        job_id="node-1",
    )  # fmt: skip

    assert await desk.control.withdraw(ORG.id, Selection(metadata={"bookingId": "b1"})) == 0

    assert [await desk.run(), await desk.run()] == [WITHDRAWN, WITHDRAWN]
    assert desk.phones.texts == []


async def test_the_same_may_be_added_again_at_once(desk: Desk) -> None:
    """Also in the same millisecond by any clock, and again and again: each is as wanted as the last thing said."""
    at_ms = now_ms() + HOUR
    desk.ahead_ms = HOUR
    for _ in range(5):
        await desk.add(scheduledFor=at_ms)
        assert await desk.control.withdraw(ORG.id, Selection(automation_id="a")) == 1
    await desk.add(scheduledFor=at_ms)

    assert await desk.run() == Done({"status": "sent", "providerId": "wamid-1"})


async def test_once_it_is_withdrawn_it_is_another_millisecond(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """However fast Redis answers: what is added now must be newer than the mark."""
    marked_ms = list[int]()

    def clock() -> int:
        marked_ms.append(now_ms())
        return marked_ms[-1]

    monkeypatch.setattr("oxyq.automations.withdrawals.now_ms", clock)
    for _ in range(30):
        await desk.withdrawals.withdraw(ORG.id, Selection(automation_id="a"))
        assert now_ms() > marked_ms[-1]


async def test_a_mark_holds_for_what_was_added_up_to_its_time(desk: Desk) -> None:
    await desk.withdrawals.withdraw_until(ORG.id, Selection(automation_id="a"), 1_000)

    assert await desk.withdrawals.is_withdrawn(AUTOMATION, 1_000)
    assert not await desk.withdrawals.is_withdrawn(AUTOMATION, 1_001)
    # and an older one does not shorten it
    await desk.withdrawals.withdraw_until(ORG.id, Selection(automation_id="a"), 500)
    assert await desk.withdrawals.is_withdrawn(AUTOMATION, 1_000)


async def test_another_organization_is_not_touched(desk: Desk) -> None:
    await desk.add(delay_ms=HOUR)

    assert await desk.control.withdraw("org_2", Selection(automation_id="a")) == 0
    assert await desk.waits() == ["a"]
    assert not await desk.withdrawals.is_withdrawn(AUTOMATION, 0)


async def test_asking_takes_one_round_trip_and_marks_run_out(desk: Desk, prefix: str) -> None:
    await desk.withdrawals.withdraw(ORG.id, Selection(automation_id="a"))
    [key] = [key async for key in desk.redis.scan_iter(f"oxyq:{prefix}:*withdrawn*")]
    assert WITHDRAWN_SECONDS - 5 <= await desk.redis.ttl(key) <= WITHDRAWN_SECONDS == 367 * 24 * 3600

    monitored = parse_new(Automation, AUTOMATION, metadata={str(number): number for number in range(50)})
    before = await _commands(desk.redis)
    assert await desk.withdrawals.is_withdrawn(monitored, 0)
    assert await _commands(desk.redis) == before + 1


async def _commands(client: "redis.asyncio.Redis") -> int:
    """How many questions for several keys were answered so far."""
    return int((await client.info("commandstats")).get("cmdstat_mget", {"calls": 0})["calls"])


async def test_a_schedulers_job_is_left_to_the_mark_so_that_its_scheduler_goes_on(desk: Desk) -> None:
    await desk.queue.schedulers.upsert("nodes", "tick", wire(AUTOMATION), cron="0 9 * * *")

    assert await desk.control.withdraw(ORG.id, Selection(automation_id="a")) == 0

    assert await desk.run() == WITHDRAWN
    assert (await desk.queue.counts())["delayed"] == 1
