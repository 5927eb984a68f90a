"""What workers counted is what people read, in every span, of every queue and organization."""

import asyncio

import pytest

from oxyq.engine.events import JobPostponed
from oxyq.engine.hub import Hub
from oxyq.engine.job import Job
from oxyq.engine.settlement import RawJob
from oxyq.errors import QueueUnavailable
from oxyq.statistics.reading import SPANS, Statistics
from oxyq.statistics.recorder import Recorder
from oxyq.statistics.tracked import TrackedOrganizations

HOUR, DAY = 3600, 24 * 3600


async def totals(statistics, queue, span, organization_id=None):
    series = await statistics.throughput(queue, span, organization_id)
    return tuple(series.total(what) for what in ("completed", "failed", "retried"))


async def test_what_two_processes_counted_is_added_up(hub, clock, statistics, completed, failed) -> None:
    # Given two worker processes
    one, other = Recorder(hub, clock), Recorder(hub, clock)

    # When both do something, also in the same minute
    for event in (completed(), completed(), failed(), failed(retry_in_ms=100)):
        one.heard(event)
    other.heard(completed())
    other.heard(completed(queue="campaign"))
    await asyncio.gather(one.flush(), other.flush())
    one.heard(completed())
    await one.flush()

    # Then every span has all of it
    for span in SPANS:
        assert await totals(statistics, "message", span) == (4, 1, 1)
        assert await totals(statistics, None, span) == (5, 1, 1)


async def test_nothing_to_tell_sends_nothing(hub, clock, redis_client) -> None:
    recorder = Recorder(hub, clock)
    await hub.commands.ready()

    await recorder.flush()

    assert [key async for key in redis_client.scan_iter(f"oxyq:{hub.prefix}:*")] == []


async def test_since_the_process_began_all_is_told_also_what_was_flushed(recorder, completed, failed) -> None:
    for event in (completed(ran=0.5), failed()):
        recorder.heard(event)
    await recorder.flush()
    recorder.heard(completed(ran=2.0, waited=-1.0))

    tally = recorder.totals()["message"]
    assert tally.counts == [2, 1, 0]
    assert tally.run_seconds == pytest.approx(3.0)
    assert sum(tally.runs) == sum(tally.waits) == 3
    assert tally.wait_seconds == pytest.approx(2.0, abs=0.01)  # of a clock that is behind it is not taken away


async def test_the_mean_of_the_last_minutes_or_else_of_the_hour(recorder, statistics, clock, completed) -> None:
    assert await statistics.mean_run_seconds("message") is None
    recorder.heard(completed(ran=0.5))
    await recorder.flush()
    clock.now += 1800
    assert await statistics.mean_run_seconds("message") == pytest.approx(0.5, rel=0.2)

    recorder.heard(completed(ran=4.0))
    await recorder.flush()
    assert await statistics.mean_run_seconds("message") == pytest.approx(4.0, rel=0.2)

    clock.now += 2 * HOUR
    assert await statistics.mean_run_seconds("message") is None


async def test_each_point_has_its_own_time(recorder, statistics, clock, completed) -> None:
    # Given a job in each of three minutes
    begin = clock.now
    for minute in (0, 1, 5):
        clock.now = begin + minute * 60
        recorder.heard(completed())
        await recorder.flush()

    # When somebody looks in the last of them
    series = await statistics.throughput("message", "1h")

    # Then they stand where they were
    assert len(series.points) == 60
    assert [place for place, point in enumerate(series.points) if point.completed] == [54, 55, 59]
    assert series.points[-1].at_ms == int(clock.now // 60 * 60 * 1000)


async def test_an_hour_later_it_is_gone_from_the_hour_and_kept_in_the_day(
    recorder, statistics, clock, completed
) -> None:
    recorder.heard(completed())
    await recorder.flush()

    clock.now += HOUR
    assert await totals(statistics, "message", "1h") == (0, 0, 0)
    assert await totals(statistics, "message", "24h") == (1, 0, 0)
    clock.now += 24 * HOUR
    assert await totals(statistics, "message", "24h") == (0, 0, 0)
    assert await totals(statistics, "message", "7d") == (1, 0, 0)
    clock.now += 7 * DAY
    assert await totals(statistics, "message", "7d") == (0, 0, 0)
    assert await totals(statistics, "message", "90d") == (1, 0, 0)


@pytest.mark.parametrize(("span", "points"), [("1h", 60), ("24h", 72), ("7d", 56), ("90d", 90)])
async def test_a_chart_has_as_many_points_as_it_has_room_for(statistics, clock, span, points) -> None:
    series = await statistics.throughput(None, span)

    assert len(series.points) == points
    assert series.points[0].at_ms + SPANS[span].seconds * 1000 - series.points[-1].at_ms == series.point_seconds * 1000


async def test_days_begin_at_midnight_in_brasilia(statistics) -> None:
    series = await statistics.throughput(None, "90d")

    assert {point.at_ms // 1000 % DAY for point in series.points} == {3 * HOUR}


async def test_an_organization_sees_its_own_only(recorder, statistics, completed, failed) -> None:
    for event in (completed("org_1"), completed("org_2"), completed("org_2"), failed("org_2")):
        recorder.heard(event)
    await recorder.flush()

    for span in SPANS:
        assert await totals(statistics, "message", span, "org_1") == (1, 0, 0)
        assert await totals(statistics, None, span, "org_2") == (2, 1, 0)
        assert await totals(statistics, None, span, "org_3") == (0, 0, 0)
    assert (await statistics.throughput(None, "1h", "org_1")).point_seconds == 600


async def test_organizations_beyond_the_bound_are_counted_with_all_only(
    recorder, statistics, hub, completed, monkeypatch
) -> None:
    # Given room for two
    monkeypatch.setattr(recorder, "_tracked", TrackedOrganizations(hub, most=2))
    monkeypatch.setattr(statistics, "_tracked", TrackedOrganizations(hub, most=2))

    # When three have jobs, twice
    for _ in range(2):
        for number in range(3):
            recorder.heard(completed(f"org_{number}"))
        await recorder.flush()

    # Then it is said of the third that it is not counted, and it is in the sum
    series = [await statistics.throughput(None, "1h", f"org_{number}") for number in range(3)]
    assert sorted((one.is_counted, one.total("completed")) for one in series) == [(False, 0), (True, 2), (True, 2)]
    assert await totals(statistics, "message", "1h") == (6, 0, 0)


async def test_percentiles_of_waiting_and_running(recorder, statistics, completed) -> None:
    for number in range(1, 101):
        recorder.heard(completed(waited=number / 10, ran=number / 100))
    await recorder.flush()

    for span in SPANS:
        found = await statistics.percentiles("message", span)
        assert (found.wait.count, found.run.count) == (100, 100)
        assert found.wait.p50 == pytest.approx(5.0, rel=0.2)
        assert found.wait.p95 == pytest.approx(9.5, rel=0.2)
        assert found.run.p99 == pytest.approx(0.99, rel=0.2)
    assert (await statistics.percentiles("campaign", "1h")).run.p95 is None


async def test_a_wait_counts_from_when_the_job_was_ready_and_once(recorder, statistics, clock) -> None:
    """A job for tomorrow did not wait all night, and one that was put off counts with its first run."""

    def postponed(**more: str) -> JobPostponed:
        added = str(round((clock.now - 102.5) * 1000))
        fields = {"name": "made", "data": "{}", "opts": '{"delay":100000}', "timestamp": added, **more}
        raw = {name.encode(): value.encode() for name, value in fields.items()}
        return JobPostponed(Job(RawJob("job-1", "t", raw), "message", None), 1500, 0.5)

    recorder.heard(postponed(ats="1"))
    recorder.heard(postponed(ats="2"))
    recorder.heard(postponed(ats="1", pb="host-1"))
    await recorder.flush()

    wait = (await statistics.percentiles("message", "1h")).wait
    assert wait.count == 1
    assert wait.p50 == pytest.approx(2.0, rel=0.2)


async def test_what_90_days_cost(recorder, statistics, clock, completed, redis_client, hub, prefix) -> None:
    """At most half a megabyte a queue, and 16 kB for an organization in it; every key runs out by itself."""
    # Given a queue with a job in every slot of 90 days
    until = clock.now
    for back in range(90 * 8, 0, -1):
        clock.now = until - back * 3 * HOUR
        recorder.heard(completed())
        await recorder.flush()
    for back in range(25 * 60, -1, -1):
        clock.now = until - back * 60
        recorder.heard(completed())
        await recorder.flush()

    # Then
    sizes = {key: await redis_client.memory_usage(key) async for key in redis_client.scan_iter(f"oxyq:{prefix}:*")}
    ttls = [await redis_client.ttl(key) for key in sizes]
    of_organization = sum(size for key, size in sizes.items() if ":org:" in key)
    of_queue = sum(sizes.values()) - of_organization
    print(f"{of_queue} bytes of the queue, {of_organization} of the organization, {len(sizes)} keys")
    assert of_queue < 500_000
    assert of_organization < 16_000
    assert min(ttls) > 0
    assert max(ttls) <= (90 + 15) * DAY
    series = await statistics.throughput("message", "90d")
    assert all(point.completed for point in series.points)


async def test_no_command_is_big(statistics, clock, recorder, completed, own_redis) -> None:
    """A look at 90 days is a few dozen small reads."""
    hub = Hub(own_redis.url)
    with own_redis.client() as client:
        client.config_set("slowlog-log-slower-than", 10_000)
        client.slowlog_reset()
        busy, looking = Recorder(hub, clock), Statistics(hub, ("message", "campaign"), clock)
        for _ in range(100):
            busy.heard(completed())
        await busy.flush()
        before = client.info("stats")["total_commands_processed"]
        await looking.throughput(None, "90d")
        await looking.percentiles(None, "90d")
        asked = client.info("stats")["total_commands_processed"] - before
        slow = client.slowlog_get()
    await hub.close()

    assert asked <= 40
    assert slow == []


async def test_without_redis_it_is_told_and_counting_goes_on(start_redis, clock, completed) -> None:
    server = start_redis()
    hub = Hub(server.url)
    recorder, statistics = Recorder(hub, clock), Statistics(hub, ("message",), clock)
    recorder.heard(completed())
    await recorder.flush()
    server.kill()
    recorder.heard(completed())

    with pytest.raises(QueueUnavailable):
        await statistics.throughput("message", "1h")
    server.start()
    await hub.commands.ready(10)
    await recorder.flush()

    # What was flushed was lost with the server, which keeps nothing on disk; what was not yet, is there now.
    assert await totals(statistics, "message", "1h") == (1, 0, 0)
    await hub.close()
