"""A booking is moved: its reminder goes out at the new time and not at the old one."""

import asyncio

import pytest

from oxyq.automations import control, waiting
from oxyq.automations.schedule import Schedule
from oxyq.automations.selection import Selection
from oxyq.clock import now_ms
from oxyq.errors import InvalidPayload, NotFound
from oxyq.jobs import Automation, decode, parse_new
from oxyq.outcomes import Done
from tests.integration.automations.conftest import ANA, BIA, ORG, Desk

HOUR = 3_600_000


async def dues(desk: Desk) -> list[int]:
    """When what waits is due."""
    return [one.due_ms for one in (await desk.waiting.page(ORG.id)).found]


async def test_moved_it_goes_out_once_at_its_new_time(desk: Desk) -> None:
    at_ms = now_ms() + HOUR
    await desk.add(scheduledFor=at_ms, metadata={"bookingId": "b1"})

    [job_id] = await desk.control.reschedule(ORG.id, "a", at_ms + HOUR)

    assert await dues(desk) == [pytest.approx(at_ms + HOUR, abs=50)]
    job = await desk.queue.job(job_id)
    assert job is not None
    moved = decode("automation", job.data)
    assert isinstance(moved, Automation)
    assert (moved.scheduled_for, moved.metadata, moved.job_id()) == (at_ms + HOUR, {"bookingId": "b1"}, job_id)
    desk.ahead_ms = 2 * HOUR
    assert await desk.run() == Done({"status": "sent", "providerId": "wamid-1"})


async def test_there_and_back_again(desk: Desk) -> None:
    """The old time's job id was taken before, and is new again."""
    at_ms = now_ms() + HOUR
    first = await desk.add(scheduledFor=at_ms)
    desk.ahead_ms = HOUR

    await desk.control.reschedule(ORG.id, "a", at_ms + HOUR)
    assert await desk.control.reschedule(ORG.id, "a", at_ms) == [first]

    assert await dues(desk) == [pytest.approx(at_ms, abs=50)]
    assert await desk.run() == Done({"status": "sent", "providerId": "wamid-1"})


async def test_moved_to_where_it_is_it_stays_and_is_sent(desk: Desk) -> None:
    at_ms = now_ms() + HOUR
    job_id = await desk.add(scheduledFor=at_ms)
    desk.ahead_ms = HOUR

    assert await desk.control.reschedule(ORG.id, "a", at_ms) == [job_id]

    assert await desk.run() == Done({"status": "sent", "providerId": "wamid-1"})


async def test_asked_twice_at_once_it_is_moved_once(desk: Desk) -> None:
    at_ms = now_ms() + HOUR
    await desk.add(scheduledFor=at_ms)
    desk.ahead_ms = 2 * HOUR

    both = await asyncio.gather(*(desk.control.reschedule(ORG.id, "a", at_ms + HOUR) for _ in range(2)))

    assert both[0] == both[1]
    assert len(await dues(desk)) == 1
    assert await desk.run() == Done({"status": "sent", "providerId": "wamid-1"})


async def test_all_its_recipients_are_moved_or_one_of_them(desk: Desk) -> None:
    at_ms = now_ms() + HOUR
    for number in (ANA, BIA):
        await desk.add(scheduledFor=at_ms, recipientNumber=number)

    assert len(await desk.control.reschedule(ORG.id, "a", at_ms + HOUR)) == 2
    assert len(await desk.control.reschedule(ORG.id, "a", at_ms + 2 * HOUR, recipient_number=BIA)) == 1

    assert await dues(desk) == [pytest.approx(at_ms + hours * HOUR, abs=50) for hours in (1, 2)]


async def test_what_others_wrote_into_it_goes_along(desk: Desk) -> None:
    """Added by Node, under an id of its own and with a field that we do not know."""
    automation = {
        "automationId": "a", "organizationId": ORG.id, "type": "reminder", "recipientNumber": ANA, "content": "Olá",
        "traceId": "t-1",
    }  # fmt: skip
    await desk.queue.add("reminder", automation, job_id="node-1", delay_ms=HOUR)  # type: ignore[arg-type]

    [job_id] = await desk.control.reschedule(ORG.id, "a", now_ms() + 2 * HOUR)

    job = await desk.queue.job(job_id)
    assert job is not None
    assert isinstance(job.data, dict)
    assert job.data["traceId"] == "t-1"
    assert await desk.queue.job("node-1") is None


async def test_said_anew_it_need_not_wait_and_may_say_something_else(desk: Desk) -> None:
    at_ms = now_ms() + HOUR
    await desk.add(scheduledFor=at_ms)
    anew = parse_new(
        Automation, automation_id="a", organization_id=ORG.id, type="reminder", recipient_number=ANA, content="Novo"
    )

    await desk.control.reschedule(ORG.id, "a", at_ms, automation=anew)
    [waits] = (await desk.waiting.page(ORG.id)).found
    assert waits.automation.content == "Novo"
    await desk.control.withdraw(ORG.id, Selection(automation_id="a"))
    await desk.control.reschedule(ORG.id, "a", at_ms, automation=anew)

    desk.ahead_ms = HOUR
    assert await desk.run() == Done({"status": "sent", "providerId": "wamid-1"})
    assert desk.phones.texts == ["Novo"]


async def test_said_anew_the_old_is_not_sent_though_it_cannot_be_taken_out_any_more(desk: Desk) -> None:
    """It is ready, and no worker has come to it yet."""
    await desk.add()
    anew = parse_new(
        Automation, automation_id="a", organization_id=ORG.id, type="reminder", recipient_number=ANA, content="Novo"
    )

    await desk.control.reschedule(ORG.id, "a", now_ms() + HOUR, automation=anew)

    assert await desk.run() == Done({"status": "withdrawn"})
    desk.ahead_ms = HOUR
    assert await desk.run() == Done({"status": "sent", "providerId": "wamid-1"})


async def test_moved_often_it_is_always_newer_than_its_mark(desk: Desk) -> None:
    at_ms = now_ms() + HOUR
    await desk.add(scheduledFor=at_ms)

    for number in range(30):
        [job_id] = await desk.control.reschedule(ORG.id, "a", at_ms + number * 1000)
        job = await desk.queue.job(job_id)
        assert job is not None
        moved = decode("automation", job.data)
        assert isinstance(moved, Automation)
        assert not await desk.withdrawals.is_withdrawn(moved, job.timestamp_ms)


async def test_a_run_of_a_schedule_is_not_moved_and_the_schedule_goes_on(desk: Desk) -> None:
    automation = {"type": "reminder", "recipientNumber": ANA, "content": "Bom dia!"}
    weekly = parse_new(Schedule, id="weekly", organization_id=ORG.id, automation=automation, cron="0 9 * * 1")
    saved = await desk.schedules.save(weekly, ORG)

    with pytest.raises(NotFound):
        await desk.control.reschedule(ORG.id, "weekly", now_ms() + HOUR)
    assert await dues(desk) == [pytest.approx(saved.next_ms, abs=50)]


async def test_what_does_not_wait_is_not_found(desk: Desk) -> None:
    await desk.add(delay_ms=HOUR)

    for organization_id, automation_id in ((ORG.id, "b"), ("org_2", "a")):
        with pytest.raises(NotFound, match=f"no automation {automation_id} waits for its time"):
            await desk.control.reschedule(organization_id, automation_id, now_ms() + HOUR)


@pytest.mark.parametrize(("hours", "problem"), [(-1, "is in the past"), (367 * 24, "is more than 366 days ahead")])
async def test_a_time_that_cannot_be_is_refused_and_nothing_is_lost(desk: Desk, hours: int, problem: str) -> None:
    await desk.add(delay_ms=HOUR)
    desk.ahead_ms = HOUR

    with pytest.raises(InvalidPayload, match=problem) as refused:
        await desk.control.reschedule(ORG.id, "a", now_ms() + hours * HOUR)

    assert refused.value.field == "scheduledFor"
    assert await desk.run() == Done({"status": "sent", "providerId": "wamid-1"})


async def test_looking_has_its_bound_and_says_so(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Page by page, others between them; whoever comes and goes meanwhile, none is shown twice or left out."""
    monkeypatch.setattr(waiting, "CHUNK", 2)
    for number in range(6):
        await desk.add(f"a{number}", delay_ms=HOUR + number * 1000)
        await desk.add(f"b{number}", delay_ms=HOUR + number * 1000, organizationId="org_2")

    first = await desk.waiting.page(ORG.id, limit=2)
    await desk.control.withdraw(ORG.id, Selection(automation_id="a0"))
    assert first.next_place is not None
    second = await desk.waiting.page(ORG.id, after=first.next_place, look_at=5)
    assert second.next_place is not None
    third = await desk.waiting.page(ORG.id, after=second.next_place)

    pages = [[one.automation.automation_id for one in page.found] for page in (first, second, third)]
    assert pages == [["a0", "a1"], ["a2", "a3"], ["a4", "a5"]]
    assert third.next_place is None


async def test_what_is_no_automation_is_passed_over(desk: Desk) -> None:
    """Something else wrote it, or removed it: whoever looks for others still finds them."""
    await desk.queue.add("odd", {"organizationId": ORG.id, "content": 7}, job_id="odd", delay_ms=1000)
    await desk.queue.add("cut", {}, job_id="cut", delay_ms=1000)
    await desk.redis.hset(desk.queue.keys.job("cut"), "data", '{"organizationId": "org_1"')
    await desk.redis.zadd(desk.queue.keys.delayed, {"gone": 1, "text": 2})
    await desk.redis.set(desk.queue.keys.job("text"), "no job")
    await desk.add("a", delay_ms=HOUR)

    assert await desk.waits() == ["a"]
    assert len(await desk.control.reschedule(ORG.id, "a", now_ms() + 2 * HOUR)) == 1


async def test_what_lies_too_far_back_to_be_taken_out_is_still_withdrawn(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "LOOKED_AT_TO_REMOVE", 1)
    await desk.add("first", delay_ms=1000)
    await desk.add("far", delay_ms=HOUR)

    assert await desk.control.withdraw(ORG.id, Selection(automation_id="far")) == 0

    desk.ahead_ms = HOUR
    assert [await desk.run(), await desk.run()] == [
        Done({"status": "sent", "providerId": "wamid-1"}),
        Done({"status": "withdrawn"}),
    ]
