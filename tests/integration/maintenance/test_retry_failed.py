"""Retrying: every failed job runs again with all its attempts, and no dead letter is left for it."""

import asyncio

import pytest
import redis.asyncio

from oxyq.dead_letters import DeadLetters, Filter
from oxyq.engine import Hub, Job, Queue, Worker
from oxyq.maintenance.retry_failed import retry_failed
from tests.integration.engine.journal import Journal, eventually
from tests.integration.maintenance.conftest import QUEUE, FailJobs, counted


async def run_all(hub: Hub, count: int) -> list[tuple[str, int]]:
    """Let a worker do what waits; returns (job, attempt) in the order they ran."""
    ran: Journal[tuple[str, int]] = Journal()

    async def handler(job: Job) -> None:
        ran.note((job.id, job.attempt))

    worker = Worker(QUEUE, handler, hub=hub)
    await worker.start()
    await ran.until(count)
    await eventually(lambda: counted(Queue(QUEUE, hub=hub), "waiting", "active"), [0, 0])
    await worker.stop()
    return ran.entries


async def test_all_failed_jobs_run_again_prioritized_ones_too(
    hub: Hub, queue: Queue, letters: DeadLetters, fail_jobs: FailJobs
) -> None:
    # Given failed jobs, with and without a priority, more than fit on one page
    await fail_jobs(*(f"plain-{n}" for n in range(110)))
    await fail_jobs("fifth", priority=5)
    await fail_jobs("second", priority=2)
    assert await letters.count() == 112

    # When they are retried
    told = [number async for number in retry_failed(hub, QUEUE)]

    # Then each runs once, from its first attempt, in the order of their priorities, and no letter is left
    assert told == [100, 112]
    assert await counted(queue, "waiting", "failed") == [112, 0]
    assert await letters.count() == 0
    ran = await run_all(hub, 112)
    assert len({job_id for job_id, _ in ran}) == 112
    assert {attempt for _, attempt in ran} == {1}
    assert [job_id for job_id, _ in ran[-2:]] == ["second", "fifth"]


async def test_jobs_that_a_node_worker_failed_are_retried_without_a_letter(
    hub: Hub, queue: Queue, redis_client: "redis.asyncio.Redis", fail_jobs: FailJobs, letters: DeadLetters
) -> None:
    await fail_jobs("theirs")
    [letter] = [letter async for letter in letters.find(Filter())]
    await letters.purge(letter)

    assert [number async for number in retry_failed(hub, QUEUE)] == [1]
    assert await run_all(hub, 1) == [("theirs", 1)]


async def test_a_job_whose_letter_cannot_be_read_is_retried_too(
    hub: Hub, queue: Queue, redis_client: "redis.asyncio.Redis", prefix: str
) -> None:
    """A job that was quarantined for its data runs again when somebody mended it."""
    # Given a job with junk for data, quarantined by a worker
    await queue.add("made", {}, job_id="junk")
    await redis_client.hset(queue.keys.job("junk"), "data", "{junk")
    worker = Worker(QUEUE, lambda job: None, hub=hub)
    await worker.start()
    await eventually(lambda: counted(queue, "failed"), [1])
    await worker.stop()

    # When the data is mended and it is retried
    await redis_client.hset(queue.keys.job("junk"), "data", "{}")
    assert [number async for number in retry_failed(hub, QUEUE)] == [1]

    # Then it runs, and no letter stays behind for a job that is done
    assert await run_all(hub, 1) == [("junk", 1)]
    assert await counted(Queue("dead-letter", hub=hub), "waiting") == [0]


async def test_nothing_failed_is_nothing_to_do(hub: Hub) -> None:
    assert [number async for number in retry_failed(hub, QUEUE)] == []


async def test_two_operators_at_once_run_each_job_once(hub: Hub, queue: Queue, fail_jobs: FailJobs) -> None:
    await fail_jobs(*(f"j-{n}" for n in range(50)))

    async def operator() -> int:
        return max([number async for number in retry_failed(hub, QUEUE)], default=0)

    retried = await asyncio.gather(operator(), operator())

    assert sum(retried) == 50
    assert await counted(queue, "waiting", "failed") == [50, 0]


@pytest.mark.parametrize("reason", ["no", "Ünïcode \ud83d\ude00 " + "x" * 3000])
async def test_what_failed_again_has_one_letter_with_both_histories(
    hub: Hub, letters: DeadLetters, fail_jobs: FailJobs, reason: str
) -> None:
    await fail_jobs("j-1", reason=reason)
    async for _ in retry_failed(hub, QUEUE, by="ana"):
        pass
    await fail_jobs("other", reason=reason)

    letter = await letters.get("dlq-message-j-1")
    assert [attempt["attempt"] for attempt in letter.attempts] == [1, 1]
    assert [replay["by"] for replay in letter.replays] == ["ana"]
