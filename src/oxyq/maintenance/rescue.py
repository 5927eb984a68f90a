"""Failing jobs that sit in active although nobody works on them."""

from collections.abc import AsyncIterator

from oxyq.clock import now_ms
from oxyq.engine.attempt import Rules, bury
from oxyq.engine.backoff import BackoffRules
from oxyq.engine.job import Job, MalformedJob
from oxyq.engine.quarantine import malformed
from oxyq.engine.queue import Queue
from oxyq.engine.scripts import NOBODY, FetchRules
from oxyq.engine.settlement import FailedForGood, Keep, RawJob
from oxyq.queues import DEAD_LETTER, QueuePolicy

DEFAULT_SECONDS = 60


async def rescue(
    queue: Queue, policy: QueuePolicy, *, older_than_seconds: float = DEFAULT_SECONDS
) -> AsyncIterator[str]:
    """Fail every job that has been active longer and whose lock nobody holds; yields the ids.

    The script that fails a job looks at its lock in the same step, so a job with a living worker is never touched.
    """
    reason = f"Timeout: active for more than {older_than_seconds:g} s and its worker is gone"
    for job_id in await queue.all_ids("active"):
        raw = await queue.raw(job_id, NOBODY)
        if raw is None or not _is_older(raw, older_than_seconds):
            continue
        failure = given_up(raw, queue.name, policy, reason, "crashed")
        if await queue.scripts.settle(failure, FetchRules(0, "rescue")) == 0:
            yield job_id


def _is_older(raw: RawJob, seconds: float) -> bool:
    started = raw.fields.get(b"processedOn", b"0")
    return now_ms() - int(started if started.isdigit() else b"0") >= seconds * 1000


def given_up(raw: RawJob, queue: str, policy: QueuePolicy, reason: str, kind: str) -> FailedForGood:
    """The last failure of a job that somebody else ran, with its dead letter of this kind."""
    keep = Keep(policy.keep_failed_count, policy.keep_failed_seconds)
    rules = Rules(keep, keep, BackoffRules(), DEAD_LETTER)
    try:
        job = Job(raw, queue, notes=None)
    except MalformedJob as error:
        return malformed(raw, queue, error, rules)
    return bury(job, reason, kind, rules)
