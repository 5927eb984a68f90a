"""F12: two dead workers fail a job for good, however many attempts it has left."""

from tests.integration.engine.regressions.contender import Contender

LOCK_SECONDS, STALLED_SECONDS = 0.6, 0.3


async def test_f12_job_whose_worker_was_killed_twice_still_runs(contender: Contender, children, queue_events):
    # Given a job with many attempts
    def start(seconds: float):
        return children.start(
            "ours" if contender.is_ours else "package",
            seconds=seconds,
            lock_seconds=LOCK_SECONDS,
            stalled_seconds=STALLED_SECONDS,
        )

    job_id = await contender.add({}, attempts=10)

    # When its worker is killed, and the next one too
    for kills in (1, 2):
        child = start(seconds=60)
        await children.until("start", kills)
        children.kill(child)

    # Then the third one does it
    start(seconds=0)
    if contender.is_ours:
        await queue_events.until("completed", job_id)
    else:
        [failed] = await queue_events.until("failed", job_id)
        assert failed["failedReason"] == "job stalled more than allowable limit"
