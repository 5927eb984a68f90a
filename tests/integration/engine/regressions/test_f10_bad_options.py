"""F10: options that make no sense are taken, and break the job when it fails."""

import pytest

from oxyq.engine import Backoff
from oxyq.errors import InvalidPayload
from tests.integration.engine.journal import Journal, eventually
from tests.integration.engine.regressions.contender import Contender, Ours, Package

BAD_OPTIONS = [
    ({"attempts": "3"}, {"attempts": "3"}, "attempts"),
    ({"attempts": -1}, {"attempts": -1}, "attempts"),
    ({"delay": -5}, {"delay_ms": -5}, "delay_ms"),
    ({"priority": 3_000_000}, {"priority": 3_000_000}, "priority"),
    ({"backoff": {"type": "fixed", "delay": -1}}, {"backoff": Backoff("fixed", -1)}, "backoff.delay_ms"),
]


@pytest.mark.parametrize(("stored", "ours", "field"), BAD_OPTIONS, ids=lambda option: str(option))
async def test_f10_add_refuses_options_that_make_no_sense(contender: Contender, stored, ours, field):
    if isinstance(contender, Ours):
        with pytest.raises(InvalidPayload, match=field):
            await contender.queue.add("task", {}, **ours)
    elif isinstance(contender, Package):
        assert (await contender.queue.add("task", {}, stored)).id is not None


@pytest.mark.parametrize(
    "options", [{"attempts": "3"}, {"attempts": 3, "backoff": {"type": "unheard-of", "delay": 1}}], ids=str
)
async def test_f10_job_that_came_with_bad_options_is_still_retried(
    contender: Contender, options, redis_url, prefix, queue, queue_events
):
    # Given a job from a producer that checks nothing
    runs: Journal[int] = Journal()

    async def handler(job):
        runs.note(1)
        raise ValueError("boom")

    producer = Package(redis_url, prefix)
    job_id = (await producer.queue.add("task", {}, options)).id
    await producer.close()

    # When
    await contender.start(handler, lock_seconds=0.5, stalled_seconds=0.3)

    # Then it has its three attempts, then fails for what went wrong
    if contender.is_ours:
        await runs.until(3)
        await eventually(lambda: queue.state(job_id), "failed")
        assert (await queue.job(job_id)).failed_reason == "boom"
    else:
        # The failure is not even written: the job stalls as if its worker had died.
        await queue_events.until("stalled", job_id)
        assert (await queue.job(job_id)).attempts_made == 0
