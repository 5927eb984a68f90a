"""What is done to many jobs at once: to those that are meant, and to no others."""

import json

import pytest
import redis.asyncio

from oxyq.dead_letters import DeadLetters
from oxyq.engine import Hub, Job, Queue, Worker
from oxyq.errors import InvalidPayload
from oxyq.operating.bulk.task import Tally, TaskOrder, TaskState
from oxyq.operating.bulk.tasks import BulkTasks
from oxyq.outcomes import JsonValue
from tests.integration.engine.journal import eventually
from tests.integration.operating.conftest import QUEUE, AddJobs, Ended


def order(kind: str, state: str, org: str | None = None, **selection: JsonValue) -> TaskOrder:
    return TaskOrder(kind, QUEUE, {"state": state, **selection}, {}, org, "ana")


async def fail_all(hub: Hub, queue: Queue) -> None:
    """Let a worker fail everything that waits."""

    async def handler(job: Job) -> None:
        raise RuntimeError("no")

    worker = Worker(QUEUE, handler, hub=hub, concurrency=50)
    await worker.start()

    async def left() -> int:
        counts = await queue.counts()
        return counts["waiting"] + counts["active"]

    await eventually(left, 0)
    await worker.stop()


async def test_all_failed_jobs_that_fit_run_again_and_their_dead_letters_are_taken_back(
    hub: Hub, queue: Queue, letters: DeadLetters, job_tasks: BulkTasks, add_jobs: AddJobs, ended: Ended
) -> None:
    added = await add_jobs(12)
    await fail_all(hub, queue)

    done = await ended(await job_tasks.start(order("retry", "failed", filter={"organizationId": "org_1"})))

    assert (done.state, done.total, done.tally) == (TaskState.DONE, 3, Tally(done=3))
    assert await queue.all_ids("wait") == [added[1], added[5], added[9]]
    assert await letters.count() == 9


async def test_an_organization_reaches_its_own_jobs_only(
    hub: Hub, queue: Queue, job_tasks: BulkTasks, add_jobs: AddJobs, ended: Ended
) -> None:
    """Given somebody of org_2 asks for all, for another organization's, and for jobs of others by id."""
    added = await add_jobs(12)
    await fail_all(hub, queue)

    for selection in ({"filter": {}}, {"filter": {"organizationId": "org_0"}}, {"ids": [added[0], added[2]]}):
        await ended(await job_tasks.start(order("retry", "failed", "org_2", **selection)))

    assert await queue.all_ids("wait") == [added[2], added[6], added[10]]


async def test_chosen_jobs_are_removed_and_what_was_let_run_again_meanwhile_is_not(
    hub: Hub, queue: Queue, job_tasks: BulkTasks, add_jobs: AddJobs, ended: Ended
) -> None:
    added = await add_jobs(4)
    await fail_all(hub, queue)
    await queue.retry(added[1])

    done = await ended(await job_tasks.start(order("remove", "failed", ids=[added[0], added[1], "meta", "nobody"])))

    assert done.tally == Tally(done=1, skipped=3)
    assert await queue.all_ids("wait") == [added[1]]
    assert await queue.job(added[0]) is None


async def test_delayed_jobs_run_now(queue: Queue, job_tasks: BulkTasks, add_jobs: AddJobs, ended: Ended) -> None:
    await add_jobs(6, delay_ms=60_000)

    done = await ended(await job_tasks.start(order("promote", "delayed", filter={"name": "name0"})))

    assert done.tally == Tally(done=3)
    assert (await queue.counts())["delayed"] == 3


@pytest.mark.parametrize("delay_ms", [0, 60_000])
async def test_jobs_that_have_not_run_go_to_the_dead_letters_and_can_come_back(
    delay_ms: int, queue: Queue, letters: DeadLetters, job_tasks: BulkTasks, add_jobs: AddJobs, ended: Ended
) -> None:
    added = await add_jobs(3, delay_ms=delay_ms)
    state = "delayed" if delay_ms else "waiting"

    done = await ended(await job_tasks.start(order("bury", state, ids=added[:2])))

    assert done.tally == Tally(done=2)
    assert (await queue.counts())[state] == 1
    letter = await letters.get(f"dlq-{QUEUE}-{added[0]}")
    assert (letter.kind, letter.attempts_made, letter.reason) == ("by-hand", 0, "put here by ana")
    assert letter.organization_id == "org_0"
    assert await letters.replay(letter)
    assert added[0] in await queue.all_ids("wait")
    again = await ended(await job_tasks.start(order("bury", state, ids=[added[1]])))
    assert again.tally == Tally(skipped=1)


async def test_what_a_worker_holds_is_neither_removed_nor_buried(
    hub: Hub, queue: Queue, job_tasks: BulkTasks, add_jobs: AddJobs, ended: Ended,
    redis_client: "redis.asyncio.Redis", prefix: str,
) -> None:  # fmt: skip
    [job_id] = await add_jobs(1)
    await redis_client.set(f"{prefix}:{QUEUE}:{job_id}:lock", "worker")

    for kind in ("remove", "bury"):
        done = await ended(await job_tasks.start(order(kind, "waiting", ids=[job_id])))
        assert done.tally == Tally(skipped=1)
    assert await queue.all_ids("wait") == [job_id]


async def test_cleaning_takes_what_is_older_and_leaves_the_rest(
    hub: Hub, queue: Queue, job_tasks: BulkTasks, add_jobs: AddJobs, ended: Ended,
    redis_client: "redis.asyncio.Redis", prefix: str,
) -> None:  # fmt: skip
    added = await add_jobs(4)
    await fail_all(hub, queue)
    for job_id in added[:3]:
        await redis_client.hset(f"{prefix}:{QUEUE}:{job_id}", "finishedOn", 1000)
        await redis_client.zadd(f"{prefix}:{QUEUE}:failed", {job_id: 1000})

    task = TaskOrder("clean", QUEUE, {"state": "failed", "filter": {}}, {"olderThanMs": 60_000}, None, "ana")
    done = await ended(await job_tasks.start(task))

    assert done.tally == Tally(done=3)
    assert await queue.all_ids("failed") == [added[3]]


async def test_a_key_that_is_no_job_fails_alone(
    queue: Queue, job_tasks: BulkTasks, add_jobs: AddJobs, ended: Ended,
    redis_client: "redis.asyncio.Redis", prefix: str,
) -> None:  # fmt: skip
    added = await add_jobs(2, delay_ms=60_000)
    await redis_client.delete(f"{prefix}:{QUEUE}:{added[0]}")
    await redis_client.set(f"{prefix}:{QUEUE}:{added[0]}", "no job")

    done = await ended(await job_tasks.start(order("promote", "delayed", filter={})))

    assert (done.state, done.tally.done, done.tally.failed) == (TaskState.DONE, 1, 1)
    assert "WRONGTYPE" in done.tally.problem


@pytest.mark.parametrize(
    "wrong",
    [
        order("retry", "waiting", filter={}),
        order("promote", "failed", filter={}),
        order("bury", "active", filter={}),
        order("retry", "nowhere", filter={}),
        order("retry", "failed"),
        order("retry", "failed", ids=[]),
        order("retry", "failed", ids=["a"], filter={}),
        order("retry", "failed", filter={"colour": "red"}),
        TaskOrder("retry", "dead-letter", {"state": "failed", "filter": {}}),
    ],
    ids=lambda one: json.dumps([one.kind, one.queue, one.selection]),
)
async def test_orders_that_make_no_sense_are_refused(job_tasks: BulkTasks, wrong: TaskOrder) -> None:
    with pytest.raises(InvalidPayload):
        await job_tasks.start(wrong)
