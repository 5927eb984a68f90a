"""We add jobs, and a Node worker on the real BullMQ processes them."""

import json

import pytest

from oxyq.engine import Backoff, Entry, JobOptions, Keep
from tests.interop.payloads import PAYLOADS


@pytest.mark.parametrize("kind", PAYLOADS)
async def test_a_job_of_ours_reaches_node_byte_for_byte(node, open_queue, redis_client, prefix, kind):
    # Given a Node worker whose result is the data as Node writes it
    await node.work("message", "bytes")

    # When we add a payload
    job_id = await open_queue("message").add("qualquer nome 📨", json.loads(PAYLOADS[kind]))

    # Then both what is stored and what Node makes of it are the payload, letter for letter
    [done] = await node.until("completed", jobId=job_id)
    assert bytes.fromhex(done["result"]).decode() == PAYLOADS[kind]
    assert done["name"] == "qualquer nome 📨"
    assert await redis_client.hget(f"{prefix}:message:{job_id}", "data") == PAYLOADS[kind]


async def test_a_delayed_job_of_ours_waits_in_node_until_it_is_due(node, open_queue):
    # Given an idle Node worker
    await node.work("automation", "echo")

    # When we add one that is far away and one that is due in 200 ms
    queue = open_queue("automation")
    far = await queue.add("far", {}, delay_ms=3_600_000)
    near = await queue.add("near", {}, delay_ms=200)

    # Then Node runs the near one, and sees the other one as delayed
    [done] = await node.until("completed")
    assert done["jobId"] == near
    job = await node.queue("automation").getJob(near)
    assert job["processedOn"] - job["timestamp"] >= 199
    assert (await node.queue("automation").getJob(far))["delay"] == 3_600_000
    assert await node.job("automation", far).getState() == "delayed"


async def test_prioritised_and_lifo_jobs_of_ours_run_in_node_in_bullmqs_order(node, open_queue):
    # Given jobs of all kinds
    queue = open_queue("campaign")
    for priority in (5, 1, 3, 1):
        await queue.add(f"priority {priority}", {}, priority=priority)
    await queue.add("no priority", {})
    await queue.add("at the front", {}, lifo=True)

    # When a Node worker takes one after the other
    await node.work("campaign", "echo")

    # Then the order is BullMQ's
    names = [line["name"] for line in await node.until("completed", 6)]
    assert names == ["at the front", "no priority", "priority 1", "priority 1", "priority 3", "priority 5"]


async def test_node_retries_our_job_with_the_attempts_and_the_backoff_we_asked_for(node, open_queue):
    # Given a Node worker that fails each first attempt
    await node.work("message", "fails-once")

    # When we add a job with attempts and a pause
    backoff = Backoff("exponential", delay_ms=150, jitter=0)
    job_id = await open_queue("message").add("stubborn", {"n": 1}, attempts=3, backoff=backoff)

    # Then it is done at the second attempt, after the pause
    await node.until("completed", jobId=job_id, attemptsMade=2)
    [failure] = await node.until("failed", jobId=job_id)
    assert failure["message"] == "the first attempt fails"
    job = await node.queue("message").getJob(job_id)
    assert job["opts"]["backoff"] == {"type": "exponential", "delay": 150, "jitter": 0}
    assert job["attemptsStarted"] == 2


async def test_node_keeps_as_many_finished_jobs_as_we_asked_for(node, open_queue):
    # Given a Node worker
    await node.work("message", "echo")

    # When we add three jobs of which one is to be kept
    queue = open_queue("message")
    for name in ("one", "four", "seven"):
        # Of those that end within one ms, the one with the highest id is the last.
        await queue.add(name, {}, job_id=f"{len(name)}-{name}", keep_completed=Keep(count=1, age_seconds=3600))
    await node.until("completed", 3)

    # Then the last one is left
    assert [record.name for record in await queue.jobs("completed")] == ["seven"]


async def test_many_jobs_of_ours_all_run_once_in_node(node, open_queue):
    # Given a Node worker
    await node.work("message", "echo", concurrency=20)

    # When we add 300 jobs at once, some with priorities and some a little later
    kinds = (JobOptions(), JobOptions(priority=2), JobOptions(delay_ms=20))
    entries = [Entry("many", {"number": n}, f"many-{n}", kinds[n % 3]) for n in range(300)]
    ids = await open_queue("message").add_many(entries)

    # Then each has run exactly once
    await node.until("completed", 300)
    assert sorted(line["jobId"] for line in node.witness.told if line["event"] == "started") == sorted(ids)


async def test_an_id_that_is_taken_already_is_one_job_for_both(node, open_queue):
    # Given a job of ours with an id of its own
    queue = open_queue("message")
    await queue.add("ours", {"from": "us"}, job_id="msg-1")

    # When Node adds the same id, and we do
    again = await node.queue("message").add("theirs", {"from": "node"}, {"jobId": "msg-1"})
    await queue.add("ours", {"from": "us again"}, job_id="msg-1")

    # Then there is one job, the first
    assert again["id"] == "msg-1"
    assert await node.queue("message").getJobCounts("wait") == {"wait": 1}
    job = await queue.job("msg-1")
    assert job is not None
    assert (job.name, job.data) == ("ours", {"from": "us"})


async def test_we_read_how_a_node_worker_ended_our_jobs(node, open_queue):
    # Given a Node worker that does one job and fails the other for ever
    queue = open_queue("message")
    await node.work("message", "echo")
    done_id = await queue.add("good", {"answer": "às 10h ⏰"})
    await node.until("completed", jobId=done_id)
    await node.work("automation", "unrecoverable")
    other = open_queue("automation")
    failed_id = await other.add("bad", {}, attempts=5)
    await node.until("failed", jobId=failed_id)

    # When we look
    done, failed = await queue.job(done_id), await other.job(failed_id)

    # Then we see result, reason, traces and attempts
    assert done is not None and failed is not None
    assert (await queue.state(done_id), done.result) == ("completed", {"answer": "às 10h ⏰"})
    assert (await other.state(failed_id), failed.attempts_made) == ("failed", 1)
    assert failed.failed_reason == "Node will never do bad"
    assert "UnrecoverableError: Node will never do bad" in failed.stack_traces[0]
    assert (await queue.counts())["completed"] == 1
    assert (await other.counts())["failed"] == 1
