"""Node's QueueEvents hears of everything our queue and our worker do."""

import asyncio

from oxyq.engine import Backoff, Unrecoverable
from tests.interop.our_worker import Held, echo


async def test_the_life_of_a_job_of_ours_is_told_in_its_order(node, work, open_queue):
    # Given Node listening, and a handler that reports its progress
    async def handler(job):
        await job.update_progress({"step": 1})
        return {"answer": "às 10h ⏰"}

    await node.listen("message")
    await work("message", handler)

    # When we add a job
    job_id = await open_queue("message").add("turn", {})

    # Then Node hears its whole life
    await node.emitted("drained")
    lines = node.emitted_about(job_id)
    assert [line["what"] for line in lines] == ["added", "waiting", "active", "progress", "completed"]
    added, _, active, progress, completed = lines
    assert added["name"] == "turn"
    assert active["prev"] == "waiting"
    assert progress["data"] == {"step": 1}
    assert (completed["returnvalue"], completed["prev"]) == ({"answer": "às 10h ⏰"}, "active")


async def test_a_job_that_fails_for_good_is_told_as_failed_and_exhausted(node, work, open_queue):
    # Given Node listening, and a handler that always fails
    async def handler(job):
        raise ValueError(f"attempt {job.attempt}")

    await node.listen("message")
    await work("message", handler)

    # When we add a job with two attempts
    backoff = Backoff("fixed", delay_ms=30, jitter=0)
    job_id = await open_queue("message").add("bad", {}, attempts=2, backoff=backoff)

    # Then Node hears of the pause between them, and of the end
    [failed] = await node.emitted("failed", jobId=job_id)
    [exhausted] = await node.emitted("retries-exhausted", jobId=job_id)
    told = [line["what"] for line in node.emitted_about(job_id)]
    assert sorted(told[-2:]) == ["failed", "retries-exhausted"]
    assert told[:-2] == ["added", "waiting", "active", "delayed", "waiting", "active"]
    assert (failed["failedReason"], failed["prev"]) == ("attempt 2", "active")
    assert exhausted["attemptsMade"] == "2"
    [delayed] = await node.emitted("delayed", jobId=job_id)
    assert delayed["delay"] > 1_700_000_000_000  # BullMQ tells the date there, not the pause


async def test_a_job_that_is_given_up_early_is_not_told_as_exhausted(node, work, open_queue):
    # Given Node listening, and a handler that gives up
    async def handler(job):
        raise Unrecoverable("never")

    await node.listen("message")
    await work("message", handler)

    # When we add a job with attempts left
    job_id = await open_queue("message").add("bad", {}, attempts=3)

    # Then it is told as failed, and not as exhausted
    await node.emitted("failed", jobId=job_id)
    await node.emitted("drained")
    assert [line["what"] for line in node.emitted_about(job_id)] == ["added", "waiting", "active", "failed"]


async def test_delayed_duplicated_and_removed_jobs_are_told(node, open_queue):
    # Given Node listening
    await node.listen("message")
    queue = open_queue("message")

    # When we add a delayed job, add it again, and remove it
    await queue.add("later", {}, job_id="msg-1", delay_ms=60_000)
    await queue.add("later", {}, job_id="msg-1", delay_ms=60_000)
    assert await queue.remove("msg-1") is True

    # Then Node hears each
    [delayed] = await node.emitted("delayed", jobId="msg-1")
    assert delayed["delay"] > 1_700_000_000_000
    await node.emitted("duplicated", jobId="msg-1")
    [removed] = await node.emitted("removed", jobId="msg-1")
    assert removed["prev"] == "delayed"


async def test_a_stalled_job_that_we_recover_is_told(node, work, open_queue):
    # Given Node listening, and a job whose worker died
    await node.listen("message")
    job_id = await open_queue("message").add("precious", {})
    await node.take_and_die("message", lock_ms=100)

    # When our worker recovers it
    await work("message", echo, stalled_interval_seconds=0.2)

    # Then Node hears that it stalled, waits again, and is done
    await node.emitted("stalled", jobId=job_id)
    await node.emitted("waiting", 2, jobId=job_id)
    await node.emitted("completed", jobId=job_id)


async def test_a_job_that_we_hand_back_is_told_as_waiting_again(node, work, open_queue):
    # Given Node listening, and a job in the hands of our worker
    held = Held()
    await node.listen("message")
    worker = await work("message", held)
    job_id = await open_queue("message").add("long", {})
    await held.has(1)

    # When our worker stops without waiting for it
    await worker.stop()

    # Then it waits again, with no attempt used
    [_, again] = await node.emitted("waiting", 2, jobId=job_id)
    assert again["prev"] == "active"
    job = await node.queue("message").getJob(job_id)
    assert job["attemptsMade"] == 0
    assert await node.job("message", job_id).getState() == "waiting"


async def test_pausing_and_cleaning_by_us_is_told(node, work, open_queue):
    # Given Node listening, and a job that is done
    await node.listen("message")
    queue = open_queue("message")
    worker = await work("message", echo)
    await queue.add("done", {})
    await worker.completed()

    # When we pause, resume and clean
    await queue.pause()
    await queue.resume()
    removed = [count async for count in queue.clean("completed")]

    # Then Node hears of it
    await node.emitted("paused")
    await node.emitted("resumed")
    [cleaned] = await node.emitted("cleaned")
    assert removed == [1]
    assert cleaned["count"] == "1"


async def test_a_job_retried_by_us_is_told(node, work, open_queue):
    # Given Node listening, and a job that failed
    fails = asyncio.Event()
    fails.set()

    async def handler(job):
        if fails.is_set():
            raise Unrecoverable("not now")
        return "done"

    await node.listen("message")
    queue = open_queue("message")
    worker = await work("message", handler)
    job_id = await queue.add("again", {})
    await worker.failed()

    # When we retry it
    fails.clear()
    assert await queue.retry(job_id) is True

    # Then Node hears that it waits again and is done
    [_, again] = await node.emitted("waiting", 2, jobId=job_id)
    assert again["prev"] == "failed"
    [completed] = await node.emitted("completed", jobId=job_id)
    assert completed["returnvalue"] == "done"
