"""A worker among whatever others left in its queue: it ends each of them somehow, and runs what is sound."""

import pytest

from oxyq.engine.events import JobCompleted, JobFailed, JobLost, JobPostponed, JobQuarantined
from tests.integration.engine.journal import Journal, eventually
from tests.integration.foreign_jobs import HASHES, KINDS, put

ENDED = JobCompleted | JobFailed | JobLost | JobPostponed | JobQuarantined
#: What a worker cannot read as a job; all others are run.
UNREADABLE = {
    *("missing", "a-string", "a-list", "a-set", "no-name", "no-data", "data-cut-off", "data-not-utf8", "data-utf16"),
    *("data-deep", "data-nan", "data-5000-digits", "opts-msgpack", "opts-a-list", "opts-deep"),
    *("parent-cut-off", "parent-of-junk"),
}  # fmt: skip
#: Failed without being run.
NOT_RUN = {"told-to-fail"}


@pytest.mark.parametrize("outcome", ["done", "failed"])
async def test_each_ends_and_none_holds_up_the_others(
    queue, dead_letters, start_worker, told, redis_url, redis_client, prefix, outcome
):
    # Given one of each kind, with sound jobs before and behind them
    runs = Journal()
    first = await queue.add("task", {})
    for kind in KINDS:
        await put(redis_client, f"{prefix}:work:", "wait", kind, kind)
    last = await queue.add("task", {})

    async def handler(job):
        runs.note(job.id)
        # One of them asks for more attempts than there are atoms, and gets them.
        if outcome == "failed" and job.id not in (first, last, "opts-huge-numbers"):
            raise ValueError("no")

    # When
    worker = await start_worker(handler, concurrency=4, stalled_interval_seconds=30)
    ended = await told.until(len(KINDS) + 2, lambda event: isinstance(event, ENDED), within=20)

    # Then what is sound ran once, and what is unreadable is among the dead letters
    assert sorted(runs.entries) == sorted({first, last, *HASHES} - UNREADABLE - NOT_RUN)
    assert {event.job_id for event in ended if isinstance(event, JobQuarantined)} == UNREADABLE
    assert not [event for event in ended if isinstance(event, JobLost)]
    for kind in UNREADABLE:
        assert await dead_letters.job(f"dlq-work-{kind}") is not None, kind
    await eventually(lambda: in_hand(worker), 0)
    assert await queue.state(first) == await queue.state(last) == "completed"


async def in_hand(worker) -> int:
    """How many jobs a worker holds."""
    return worker.jobs_in_hand
