"""What we bury in the dead letters, Node reads; what Node fails, we bury once."""

import json

import pytest

from oxyq.dead_letters import DeadLetters, Filter
from oxyq.engine import Entry, Hub, Unrecoverable
from oxyq.maintenance.sweep import Sweep
from tests.interop.our_worker import echo
from tests.interop.payloads import MESSAGE


@pytest.fixture
async def hub(redis_url, prefix):
    """A connection of ours to the test's queues."""
    hub = Hub(redis_url, prefix=prefix)
    hub.commands.start()
    yield hub
    await hub.close()


async def found(letters):
    """All dead letters there are, by job id."""
    return {letter.job_id: letter async for letter in letters.find(Filter())}


async def test_node_reads_our_dead_letters(node, work):
    # Given a worker of ours that cannot do a job of Node's
    async def handler(job):
        raise ValueError(f"attempt {job.attempt}: the gateway is away 😿")

    worker = await work("message", handler)
    options = {"jobId": "msg-1", "attempts": 2, "backoff": 10}
    await node.queue("message").add("incoming", json.loads(MESSAGE), options)
    await worker.failed(2)

    # When Node looks into the dead letters
    [letter] = await node.queue("dead-letter").getWaiting()

    # Then it finds the job, why it failed and how often it was tried
    assert (letter["name"], letter["id"]) == ("failed-job", "dlq-message-msg-1")
    data = letter["data"]
    assert (data["originalQueue"], data["originalJobId"], data["originalJobName"]) == ("message", "msg-1", "incoming")
    assert (data["data"], data["organizationId"]) == (json.loads(MESSAGE), "org_123")
    assert (data["failedReason"], data["kind"]) == ("attempt 2: the gateway is away 😿", "exhausted")
    assert [entry["error"] for entry in data["attempts"]] == [
        "attempt 1: the gateway is away 😿",
        "attempt 2: the gateway is away 😿",
    ]
    # and the job itself still sits in failed, where Node expects it
    assert await node.job("message", "msg-1").getState() == "failed"


async def test_a_job_that_node_retries_and_we_fail_again_has_one_letter_with_the_last_reason(node, work, open_queue):
    # Given a job of ours that was buried
    reasons = iter(["the first reason", "the second reason"])

    async def handler(job):
        raise Unrecoverable(next(reasons))

    worker = await work("message", handler)
    await open_queue("message").add("bad", {}, job_id="msg-1")
    await worker.failed(1)

    # When Node retries it and it fails again
    await node.job("message", "msg-1").retry()
    await worker.failed(2)

    # Then there is one letter, and it tells the last reason
    [letter] = await node.queue("dead-letter").getWaiting()
    assert (letter["id"], letter["data"]["failedReason"]) == ("dlq-message-msg-1", "the second reason")


async def test_what_is_no_job_is_buried_in_a_letter_that_node_can_read(node, work, redis_client, prefix):
    # Given a job of Node's whose data something has overwritten
    added = await node.queue("message").add("bad", {}, {"delay": 50})
    await redis_client.hset(f"{prefix}:message:{added['id']}", "data", '{"cut": "in the mid')
    worker = await work("message", echo)

    # When our worker comes to it
    await worker.witness.until(lambda event: type(event).__name__ == "JobQuarantined")

    # Then Node reads from the letter what was there
    [letter] = await node.queue("dead-letter").getWaiting()
    assert letter["id"] == f"dlq-message-{added['id']}"
    assert letter["data"]["kind"] == "malformed"
    assert letter["data"]["failedReason"].startswith("malformed: its 'data' is not JSON")
    assert letter["data"]["raw"]["data"] == '{"cut": "in the mid'
    # and the queue goes on
    await node.queue("message").add("good", {})
    assert [job.name for job in await worker.completed()] == ["good"]


@pytest.mark.parametrize("text", ["\ud83d", "\u0000", "🐶" * 1000])
async def test_a_job_with_odd_text_is_buried_like_any_other(node, work, text):
    # Given a job of Node's with text that is no proper Unicode, or a NUL, or long
    async def handler(job):
        raise Unrecoverable(f"no: {job.data['text']}")

    worker = await work("message", handler)
    added = await node.queue("message").add(f"odd {text}", {"text": text})

    # When our worker fails it
    await worker.failed()

    # Then Node reads the letter
    [letter] = await node.queue("dead-letter").getWaiting()
    assert letter["data"]["originalJobId"] == added["id"]
    assert letter["data"]["data"] == {"text": text}


# ------------------------------------------------------------------ what others fail


async def test_what_a_node_worker_failed_is_buried_once(node, hub):
    # Given a job that a Node worker failed for good
    await node.work("message", "failing")
    await node.queue("message").add("incoming", json.loads(MESSAGE), {"jobId": "msg-1", "attempts": 2})
    await node.until("failed", attemptsMade=2)

    # When the sweep runs twice
    sweep = Sweep(hub, ["message"])
    told = [await sweep.run_once(), await sweep.run_once()]

    # Then there is one letter, which tells what Node told
    assert told[0] is not None and told[1] is None
    [letter] = await node.queue("dead-letter").getWaiting()
    assert (letter["name"], letter["id"]) == ("failed-job", "dlq-message-msg-1")
    assert (letter["data"]["data"], letter["data"]["organizationId"]) == (json.loads(MESSAGE), "org_123")
    assert (letter["data"]["failedReason"], letter["data"]["attemptsMade"]) == ("Node cannot do incoming", 2)


async def test_the_sweep_finds_what_node_failed_under_many_failures_of_ours(node, hub, work, open_queue, monkeypatch):
    # Given a job that a Node worker failed, and after it more failures of ours than fit on a page of the sweep
    monkeypatch.setattr("oxyq.maintenance.sweep.PAGE", 5)
    await node.work("message", "failing")
    await node.queue("message").add("theirs", {}, {"jobId": "msg-1"})
    await node.until("failed", jobId="msg-1")
    await node.end()
    node.begin()

    async def handler(job):
        raise Unrecoverable("ours")

    worker = await work("message", handler, concurrency=5)
    await open_queue("message").add_many([Entry("ours", n) for n in range(12)])
    await worker.failed(12)

    # When the sweep runs, then the job of Node is buried too
    await Sweep(hub, ["message"]).run_once()
    assert "msg-1" in await found(DeadLetters(hub))


async def test_we_replay_what_a_node_worker_failed(node, hub, work):
    # Given a dead letter of a job that a Node worker failed
    await node.work("message", "failing")
    await node.queue("message").add("incoming", json.loads(MESSAGE), {"jobId": "msg-1", "attempts": 2, "backoff": 1})
    await node.until("failed", attemptsMade=2)
    await node.end()
    node.begin()
    await Sweep(hub, ["message"]).run_once()
    letters = DeadLetters(hub)

    # When we replay it
    assert await letters.replay((await found(letters))["msg-1"], by="an operator") is True

    # Then our worker does it with all its attempts, and the letter is gone
    worker = await work("message", echo)
    [job] = await worker.completed()
    assert (job.id, job.name, job.data, job.attempt, job.attempts) == (
        "msg-1", "incoming", json.loads(MESSAGE), 1, 2,
    )  # fmt: skip
    assert await node.queue("dead-letter").getWaiting() == []
    assert (await node.queue("message").getJob("msg-1"))["attemptsMade"] == 1


async def test_we_replay_what_we_failed_and_node_does_it(node, hub, work, open_queue):
    # Given a dead letter of a job that we failed
    async def handler(job):
        raise Unrecoverable("we never can")

    worker = await work("message", handler)
    await open_queue("message").add("incoming", {"text": "às 10h ⏰"}, job_id="msg-1")
    await worker.failed()
    await worker.stop()
    letters = DeadLetters(hub)

    # When we replay it with other data, and a Node worker comes
    await letters.replay((await found(letters))["msg-1"], data={"text": "às 11h ⏰"})
    await node.work("message", "echo")

    # Then Node does it
    [done] = await node.until("completed")
    assert (done["jobId"], done["result"]) == ("msg-1", {"text": "às 11h ⏰"})


async def test_we_read_and_replay_a_letter_that_node_wrote(node, hub, work):
    # Given a letter as a service in Node writes it
    letter = {"originalQueue": "message", "originalJobId": "msg-1", "data": {"n": 1}, "failedReason": "away"}
    await node.queue("dead-letter").add("failed-job", letter, {"jobId": "dlq-message-msg-1"})

    # When we read it, then we know what it is about
    letters = DeadLetters(hub)
    ours = (await found(letters))["msg-1"]
    assert (ours.queue, ours.reason, ours.data) == ("message", "away", {"n": 1})

    # And when we replay it, it runs
    assert await letters.replay(ours) is True
    worker = await work("message", echo)
    assert [(job.id, job.data) for job in await worker.completed()] == [("msg-1", {"n": 1})]
