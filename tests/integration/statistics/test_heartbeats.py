"""Who works is known: from the start, until it stops or dies."""

import os

from oxyq.app import open_app
from oxyq.engine.hub import Hub
from oxyq.settings import load_settings
from oxyq.statistics.heartbeats import DEAD_AFTER_SECONDS, Heartbeat, Heartbeats
from tests.integration.engine.journal import eventually


async def test_a_process_says_what_it_is(hub) -> None:
    await Heartbeat(hub, {"message": 5}, lambda: 3).beat()

    [process] = await Heartbeats(hub).alive()

    assert (process.pid, process.queues, process.in_hand) == (os.getpid(), {"message": 5}, 3)
    assert process.rss_bytes is None or process.rss_bytes > 1_000_000
    assert 0 <= process.heard_ms - process.started_ms < 10_000


async def test_two_processes_of_one_name_are_two(hub) -> None:
    """In containers every process is number 1."""
    one, other = Heartbeat(hub, {"message": 5}, lambda: 0), Heartbeat(hub, {"campaign": 3}, lambda: 0)
    await one.beat()
    await other.beat()
    assert len(await Heartbeats(hub).alive()) == 2

    await one.end()

    [left] = await Heartbeats(hub).alive()
    assert left.queues == {"campaign": 3}


async def test_who_is_not_heard_any_more_is_dead(hub, redis_client, prefix) -> None:
    # Given a process that was last heard long ago
    await Heartbeat(hub, {"message": 5}, lambda: 0).beat()
    index, [process] = f"oxyq:{prefix}:workers", await Heartbeats(hub).alive()
    assert 0 < await redis_client.ttl(index) <= DEAD_AFTER_SECONDS
    assert 0 < await redis_client.ttl(f"oxyq:{prefix}:worker:{process.id}") <= DEAD_AFTER_SECONDS
    await redis_client.zincrby(index, -(DEAD_AFTER_SECONDS + 1) * 1000, process.id)

    # When another one beats
    await Heartbeat(hub, {"campaign": 3}, lambda: 0).beat()

    # Then only that one is alive
    [left] = await Heartbeats(hub).alive()
    assert left.queues == {"campaign": 3}


async def test_what_another_version_says_is_left_out(hub, redis_client, prefix) -> None:
    await Heartbeat(hub, {"message": 5}, lambda: 0).beat()
    [process] = await Heartbeats(hub).alive()

    for strange in ('{"id": 1}', "[]", "no JSON", '{"heard_ms": 1}'):
        await redis_client.set(f"oxyq:{prefix}:worker:{process.id}", strange)
        assert await Heartbeats(hub).alive() == []


async def test_a_heartbeat_is_one_command(own_redis) -> None:
    """An idle process may send 12 a minute, and 10 are taken by others."""
    hub = Hub(own_redis.url)
    heartbeat = Heartbeat(hub, {"message": 5}, lambda: 0)
    await heartbeat.beat()
    with own_redis.client() as client:
        before = client.info("commandstats")
        await heartbeat.beat()
        after = client.info("commandstats")
    await hub.close()

    def calls(stats, name):
        return stats.get(f"cmdstat_{name}", {"calls": 0})["calls"]

    assert calls(after, "evalsha") - calls(before, "evalsha") == 1
    assert calls(after, "ping") == calls(before, "ping")


async def test_workers_are_listed_while_they_work_and_count_what_they_do(redis_url, prefix, tmp_path) -> None:
    settings = load_settings({"REDIS_URL": redis_url, "OXYQ_REDIS_PREFIX": prefix, "OXYQ_DATA_DIR": str(tmp_path)})
    async with open_app(settings) as app:
        # Given workers of two queues, and a job that nobody can do
        workers = app.workers(["message", "campaign"])
        await workers.start()

        async def listed() -> list[set[str]]:
            return [set(process.queues) for process in await app.heartbeats.alive()]

        await eventually(listed, [{"message", "campaign"}])
        await app.queues["message"].add("message", {"organizationId": "org_1"})
        await eventually(lambda: failed_jobs(app), 1)

        # When they stop
        await workers.stop(5)

        # Then they are not listed any more, and what they did is counted
        assert await listed() == []
        series = await app.statistics.throughput("message", "1h")
        assert series.total("failed") == 1
        times = await app.statistics.percentiles("message", "1h")
        assert (times.wait.count, times.run.count) == (1, 1)


async def failed_jobs(app) -> int:
    return (await app.queues["message"].counts())["failed"]
