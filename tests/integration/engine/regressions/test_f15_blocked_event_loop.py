"""F15: a handler that blocks the event loop lets its lock run out, so that a second worker runs the job too."""

from tests.integration.engine.journal import Journal
from tests.integration.engine.regressions.contender import Contender

LOCK_SECONDS, STALLED_SECONDS, BLOCKED_SECONDS = 1.0, 0.3, 3.0


async def test_f15_job_that_blocks_the_event_loop_longer_than_its_lock_runs_once(
    contender: Contender, children, queue, queue_events
):
    # Given a worker process whose handler blocks everything in it
    runs: Journal[str] = Journal()

    async def handler(job):
        runs.note(job.id)

    job_id = await queue.add("task", {}, attempts=3)
    children.start(
        "ours" if contender.is_ours else "package",
        work="block",
        seconds=BLOCKED_SECONDS,
        lock_seconds=LOCK_SECONDS,
        stalled_seconds=STALLED_SECONDS,
    )
    await children.until("start", 1)

    # When another worker looks for stalled jobs meanwhile
    await contender.start(handler, lock_seconds=LOCK_SECONDS, stalled_seconds=STALLED_SECONDS)

    # Then it finds none
    if contender.is_ours:
        await queue_events.until("completed", job_id, within=BLOCKED_SECONDS + 2)
        assert runs.entries == []
        assert queue_events.of("stalled") == []
    else:
        assert await runs.until(1, within=BLOCKED_SECONDS) == [job_id]
