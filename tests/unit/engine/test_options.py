"""Options of workers, rates and jobs that make no sense are refused when they are made."""

import math

import pytest

from oxyq.engine import Backoff, Entry, JobOptions, Queue, Rate, Worker
from oxyq.errors import ConfigurationError, InvalidPayload


async def handler(job):
    pass


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("concurrency", 0),
        ("concurrency", -1),
        ("concurrency", True),
        ("concurrency", "5"),
        ("lock_seconds", 0),
        ("lock_seconds", -1),
        ("lock_seconds", math.nan),
        ("stalled_interval_seconds", 0),
        ("stalled_interval_seconds", "10"),
        ("max_stalled", -1),
    ],
)
def test_worker_refuses_and_names_the_option(option, value):
    with pytest.raises(ConfigurationError, match=option):
        Worker("work", handler, **{option: value})


@pytest.mark.parametrize(("max_jobs", "per_seconds"), [(0, 1), (-1, 1), (10, 0), (10, -1)])
def test_rate_refuses_what_would_never_let_a_job_start(max_jobs, per_seconds):
    with pytest.raises(ConfigurationError, match="rate"):
        Rate(max_jobs, per_seconds)


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"attempts": 0}, "attempts"),
        ({"attempts": -1}, "attempts"),
        ({"attempts": 101}, "attempts"),
        ({"attempts": "3"}, "attempts"),
        ({"attempts": 3.0}, "attempts"),
        ({"attempts": True}, "attempts"),
        ({"attempts": None}, "attempts"),
        ({"delay_ms": -1}, "delay_ms"),
        ({"delay_ms": "5"}, "delay_ms"),
        ({"delay_ms": 1.5}, "delay_ms"),
        ({"delay_ms": 10**12}, "delay_ms"),
        ({"delay_ms": 2**63}, "delay_ms"),
        ({"priority": -1}, "priority"),
        ({"priority": 2_097_153}, "priority"),
        ({"priority": "high"}, "priority"),
        ({"lifo": "yes"}, "lifo"),
        ({"lifo": 1}, "lifo"),
        ({"backoff": {"type": "fixed", "delay": 5}}, "backoff"),
        ({"backoff": 5}, "backoff"),
        ({"backoff": Backoff("fixed", -5)}, "backoff.delay_ms"),
        ({"backoff": Backoff("fixed", "5")}, "backoff.delay_ms"),
        ({"backoff": Backoff("fixed", 5, jitter=2)}, "backoff.jitter"),
        ({"backoff": Backoff("fixed", 5, jitter=-0.1)}, "backoff.jitter"),
    ],
    ids=str,
)
def test_job_option_is_refused_with_its_name(options, field):
    with pytest.raises(InvalidPayload) as refused:
        JobOptions(**options)

    assert refused.value.field == field


def test_options_are_written_in_bullmqs_words():
    options = JobOptions(delay_ms=5, priority=3, attempts=2, backoff=Backoff("fixed", 10, 0), lifo=True)

    assert options.stored() == {
        "attempts": 2,
        "delay": 5,
        "priority": 3,
        "lifo": True,
        "backoff": {"type": "fixed", "delay": 10, "jitter": 0},
    }


@pytest.mark.parametrize(
    ("entry", "field"),
    [
        (Entry("", {}), "name"),
        (Entry("task", {}, job_id="active"), "job_id"),
        (Entry("task", {"at": object()}), "data"),
        (Entry("task", float("nan")), "data"),
        (Entry("task", {"deep": b"bytes"}), "data"),
    ],
    ids=["no name", "a key of the queue", "no JSON", "not a number", "bytes"],
)
async def test_nothing_is_sent_when_one_entry_of_many_is_wrong(entry, field):
    # Given a queue that would need five seconds to find that there is no Redis
    queue = Queue("work", redis_url="redis://127.0.0.1:1")

    # When, Then
    with pytest.raises(InvalidPayload) as refused:
        await queue.add_many([Entry("task", {}), entry])
    assert refused.value.field == f"entries[1].{field}"
    await queue.close()
