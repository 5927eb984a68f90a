"""What is imported, Node BullMQ goes on with: jobs in every state, families of jobs, schedulers."""

import pytest

from oxyq.engine.hub import Hub
from oxyq.snapshot import export, restore
from tests.interop.node_peer import Node

DAY_MS = 24 * 3600 * 1000


@pytest.fixture
async def moved(node_process, prefix):
    """Node again, as it sees the installation that the snapshot is imported into."""
    node = Node(node_process, f"{prefix}-new")
    yield node
    await node.end()


async def move(redis_url: str, before: str, after: str) -> None:
    """Export everything under one prefix and import it under another."""
    source, target = Hub(redis_url, prefix=before), Hub(redis_url, prefix=after)
    try:
        await restore(target, export(source), from_prefix=before)
    finally:
        await source.close()
        await target.close()


async def test_node_goes_on_with_all_that_was_moved(node, moved, redis_url, prefix):
    # Given jobs of Node that wait, are urgent, delayed, done, of a family, held by a dead worker, and a scheduler
    queue = node.queue("jobs")
    await queue.add("in-hand", {"n": 0}, {"jobId": "held"})
    await node.take_and_die("jobs", 60_000)
    await queue.add("waits", {"text": "Olá 🐶"}, {"jobId": "first"})
    await queue.add("waits", {"text": "again"}, {"jobId": "second"})
    await queue.add("urgent", {}, {"jobId": "urgent", "priority": 2})
    await queue.add("later", {}, {"jobId": "later", "delay": DAY_MS})
    await queue.upsertJobScheduler("yearly", {"pattern": "0 0 1 1 *"}, {"name": "yearly"})
    child = {"name": "child", "queueName": "children", "data": {"n": 1}}
    flow = await node.add_flow({"name": "parent", "queueName": "jobs", "children": [child]})
    await node.queue("done").add("done", {"n": 1}, {"jobId": "done"})
    await node.work("done")
    await node.until("completed", jobId="done")

    # When they are exported and imported under another prefix
    await move(redis_url, prefix, f"{prefix}-new")

    # Then Node counts them there, works them, and the family ends as one
    there = moved.queue("jobs")
    counts = await there.getJobCounts("wait", "active", "prioritized", "delayed", "waiting-children")
    assert counts == {"wait": 3, "active": 0, "prioritized": 1, "delayed": 2, "waiting-children": 1}
    assert [job["id"] for job in await moved.queue("done").getJobs(["completed"])] == ["done"]
    # (what was in hand first, then in the order in which they came)
    assert [job["id"] for job in await there.getJobs(["wait"], 0, -1, True)] == ["held", "first", "second"]
    await moved.work("jobs", "children-values")
    await moved.work("children")
    await moved.finished("jobs", flow["job"]["id"])
    for job_id in ("held", "first", "second", "urgent"):
        await moved.finished("jobs", job_id)
    # and it gives the scheduler's next job, and new ids that no job has
    [scheduler] = await there.getJobSchedulers()
    assert (scheduler["key"], scheduler["pattern"]) == ("yearly", "0 0 1 1 *")
    added = await there.add("new", {})
    assert await there.getJob(added["id"]) is not None and added["id"] not in ("held", "first")
