"""What happens to a job whose attempt failed."""

import time

import pytest

from oxyq.engine import Backoff, Unrecoverable
from oxyq.engine.events import JobCompleted, JobFailed, JobPostponed
from oxyq.errors import TemporaryError
from oxyq.outcomes import Discard, Failed, Later
from tests.integration.engine.journal import Journal


def is_failure(event):
    return isinstance(event, JobFailed)


async def test_pauses_between_attempts_double_and_the_jitter_only_shortens_them(queue, start_worker, told):
    # Given a job that always fails
    runs: Journal[int] = Journal()

    async def handler(job):
        runs.note(job.attempt)
        raise ValueError("boom")

    await start_worker(handler)

    # When
    job_id = await queue.add("task", {}, attempts=4, backoff=Backoff("exponential", delay_ms=100, jitter=0.5))

    # Then each pause is at most the doubled one, at least half of it, and really waited for
    failures = await told.until(4, is_failure)
    pauses = [failure.retry_in_ms for failure in failures]
    assert pauses[-1] is None
    for pause, longest in zip(pauses, (100, 200, 400), strict=False):
        assert longest * 0.5 <= pause <= longest
    for pause, earlier, later in zip(pauses, runs.times, runs.times[1:], strict=False):
        # BullMQ rounds to milliseconds: the time a job is due may come out one early.
        assert pause / 1000 - 0.002 <= later - earlier < pause / 1000 + 1
    assert runs.entries == [1, 2, 3, 4]
    assert await queue.state(job_id) == "failed"


async def test_jobs_that_failed_together_do_not_come_back_together(queue, start_worker, told):
    # Given
    async def handler(job):
        raise ValueError("boom")

    await start_worker(handler, concurrency=20)

    # When twenty jobs fail in the same moment, with the jitter of the worker
    for n in range(20):
        await queue.add("task", {"n": n}, attempts=2, backoff=Backoff("exponential", delay_ms=60_000))
    failures = await told.until(20, is_failure)

    # Then
    pauses = {failure.retry_in_ms for failure in failures}
    assert len(pauses) > 10
    assert max(pauses) - min(pauses) > 1000


async def test_attempts_without_a_backoff_follow_at_once(queue, start_worker, told):
    runs: Journal[int] = Journal()

    async def handler(job):
        runs.note(job.attempt)
        raise ValueError("boom")

    await start_worker(handler)
    await queue.add("task", {}, attempts=3)

    assert await runs.until(3) == [1, 2, 3]
    assert [failure.retry_in_ms for failure in await told.until(3, is_failure)] == [0, 0, None]


async def test_strategy_of_ones_own_decides_the_pause(queue, start_worker, told):
    # Given
    def steps(attempt, error, job):
        return [30, 60][attempt - 1] if str(error) == "boom" else 60_000

    async def handler(job):
        if job.attempt < 3:
            raise ValueError("boom")

    await start_worker(handler, backoff_strategies={"steps": steps})

    # When
    await queue.add("task", {}, attempts=3, backoff=Backoff("steps"))

    # Then
    assert [failure.retry_in_ms for failure in await told.until(2, is_failure)] == [30, 60]
    await told.until(1, lambda event: isinstance(event, JobCompleted))


async def test_strategy_that_answers_with_a_negative_pause_gives_up(queue, start_worker, dead_letters, told):
    async def handler(job):
        raise ValueError("boom")

    await start_worker(handler, backoff_strategies={"never": lambda attempt, error, job: -1})
    job_id = await queue.add("task", {}, attempts=5, backoff=Backoff("never"))

    [failure] = await told.until(1, is_failure)
    assert failure.retry_in_ms is None
    assert await queue.state(job_id) == "failed"
    assert await dead_letters.job(f"dlq-work-{job_id}") is not None


async def test_strategy_that_raises_does_not_cost_the_job(queue, start_worker, told):
    def broken(attempt, error, job):
        raise KeyError("a bug in a strategy")

    async def handler(job):
        raise ValueError("boom")

    await start_worker(handler, backoff_strategies={"broken": broken})
    job_id = await queue.add("task", {}, attempts=2, backoff=Backoff("broken"))

    [failure] = await told.until(1, is_failure)
    assert failure.retry_in_ms > 0
    assert await queue.state(job_id) == "delayed"


@pytest.mark.parametrize(
    ("ending", "kind"),
    [(Unrecoverable("never"), "rejected"), (Discard("never"), "discarded")],
    ids=["Unrecoverable raised", "Discard returned"],
)
async def test_what_can_never_work_is_not_tried_again(queue, start_worker, dead_letters, told, ending, kind):
    # Given
    runs: Journal[int] = Journal()

    async def handler(job):
        runs.note(job.attempt)
        if isinstance(ending, Exception):
            raise ending
        return ending

    await start_worker(handler)

    # When
    job_id = await queue.add("task", {"organizationId": "org_1"}, attempts=5, backoff=Backoff("fixed", 10))

    # Then
    [failure] = await told.until(1, is_failure)
    assert (failure.reason, failure.retry_in_ms) == ("never", None)
    assert runs.entries == [1]
    letter = await dead_letters.job(f"dlq-work-{job_id}")
    assert letter.name == "failed-job"
    assert (letter.data["kind"], letter.data["failedReason"]) == (kind, "never")
    assert (letter.data["originalQueue"], letter.data["originalJobId"]) == ("work", job_id)
    assert letter.data["organizationId"] == "org_1"


async def test_failed_attempt_may_say_how_long_to_wait(queue, start_worker, told):
    async def handler(job):
        raise TemporaryError("slow down", retry_after_seconds=60)

    await start_worker(handler)
    await queue.add("task", {}, attempts=2, backoff=Backoff("fixed", 10, jitter=0))

    [failure] = await told.until(1, is_failure)
    assert failure.retry_in_ms == 60_000


async def test_failed_returned_is_a_failed_attempt(queue, start_worker, told):
    async def handler(job):
        return Failed("not this time") if job.attempt == 1 else "done"

    await start_worker(handler)
    job_id = await queue.add("task", {}, attempts=2)

    [failure] = await told.until(1, is_failure)
    assert failure.reason == "not this time"
    await told.until(1, lambda event: isinstance(event, JobCompleted))
    assert (await queue.job(job_id)).result == "done"


async def test_later_runs_the_job_at_its_time_and_uses_no_attempt(queue, start_worker, told):
    # Given a job with a single attempt that asks twice to run later
    runs: Journal[int] = Journal()
    due: list[float] = []

    async def handler(job):
        runs.note(job.attempt)
        if len(runs.entries) <= 2:
            due.append(time.time() + 0.3)
            return Later(int(due[-1] * 1000), "not yet")
        assert time.time() >= due[-1] - 0.002
        return "done"

    await start_worker(handler)

    # When
    job_id = await queue.add("task", {}, attempts=1)

    # Then
    await told.until(1, lambda event: isinstance(event, JobCompleted))
    assert runs.entries == [1, 1, 1]
    assert runs.times[2] - runs.times[0] >= 0.59
    assert len(told.matching(lambda event: isinstance(event, JobPostponed))) == 2
    job = await queue.job(job_id)
    assert (job.attempts_made, job.attempts_started, job.result) == (1, 3, "done")


async def test_later_in_the_past_is_now(queue, start_worker):
    runs: Journal[int] = Journal()

    async def handler(job):
        runs.note(job.attempt)
        return Later(0, "long ago") if len(runs.entries) == 1 else None

    await start_worker(handler)
    await queue.add("task", {}, attempts=1)

    assert await runs.until(2) == [1, 1]


async def test_failures_are_kept_with_the_job_and_its_dead_letter(queue, start_worker, dead_letters, told):
    # Given
    async def handler(job):
        raise ValueError(f"boom {job.attempt}")

    await start_worker(handler)

    # When
    job_id = await queue.add("task", {"n": 1}, attempts=3)
    await told.until(3, is_failure)

    # Then
    job = await queue.job(job_id)
    assert job.failed_reason == "boom 3"
    assert len(job.stack_traces) == 3
    assert 'raise ValueError(f"boom {job.attempt}")' in job.stack_traces[0]
    letter = (await dead_letters.job(f"dlq-work-{job_id}")).data
    assert (letter["kind"], letter["attemptsMade"], letter["data"]) == ("exhausted", 3, {"n": 1})
    assert [one["error"] for one in letter["attempts"]] == ["boom 1", "boom 2", "boom 3"]
