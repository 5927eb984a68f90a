"""Cleaning: what is old goes, in steps too small to be noticed, and nothing else does."""

import json
import os
import time
from collections.abc import Callable

import pytest
import redis

from oxyq.engine import Hub, Queue
from oxyq.engine.options import Entry, JobOptions
from oxyq.maintenance.clean import Cleaned, clean, drain
from tests.conftest import StartRedis
from tests.integration.maintenance.conftest import QUEUE, FailJobs, counted
from tests.redis_server import RedisServer

DAY_MS = 24 * 3600 * 1000
#: The longest that any single call may keep Redis from serving others.
NOTICEABLE_MS = 50
#: A million takes minutes, most of them for putting the jobs there: by hand, with OXYQ_TEST_MILLION=1.
SIZES = [50_000, 1_000_000] if "OXYQ_TEST_MILLION" in os.environ else [50_000]


def seed_finished(client: "redis.Redis", queue: Queue, state: str, jobs: dict[str, int]) -> None:
    """Finished jobs as BullMQ leaves them: `jobs` maps ids to how old they are, in ms."""
    now = int(time.time() * 1000)
    data = json.dumps({"organizationId": "org_1", "text": "Olá"})
    with client.pipeline(transaction=False) as pipe:
        for number, (job_id, age_ms) in enumerate(jobs.items(), start=1):
            finished = now - age_ms
            pipe.hset(queue.keys.job(job_id), mapping={"name": "made", "data": data, "opts": "{}", "ats": 1, "atm": 1,
                      "timestamp": finished, "processedOn": finished, "finishedOn": finished})  # fmt: skip
            pipe.zadd(queue.keys.base + state, {job_id: finished})
            if number % 5000 == 0:
                pipe.execute()
        pipe.execute()


@pytest.fixture
def seed(redis_server: RedisServer, queue: Queue) -> Callable[[str, dict[str, int]], None]:
    def seed(state: str, jobs: dict[str, int]) -> None:
        with redis_server.client() as client:
            seed_finished(client, queue, state, jobs)

    return seed


async def test_only_what_is_older_than_seven_days_goes(
    queue: Queue, seed: Callable[[str, dict[str, int]], None]
) -> None:
    week = 7 * DAY_MS
    ages = {"older": week + 60_000, "younger": week - 60_000, "fresh": 0}
    for state in ("completed", "failed"):
        seed(state, {f"{state}-{name}": age for name, age in ages.items()})

    told = [step async for step in clean(queue)]

    assert told == [Cleaned(QUEUE, "completed", 1), Cleaned(QUEUE, "failed", 1)]
    for state in ("completed", "failed"):
        assert await queue.ids(state, 0, -1) == [f"{state}-younger", f"{state}-fresh"]
        assert await queue.job(f"{state}-older") is None


async def test_age_state_and_limit_can_be_chosen(queue: Queue, seed: Callable[[str, dict[str, int]], None]) -> None:
    seed("completed", {f"c-{n}": n * DAY_MS for n in range(1, 6)})
    seed("failed", {f"f-{n}": n * DAY_MS for n in range(1, 6)})

    told = [step async for step in clean(queue, ["failed"], older_than_seconds=2 * 86_400 - 1, limit=3)]

    assert told[-1] == Cleaned(QUEUE, "failed", 3)
    assert await queue.ids("failed", 0, -1) == ["f-2", "f-1"], "the oldest go first"
    assert await counted(queue, "completed") == [5]


async def test_dead_letters_stay_when_their_failed_jobs_go(
    queue: Queue, fail_jobs: FailJobs, letters: "object", hub: Hub
) -> None:
    await fail_jobs("f-1", "f-2")

    assert [step async for step in clean(queue, ["failed"], older_than_seconds=0)][-1].removed == 2
    assert await counted(Queue("dead-letter", hub=hub), "waiting") == [2]


@pytest.mark.parametrize(
    ("state", "newer", "older"),
    [
        ("delayed", JobOptions(delay_ms=10_000), JobOptions(delay_ms=900_000)),
        ("prioritized", JobOptions(priority=1), JobOptions(priority=5)),
        ("wait", JobOptions(), JobOptions()),
        ("wait", JobOptions(lifo=True), JobOptions()),
    ],
    ids=["delayed", "prioritized", "waiting", "waiting, last in first out"],
)
async def test_old_jobs_that_have_not_run_are_found_wherever_they_stand(
    queue: Queue, redis_client: "redis.asyncio.Redis", state: str, newer: JobOptions, older: JobOptions
) -> None:
    """Also behind hundreds of newer ones that are due first."""
    await queue.add_many([Entry("made", {}, f"old-{n}", older) for n in range(5)])
    await queue.add_many([Entry("made", {}, f"new-{n}", newer) for n in range(450)])
    for number in range(5):
        await redis_client.hset(
            queue.keys.job(f"old-{number}"), "timestamp", str(int(time.time() * 1000) - 30 * DAY_MS)
        )

    told = [step async for step in clean(queue, [state])]

    assert told[-1].removed == 5
    assert not [job_id for job_id in await queue.all_ids(state) if job_id.startswith("old")]


async def test_active_jobs_are_only_removed_when_no_worker_holds_them(
    queue: Queue, redis_client: "redis.asyncio.Redis"
) -> None:
    await queue.add_many([Entry("made", {}, "held"), Entry("made", {}, "abandoned")])
    for job_id in ("held", "abandoned"):
        await redis_client.lrem(queue.keys.wait, 0, job_id)
        await redis_client.lpush(queue.keys.active, job_id)
    await redis_client.set(queue.keys.lock("held"), "token", px=30_000)

    [step] = [step async for step in clean(queue, ["active"], older_than_seconds=0)]

    assert step.removed == 1
    assert await queue.all_ids("active") == ["held"]


async def test_drain_takes_what_waits_and_delayed_jobs_only_when_asked(queue: Queue, fail_jobs: FailJobs) -> None:
    await fail_jobs("f-1")
    await queue.add_many([Entry("made", {}, f"w-{n}") for n in range(450)])
    await queue.add_many([Entry("made", {}, f"p-{n}", JobOptions(priority=3)) for n in range(10)])
    await queue.add_many([Entry("made", {}, f"d-{n}", JobOptions(delay_ms=60_000)) for n in range(10)])

    assert sum({step.state: step.removed async for step in drain(queue)}.values()) == 460
    assert await counted(queue, "waiting", "delayed", "failed") == [0, 10, 1]

    assert sum({step.state: step.removed async for step in drain(queue, delayed=True)}.values()) == 10
    assert await counted(queue, "delayed", "failed") == [0, 1]


@pytest.mark.timeout(900)
@pytest.mark.parametrize("number", SIZES)
async def test_a_big_queue_is_cleaned_without_anybody_noticing(start_redis: StartRedis, number: int) -> None:
    """No call keeps Redis for 50 ms, by its own log of slow calls, which is seen to work first.

    The log counts the time in which a busy machine gave Redis no processor too, so one call may be in it.
    """
    report = await _clean_a_big_queue(start_redis("--enable-debug-command", "yes"), number)

    print(report)  # shown by pytest -s
    assert report["slow calls"] <= 1, report


async def _clean_a_big_queue(server: RedisServer, number: int) -> dict[str, float]:
    """Clean half completed and half failed jobs, all old; returns figures."""
    hub = Hub(server.url)
    queue = Queue(QUEUE, hub=hub)
    with server.client() as client:
        for state in ("completed", "failed"):
            seed_finished(client, queue, state, {f"{state[0]}-{n}": 8 * DAY_MS for n in range(number // 2)})
        client.config_set("slowlog-log-slower-than", NOTICEABLE_MS * 1000)
        client.config_set("slowlog-max-len", 1000)
        client.slowlog_reset()
        client.execute_command("DEBUG", "SLEEP", 0.06)
        assert client.slowlog_len() == 1
        client.slowlog_reset()
        client.execute_command("CONFIG", "RESETSTAT")

        started = time.monotonic()
        removed = {step.state: step.removed async for step in clean(queue)}
        seconds = time.monotonic() - started

        calls = client.info("commandstats")["cmdstat_evalsha"]
        report = {"removed": sum(removed.values()), "seconds": round(seconds, 1), "calls": calls["calls"],
                  "ms per call": calls["usec_per_call"] / 1000, "slow calls": client.slowlog_len()}  # fmt: skip
        assert report["removed"] == number
        assert client.dbsize() <= 3, "what is left is the queue's own: meta, events"
    await hub.close()
    return report
