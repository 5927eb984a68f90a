"""What is told of a job's life: attempts with their traces, whoever ran them, and moments in order."""

from typing import Any

import pytest

from oxyq.dead_letters import DeadLetters
from oxyq.engine import Hub, Queue
from oxyq.engine.job_control import JobSnapshot
from oxyq.engine.record import JobRecord
from oxyq.operating.found_job import FoundJob
from oxyq.operating.job_view import JobView, JobViewer
from oxyq.sending.ledger import Ledger


class NoLetters(DeadLetters):
    """No dead letter, without asking Redis."""

    async def get(self, letter_id: str) -> Any:
        from oxyq.errors import NotFound

        raise NotFound(letter_id)


async def view(record: JobRecord, state: str = "failed", **more: Any) -> JobView:
    hub = Hub("redis://localhost:1")
    job = FoundJob(Queue("message", hub=hub), JobSnapshot(record, state, **more), None)
    return await JobViewer(Ledger(hub), NoLetters(hub)).view(job)


def failure(number: int) -> dict[str, Any]:
    return {"attempt": number, "at": 1_000 * number, "error": f"error {number}"}


async def test_the_last_traces_belong_to_the_last_attempts() -> None:
    """Of seven attempts five traces are kept."""
    record = JobRecord("j", history=[failure(n) for n in range(1, 8)], stack_traces=[f"trace {n}" for n in range(3, 8)])

    attempts = (await view(record)).attempts

    assert [one.number for one in attempts] == [1, 2, 3, 4, 5, 6, 7]
    assert [one.trace for one in attempts] == [None, None, *(f"trace {n}" for n in range(3, 8))]


async def test_no_trace_is_kept_when_the_job_says_so() -> None:
    attempts = (await view(JobRecord("j", history=[failure(1)], stack_traces=[]))).attempts

    assert [(one.error, one.trace) for one in attempts] == [("error 1", None)]


@pytest.mark.parametrize(
    ("trace", "error"),
    [
        ("Error: no line\n    at Worker.run (worker.js:5:3)", "Error: no line"),
        ('Traceback (most recent call last):\n  File "x.py", line 1\nValueError: no line\n', "ValueError: no line"),
        ("", ""),
    ],
)
async def test_what_ran_in_node_has_its_error_in_the_trace(trace: str, error: str) -> None:
    [attempt] = (await view(JobRecord("j", stack_traces=[trace]))).attempts

    assert (attempt.number, attempt.at_ms, attempt.error) == (1, None, error)


@pytest.mark.parametrize(
    ("state", "started", "made", "stalled", "postponed"),
    [("active", 1, 0, 0, 0), ("active", 3, 0, 0, 2), ("completed", 3, 1, 1, 1), ("delayed", 4, 0, 0, 4),
     ("prioritized", 0, 0, 0, 0), ("failed", 3, 3, 0, 0)],
)  # fmt: skip
async def test_putting_off_is_no_attempt(state: str, started: int, made: int, stalled: int, postponed: int) -> None:
    record = JobRecord("j", attempts_started=started, attempts_made=made, stalled_count=stalled)

    assert (await view(record, state)).postponed == postponed


async def test_moments_are_in_the_order_of_time() -> None:
    record = JobRecord(
        "j", timestamp_ms=1_000, options={"delay": 500}, processed_ms=3_000, finished_ms=4_000, failed_reason="no",
        history=[{"attempt": 1, "at": 2_000, "error": "first"}, {"attempt": 2, "at": 4_000, "error": "no"}],
        replays=[{"at": 2_500, "by": "ana"}, "junk"],
    )  # fmt: skip

    timeline = (await view(record)).timeline

    assert [(moment.what, moment.at_ms) for moment in timeline] == [
        ("added", 1_000), ("due", 1_500), ("failed-attempt", 2_000), ("replayed", 2_500), ("started", 3_000),
        ("failed-attempt", 4_000), ("failed", 4_000),
    ]  # fmt: skip


async def test_a_job_that_was_moved_is_due_when_it_lies_there() -> None:
    record = JobRecord("j", timestamp_ms=1_000, options={"delay": 500})

    timeline = (await view(record, "delayed", due_ms=9_000)).timeline

    assert [(moment.what, moment.at_ms) for moment in timeline] == [("added", 1_000), ("due", 9_000)]


async def test_junk_in_redis_spoils_no_view() -> None:
    record = JobRecord("j", history=["junk", {"at": "junk", "attempt": None}], stack_traces=[5, None], replays=[None])

    assert [one.error for one in (await view(record)).attempts] == [""]
