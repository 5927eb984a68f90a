"""F13: with the package's default times a job waits a minute for its worker's death to be noticed."""

import inspect

import bullmq

from oxyq.engine import Worker
from tests.integration.engine.journal import Journal
from tests.integration.engine.regressions.contender import Contender

#: The default times of both, made this much shorter.
SCALE = 20


def default_seconds(contender: Contender) -> tuple[float, float]:
    """The lock time and the stall interval that a worker has when nobody says otherwise."""
    if contender.is_ours:
        defaults = inspect.signature(Worker).parameters
        return defaults["lock_seconds"].default, defaults["stalled_interval_seconds"].default
    defaults = bullmq.Worker("unused", None, {"connection": {"port": 1}}).opts
    return defaults["lockDuration"] / 1000, defaults["stalledInterval"] / 1000


async def test_f13_job_of_a_killed_worker_runs_again_within_lock_and_two_intervals_of_ten_seconds(
    contender: Contender, children, queue
):
    # Given a worker process with a job in hand
    lock_seconds, stalled_seconds = (seconds / SCALE for seconds in default_seconds(contender))
    promised_seconds = (30 + 2 * 10) / SCALE
    runs: Journal[str] = Journal()

    async def handler(job):
        runs.note(job.id)

    job_id = await queue.add("task", {}, attempts=3)
    child = children.start(
        "ours" if contender.is_ours else "package",
        seconds=60,
        lock_seconds=lock_seconds,
        stalled_seconds=stalled_seconds,
    )
    await children.until("start", 1)

    # When it is killed, and another one is started in its place
    children.kill(child)
    await contender.start(handler, lock_seconds=lock_seconds, stalled_seconds=stalled_seconds)

    # Then
    if contender.is_ours:
        assert await runs.until(1, within=promised_seconds) == [job_id]
    else:
        await runs.quiet_for(promised_seconds)
        assert await runs.until(1, within=promised_seconds) == [job_id]
