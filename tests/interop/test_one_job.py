"""What we do to one job, Node and the real Bull Board see, and a worker in Node goes by."""

import httpx
import pytest

from oxyq.clock import now_ms
from oxyq.engine.scripts import FetchRules
from oxyq.maintenance.rescue import given_up
from oxyq.queues import POLICIES


@pytest.fixture
async def board(node):
    """A client of a Bull Board that shows the queue `message`."""
    async with httpx.AsyncClient(base_url=await node.board("message")) as client:
        yield client


async def shown(board, job_id):
    """A job as the board's page of it shows it."""
    answer = await board.get(f"/api/queues/message/{job_id}")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def look(queue, job_id):
    snapshot = await queue.control.snapshot(job_id)
    assert snapshot is not None
    return snapshot


async def test_another_time_is_seen_and_a_worker_in_node_keeps_to_it(node, board, open_queue):
    # Given a job of tomorrow
    queue = open_queue("message")
    await queue.add("send", {"text": "Oi"}, job_id="j-1", delay_ms=86_400_000, attempts=3)

    # When we move it, then the board shows the new time
    soon = now_ms() + 3_600_000
    assert await queue.control.reschedule(await look(queue, "j-1"), soon) is None
    page = await shown(board, "j-1")
    assert page["status"] == "delayed"
    assert abs(page["job"]["delay"] - 3_600_000) < 5_000
    assert page["job"]["opts"]["attempts"] == 3
    assert await node.queue("message").getDelayedCount() == 1

    # When we move it to a moment ago, then a worker in Node that waits hears of it, and runs it
    await node.work("message")
    assert await queue.control.reschedule(await look(queue, "j-1"), now_ms() - 1) is None
    [done] = await node.until("completed")
    assert done["jobId"] == "j-1"


@pytest.mark.parametrize("way", ["ready", "delayed"])
async def test_another_priority_is_seen_and_a_worker_in_node_goes_by_it(node, board, open_queue, way):
    # Given three jobs, none of which runs yet
    queue = open_queue("message")
    await queue.pause()
    delay_ms = 3_600_000 if way == "delayed" else 0
    for name in ("a", "b", "c"):
        await queue.add("send", {}, job_id=name, priority=5, delay_ms=delay_ms)

    # When the last becomes the most urgent
    assert await queue.control.change_priority("c", 1)
    assert (await shown(board, "c"))["job"]["priority"] == 1
    if way == "delayed":
        for name in ("a", "b", "c"):
            await queue.promote(name)
    await node.work("message", concurrency=1)
    await queue.resume()

    # Then Node runs it first
    assert [line["jobId"] for line in await node.until("completed", 3)] == ["c", "a", "b"]


async def test_other_data_are_what_node_gets(node, board, open_queue):
    queue = open_queue("message")
    await queue.add("send", {"text": "Oi"}, job_id="j-1", delay_ms=3_600_000)

    snapshot = await look(queue, "j-1")
    assert await queue.control.update_data("j-1", snapshot.version, {"text": "Olá ☕"}) is None
    assert (await shown(board, "j-1"))["job"]["data"] == {"text": "Olá ☕"}

    await node.work("message")
    await queue.promote("j-1")
    [done] = await node.until("completed")
    assert done["result"] == {"text": "Olá ☕"}


async def test_a_job_taken_from_a_worker_in_node_is_failed_and_what_that_says_later_is_refused(
    node, board, open_queue, redis_client
):
    # Given a worker in Node that holds a job
    queue = open_queue("message")
    await node.listen("message")
    await node.work("message", "held")
    await queue.add("send", {"organizationId": "org_1"}, job_id="j-1", attempts=3)
    await node.until("started")

    # When we take it away, as failed
    raw = await queue.control.seize("j-1")
    assert raw is not None
    failure = given_up(raw, "message", POLICIES["message"], "taken away", "by-hand")
    assert await queue.scripts.settle(failure, FetchRules(0, "by hand")) == 0

    # Then the board shows it failed, Node's listeners heard of it, and it is a dead letter
    page = await shown(board, "j-1")
    assert (page["status"], page["job"]["failedReason"]) == ("failed", "taken away")
    [failed] = await node.emitted("failed", jobId="j-1")
    assert failed["failedReason"] == "taken away"
    assert await node.queue("dead-letter").getWaitingCount() == 1

    # When the worker in Node ends it after all, then that is refused
    await node.let_go("message")
    await node.until("error")
    assert (await shown(board, "j-1"))["status"] == "failed"
    assert not await redis_client.exists(queue.keys.lock("j-1"))
    node.begin()  # it told of an error, as it should


async def test_a_look_tells_what_node_wrote(node, open_queue):
    # Given a flow of Node's, whose child failed there after a retry
    queue = open_queue("message")
    child = {"name": "child", "queueName": "children", "data": {}, "opts": {"jobId": "c-1"}}
    await node.add_flow({"name": "parent", "queueName": "message", "opts": {"jobId": "p-1"}, "children": [child]})

    parent = await look(queue, "p-1")
    of_child = await look(open_queue("children"), "c-1")
    assert (parent.state, parent.children.open) == ("waiting-children", 1)
    assert [(one.queue, one.job_id) for one in await queue.control.children("p-1", 5)] == [("children", "c-1")]
    assert of_child.parent is not None
    assert (of_child.parent.queue, of_child.parent.job_id) == ("message", "p-1")

    # When Node runs the child, then the parent is ready
    await node.work("children")
    await node.until("completed", queue="children")
    parent = await look(queue, "p-1")
    assert (parent.state, parent.children.open, parent.children.done) == ("waiting", 0, 1)


async def test_who_holds_a_job_is_told_also_when_that_is_node(node, open_queue):
    queue = open_queue("message")
    await node.work("message", "held", name="loja-node")
    await queue.add("send", {}, job_id="j-1")
    await node.until("started")

    snapshot = await look(queue, "j-1")
    assert (snapshot.state, snapshot.worker) == ("active", "loja-node")
    assert 0 < snapshot.lock_ms <= 30_000
    await node.let_go("message")
    await node.until("completed")
