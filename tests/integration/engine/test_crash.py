"""A worker process that is killed under load."""

from collections import Counter

import pytest

from oxyq.engine import Entry
from oxyq.engine.events import JobCompleted, JobsRecovered
from tests.integration.engine.journal import Journal

LOCK_SECONDS, STALLED_SECONDS = 2.0, 1.0


@pytest.mark.parametrize("survivor", ["there before", "started after"])
async def test_no_job_of_a_killed_worker_is_lost_and_none_runs_more_than_twice(
    queue, start_worker, children, told, survivor
):
    # Given a worker process with five jobs in hand
    times = {"lock_seconds": LOCK_SECONDS, "stalled_seconds": STALLED_SECONDS}
    ids = await queue.add_many([Entry("task", {"n": n}) for n in range(5)])
    child = children.start(seconds=60, concurrency=5, **times)
    in_hand = await children.until("start", 5)
    assert sorted(in_hand) == sorted(ids)
    runs: Journal[str] = Journal()

    async def handler(job):
        runs.note(job.id)

    async def start_survivor():
        await start_worker(handler, concurrency=5, lock_seconds=LOCK_SECONDS, stalled_interval_seconds=STALLED_SECONDS)

    if survivor == "there before":
        await start_survivor()

    # When it is killed while more and more comes in
    ids += await queue.add_many([Entry("task", {"n": n}) for n in range(200)])
    children.kill(child)
    ids += await queue.add_many([Entry("task", {"n": n}) for n in range(200)])
    if survivor == "started after":
        await start_survivor()

    # Then everything is done in time, what it had in hand a second time
    within = LOCK_SECONDS + 2 * STALLED_SECONDS
    await told.until(len(ids), lambda event: isinstance(event, JobCompleted), within=within)
    assert sorted(runs.entries) == sorted(ids)
    assert max((Counter(in_hand) + Counter(runs.entries)).values()) == 2
    recovered = [job_id for event in told.matching(lambda e: isinstance(e, JobsRecovered)) for job_id in event.job_ids]
    assert sorted(recovered) == sorted(in_hand)
    counts = await queue.counts()
    assert (counts["waiting"], counts["active"], counts["failed"]) == (0, 0, 0)


async def test_job_that_kills_its_workers_is_buried_as_crashed(
    queue, start_worker, children, dead_letters, queue_events
):
    # Given a job whose worker was killed once, where none may be
    times = {"lock_seconds": 0.6, "stalled_seconds": 0.3}
    job_id = await queue.add("task", {"n": 1}, attempts=10)
    child = children.start(seconds=60, **times)
    await children.until("start", 1)
    children.kill(child)
    runs: Journal[str] = Journal()

    async def handler(job):
        runs.note(job.id)

    # When
    await start_worker(handler, lock_seconds=0.6, stalled_interval_seconds=0.3, max_stalled=0)

    # Then it does not get another chance, and its dead letter tells crashed from rejected
    await queue_events.until("failed", job_id)
    assert runs.entries == []
    letter = (await dead_letters.job(f"dlq-work-{job_id}")).data
    assert letter["kind"] == "crashed"
    assert "1 times" in letter["failedReason"]
