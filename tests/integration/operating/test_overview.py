"""How everything stands, told in a few cheap questions."""

import time

import pytest

from oxyq.app import open_app
from oxyq.engine.events import JobCompleted
from oxyq.engine.job import Job
from oxyq.engine.options import Entry
from oxyq.engine.settlement import RawJob
from oxyq.settings import load_settings
from oxyq.statistics.heartbeats import Heartbeat
from oxyq.statistics.recorder import Recorder

ORGANIZATION = {"organizationId": "org_1"}


@pytest.fixture
async def app(redis_url, prefix, tmp_path):
    settings = load_settings({"REDIS_URL": redis_url, "OXYQ_REDIS_PREFIX": prefix, "OXYQ_DATA_DIR": str(tmp_path)})
    async with open_app(settings) as app:
        yield app


async def queues(app):
    return {queue.name: queue for queue in (await app.overview.now()).queues}


async def test_an_empty_installation_is_fine(app) -> None:
    found = await app.overview.now()

    assert [queue.name for queue in found.queues] == ["message", "automation", "campaign"]
    assert {queue.state for queue in found.queues} == {"fine"}
    assert {(queue.oldest_waiting_ms, queue.next_due_ms, queue.workers) for queue in found.queues} == {(None, None, 0)}
    assert (found.dead_letters, found.workers) == (0, [])
    assert found.redis.version is not None


async def test_jobs_that_wait_with_nobody_to_do_them_are_told(app) -> None:
    # Given a job that waits, and nobody who works
    queue = app.queues["campaign"]
    job_id = await queue.add("send", ORGANIZATION)
    assert (await queues(app))["campaign"].state == "stopped"

    # When a worker comes
    await Heartbeat(app.hub, {"campaign": 3}, lambda: 0).beat()

    # Then its job is only waiting, and for longer than a minute it is late
    campaign = (await queues(app))["campaign"]
    assert (campaign.state, campaign.workers) == ("fine", 1)
    assert 0 <= campaign.oldest_waiting_ms < 60_000
    await app.redis.hset(queue.keys.job(job_id), "timestamp", round(time.time() * 1000) - 120_000)
    campaign = (await queues(app))["campaign"]
    assert campaign.state == "late"
    assert 120_000 <= campaign.oldest_waiting_ms < 180_000


async def test_a_queue_that_is_paused_is_that_first(app) -> None:
    await app.queues["campaign"].add("send", ORGANIZATION)
    await app.queues["campaign"].pause()

    assert (await queues(app))["campaign"].state == "paused"


async def test_a_job_for_later_waits_for_its_time_only(app) -> None:
    # Given two jobs for later
    soon, late = round(time.time() * 1000) + 60_000, round(time.time() * 1000) + 120_000
    for due_ms in (late, soon):
        await app.queues["automation"].add("reminder", ORGANIZATION, delay_ms=due_ms - round(time.time() * 1000))

    # Then the next one is told, and nothing waits
    automation = (await queues(app))["automation"]
    assert automation.next_due_ms == pytest.approx(soon, abs=2_000)
    assert (automation.state, automation.oldest_waiting_ms) == ("fine", None)


async def test_a_job_that_was_for_later_did_not_wait_meanwhile(app) -> None:
    queue = app.queues["automation"]
    job_id = await queue.add("reminder", ORGANIZATION, delay_ms=60_000)
    await queue.promote(job_id)
    await app.redis.hset(queue.keys.job(job_id), "timestamp", round(time.time() * 1000) - 61_000)

    assert 900 <= (await queues(app))["automation"].oldest_waiting_ms < 10_000


async def test_a_job_that_is_retried_by_hand_did_not_wait_since_it_was_added(app) -> None:
    queue = app.queues["automation"]
    job_id = await queue.add("reminder", ORGANIZATION)
    long_ago = round(time.time() * 1000) - 3_600_000
    await app.redis.hset(queue.keys.job(job_id), mapping={"timestamp": long_ago, "pb": "host-1"})
    await Heartbeat(app.hub, {"automation": 5}, lambda: 0).beat()

    automation = (await queues(app))["automation"]
    assert (automation.state, automation.oldest_waiting_ms) == ("fine", None)


async def test_what_ends_in_a_second_is_told_at_the_second_look(app, monkeypatch) -> None:
    # Given looks that may follow each other at once
    monkeypatch.setattr("oxyq.operating.finish_rate.SHORTEST_SECONDS", 0.0)
    message = app.queues["message"].keys
    await app.redis.hset(message.metrics_completed, "count", 100)
    assert (await queues(app))["message"].per_second is None

    # When jobs were done between two of them, by whoever
    await app.redis.hset(message.metrics_completed, "count", 140)

    # Then there is a rate
    found = (await queues(app))["message"]
    assert found.completed_ever == 140
    assert found.per_second.completed > 0
    assert found.per_second.failed == 0


async def test_redis_that_may_not_be_asked_how_it_is_spoils_nothing(start_redis, tmp_path) -> None:
    """Hosted Redis may refuse INFO."""
    server = start_redis("--rename-command", "INFO", "")
    async with open_app(load_settings({"REDIS_URL": server.url, "OXYQ_DATA_DIR": str(tmp_path)})) as app:
        found = await app.overview.now()

        # Then what can be measured is told, and the rest is unknown: no danger is made up, and the queues are there
        assert found.redis is not None and found.redis.latency_ms > 0
        assert (found.redis.version, found.redis.used_bytes, found.redis.on_disk) == (None, None, None)
        assert found.redis.dangers == ()
        assert [queue.state for queue in found.queues] == ["fine", "fine", "fine"]


async def test_an_organization_sees_what_was_done_for_it(app) -> None:
    recorder = Recorder(app.hub)
    for organization_id in ("org_1", "org_2", "org_2"):
        fields = {b"name": b"m", b"data": b'{"organizationId":"%b"}' % organization_id.encode()}
        recorder.heard(JobCompleted(Job(RawJob("job-1", "t", fields), "message", None), 0.1))
    await recorder.flush()

    found = await app.overview.of_organization("org_2")

    assert found.is_counted
    assert [(queue.name, queue.completed) for queue in found.queues] == [
        ("message", 2), ("automation", 0), ("campaign", 0),
    ]  # fmt: skip


async def test_a_look_is_as_cheap_with_many_jobs(own_redis, tmp_path) -> None:
    """No more commands with 30,000 jobs than with one, and none that takes long."""
    settings = load_settings({"REDIS_URL": own_redis.url, "OXYQ_DATA_DIR": str(tmp_path)})
    async with open_app(settings) as app:
        with own_redis.client() as client:

            async def commands() -> int:
                before = client.info("stats")["total_commands_processed"]
                await app.overview.now()
                return client.info("stats")["total_commands_processed"] - before

            for queue in ("message", "automation", "campaign"):
                await app.queues[queue].add("made", ORGANIZATION)
            await commands()
            few = await commands()
            await app.queues["message"].add_many([Entry("made", ORGANIZATION) for _ in range(30_000)])
            client.config_set("slowlog-log-slower-than", 10_000)
            client.slowlog_reset()
            many = await commands()

            print(f"a look is {many} commands, those inside scripts included")
            assert many <= few + 2
            assert many <= 80
            assert client.slowlog_get() == []
