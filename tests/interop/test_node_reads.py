"""A Node Queue reads everything our worker leaves behind, as if a Node worker had written it."""

import asyncio
import base64
import time

from oxyq.engine import Backoff, Unrecoverable
from oxyq.outcomes import Discard, Later
from tests.interop.our_worker import Held, echo


async def test_node_counts_and_finds_our_jobs_in_every_state(node, work, open_queue):
    # Given one job completed, one failed and one active, and others that wait in each way there is
    held = Held()

    async def handler(job):
        if job.name == "failed":
            raise ValueError("no")
        return await held(job) if job.name == "active" else job.data

    queue = open_queue("message")
    worker = await work("message", handler)
    ids = {name: await queue.add(name, {}) for name in ("completed", "failed", "active")}
    await worker.completed(1)
    await worker.failed(1)
    await held.has(1)
    ids["waiting"] = await queue.add("waiting", {})
    ids["prioritized"] = await queue.add("prioritized", {}, priority=3)
    ids["delayed"] = await queue.add("delayed", {}, delay_ms=60_000)
    family = {"name": "waiting-children", "queueName": "message", "children": [{"name": "child", "queueName": "later"}]}
    ids["waiting-children"] = (await node.add_flow(family))["job"]["id"]

    # When Node counts them
    counts = await node.queue("message").getJobCounts()

    # Then there is one in each state, and each is found where it should be
    assert {state: counts[state] for state in ids} == dict.fromkeys(ids, 1)
    for state, job_id in ids.items():
        assert await node.job("message", job_id).getState() == state
        [found] = await node.queue("message").getJobs([state])
        assert (found["id"], found["name"]) == (job_id, state)


async def test_node_reads_the_result_the_progress_and_the_log_of_our_job(node, work, open_queue):
    # Given a handler that tells how far it is
    async def handler(job):
        await job.update_progress({"sent": 1, "of": 2})
        await job.log("enviando para 5511999999999 📤")
        await job.log("enviado ✅")
        return {"providerId": "wamid.1", "emoji": "🎉"}

    worker = await work("message", handler, worker_name="shop-1")
    before_ms = int(time.time() * 1000)
    job_id = await open_queue("message").add("send", {"to": "5511999999999"})

    # When it is done and Node looks
    await worker.completed()
    job = await node.queue("message").getJob(job_id)
    log = await node.queue("message").getJobLogs(job_id)

    # Then Node sees all of it
    assert job["returnvalue"] == {"providerId": "wamid.1", "emoji": "🎉"}
    assert job["progress"] == {"sent": 1, "of": 2}
    assert log == {"logs": ["enviando para 5511999999999 📤", "enviado ✅"], "count": 2}
    assert (job["attemptsMade"], job["attemptsStarted"], job["processedBy"]) == (1, 1, "shop-1")
    assert before_ms <= job["timestamp"] <= job["processedOn"] <= job["finishedOn"] <= time.time() * 1000
    assert "failedReason" not in job


async def test_node_reads_plain_results_and_progress(node, work, open_queue):
    # Given a handler with each kind of JSON as progress and result
    values = [None, True, 0, 55.5, "texto", [1, None], {}]

    async def handler(job):
        await job.update_progress(values[job.data])
        return values[job.data]

    # When each is done
    worker = await work("message", handler)
    queue = open_queue("message")
    ids = [await queue.add("value", number) for number in range(len(values))]
    await worker.completed(len(values))

    # Then Node reads each as it was
    jobs = [await node.queue("message").getJob(job_id) for job_id in ids]
    assert [job["returnvalue"] for job in jobs] == values
    assert [job["progress"] for job in jobs] == [0 if value is None else value for value in values]  # 0: as Node's own


async def test_node_sees_as_many_log_lines_as_its_producer_asked_to_keep(node, work):
    # Given a job of Node's that keeps two log lines
    async def handler(job):
        for number in range(5):
            await job.log(f"line {number}")

    worker = await work("message", handler)
    added = await node.queue("message").add("chatty", {}, {"keepLogs": 2})

    # When it is done, then the last two are there
    await worker.completed()
    assert (await node.queue("message").getJobLogs(added["id"]))["logs"] == ["line 3", "line 4"]


async def test_node_reads_why_and_where_our_job_failed_at_each_attempt(node, work, open_queue):
    # Given a handler that fails in its own way at each attempt
    async def handler(job):
        raise ValueError(f"não deu certo: {job.attempt} 😿")

    worker = await work("message", handler)
    backoff = Backoff("fixed", delay_ms=20, jitter=0)
    job_id = await open_queue("message").add("bad", {}, attempts=3, backoff=backoff)

    # When it has failed for the last time
    await worker.failed(3)
    job = await node.queue("message").getJob(job_id)

    # Then Node reads the last reason, and the traces in their order
    assert job["failedReason"] == "não deu certo: 3 😿"
    assert (job["attemptsMade"], job["attemptsStarted"]) == (3, 3)
    assert [trace.splitlines()[-1] for trace in job["stacktrace"]] == [
        f"ValueError: não deu certo: {attempt} 😿" for attempt in (1, 2, 3)
    ]
    assert all("test_node_reads.py" in trace for trace in job["stacktrace"])
    assert job["finishedOn"] >= job["processedOn"]
    assert await node.job("message", job_id).isFailed() is True


async def test_node_sees_that_we_gave_up_at_once(node, work, open_queue):
    # Given jobs that could be tried five times, and handlers that say: never again
    async def handler(job):
        if job.name == "raised":
            raise Unrecoverable("not on WhatsApp")
        return Discard("opted out")

    worker = await work("message", handler)
    queue = open_queue("message")
    ids = [await queue.add(name, {}, attempts=5) for name in ("raised", "returned")]

    # When they have failed
    await worker.failed(2)
    jobs = [await node.queue("message").getJob(job_id) for job_id in ids]

    # Then it was the first attempt that ended them
    assert [(job["failedReason"], job["attemptsMade"]) for job in jobs] == [("not on WhatsApp", 1), ("opted out", 1)]


async def test_node_sees_a_job_that_waits_for_its_time_as_delayed_with_no_attempt_used(node, work, open_queue):
    # Given a handler that puts its job off
    tomorrow_ms = int(time.time() * 1000) + 24 * 3600 * 1000

    async def handler(job):
        return Later(tomorrow_ms, "the shop is closed")

    worker = await work("message", handler)
    job_id = await open_queue("message").add("night", {})

    # When it was put off
    await worker.witness.until(lambda event: type(event).__name__ == "JobPostponed")
    job = await node.queue("message").getJob(job_id)

    # Then Node sees when it will run, and that no attempt was used
    assert await node.job("message", job_id).getState() == "delayed"
    assert job["attemptsMade"] == 0
    assert abs(job["processedOn"] + job["delay"] - tomorrow_ms) < 100


async def test_node_reads_our_metrics(node, work, open_queue, redis_client, prefix):
    # Given three jobs completed and one failed
    async def handler(job):
        if job.name == "bad":
            raise Unrecoverable("no")

    worker = await work("message", handler)
    queue = open_queue("message")
    for name in ("good", "good", "good", "bad"):
        await queue.add(name, {})
    await worker.completed(3)
    await worker.failed(1)

    # When Node reads the metrics
    completed = await node.queue("message").getMetrics("completed")
    failed = await node.queue("message").getMetrics("failed")

    # Then it counts as we do
    assert (completed["meta"]["count"], failed["meta"]["count"]) == (3, 1)
    assert await queue.finished_ever() == (3, 1)
    # and once minutes have passed there is a point for each of them
    three_minutes_ago = completed["meta"]["prevTS"] - 3 * 60_000
    await redis_client.hset(f"{prefix}:message:metrics:completed", "prevTS", three_minutes_ago)
    await queue.add("good", {})
    await worker.completed(4)
    later = await node.queue("message").getMetrics("completed")
    assert later["meta"]["count"] == 4
    assert later["count"] == len(later["data"]) >= 3
    assert sum(later["data"]) == 3


async def test_node_lists_our_workers_by_name(node, work):
    # Given two workers of ours and one of Node's on a queue, and another one elsewhere
    await work("message", echo, worker_name="shop-1")
    await work("message", echo, worker_name="shop 2 🐶")
    await work("campaign", echo, worker_name="elsewhere")
    await node.work("message", "echo", name="node-1")

    # When Node asks who works on the queue
    await node.sees_workers("message", 3)
    workers = await node.queue("message").getWorkers()

    # Then it finds all three, each under its name (a connection's name has no spaces)
    names = sorted(worker["rawname"].partition(":w:")[2] for worker in workers)
    assert names == ["node-1", "shop-1", "shop-2--"]
    encoded = base64.b64encode(b"message").decode()
    assert all(f":{encoded}:w:" in worker["rawname"] for worker in workers)


async def test_node_sees_that_our_worker_has_gone(node, work):
    # Given a worker of ours that Node has seen
    worker = await work("message", echo)
    await node.sees_workers("message", 1)

    # When it stops, then Node sees none
    await worker.stop()
    await node.sees_workers("message", 0)


async def test_node_waits_for_a_job_that_we_process(node, work):
    # Given a worker of ours that does some jobs and fails others
    held = Held()

    async def handler(job):
        await held(job)
        if job.name == "bad":
            raise Unrecoverable("the number is not on WhatsApp")
        return {"answer": "às 10h ⏰"}

    worker = await work("message", handler, concurrency=2)
    good = await node.queue("message").add("good", {})
    bad = await node.queue("message").add("bad", {})
    await held.has(2)

    # When Node waits for them, before and after they end
    ids = (good["id"], bad["id"])
    waiting = asyncio.gather(*(node.finished("message", job_id) for job_id in ids), return_exceptions=True)
    held.let_go()

    # Then it gets the result, or the reason
    answer, reason = await waiting
    assert answer == {"answer": "às 10h ⏰"}
    assert str(reason) == "the number is not on WhatsApp"
    await worker.completed()
    assert await node.finished("message", good["id"]) == {"answer": "às 10h ⏰"}
