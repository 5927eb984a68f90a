"""Bulk tasks: every item is dealt with once or left alone, whatever happens to the process that runs them."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack

import pytest
import redis.asyncio

from oxyq.engine import Hub
from oxyq.errors import IdConflict, InvalidPayload, NotAllowed, NotFound
from oxyq.operating.bulk import runner, store
from oxyq.operating.bulk.task import Tally, Task, TaskOrder, TaskState
from oxyq.operating.bulk.tasks import BulkTasks
from oxyq.telemetry.events import Telemetry
from tests.integration.engine.journal import Journal, eventually
from tests.redis_server import RedisServer


class Stamp:
    """A kind of task for tests: stamps the numbers below `count`; odd ones can be made to fail or wait."""

    name = "stamp"
    newest_first = False

    def __init__(self) -> None:
        self.stamped: Journal[str] = Journal()
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.error: Exception | None = None

    def check(self, order: TaskOrder) -> None:
        if not isinstance(order.selection.get("count"), int):
            raise InvalidPayload("selection.count", "must be a whole number")

    async def items(self, order: TaskOrder) -> AsyncIterator[Sequence[str]]:
        count = order.selection["count"]
        assert isinstance(count, int)
        for start in range(0, count, 300):
            yield [str(count - 1 - number) for number in range(start, min(start + 300, count))]

    async def apply(self, order: TaskOrder, ids: Sequence[str]) -> Tally:
        if self.error is not None:
            raise self.error
        for one in ids:
            self.stamped.note(one)
        await self.go_on.wait()
        skipped = sum(int(one) % 10 == 7 for one in ids)
        return Tally(done=len(ids) - skipped, skipped=skipped)


def order(count: int = 1000, **options: int) -> TaskOrder:
    return TaskOrder("stamp", "message", {"count": count}, dict(options), "org_1", "ana")


@pytest.fixture
def kind() -> Stamp:
    return Stamp()


@pytest.fixture
def tasks(hub: Hub, kind: Stamp) -> BulkTasks:
    return BulkTasks(hub, (kind,), Telemetry())


async def ended(tasks: BulkTasks, task: Task) -> Task:
    async def has_ended() -> bool:
        return (await tasks.get(task.id)).has_ended

    await eventually(has_ended, True)
    return await tasks.get(task.id)


async def test_a_task_deals_with_every_item_in_order_and_counts_what_became_of_each(
    tasks: BulkTasks, kind: Stamp
) -> None:
    async with tasks.running():
        task = await tasks.start(order(1000))
        done = await ended(tasks, task)

    assert (done.state, done.total, done.tally) == (TaskState.DONE, 1000, Tally(done=900, skipped=100))
    assert kind.stamped.entries == [str(number) for number in range(1000)]
    assert (done.share, done.left) == (1.0, 0)
    assert done.created_ms <= (done.started_ms or 0) <= (done.ended_ms or 0)
    assert done.order == order(1000)


async def test_a_cancelled_task_ends_within_a_chunk_and_leaves_the_rest_alone(
    tasks: BulkTasks, kind: Stamp, redis_client: "redis.asyncio.Redis", prefix: str
) -> None:
    kind.go_on.clear()
    async with tasks.running():
        task = await tasks.start(order(1000))
        await kind.stamped.until(runner.CHUNK)

        asked = await tasks.cancel(task.id)
        kind.go_on.set()
        done = await ended(tasks, task)

    assert asked.is_cancelled
    assert (done.state, done.tally.all, done.left) == (TaskState.CANCELLED, runner.CHUNK, 1000 - runner.CHUNK)
    assert len(kind.stamped.entries) == runner.CHUNK
    with pytest.raises(NotAllowed):
        await tasks.cancel(task.id)
    assert await redis_client.exists(f"oxyq:{prefix}:task-items:{task.id}") == 0


async def test_what_a_dead_process_left_behind_another_one_finishes(
    hub: Hub, tasks: BulkTasks, kind: Stamp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The chunk in hand is done twice, which every kind bears; nothing is left out, and each is counted once."""
    monkeypatch.setattr(store, "LEASE_MS", 200)
    monkeypatch.setattr(runner, "LOOK_SECONDS", 0.05)
    dying = Stamp()
    dying.go_on.clear()
    async with AsyncExitStack() as process:
        first = BulkTasks(hub, (dying,), Telemetry())
        await process.enter_async_context(first.running())
        task = await first.start(order(1000))
        await dying.stamped.until(1)
        for one in asyncio.all_tasks():
            if one.get_name() == f"bulk task {task.id}":
                one.cancel()

    async with tasks.running():
        done = await ended(tasks, task)

    assert (done.state, done.tally.all) == (TaskState.DONE, 1000)
    assert kind.stamped.entries == [str(number) for number in range(1000)]


async def test_a_task_goes_on_when_redis_is_back(own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given Redis dies in the middle of a task: it goes on by itself, every item is dealt with, each counted once."""
    monkeypatch.setattr(store, "LEASE_MS", 300)
    monkeypatch.setattr(runner, "LOOK_SECONDS", 0.05)
    hub, kind = Hub(own_redis.url), Stamp()
    tasks = BulkTasks(hub, (kind,), Telemetry())
    async with tasks.running():
        kind.go_on.clear()
        task = await tasks.start(order(1000))
        await kind.stamped.until(1)
        await asyncio.to_thread(own_redis.kill)
        kind.go_on.set()
        await asyncio.to_thread(own_redis.restart)
        done = await ended(tasks, task)
    await hub.close()

    assert (done.state, done.total, done.tally.all) == (TaskState.DONE, 1000, 1000)
    assert set(kind.stamped.entries) == {str(number) for number in range(1000)}


async def test_a_process_that_stops_in_order_hands_its_task_over_at_once(
    hub: Hub, tasks: BulkTasks, kind: Stamp
) -> None:
    leaving = Stamp()
    leaving.go_on.clear()
    first = BulkTasks(hub, (leaving,), Telemetry())
    async with first.running():
        task = await first.start(order(1000))
        await leaving.stamped.until(1)
        asyncio.get_running_loop().call_soon(leaving.go_on.set)

    async with tasks.running():
        done = await ended(tasks, task)

    assert (done.state, done.tally.all) == (TaskState.DONE, 1000)
    assert leaving.stamped.entries + kind.stamped.entries == [str(number) for number in range(1000)]


async def test_who_lost_the_lease_writes_nothing_any_more(
    hub: Hub, tasks: BulkTasks, redis_client: "redis.asyncio.Redis", prefix: str, kind: Stamp
) -> None:
    kind.go_on.clear()
    async with tasks.running():
        task = await tasks.start(order(1000))
        await kind.stamped.until(1)
        await redis_client.set(f"oxyq:{prefix}:task-lease:{task.id}", "somebody else")
        kind.go_on.set()
        await eventually(lambda: _names(task), [])

    assert (await tasks.get(task.id)).tally == Tally()
    assert len(kind.stamped.entries) == runner.CHUNK


async def _names(task: Task) -> list[str]:
    return [one.get_name() for one in asyncio.all_tasks() if one.get_name() == f"bulk task {task.id}"]


async def test_the_same_order_under_the_same_key_is_one_task(tasks: BulkTasks, kind: Stamp) -> None:
    async with tasks.running():
        task = await tasks.start(order(10), key="k1")
        assert (await tasks.start(order(10), key="k1")).id == task.id
        with pytest.raises(IdConflict):
            await tasks.start(order(11), key="k1")
        assert (await tasks.start(order(10), key="k2")).id != task.id
        await ended(tasks, task)

    assert [one.order.organization_id for one in await tasks.list("org_1")] == ["org_1", "org_1"]
    assert [one.id for one in await tasks.list(before=(await tasks.list())[0].id)] == [task.id]
    assert await tasks.list("org_2") == []


async def test_a_throttled_task_keeps_to_its_rate(tasks: BulkTasks) -> None:
    async with tasks.running():
        began = time.monotonic()
        done = await ended(tasks, await tasks.start(order(21, perSecond=10)))

    assert done.state is TaskState.DONE
    assert time.monotonic() - began >= 2.0


async def test_orders_that_cannot_be_understood_are_refused(tasks: BulkTasks) -> None:
    for wrong in (
        TaskOrder("shred", "message", {}),
        TaskOrder("stamp", "message", {}),
        order(1, perSecond=0),
        order(1, perSecond=1001),
    ):
        with pytest.raises(InvalidPayload):
            await tasks.start(wrong)
    with pytest.raises(NotFound):
        await tasks.get("task-0")
    assert await tasks.list() == []


async def test_a_task_that_cannot_go_on_says_why(tasks: BulkTasks, kind: Stamp) -> None:
    kind.error = NotFound("the campaign is gone")
    async with tasks.running():
        refused = await ended(tasks, await tasks.start(order(5)))
        kind.error = ZeroDivisionError("secret text")
        broken = await ended(tasks, await tasks.start(order(6)))

    assert (refused.state, refused.tally.problem) == (TaskState.FAILED, "the campaign is gone")
    assert (broken.state, broken.tally.problem) == (TaskState.FAILED, "an error of ours: ZeroDivisionError")
    assert refused.left == 5
