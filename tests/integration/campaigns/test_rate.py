"""How fast a campaign goes now: counted by the minute as sends end, for no more than it costs to note them."""

from tests.integration.campaigns.conftest import ORG, Desk, numbers

MINUTE = 60_000


async def test_the_rate_is_that_of_the_last_minutes(desk: Desk) -> None:
    """Given sends end over twelve minutes, then only the last five count, and news from gateways never do."""
    await desk.make(numbers(40))
    await desk.plan()
    now = ((await desk.campaign()).started_at or 0) // MINUTE * MINUTE + 20 * MINUTE
    ends = [now - 12 * MINUTE] * 5 + [now - 7 * MINUTE] * 4 + [now - 4 * MINUTE] * 6 + [now - MINUTE] * 3 + [now] * 7
    for at, (number, ended) in enumerate(zip(numbers(len(ends)), ends, strict=True)):
        await desk.store.note(ORG.id, "c", str(number), "sent", job_id=f"job-{at}", at_ms=ended)
        await desk.store.note(ORG.id, "c", str(number), "read", at_ms=now)

    campaign = await desk.campaign()

    assert campaign.per_minute(now + MINUTE // 2) == (6 + 3 + 7) / 4.5
    assert campaign.per_minute(now + 3 * MINUTE + MINUTE // 2) == (3 + 7) / 4.5
    assert campaign.per_minute(now + 20 * MINUTE) == 0


async def test_one_that_just_began_is_told_by_the_time_it_ran(desk: Desk) -> None:
    await desk.make(numbers(40))
    started = (await desk.plan()).started_at or 0
    for at, number in enumerate(numbers(10)):
        await desk.store.note(ORG.id, "c", str(number), "sent", job_id=f"job-{at}", at_ms=started + 1)

    campaign = await desk.campaign()

    assert campaign.per_minute(started + MINUTE // 2) == 20
    assert campaign.per_minute(started + 1) == 60, "a first moment is told as ten seconds"


async def test_the_time_it_was_paused_does_not_count(desk: Desk) -> None:
    await desk.make(numbers(40))
    started = (await desk.plan()).started_at or 0
    await desk.store.note(ORG.id, "c", "5511970000039", "sent", job_id="before", at_ms=started)
    await desk.control.pause(ORG.id, "c")
    await desk.control.resume(ORG.id, "c")
    resumed = (await desk.campaign()).resumed_at or 0
    assert resumed
    for at, number in enumerate(numbers(10)):
        await desk.store.note(ORG.id, "c", str(number), "sent", job_id=f"job-{at}", at_ms=resumed)

    assert (await desk.campaign()).per_minute(resumed + 20_000) == 30
