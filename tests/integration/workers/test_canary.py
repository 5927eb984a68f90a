"""A canary goes the way of every job, ahead of all of them, and leaves nothing behind but the time."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import redis.asyncio

from oxyq.app import App, open_app
from oxyq.engine import Entry, Hub, Queue, Worker
from oxyq.engine.canary import Canaries, Visit
from oxyq.engine.keys import CANARY_ID
from oxyq.engine.turns import Turns
from oxyq.engine.worker import Rate
from oxyq.maintenance.sweep import Sweep
from oxyq.queues import POLICIES
from oxyq.settings import load_settings
from oxyq.statistics.heartbeats import Heartbeat
from oxyq.workers.canary import Canary
from tests.conftest import StartRedis
from tests.integration.engine.children import Children
from tests.integration.engine.journal import Journal, eventually

#: Seconds between two canaries; none of these stories waits for a second one.
LONG = 60.0
RATE = 10


@pytest.fixture
async def hub(redis_url: str, prefix: str) -> AsyncIterator[Hub]:
    hub = Hub(redis_url, prefix=prefix)
    yield hub
    await hub.close()


@pytest.fixture
def queue(hub: Hub) -> Queue:
    return Queue("work", hub=hub)


async def visit(hub: Hub, *queues: str, lives: bool = False, every: float = LONG) -> list[tuple[str, str]]:
    return await Canaries(hub, every).send([Visit(name, RATE, lives) for name in queues or ("work",)])


async def is_through(queue: Queue, client: "redis.asyncio.Redis") -> bool:
    return bool(await client.exists(queue.keys.through))


async def is_underway(queue: Queue) -> bool:
    return CANARY_ID in [*await queue.ids("prioritized", 0, 9), *await queue.ids("active", 0, 9)]


async def handler(job) -> None:
    pass


# --- through the queue ----------------------------------------------------------------------------------------


async def test_it_comes_through_an_idle_queue_and_leaves_nothing_but_the_time(
    hub: Hub, queue: Queue, redis_client: "redis.asyncio.Redis", prefix: str
) -> None:
    # Given a worker with a limit, that keeps what it completed and tells what it does
    told: Journal[object] = Journal()
    worker = Worker(
        "work",
        told.note,
        hub=hub,
        rate=Rate(RATE, 60),
        turns=Turns(by="organizationId", priority=1),
        on_event=told.note,
    )
    await worker.start()

    # When
    assert await visit(hub) == []

    # Then it came through; no event, metric, list, limit or listener knows of it
    await eventually(lambda: is_through(queue, redis_client), True)
    await worker.stop()
    keys = {key.removeprefix(f"{prefix}:work:") async for key in redis_client.scan_iter(f"{prefix}:work:*")}
    assert keys - {"meta", "stalled-check", "marker"} == {"through:last"}
    assert told.entries == []
    seconds, _ = await redis_client.time()
    assert seconds - int(await redis_client.get(queue.keys.through)) / 1000 < 10
    assert 0 < await redis_client.ttl(queue.keys.through) <= 24 * 3600


async def test_it_goes_ahead_of_any_backlog_and_takes_no_place(
    hub: Hub, queue: Queue, redis_client: "redis.asyncio.Redis"
) -> None:
    """Were it behind one job, that one would wait for it for ever."""
    # Given a backlog larger than what is sorted into turns at once, urgent jobs in it, and one worker for one job
    await queue.add_many([Entry("task", {"organizationId": f"o{n % 3}"}) for n in range(300)])
    await queue.add("task", {"organizationId": "o1"}, priority=1)
    await visit(hub)
    came: Journal[bool] = Journal()

    async def waiting(job) -> None:
        await eventually(lambda: is_through(queue, redis_client), True)
        came.note(True)

    worker = Worker("work", waiting, hub=hub, turns=Turns(by="organizationId", priority=3))

    # When it works
    await worker.start()

    # Then
    await came.until(1)
    await worker.stop(grace_seconds=0)


async def test_whoever_asks_first_adds_the_one_canary_of_a_queue(hub: Hub, queue: Queue) -> None:
    await asyncio.gather(*(visit(hub) for _ in range(20)))

    assert await queue.ids("prioritized", 0, 9) == [CANARY_ID]


async def test_none_is_added_while_the_last_sign_of_life_is_fresh(
    hub: Hub, queue: Queue, redis_client: "redis.asyncio.Redis"
) -> None:
    await visit(hub, lives=True)
    await visit(hub)
    assert await is_through(queue, redis_client)
    assert not await is_underway(queue)

    await visit(hub, every=0.0001)

    assert await is_underway(queue)


@pytest.mark.parametrize("reason", ["paused", "limited", "as many as may run at once do"])
async def test_where_nothing_may_run_it_is_not_sent_and_that_is_no_fault(
    hub: Hub, queue: Queue, redis_client: "redis.asyncio.Redis", reason: str
) -> None:
    """And one that was sent just before is taken back: it would be seen waiting."""
    await visit(hub)
    assert await is_underway(queue)
    match reason:
        case "paused":
            await queue.pause()
        case "limited":
            await redis_client.set(queue.keys.limiter, RATE, px=60_000)
        case _:
            await queue.set_global_concurrency(1)
            await redis_client.lpush(queue.keys.active, "job-1")

    await visit(hub)

    assert await is_through(queue, redis_client)
    assert await queue.ids("prioritized", 0, 9) == []


async def test_one_that_died_with_its_worker_again_and_again_comes_through_and_is_never_buried(
    hub: Hub, queue: Queue, redis_client: "redis.asyncio.Redis", prefix: str
) -> None:
    # Given a canary in the hands of a worker that is gone
    await visit(hub)
    [taken] = await redis_client.zpopmin(queue.keys.prioritized)
    await redis_client.lpush(queue.keys.active, taken[0])
    await redis_client.delete(queue.keys.marker)

    # When another looks for stalled jobs, by whose rules it died too often
    worker = Worker(
        "work", handler, hub=hub, turns=Turns("organizationId"), stalled_interval_seconds=0.1, lock_seconds=0.3,
        max_stalled=0,
    )  # fmt: skip
    await worker.start()

    # Then
    await eventually(lambda: is_through(queue, redis_client), True)
    await worker.stop()
    assert await Queue("dead-letter", hub=hub).ids("wait", 0, 9) == []
    assert await queue.ids("failed", 0, 9) == []


async def test_a_worker_that_is_killed_takes_none_along(
    hub: Hub, queue: Queue, redis_client: "redis.asyncio.Redis", children: Children
) -> None:
    """Real processes: canaries without end, one worker killed among them, and they go on coming through."""
    doomed = children.start(seconds=0.01, lock_seconds=1.0, stalled_seconds=0.3)
    await visit(hub, every=0.001)
    await eventually(lambda: is_through(queue, redis_client), True)
    await visit(hub, every=0.001)
    children.kill(doomed)
    children.start(seconds=0.01, lock_seconds=1.0, stalled_seconds=0.3)

    for _ in range(3):
        await redis_client.delete(queue.keys.through)
        await visit(hub, every=0.001)
        await eventually(lambda: is_through(queue, redis_client), True)


async def test_one_that_a_worker_of_another_kind_failed_is_no_dead_letter_and_the_next_one_comes_through(
    hub: Hub, queue: Queue, redis_client: "redis.asyncio.Redis"
) -> None:
    # Given a worker in Node took it for a job, and failed it
    await visit(hub)
    await redis_client.zrem(queue.keys.prioritized, CANARY_ID)
    await redis_client.hset(queue.keys.job(CANARY_ID), mapping={"failedReason": "what is this?", "finishedOn": 1})
    await redis_client.zadd(queue.keys.failed, {CANARY_ID: 1})

    # When the sweep looks at what others failed
    assert await Sweep(hub, ["work"]).run_once() is None

    # Then nothing was buried, and a worker of ours gets the next one through
    assert await Queue("dead-letter", hub=hub).ids("wait", 0, 9) == []
    worker = Worker("work", handler, hub=hub, turns=Turns("organizationId"))
    await worker.start()
    await visit(hub)
    await eventually(lambda: is_through(queue, redis_client), True)
    await worker.stop()
    assert await queue.ids("failed", 0, 9) == []


@pytest.fixture
def children(redis_client: "redis.asyncio.Redis", redis_url: str, prefix: str):
    with Children(redis_client, redis_url, prefix) as children:
        yield children


async def test_a_queue_that_somebody_broke_keeps_no_other_from_its_canary(
    hub: Hub, redis_client: "redis.asyncio.Redis"
) -> None:
    broken, sound = Queue("broken", hub=hub), Queue("sound", hub=hub)
    await redis_client.set(broken.keys.prioritized, "what?")

    [(name, error)] = await visit(hub, "broken", "sound")

    assert (name, "WRONGTYPE" in error) == ("broken", True)
    assert await sound.ids("prioritized", 0, 9) == [CANARY_ID]


# --- signs of life --------------------------------------------------------------------------------------------


async def test_a_job_that_ended_and_slots_that_are_busy_are_signs_of_life_a_canary_is_none(
    hub: Hub, queue: Queue, redis_client: "redis.asyncio.Redis"
) -> None:
    release, told = asyncio.Event(), Journal()

    async def waiting(job) -> None:
        if job.data["waits"]:
            await release.wait()

    worker = Worker("work", waiting, hub=hub, concurrency=2, timeout_seconds=30, on_event=told.note)
    await worker.start()

    # Given only a canary came through
    await visit(hub)
    await eventually(lambda: is_through(queue, redis_client), True)
    assert not worker.gave_a_sign()

    # When a job ends, then that is one sign
    await queue.add("task", {"waits": False})
    await told.until(1)
    assert [worker.gave_a_sign(), worker.gave_a_sign()] == [True, False]

    # When one of two slots is busy, then that is none; when both are, it is
    await queue.add("task", {"waits": True})
    await eventually(lambda: jobs_in_hand(worker), 1)
    assert not worker.gave_a_sign()
    await queue.add("task", {"waits": True})
    await eventually(lambda: jobs_in_hand(worker), 2)
    assert [worker.gave_a_sign(), worker.gave_a_sign()] == [True, True]
    release.set()
    await told.until(3)
    await worker.stop()


async def jobs_in_hand(worker: Worker) -> int:
    return worker.jobs_in_hand


async def test_while_a_worker_lives_that_knows_no_canaries_its_queues_get_none(
    hub: Hub, redis_client: "redis.asyncio.Redis", prefix: str
) -> None:
    """The release before this one would bury a canary as an invalid payload."""
    # Given a process of ours, and one as that release tells of itself
    await Heartbeat(hub, {"message": 5, "campaign": 3}, lambda: 0).beat()
    index = f"oxyq:{prefix}:workers"
    old = {"id": "old", "host": "h", "pid": 1, "version": "0.1.0", "queues": {"message": 5}, "started_ms": 1,
           "in_hand": 0, "rss_bytes": None}  # fmt: skip
    await redis_client.set(f"oxyq:{prefix}:worker:old", json.dumps(old))
    await redis_client.zadd(index, {"old": 1})
    await redis_client.set(f"oxyq:{prefix}:worker:strange", "no JSON")
    await redis_client.zadd(index, {"strange": 1, "gone": 1})
    signs = {"message": False, "campaign": False}
    canary = Canary(hub, [POLICIES[name] for name in signs], lambda: signs, LONG)

    async def underway() -> list[bool]:
        return [await is_underway(Queue(name, hub=hub)) for name in signs]

    # When canaries are sent, then that queue is spared, and counts as alive all the same
    await canary.run_once()
    assert await underway() == [False, True]
    assert await is_through(Queue("message", hub=hub), redis_client)

    # When it is gone, then it has one too
    await redis_client.zrem(index, "old")
    await redis_client.delete(Queue("message", hub=hub).keys.through)
    await canary.run_once()
    assert await underway() == [True, True]


# --- in a process that works ----------------------------------------------------------------------------------


async def all_through(app: App) -> bool:
    return all(queue.alive for queue in (await app.liveness.look()).values())


async def test_a_process_is_alive_on_all_its_queues_and_counts_nothing(
    redis_url: str, prefix: str, tmp_path: Path, redis_client: "redis.asyncio.Redis"
) -> None:
    settings = load_settings(
        {
            "REDIS_URL": redis_url,
            "OXYQ_REDIS_PREFIX": prefix,
            "OXYQ_DATA_DIR": str(tmp_path),
            "OXYQ_CANARY_SECONDS": "0.3",
        }
    )
    async with open_app(settings) as app:
        assert not await all_through(app)
        workers = app.workers()
        await workers.start()
        await eventually(lambda: all_through(app), True)
        first = {name: queue.last_ms for name, queue in (await app.liveness.look()).items()}

        async def later() -> bool:
            now = await app.liveness.look()
            return all(queue.last_ms > first[name] for name, queue in now.items())

        await eventually(later, True)
        await workers.stop(5)

        for name, counts in (await app.queue_counts()).items():
            assert (name, set(counts.values())) == (name, {0})
            assert await redis_client.xlen(f"{prefix}:{name}:events") == 0
        assert await app.dead_letters.count() == 0
        assert (await app.statistics.throughput("message", "1h")).total("completed") == 0


async def test_a_round_of_three_queues_costs_an_idle_process_ten_commands(
    start_redis: StartRedis, tmp_path: Path
) -> None:
    """One that asks; for each queue one that waits, one that takes and one that ends: forty a minute, as it comes."""
    server = start_redis()
    settings = load_settings({"REDIS_URL": server.url, "OXYQ_DATA_DIR": str(tmp_path), "OXYQ_CANARY_SECONDS": "0.3"})
    async with open_app(settings) as app:
        workers = app.workers()
        await workers.start()
        await eventually(lambda: all_through(app), True)
        with server.client() as client:
            before = calls(client)
            await eventually(lambda: asyncio.to_thread(there_were, client, before[0] + 10), True)
            after = calls(client)
        await workers.stop(5)
    rounds, commands = after[0] - before[0], after[1] - before[1]
    assert commands <= rounds * 10 + 10  # looking for stalled jobs, a heartbeat; and a round may be under way


def calls(client: "redis.Redis") -> tuple[int, float]:
    """How many rounds there were, and commands that only clients send."""
    stats = client.info("commandstats")
    count = {name.removeprefix("cmdstat_"): one["calls"] for name, one in stats.items()}
    # Three canaries a round, each looked for in `prioritized`. A wait that is interrupted costs a ZADD and a PEXPIRE.
    return count["zscore"] // 3, count["evalsha"] + count["bzpopmin"] + 2 * count.get("pexpire", 0)


def there_were(client: "redis.Redis", rounds: int) -> bool:
    return calls(client)[0] >= rounds
