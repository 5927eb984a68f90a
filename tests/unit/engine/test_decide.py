"""How an attempt ended becomes what is written: the table of endings."""

import json
import time
from datetime import datetime

import pytest

from oxyq.engine.attempt import AttemptCancelled, AttemptTimedOut, Rules, decide
from oxyq.engine.backoff import BackoffRules
from oxyq.engine.job import Job, Unrecoverable
from oxyq.engine.settlement import Completed, Delayed, FailedForGood, Keep, RawJob, Retried
from oxyq.errors import PermanentError, TemporaryError
from oxyq.outcomes import Discard, Done, Failed, Later

RULES = Rules(
    keep_completed=Keep(count=100),
    keep_failed=Keep(count=500),
    backoff=BackoffRules({"never": lambda attempt, error, job: -1}, default_jitter=0),
    dead_letter_queue="dead-letter",
)


def job(attempt: int = 1, data: object = None, **options: object) -> Job:
    """A job of the queue "work" at its `attempt`th attempt."""
    stored = {"attempts": 3, **options}
    fields = {
        b"name": b"greet",
        b"data": json.dumps(data).encode(),
        b"opts": json.dumps(stored).encode(),
        b"atm": str(attempt - 1).encode(),
        b"timestamp": b"1700000000000",
    }
    return Job(RawJob("j-1", "token", fields), "work", None)


FIXED = {"type": "fixed", "delay": 700}
BOOM = ValueError("boom")

ENDINGS = [
    # ending, attempt, options, what is written, and of it: pause, counts, kind of dead letter
    (Done(), 1, {}, Completed, {}),
    (Done({"a": 1}), 3, {}, Completed, {}),
    (BOOM, 1, {}, Retried, {}),
    (BOOM, 2, {"backoff": FIXED}, Delayed, {"delay_ms": 700, "counts": True}),
    (BOOM, 3, {"backoff": FIXED}, FailedForGood, {"kind": "exhausted"}),
    (BOOM, 1, {"attempts": 1}, FailedForGood, {"kind": "exhausted"}),
    (BOOM, 9, {}, FailedForGood, {"kind": "exhausted"}),
    (BOOM, 1, {"backoff": {"type": "never"}}, FailedForGood, {"kind": "rejected"}),
    (Failed("no"), 1, {}, Retried, {}),
    (Failed("no"), 3, {}, FailedForGood, {"kind": "exhausted"}),
    (TemporaryError("no"), 1, {"backoff": FIXED}, Delayed, {"delay_ms": 700, "counts": True}),
    (TemporaryError("no", retry_after_seconds=5), 1, {"backoff": FIXED}, Delayed, {"delay_ms": 5000, "counts": True}),
    (TemporaryError("no", retry_after_seconds=0.1), 1, {"backoff": FIXED}, Delayed, {"delay_ms": 700}),
    (TemporaryError("no", retry_after_seconds=5), 3, {}, FailedForGood, {"kind": "exhausted"}),
    (PermanentError("no"), 1, {"backoff": FIXED}, FailedForGood, {"kind": "rejected"}),
    (Unrecoverable("no"), 1, {"backoff": FIXED}, FailedForGood, {"kind": "rejected"}),
    (Discard("no"), 1, {"backoff": FIXED}, FailedForGood, {"kind": "discarded"}),
    (AttemptTimedOut("Timeout"), 1, {"backoff": FIXED}, Delayed, {"counts": True}),
    (AttemptTimedOut("Timeout"), 3, {}, FailedForGood, {"kind": "exhausted"}),
    (AttemptCancelled("leaked"), 1, {}, Retried, {}),
    (SystemExit(3), 1, {}, Retried, {}),
    (KeyboardInterrupt(), 3, {}, FailedForGood, {"kind": "exhausted"}),
    (Later(0, "past"), 3, {"backoff": FIXED}, Delayed, {"delay_ms": 0, "counts": False}),
]


@pytest.mark.parametrize(("ending", "attempt", "options", "written", "details"), ENDINGS, ids=str)
def test_ending_becomes_a_settlement(ending, attempt, options, written, details):
    settlement, warning = decide(job(attempt, **options), ending, RULES)

    assert type(settlement) is written
    assert (settlement.job_id, settlement.token, warning) == ("j-1", "token", None)
    for name in ("delay_ms", "counts"):
        if name in details:
            assert getattr(settlement, name) == details[name]
    if "kind" in details:
        assert json.loads(settlement.burial.data_json)["kind"] == details["kind"]


def test_later_waits_until_its_time_and_keeps_the_attempt():
    at_ms = int(time.time() * 1000) + 60_000

    settlement, _ = decide(job(3), Later(at_ms, "night"), RULES)

    assert not settlement.counts
    assert 59_000 < settlement.delay_ms <= 60_000
    assert settlement.fields == ()


@pytest.mark.parametrize(
    "value",
    [datetime(2026, 1, 1), b"bytes", {1, 2}, float("nan"), float("inf"), object(), {("a", "b"): 1}],
    ids=lambda value: type(value).__name__,
)
def test_result_that_is_no_json_is_dropped_with_a_warning_and_the_job_is_done(value):
    settlement, warning = decide(job(), Done({"value": value}), RULES)

    assert isinstance(settlement, Completed)
    assert settlement.value_json == "null"
    assert "not JSON" in warning


def test_result_that_holds_itself_is_dropped():
    circle: list = []
    circle.append(circle)

    settlement, warning = decide(job(), Done(circle), RULES)

    assert (type(settlement), settlement.value_json) == (Completed, "null")
    assert warning is not None


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, "null"),
        ({"a": [1, 2.5, "é👋"]}, '{"a":[1,2.5,"é👋"]}'),
        ({1: "a"}, '{"1":"a"}'),
        ((1, 2), "[1,2]"),
    ],
    ids=str,
)
def test_result_is_written_as_node_writes_it(value, written):
    settlement, warning = decide(job(), Done(value), RULES)

    assert (settlement.value_json, warning) == (written, None)


@pytest.mark.parametrize(
    ("option", "keep"),
    [
        (None, Keep(count=100)),
        (True, Keep(count=0)),
        (False, Keep()),
        (0, Keep(count=0)),
        (7, Keep(count=7)),
        (-1, Keep()),
        ("7", Keep(count=7)),
        ("many", Keep(count=100)),
        ({"count": 7}, Keep(count=7)),
        ({"age": 60}, Keep(age_seconds=60)),
        ({"count": 7, "age": 60}, Keep(7, 60)),
        ({}, Keep()),
    ],
    ids=str,
)
def test_retention_is_the_jobs_own_or_the_workers(option, keep):
    options = {} if option is None else {"removeOnComplete": option, "removeOnFail": option}

    done, _ = decide(job(**options), Done(), RULES)
    failed, _ = decide(job(3, **options), BOOM, RULES)

    assert done.keep == keep
    assert failed.keep == (Keep(count=500) if keep == Keep(count=100) else keep)


def test_lifo_job_is_retried_at_the_front():
    assert decide(job(lifo=True), BOOM, RULES)[0].lifo
    assert not decide(job(), BOOM, RULES)[0].lifo


def test_dead_letter_tells_the_whole_story():
    data = {"organizationId": "org_1", "text": "olá"}

    settlement, _ = decide(job(3, data), BOOM, RULES)

    assert settlement.burial.job_id == "dlq-work-j-1"
    letter = json.loads(settlement.burial.data_json)
    assert letter["originalQueue"] == "work"
    assert letter["originalJobId"] == "j-1"
    assert letter["originalJobName"] == "greet"
    assert letter["organizationId"] == "org_1"
    assert letter["data"] == data
    assert letter["opts"] == {"attempts": 3}
    assert letter["failedReason"] == "boom"
    assert letter["attemptsMade"] == 3
    assert [one["error"] for one in letter["attempts"]] == ["boom"]
    assert letter["addedAt"] == 1_700_000_000_000
    assert abs(letter["failedAt"] - time.time() * 1000) < 5000


@pytest.mark.parametrize("data", [None, [], "text", 1, {"organizationId": 5}, {"organizationId": None}], ids=str)
def test_job_of_nobody_is_buried_without_an_organization(data):
    settlement, _ = decide(job(3, data), BOOM, RULES)

    assert json.loads(settlement.burial.data_json)["organizationId"] is None


def test_without_a_dead_letter_queue_nothing_is_buried():
    rules = Rules(Keep(), Keep(), BackoffRules(), None)

    assert decide(job(3), BOOM, rules)[0].burial is None


def test_reason_and_trace_are_bounded():
    error = ValueError("x" * 100_000)
    try:
        raise error
    except ValueError:
        settlement, _ = decide(job(3), error, RULES)

    assert len(settlement.reason) == 1000
    fields = dict(zip(settlement.fields[::2], settlement.fields[1::2], strict=True))
    assert len(fields["failedReason"]) == 1000
    assert all(len(trace) <= 4000 for trace in json.loads(fields["stacktrace"]))


@pytest.mark.parametrize(("limit", "kept"), [(None, 1), (0, 0), (-3, 0), (2, 1), ("x", 1)])
def test_stack_traces_are_kept_as_the_job_wishes(limit, kept):
    options = {} if limit is None else {"stackTraceLimit": limit}

    settlement, _ = decide(job(3, **options), BOOM, RULES)

    fields = dict(zip(settlement.fields[::2], settlement.fields[1::2], strict=True))
    assert len(json.loads(fields["stacktrace"])) == kept


def test_error_without_words_is_named():
    class Wordless(Exception):
        pass

    assert decide(job(3), Wordless(), RULES)[0].reason == "Wordless"
