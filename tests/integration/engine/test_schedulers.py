"""Schedulers: a job at each time of a cron line or every so many milliseconds, one waiting at a time."""

import time

import pytest

from oxyq.errors import InvalidPayload
from tests.integration.engine.journal import Journal, eventually


@pytest.fixture
def runs() -> Journal[str]:
    return Journal()


@pytest.fixture
def handler(runs):
    async def handler(job):
        runs.note(job.data["n"])

    return handler


async def test_every_advances_at_its_pace(queue, start_worker, handler, runs):
    # Given
    await start_worker(handler)

    # When
    await queue.schedulers.upsert("each", "tick", {"n": 1}, every_ms=200)

    # Then
    assert await runs.until(5) == [1] * 5
    for earlier, later in zip(runs.times[1:], runs.times[2:], strict=False):
        assert 0.02 < later - earlier < 2.0  # one that is late on a busy machine is followed sooner by the next
    assert (await queue.counts())["delayed"] == 1


async def test_cron_advances_to_its_next_time(queue, start_worker, handler, runs):
    # Given
    await start_worker(handler)

    # When a line with seconds says "every second"
    await queue.schedulers.upsert("cron", "tick", {"n": 1}, cron="* * * * * *", time_zone="America/Sao_Paulo")

    # Then
    await runs.until(2)
    assert 0.8 < runs.times[1] - runs.times[0] < 1.5
    [next_one] = await queue.jobs("delayed")
    assert next_one.options["repeat"]["pattern"] == "* * * * * *"
    due_ms = next_one.timestamp_ms + next_one.delay_ms
    assert abs(due_ms % 1000) < 5 or abs(due_ms % 1000 - 1000) < 5
    assert due_ms < time.time() * 1000 + 1100


async def test_changed_scheduler_replaces_the_job_that_waits(queue, start_worker, handler, runs):
    await queue.schedulers.upsert("one", "tick", {"n": 1}, every_ms=3_600_000, options={"priority": 3})
    await queue.schedulers.upsert("one", "tick", {"n": 2}, every_ms=3_600_000)

    counts = await queue.counts()
    assert counts["waiting"] + counts["delayed"] == 1
    await start_worker(handler)
    assert await runs.until(1) == [2]


async def test_removed_scheduler_stops(queue, start_worker, handler, runs):
    # Given
    await start_worker(handler)
    await queue.schedulers.upsert("each", "tick", {"n": 1}, every_ms=200)
    await runs.until(2)

    # When
    assert await queue.schedulers.remove("each")

    # Then nothing is left to come, once what was due has run
    async def left() -> int:
        counts = await queue.counts()
        return counts["waiting"] + counts["active"] + counts["delayed"]

    await eventually(left, 0)
    await runs.quiet_for(0.3)
    assert not await queue.schedulers.remove("each")


async def test_failing_job_does_not_stop_its_scheduler(queue, start_worker):
    runs: Journal[int] = Journal()

    async def handler(job):
        runs.note(job.attempt)
        raise ValueError("boom")

    await start_worker(handler)
    await queue.schedulers.upsert("each", "tick", {}, every_ms=150)

    await runs.until(3)


@pytest.mark.parametrize(
    ("schedule", "field"),
    [
        ({}, "cron"),
        ({"cron": "* * * * *", "every_ms": 1000}, "cron"),
        ({"cron": "every monday"}, "cron"),
        ({"cron": "61 * * * *"}, "cron"),
        ({"cron": "* * * * *", "time_zone": "America/Sao_Paolo"}, "time_zone"),
        ({"cron": "* * * * *", "time_zone": "../etc/passwd"}, "time_zone"),
        ({"every_ms": 0}, "every_ms"),
        ({"every_ms": -1}, "every_ms"),
    ],
    ids=str,
)
async def test_schedule_that_makes_no_sense_is_refused(queue, schedule, field):
    with pytest.raises(InvalidPayload) as refused:
        await queue.schedulers.upsert("wrong", "tick", {}, **schedule)

    assert refused.value.field == field
    assert (await queue.counts())["delayed"] == 0
