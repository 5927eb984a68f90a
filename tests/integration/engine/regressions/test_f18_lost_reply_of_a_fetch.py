"""F18: jobs handed over in a reply that got lost lie idle until their locks run out, and count as stalled."""

import asyncio

import pytest

from oxyq.engine.scripts import our_script
from tests.integration.engine.journal import Journal
from tests.integration.engine.regressions.contender import Contender, Ours

OUR_BATCH = our_script("settle_and_fetch").sha.encode()
LOCK_SECONDS, STALLED_SECONDS = 3.0, 0.5


def hands_over(request: bytes) -> bool:
    """Whether a job may come with the answer to this command: BullMQ's say how long to lock, and ours is one."""
    return request.startswith(b"EVALSHA") and (b"lockDuration" in request or OUR_BATCH in request)


async def run_two_jobs(contender: Contender) -> None:
    """Let Redis know the scripts, or the first answer to be lost would be "no such script"."""
    runs: Journal[str] = Journal()

    async def handler(job):
        runs.note(job.id)

    running = await contender.start(handler)
    await contender.add_many([{}, {}])
    await runs.until(2)
    await running.stop()
    await contender.close()


@pytest.fixture
async def loaded(redis_url: str, prefix: str) -> None:
    """A Redis that knows our scripts."""
    await run_two_jobs(Ours(redis_url, f"{prefix}-before"))


async def test_f18_job_of_a_lost_fetch_is_run_at_once(contender: Contender, proxy, redis_url, queue, queue_events):
    # Given two jobs and a worker that has not asked yet
    runs: Journal[str] = Journal()

    async def handler(job):
        runs.note(job.id)

    await run_two_jobs(type(contender)(redis_url, f"{contender.prefix}-before"))
    ids = [await queue.add("task", {"n": n}) for n in range(2)]
    contender.url = proxy.url

    # When the first answer is lost on its way
    proxy.drop_reply_matching(hands_over)
    await contender.start(handler, lock_seconds=LOCK_SECONDS, stalled_seconds=STALLED_SECONDS)
    await asyncio.wait_for(proxy.reply_dropped.wait(), 5)

    # Then both run at once, and none is taken for stalled
    if contender.is_ours:
        assert sorted(await runs.until(2, within=LOCK_SECONDS / 2)) == sorted(ids)
        assert [(await queue.job(job_id)).stalled_count for job_id in ids] == [0, 0]
    else:
        await queue_events.until("stalled", ids[0], within=LOCK_SECONDS + 4 * STALLED_SECONDS)


@pytest.mark.usefixtures("loaded")
async def test_f18_job_that_came_with_a_lost_completion_is_run_at_once(ours: Ours, proxy, queue):
    """Ours alone: the package's worker does not ask for the next job in the same breath."""
    # Given a worker with the first of three jobs in hand
    runs: Journal[str] = Journal()
    finish = asyncio.Event()

    async def handler(job):
        runs.note(job.id)
        await finish.wait()

    ours.url = proxy.url
    ids = [await queue.add("task", {"n": n}) for n in range(3)]
    await ours.start(handler, lock_seconds=LOCK_SECONDS, stalled_seconds=STALLED_SECONDS)
    await runs.until(1)

    # When the answer that says "written, and here is the next one" is lost
    proxy.drop_reply_matching(hands_over)
    finish.set()

    # Then each job runs once, long before a lock could run out
    assert sorted(await runs.until(3, within=LOCK_SECONDS / 2)) == sorted(ids)
    assert proxy.reply_dropped.is_set()
    assert [(await queue.job(job_id)).stalled_count for job_id in ids] == [0, 0, 0]


@pytest.mark.usefixtures("loaded")
async def test_f18_reclaimed_jobs_do_not_exceed_the_concurrency(ours: Ours, proxy, queue):
    # Given jobs and a worker for one at a time
    running, at_once = 0, []
    runs: Journal[str] = Journal()

    async def handler(job):
        nonlocal running
        running += 1
        at_once.append(running)
        await asyncio.sleep(0.05)
        running -= 1
        runs.note(job.id)

    ours.url = proxy.url
    ids = [await queue.add("task", {"n": n}) for n in range(4)]

    # When the answer to its first question is lost
    proxy.drop_reply_matching(hands_over)
    await ours.start(handler, lock_seconds=LOCK_SECONDS, stalled_seconds=STALLED_SECONDS)

    # Then
    assert sorted(await runs.until(4)) == sorted(ids)
    assert proxy.reply_dropped.is_set()
    assert max(at_once) == 1
