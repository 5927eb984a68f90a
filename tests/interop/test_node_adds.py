"""A Node service adds jobs with the real BullMQ, and our worker processes them."""

import json
import time

import pytest

from tests.interop.node_peer import Node, NodeProcess
from tests.interop.our_worker import Held, echo
from tests.interop.payloads import MESSAGE, PAYLOADS
from tests.requirements import require


@pytest.fixture(scope="module", params=["bullmq", "bullmq5"])
async def producer_process(request, redis_server):
    """A Node process with bullmq 6, then one with bullmq 5."""
    require("node", "node-packages")
    async with NodeProcess(request.param, redis_server.url) as process:
        yield process


@pytest.fixture
async def producer(producer_process, prefix):
    """Node with bullmq 6, then with bullmq 5."""
    node = Node(producer_process, prefix)
    yield node
    await node.end()


async def test_the_producers_are_really_bullmq_5_and_6(producer, producer_process):
    # When a Node queue is used, it writes down which package it is of
    await producer.queue("message").add("incoming", {})
    await producer.queue("message").waitUntilReady()
    version = await producer.queue("message").getVersion()

    # Then it is the major version that the tests below are named after
    assert version.startswith({"bullmq": "bullmq:6.", "bullmq5": "bullmq:5."}[producer_process.package])


@pytest.mark.parametrize("kind", PAYLOADS)
async def test_a_job_of_node_reaches_us_byte_for_byte(producer, work, redis_client, prefix, kind):
    # Given a worker of ours whose result is the data of the job
    worker = await work("message", echo)

    # When Node adds a payload
    added = await producer.queue("message").add("any name é aceito 📨", json.loads(PAYLOADS[kind]))

    # Then we have run it under its name and id, and what went through us is still what Node wrote
    [job] = await worker.completed()
    assert (job.id, job.name, job.attempt, job.attempts) == (added["id"], "any name é aceito 📨", 1, 1)
    assert job.data == json.loads(PAYLOADS[kind])
    data, result = await redis_client.hmget(f"{prefix}:message:{job.id}", "data", "returnvalue")
    assert data == PAYLOADS[kind]
    assert result == PAYLOADS[kind]


async def test_a_delayed_job_of_node_runs_when_it_is_due(producer, work):
    # Given an idle worker of ours
    worker = await work("automation", echo)

    # When Node adds one that is far away and one that is due in 300 ms
    await producer.queue("automation").add("far", {}, {"delay": 3_600_000})
    added = await producer.queue("automation").add("near", {}, {"delay": 300})

    # Then only the near one runs, not before its time and soon after it
    [job] = await worker.completed()
    late_ms = time.time() * 1000 - (added["timestamp"] + 300)
    assert job.name == "near"
    assert -1 <= late_ms < 2000


async def test_prioritised_jobs_of_node_run_in_their_order(producer, work):
    # Given jobs of several priorities, where 1 is the highest and none comes before all
    for priority in (5, 1, 3, 1):
        await producer.queue("campaign").add(f"priority {priority}", {}, {"priority": priority})
    await producer.queue("campaign").add("no priority", {})

    # When our worker takes one after the other
    worker = await work("campaign", echo, concurrency=1)

    # Then the order is BullMQ's
    names = [job.name for job in await worker.completed(5)]
    assert names == ["no priority", "priority 1", "priority 1", "priority 3", "priority 5"]


async def test_a_prioritised_job_wakes_an_idle_worker_of_ours(producer, work):
    # Given a worker of ours that has found nothing to do
    worker = await work("message", echo)
    await producer.queue("message").add("first", {})
    await worker.completed(1)

    # When Node adds a job with a priority
    await producer.queue("message").add("second", {}, {"priority": 3})

    # Then it runs without anybody's polling
    assert [job.name for job in await worker.completed(2, within_seconds=5)] == ["first", "second"]


# ------------------------------------------------------------------ what only bullmq 6 is asked


async def test_jobs_that_node_adds_in_bulk_all_run_once(node, work):
    # Given a handler that counts its runs
    runs = []

    async def handler(job):
        runs.append(job.data["number"])

    # When Node adds 200 jobs in one go
    worker = await work("message", handler, concurrency=20)
    bulk = [{"name": "bulk", "data": {"number": n, "emoji": "🐾"}} for n in range(200)]
    added = await node.queue("message").addBulk(bulk)

    # Then each has run exactly once
    done = await worker.completed(200)
    assert sorted(runs) == list(range(200))
    assert {job.id for job in done} == {job["id"] for job in added}


async def test_lifo_jobs_of_node_run_newest_first(node, work):
    # Given jobs that Node put at the front, one after the other
    for name in ("oldest", "middle", "newest"):
        await node.queue("message").add(name, {}, {"lifo": True})

    # When our worker takes one after the other
    worker = await work("message", echo)

    # Then the newest comes first
    assert [job.name for job in await worker.completed(3)] == ["newest", "middle", "oldest"]


async def test_attempts_and_backoff_of_a_node_producer_are_obeyed(node, work):
    # Given a handler that fails twice
    async def fails_twice(job):
        if job.attempt < 3:
            raise ValueError(f"attempt {job.attempt} of {job.attempts}")
        return job.attempt

    worker = await work("message", fails_twice)

    # When Node adds a job with three attempts and a fixed pause of 100 ms
    options = {"attempts": 3, "backoff": {"type": "fixed", "delay": 100, "jitter": 0}}
    added = await node.queue("message").add("stubborn", {}, options)

    # Then it is tried three times, with that pause in between, and Node counts as we do
    await worker.completed(1)
    assert [failure.retry_in_ms for failure in await worker.failed(2)] == [100, 100]
    job = await node.queue("message").getJob(added["id"])
    assert (job["attemptsMade"], job["attemptsStarted"], job["returnvalue"]) == (3, 3, 3)


async def test_keep_options_of_a_node_producer_are_obeyed(node, work):
    # Given a worker of ours
    worker = await work("message", echo)

    # When Node adds one job to be forgotten, and three of which one is to be kept
    await node.queue("message").add("forget", {}, {"removeOnComplete": True})
    for name in ("first", "second", "third"):
        await node.queue("message").add(name, {}, {"removeOnComplete": {"count": 1}})
    await worker.completed(4)

    # Then only the last one is left
    assert [job["name"] for job in await node.queue("message").getCompleted()] == ["third"]


async def test_deduplication_of_a_node_producer_ends_when_we_complete_the_job(node, work):
    # Given a job with a deduplication id in the hands of our worker
    held = Held()
    worker = await work("message", held)
    once = {"deduplication": {"id": "chat-1"}}
    first = await node.queue("message").add("turn", {"text": "oi"}, once)
    await held.has(1)

    # When Node adds it again while it runs, and once more when it is done
    during = await node.queue("message").add("turn", {"text": "oi?"}, once)
    held.let_go()
    await worker.completed(1)
    after = await node.queue("message").add("turn", {"text": "oi!"}, once)

    # Then the second was dropped and the third is a job of its own
    assert during["id"] == first["id"]
    assert after["id"] != first["id"]
    assert [job.data["text"] for job in await worker.completed(2)] == ["oi", "oi!"]


async def test_node_empties_the_queue_and_our_worker_goes_on(node, work):
    # Given a worker of ours that is held up, and more jobs behind it
    held = Held()
    worker = await work("message", held)
    await node.queue("message").addBulk([{"name": "old", "data": n} for n in range(5)])
    await held.has(1)

    # When Node drains the queue and adds another job
    await node.queue("message").drain()
    held.let_go()
    await node.queue("message").add("new", MESSAGE)

    # Then the job in hand and the new one are done, and nothing else
    assert [job.name for job in await worker.completed(2)] == ["old", "new"]
    assert await node.queue("message").getJobCounts("wait", "active", "completed") == {
        "wait": 0,
        "active": 0,
        "completed": 2,
    }
