"""F1: the client's default socket timeout, shorter than the worker's blocking wait, puts an idle worker to sleep."""

import time

from tests.integration.engine.journal import Journal
from tests.integration.engine.regressions.contender import Contender, Package

#: Longer than the 5 s after which the package's client gives up waiting for an answer.
DELAY_SECONDS = 6.0
LATE_SECONDS = 3.0


async def test_f1_delayed_job_on_an_idle_worker_runs_in_time(contender: Contender):
    # Given an idle worker, made with nothing but the defaults
    if isinstance(contender, Package):
        contender.use_default_socket_timeout = True
    runs: Journal[str] = Journal()

    async def handler(job):
        runs.note(job.id)

    await contender.start(handler)

    # When a job is due in some seconds
    added = time.monotonic()
    job_id = await contender.add({}, delay_ms=int(DELAY_SECONDS * 1000))

    # Then it runs when it is due; the package's worker is long late, and tells nobody
    if contender.is_ours:
        assert await runs.until(within=DELAY_SECONDS + 2) == [job_id]
        assert -0.05 < runs.times[0] - added - DELAY_SECONDS < 1
    else:
        await runs.quiet_for(DELAY_SECONDS + LATE_SECONDS)
