"""An operator in Node works on our queues: what the calls promise happens, with our jobs and our workers."""

import asyncio
import time

import pytest

from oxyq.engine import Entry, JobOptions, Rate, Unrecoverable
from tests.interop.node_peer import NodeError
from tests.interop.our_worker import Held, echo

#: How long a worker that must not start anything is watched.
SILENCE_SECONDS = 0.3


class Moody:
    """A handler that fails for good until it is told to work."""

    def __init__(self):
        self.works = False

    async def __call__(self, job):
        if not self.works:
            raise Unrecoverable("not now")
        return "done"


async def starts_nothing(held):
    """Watch a held worker for a moment in which it must not begin a job."""
    with pytest.raises(AssertionError, match="0 of 1"):
        await held.has(1, within_seconds=SILENCE_SECONDS)


async def test_node_retries_a_job_that_we_failed(node, work, open_queue):
    # Given a job that our worker failed
    handler = Moody()
    worker = await work("message", handler)
    job_id = await open_queue("message").add("again", {}, attempts=3)
    await worker.failed()

    # When Node retries it
    handler.works = True
    await node.job("message", job_id).retry()

    # Then our worker does it, and nothing of the failure is left on it
    await worker.completed()
    job = await node.queue("message").getJob(job_id)
    assert job["returnvalue"] == "done"
    assert "failedReason" not in job


async def test_node_retries_all_jobs_that_we_failed(node, work, open_queue):
    # Given twenty jobs that our worker failed
    handler = Moody()
    worker = await work("message", handler, concurrency=5)
    await open_queue("message").add_many([Entry("again", n) for n in range(20)])
    await worker.failed(20)

    # When Node retries them all at once
    handler.works = True
    await node.queue("message").retryJobs({"count": 7})

    # Then our worker does each once
    jobs = await worker.completed(20)
    assert sorted(job.data for job in jobs) == list(range(20))
    assert await node.queue("message").getJobCounts("failed", "completed") == {"failed": 0, "completed": 20}


async def test_node_repeats_a_job_that_we_completed(node, work, open_queue):
    # Given a job that our worker completed
    worker = await work("message", echo)
    job_id = await open_queue("message").add("once more", {"n": 1})
    await worker.completed()

    # When Node retries it from completed
    await node.job("message", job_id).retry("completed")

    # Then our worker does it again
    assert [job.id for job in await worker.completed(2)] == [job_id, job_id]


async def test_node_promotes_our_delayed_jobs(node, work, open_queue):
    # Given an idle worker of ours, and delayed jobs
    worker = await work("automation", echo)
    queue = open_queue("automation")
    first, second = [await queue.add("later", {}, delay_ms=3_600_000) for _ in range(2)]

    # When Node promotes one, then the worker runs it at once
    await node.job("automation", second).promote()
    assert [job.id for job in await worker.completed(1, within_seconds=5)] == [second]

    # And when Node promotes all, the other one too
    await node.queue("automation").promoteJobs()
    assert [job.id for job in await worker.completed(2, within_seconds=5)] == [second, first]


async def test_node_brings_our_delayed_job_forward(node, work, open_queue):
    # Given an idle worker of ours that knows of a job in an hour
    worker = await work("automation", echo)
    job_id = await open_queue("automation").add("later", {}, delay_ms=3_600_000)

    # When Node changes its delay to 150 ms
    changed = time.monotonic()
    await node.job("automation", job_id).changeDelay(150)

    # Then it runs at its new time
    await worker.completed(1, within_seconds=5)
    assert 0.149 <= time.monotonic() - changed < 3


async def test_node_changes_the_priority_and_the_data_of_our_waiting_jobs(node, work, open_queue):
    # Given two jobs with priorities
    queue = open_queue("campaign")
    first = await queue.add("job", {"name": "first"}, priority=2)
    second = await queue.add("job", {"name": "second"}, priority=3)

    # When Node puts the second one before the first, and changes what it carries
    await node.job("campaign", second).changePriority({"priority": 1})
    await node.job("campaign", second).updateData({"name": "segundo 🥈"})

    # Then our worker sees it that way
    worker = await work("campaign", echo)
    done = await worker.completed(2)
    assert [(job.id, job.data) for job in done] == [(second, {"name": "segundo 🥈"}), (first, {"name": "first"})]


async def test_node_removes_our_jobs_but_not_one_that_we_are_running(node, work, open_queue):
    # Given a job that runs, one that waits and one that is delayed
    held = Held()
    worker = await work("message", held)
    queue = open_queue("message")
    running = await queue.add("running", {})
    await held.has(1)
    waiting, delayed = await queue.add("waiting", {}), await queue.add("delayed", {}, delay_ms=60_000)

    # When Node removes all three
    await node.job("message", waiting).remove()
    await node.job("message", delayed).remove()
    with pytest.raises(NodeError, match="locked"):
        await node.job("message", running).remove()

    # Then the two are gone, and the running one ends in peace
    assert [await queue.job(job_id) for job_id in (waiting, delayed)] == [None, None]
    held.let_go()
    assert [job.id for job in await worker.completed()] == [running]


async def test_node_cleans_our_finished_jobs_with_their_logs(node, work, open_queue, redis_client, prefix):
    # Given jobs that our worker completed and failed
    async def handler(job):
        await job.log("a line")
        if job.name == "bad":
            raise Unrecoverable("no")

    worker = await work("message", handler)
    queue = open_queue("message")
    good = [await queue.add("good", {}) for _ in range(3)]
    bad = [await queue.add("bad", {}) for _ in range(2)]
    await worker.completed(3)
    await worker.failed(2)

    # When Node cleans both
    cleaned = await node.queue("message").clean(0, 100, "completed")
    cleaned_failed = await node.queue("message").clean(0, 100, "failed")

    # Then nothing of them is left
    assert (sorted(cleaned), sorted(cleaned_failed)) == (sorted(good), sorted(bad))
    left = [key async for key in redis_client.scan_iter(f"{prefix}:message:job-*")]
    assert left == []


async def test_node_finds_no_orphans_among_our_keys(node, work, open_queue, redis_client, prefix):
    # Given a queue of ours with jobs in several states, and an id that we remember
    worker = await work("message", echo)
    queue = open_queue("message")
    await queue.add("done", {})
    await queue.add("later", {}, delay_ms=60_000)
    await queue.add_once("once", {}, job_id="msg-1", options=JobOptions(), fingerprint="f", remember_seconds=60)
    await worker.completed(2)
    before = {key async for key in redis_client.scan_iter(f"{prefix}:message:*")}

    # When Node removes orphaned keys, then it finds none
    assert await node.queue("message").removeOrphanedJobs() == 0
    assert {key async for key in redis_client.scan_iter(f"{prefix}:message:*")} == before


async def test_our_worker_takes_nothing_while_node_has_paused_the_queue(node, work, open_queue):
    # Given an idle worker of ours on a queue that Node paused
    held = Held()
    worker = await work("message", held)
    await node.queue("message").pause()

    # When there are jobs of every kind, then it takes none
    queue = open_queue("message")
    await queue.add("plain", {})
    await queue.add("prioritised", {}, priority=1)
    await queue.add("delayed", {}, delay_ms=1)
    await starts_nothing(held)
    assert await queue.is_paused() is True

    # And when Node resumes it, they run at once
    held.let_go()
    await node.queue("message").resume()
    assert len(await worker.completed(3, within_seconds=5)) == 3


async def test_our_pause_holds_a_node_worker(node, open_queue):
    # Given a Node worker on a queue that we paused
    await node.work("message", "echo")
    queue = open_queue("message")
    await queue.pause()

    # When there is a job, then Node sees the pause and takes none
    await queue.add("plain", {})
    assert await node.queue("message").isPaused() is True
    with pytest.raises(AssertionError, match="0 of 1"):
        await node.until("started", within_seconds=SILENCE_SECONDS)

    # And when we resume, it runs
    await queue.resume()
    await node.until("completed")


async def test_our_worker_obeys_a_global_concurrency_that_node_changes(node, work, open_queue):
    # Given a worker of ours with room for five, and a limit of two from Node
    await node.queue("message").setGlobalConcurrency(2)
    held = Held()
    worker = await work("message", held, concurrency=5)
    await open_queue("message").add_many([Entry("job", n) for n in range(6)])
    await held.has(2)

    # When the worker has looked for more, then it still runs two
    with pytest.raises(AssertionError, match="2 of 3"):
        await held.has(3, within_seconds=SILENCE_SECONDS)
    assert await node.queue("message").getJobCounts("active", "wait") == {"active": 2, "wait": 4}

    # And without the limit, it takes as many as it has room for
    await node.queue("message").removeGlobalConcurrency()
    held.let_go()
    await worker.completed(6)


async def test_our_limit_reaches_node(node, open_queue):
    # When we set limits for a queue
    queue = open_queue("message")
    await queue.set_global_concurrency(7)
    await queue.set_global_rate(30, per_ms=60_000)

    # Then Node reads them, and none once we take them away
    assert await node.queue("message").getGlobalConcurrency() == 7
    assert await node.queue("message").getGlobalRateLimit() == {"max": 30, "duration": 60_000}
    await queue.set_global_concurrency(None)
    await queue.set_global_rate(None)
    assert await node.queue("message").getGlobalConcurrency() is None
    assert await node.queue("message").getGlobalRateLimit() is None


async def test_our_worker_waits_as_long_as_node_rate_limits_the_queue(node, work, open_queue):
    # Given a worker of ours with a rate, and a queue that Node limits for 500 ms
    held = Held()
    worker = await work("message", held, rate=Rate(100, per_seconds=1))
    limited = time.monotonic()
    await node.queue("message").rateLimit(500)

    # When there is a job
    await open_queue("message").add("job", {})
    held.let_go()

    # Then it runs when the limit ends, and not before
    await worker.completed(1, within_seconds=5)
    assert 0.49 <= time.monotonic() - limited < 3


async def test_our_worker_works_again_when_node_lifts_the_rate_limit(node, work, open_queue, monkeypatch):
    # Given a worker of ours that waits, because Node limited the queue for an hour
    monkeypatch.setattr("oxyq.engine.alarm.LONGEST_LIMIT_SLEEP_MS", 300)  # instead of half a minute, as Node has it
    held = Held()
    await work("message", held, rate=Rate(100, per_seconds=1))
    await node.queue("message").rateLimit(3_600_000)
    assert await node.queue("message").getRateLimitTtl() > 3_000_000
    await open_queue("message").add("job", {})
    await starts_nothing(held)

    # When Node lifts the limit, then the job runs
    await node.queue("message").removeRateLimitKey()
    await held.has(1, within_seconds=5)


async def test_our_worker_survives_the_removal_of_its_queue(node, work, open_queue):
    # Given an idle worker of ours, with jobs behind it and before it
    worker = await work("message", echo)
    queue = open_queue("message")
    await queue.add("old", {})
    await worker.completed()
    await queue.add("later", {}, delay_ms=60_000)

    # When Node obliterates the queue, and jobs come again (obliterate leaves it paused)
    await node.queue("message").obliterate()
    assert await queue.counts() == dict.fromkeys(await queue.counts(), 0)
    await node.queue("message").resume()
    await queue.add("new", {})

    # Then it works as before
    assert [job.name for job in await worker.completed(2)] == ["old", "new"]


async def test_node_reports_progress_and_logs_on_a_job_that_we_run(node, work, open_queue):
    # Given a job in the hands of our worker
    held = Held()
    worker = await work("message", held)
    queue = open_queue("message")
    job_id = await queue.add("long", {})
    await held.has(1)

    # When Node writes progress and a log line on it
    await node.job("message", job_id).updateProgress({"by": "node"})
    await node.job("message", job_id).log("seen by an operator 👀")
    held.let_go()
    await worker.completed()

    # Then we read them
    job = await queue.job(job_id)
    assert job is not None
    assert job.progress == {"by": "node"}
    assert await queue.logs(job_id) == ["seen by an operator 👀"]


async def test_fifty_pauses_and_resumes_lose_no_job(node, work, open_queue):
    # Given a worker of ours and many jobs
    worker = await work("message", echo, concurrency=3)
    await open_queue("message").add_many([Entry("job", n) for n in range(300)])

    # When Node pauses and resumes again and again
    async with asyncio.timeout(10):
        for _ in range(50):
            await node.queue("message").pause()
            await node.queue("message").resume()

    # Then every job is done once
    assert sorted(job.data for job in await worker.completed(300)) == list(range(300))
