"""The same message again and again: each run once, by the organization's clock, until its end."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from oxyq.automations.schedule import Schedule
from oxyq.automations.schedules import SavedSchedule
from oxyq.clock import now_ms
from oxyq.errors import InvalidPayload, NotFound
from oxyq.jobs import parse_new
from oxyq.organizations import Organization
from oxyq.outcomes import Done, Later
from oxyq.sending_hours import SendingHours, Week
from tests.integration.automations.conftest import ANA, ORG, Desk

HOUR = 3_600_000
DAY = 24 * HOUR
CLOSED_NOW = ORG.model_copy(update={"sending_hours": SendingHours(days=Week(mon=(("09:00", "09:01"),)), holidays=True)})


def weekly(schedule_id: str = "weekly", **more: Any) -> Schedule:
    """Every Monday at nine, unless changed."""
    cron = {} if "every_seconds" in more else {"cron": "0 9 * * 1"}
    automation = {"type": "reminder", "recipientNumber": ANA, "content": "Bom dia!", "metadata": {"plan": "gold"}}
    return parse_new(Schedule, id=schedule_id, organization_id=ORG.id, **{"automation": automation, **cron, **more})


async def save(desk: Desk, schedule: Schedule, organization: Organization = ORG) -> SavedSchedule:
    """Save it."""
    return await desk.schedules.save(schedule, organization)


def clock(at_ms: int | None, zone: str) -> str:
    """A time as a clock of this zone shows it."""
    assert at_ms is not None
    return f"{datetime.fromtimestamp(at_ms / 1000, ZoneInfo(zone)):%a %H:%M}"


async def test_it_goes_by_the_organizations_clock_unless_it_names_another(desk: Desk) -> None:
    manaus = ORG.model_copy(update={"time_zone": "America/Manaus"})

    here = await save(desk, weekly(), manaus)
    there = await save(desk, weekly("there", time_zone="Europe/Lisbon"), manaus)

    assert (here.schedule.time_zone, clock(here.next_ms, "America/Manaus")) == ("America/Manaus", "Mon 09:00")
    assert (there.schedule.time_zone, clock(there.next_ms, "Europe/Lisbon")) == ("Europe/Lisbon", "Mon 09:00")


async def test_what_was_saved_is_read_back(desk: Desk) -> None:
    begins = now_ms() + 30 * DAY
    schedule = weekly(starts_at=begins, ends_at=begins + 90 * DAY, limit=5, time_zone="America/Bahia")

    saved = await save(desk, schedule)

    assert saved.schedule == schedule
    assert saved.next_ms is not None
    assert begins <= saved.next_ms < begins + 7 * DAY
    assert await desk.schedules.list(ORG.id) == [saved]
    assert await desk.schedules.list("org_2") == []


async def test_each_run_is_a_message_of_its_own(desk: Desk) -> None:
    """Its data is the same each time; and a run that is taken again sends nothing again."""
    await save(desk, weekly())

    for number in (1, 2, 3):
        job = await desk.take()
        desk.ahead_ms = job.timestamp_ms + int(str(job.options["delay"])) - now_ms()
        sent = Done({"status": "sent", "providerId": f"wamid-{number}"})
        assert await desk.handler_says(job) == sent
        assert await desk.run(job) == sent
    assert desk.phones.texts == ["Bom dia!"] * 3


async def test_saved_again_it_is_replaced_and_unchanged_it_keeps_its_pace(desk: Desk) -> None:
    first = await save(desk, weekly(every_seconds=3600, starts_at=now_ms() + HOUR))

    again = await save(desk, first.schedule)
    later = await save(desk, weekly(every_seconds=3600, starts_at=now_ms() + 5 * HOUR))
    cron = await save(desk, weekly())

    assert again == first
    assert later.next_ms == later.schedule.starts_at
    assert cron.schedule.every_seconds is None
    assert (await desk.queue.counts())["delayed"] == 1


async def test_every_so_often_begins_at_once_or_at_its_beginning(desk: Desk) -> None:
    begins = now_ms() + HOUR
    await save(desk, weekly("at-once", every_seconds=3600))
    planned = await save(desk, weekly("planned", every_seconds=3600, starts_at=begins))

    assert planned.next_ms == begins
    counts = await desk.queue.counts()
    assert (counts["waiting"], counts["delayed"]) == (1, 1)


async def test_after_its_end_nothing_is_sent(desk: Desk) -> None:
    """BullMQ has queued one more by then, which is over."""
    await save(desk, weekly(every_seconds=3600, ends_at=now_ms() + HOUR // 2))

    assert await desk.run() == Done({"status": "sent", "providerId": "wamid-1"})
    assert (await desk.schedules.get(ORG.id, "weekly")).next_ms is None
    desk.ahead_ms = HOUR
    assert await desk.run() == Done({"status": "over"})
    assert len(desk.phones.texts) == 1


async def test_a_limit_is_heeded(desk: Desk) -> None:
    await save(desk, weekly(limit=2))

    await desk.run()
    await desk.run()

    counts = await desk.queue.counts()
    assert (counts["waiting"], counts["delayed"]) == (0, 0)
    assert len(desk.phones.texts) == 2


async def test_removed_it_is_sent_no_more_also_what_waits_for_the_morning(desk: Desk) -> None:
    desk.organization = CLOSED_NOW
    await save(desk, weekly(every_seconds=3600))
    assert isinstance(await desk.run(), Later)

    assert await desk.schedules.remove(ORG.id, "weekly")
    assert not await desk.schedules.remove(ORG.id, "weekly")

    assert await desk.run() == Done({"status": "withdrawn"})
    assert (await desk.queue.counts())["delayed"] == 0
    # and saved anew it is wanted
    desk.organization = ORG
    await save(desk, weekly(every_seconds=3600))
    assert await desk.run() == Done({"status": "sent", "providerId": "wamid-1"})


async def test_run_by_hand_it_is_one_message_a_minute(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    minute = now_ms() // 60_000 * 60_000
    monkeypatch.setattr("oxyq.automations.schedules.now_ms", lambda: minute)
    saved = await save(desk, weekly())

    job_id = await desk.schedules.run_now(ORG.id, "weekly")
    monkeypatch.setattr("oxyq.automations.schedules.now_ms", lambda: minute + 59_999)
    assert await desk.schedules.run_now(ORG.id, "weekly") == job_id
    monkeypatch.setattr("oxyq.automations.schedules.now_ms", lambda: minute + 60_000)
    assert await desk.schedules.run_now(ORG.id, "weekly") != job_id

    assert (await desk.queue.counts())["waiting"] == 2
    monkeypatch.undo()
    assert await desk.schedules.get(ORG.id, "weekly") == saved


async def test_each_organization_has_its_own_and_what_is_not_there_is_not_found(desk: Desk) -> None:
    await save(desk, weekly())

    for organization_id, schedule_id in (("org_2", "weekly"), (ORG.id, "daily")):
        with pytest.raises(NotFound, match=f"there is no schedule {schedule_id}"):
            await desk.schedules.get(organization_id, schedule_id)
        with pytest.raises(NotFound):
            await desk.schedules.run_now(organization_id, schedule_id)
        assert not await desk.schedules.remove(organization_id, schedule_id)
    assert len(await desk.schedules.list(ORG.id)) == 1


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"cron": "61 9 * * *"}, "cron"),
        ({"cron": "0 9 30 2 *"}, "cron"),
        ({"time_zone": "America/Sao_Paolo"}, "timeZone"),
        ({"ends_at": 1_000_000_000_000}, "endsAt"),
    ],
    ids=str,
)
async def test_a_time_that_never_comes_is_refused(desk: Desk, change: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidPayload) as refused:
        await save(desk, weekly(**change))

    assert refused.value.field == field
    assert await desk.schedules.list(ORG.id) == []


async def test_what_is_too_big_is_refused(desk: Desk) -> None:
    automation = {"type": "x", "recipientNumber": ANA, "content": "Oi", "metadata": {"a": "a" * 65_536}}

    with pytest.raises(InvalidPayload, match="bytes as JSON"):
        await save(desk, weekly(automation=automation))
