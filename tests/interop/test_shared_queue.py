"""Node and Python workers share one queue: each job runs once, and all limits hold for both together."""

import asyncio
import signal
import subprocess
import sys
from itertools import groupby

from oxyq.engine import Entry, Keep, Rate
from tests.interop.our_worker import Held, echo

#: A worker of ours in a process of its own, that never finishes a job: told to die while it holds one.
HOLDING_WORKER = """
import asyncio, sys
from oxyq.engine import Worker

async def never(job):
    print(job.id, flush=True)
    await asyncio.Event().wait()

async def main(url, prefix):
    worker = Worker("message", never, redis_url=url, prefix=prefix, lock_seconds=0.5, stalled_interval_seconds=0.2)
    await worker.start()
    await worker.wait()

asyncio.run(main(*sys.argv[1:]))
"""


def ids(count):
    return [f"shared-{n}" for n in range(count)]


async def started_by_both(node, held, count):
    """Wait until Node and we hold `count` jobs each, then let all go."""
    await held.has(count)
    await node.until("started", count)
    await node.let_go("message")
    held.let_go()


async def active_times(redis_client, prefix, queue):
    """When each job of the queue was handed out, in ms of the clock of Redis, which is the limiter's clock too."""
    events = await redis_client.xrange(f"{prefix}:{queue}:events")
    return [int(stream_id.split("-")[0]) for stream_id, event in events if event["event"] == "active"]


async def test_each_job_runs_once_with_workers_on_both_sides(node, work, open_queue):
    # Given a worker on each side
    held = Held()
    await work("message", held, concurrency=5, keep_completed=Keep())
    await node.work("message", "held", concurrency=5)
    await node.listen("message")

    # When we and Node add 100 jobs each, and both have taken some
    await open_queue("message").add_many([Entry("ours", n, job_id) for n, job_id in enumerate(ids(100))])
    theirs = await node.queue("message").addBulk([{"name": "theirs", "data": n} for n in range(100)])
    await started_by_both(node, held, 5)

    # Then each job has run once, here or there
    done = await completed_by_both(node, 200)
    assert sorted(done) == sorted(ids(100) + [job["id"] for job in theirs])
    theirs_run = [line["jobId"] for line in node.witness.told if line["event"] == "started"]
    assert sorted(theirs_run + [job.id for job in held.started.told]) == sorted(done)
    assert await node.queue("message").getJobCounts("completed") == {"completed": 200}


async def completed_by_both(node, count):
    """The ids of the first `count` completions in the queue's events, whoever wrote them."""
    return [event["jobId"] for event in await node.emitted("completed", count)]


async def test_the_rate_limit_counts_the_jobs_of_both(node, work, open_queue, redis_client, prefix):
    # Given a worker on each side with the same limit of 20 jobs a second
    held = Held()
    await work("message", held, concurrency=5, rate=Rate(20, per_seconds=1))
    await node.work("message", "held", concurrency=5, limiter={"max": 20, "duration": 1000})
    await node.listen("message")

    # When there are 60 jobs, and both take part
    await open_queue("message").add_many([Entry("limited", n, job_id) for n, job_id in enumerate(ids(60))])
    await started_by_both(node, held, 5)
    done = await completed_by_both(node, 60)

    # Then the limit is used up, and no window of the limiter has more
    assert sorted(done) == sorted(ids(60))
    assert max(windows(await active_times(redis_client, prefix, "message"), 1000)) == 20


def windows(times, length_ms):
    """How many of the sorted `times` are in each window of BullMQ's limiter: one begins with the first job after
    the window before it."""
    opened, numbers = times[0], []
    for time in times:
        if time - opened >= length_ms:
            opened = time
        numbers.append(opened)
    return [len(list(group)) for _, group in groupby(numbers)]


async def test_a_global_rate_limit_set_in_node_holds_for_our_worker(node, work, open_queue, redis_client, prefix):
    # Given a queue to which Node gave a limit of 5 jobs in 400 ms, and a worker of ours that knows of no limit
    await node.queue("message").setGlobalRateLimit(5, 400)
    worker = await work("message", echo, concurrency=10)

    # When there are 15 jobs
    await open_queue("message").add_many([Entry("limited", n) for n in range(15)])
    await worker.completed(15)

    # Then the limit is used up, and no window has more
    assert max(windows(await active_times(redis_client, prefix, "message"), 400)) == 5


async def test_a_global_concurrency_set_in_node_counts_the_jobs_of_both(node, work, open_queue):
    # Given a queue that may run four jobs at once, whoever runs them
    await node.queue("message").setGlobalConcurrency(4)
    held = Held()
    await work("message", held, concurrency=2)
    await node.work("message", "held", concurrency=10)
    await node.listen("message")

    # When there are 20 jobs
    await open_queue("message").add_many([Entry("job", n) for n in range(20)])
    await node.emitted("active", 4)

    # Then four run, although both sides have room for more (whoever was first may have them all)
    assert await node.queue("message").getJobCounts("active", "wait") == {"active": 4, "wait": 16}
    assert await node.queue("message").isMaxed() is True
    # and when they end, the others follow
    await node.let_go("message")
    held.let_go()
    assert len(set(await completed_by_both(node, 20))) == 20


async def test_node_takes_over_the_job_of_a_killed_worker_of_ours(node, open_queue, redis_url, prefix):
    # Given a worker of ours that holds a job, and dies
    job_id = await open_queue("message").add("precious", {"text": "oi"})
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDING_WORKER, redis_url, prefix], stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        assert await asyncio.wait_for(asyncio.to_thread(process.stdout.readline), 10) == f"{job_id}\n"
        process.send_signal(signal.SIGKILL)

    # When a Node worker looks for stalled jobs
    await node.work("message", "echo", stalledInterval=300)

    # Then it does the job
    [done] = await node.until("completed")
    assert (done["jobId"], done["result"]) == (job_id, {"text": "oi"})


async def test_we_take_over_the_job_of_a_node_worker_that_died(node, work, open_queue):
    # Given a Node worker that took a job and died
    job_id = await open_queue("message").add("precious", {"text": "oi"})
    assert await node.take_and_die("message", lock_ms=200) == job_id

    # When our worker looks for stalled jobs
    worker = await work("message", echo, stalled_interval_seconds=0.3)

    # Then it does the job, and Node reads that it was started twice and stalled once
    [done] = await worker.completed()
    assert done.id == job_id
    job = await node.queue("message").getJob(job_id)
    assert (job["attemptsStarted"], job["stalledCounter"], job["returnvalue"]) == (2, 1, {"text": "oi"})


async def test_our_worker_lets_go_of_a_job_that_node_took_away(node, work, open_queue):
    # Given a job in the hands of our worker
    held = Held()
    worker = await work("message", held)
    await open_queue("message").add("stolen", {})
    [job] = await held.has(1)

    # When an operator in Node removes the whole queue, running jobs too, and Node adds a new one
    await node.queue("message").obliterate({"force": True})
    held.let_go()
    await node.queue("message").resume()
    await node.queue("message").add("new", {})

    # Then our worker tells that the job was lost, and goes on with the new one
    [done] = await worker.completed()
    assert done.name == "new"
    assert any(getattr(event, "job_id", None) == job.id for event in worker.witness.told)
    assert await node.queue("message").getJobCounts("active", "completed") == {"active": 0, "completed": 1}
