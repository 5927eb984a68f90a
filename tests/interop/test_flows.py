"""Flows (a parent job that waits for its children) run across Node and us, and end as their options say."""

import pytest

from oxyq.engine import Backoff, Unrecoverable
from tests.interop.our_worker import echo

#: What a child may say about its own failure, and the state its parent is in afterwards.
ENDINGS = {
    "failParentOnFailure": "failed",
    "ignoreDependencyOnFailure": "completed",
    "removeDependencyOnFailure": "completed",
    "continueParentOnFailure": "completed",
    "nothing": "waiting-children",
}


def family(child_options, parent_queue="parents", child_queue="children"):
    """A parent with one child that will fail, as FlowProducer takes it."""
    child = {"name": "bad", "queueName": child_queue, "data": {"n": 1}, "opts": child_options}
    return {"name": "parent", "queueName": parent_queue, "data": {"of": 1}, "children": [child]}


async def always_fails(job):
    raise Unrecoverable("the child is ill 🤒")


async def test_a_flow_of_node_runs_through_us_from_the_leaves_up(node, work):
    # Given workers of ours for parents and children
    order = []

    async def handler(job):
        order.append(job.name)
        return {"did": job.name}

    children = await work("children", handler)
    parents = await work("parents", handler)

    # When Node adds a parent with two children, of which one is a parent too
    grandchild = {"name": "grandchild", "queueName": "children", "data": {"text": "às 10h ⏰"}}
    middle = {"name": "middle", "queueName": "parents", "children": [grandchild]}
    leaf = {"name": "leaf", "queueName": "children", "opts": {"priority": 2}}
    flow = await node.add_flow({"name": "top", "queueName": "parents", "children": [middle, leaf]})
    await children.completed(2)
    await parents.completed(2)

    # Then all ran, parents after their children
    assert sorted(order) == ["grandchild", "leaf", "middle", "top"]
    assert order.index("grandchild") < order.index("middle") < order.index("top")
    assert order.index("leaf") < order.index("top")
    # and Node reads at the top what the children returned
    values = await node.job("parents", flow["job"]["id"]).getChildrenValues()
    assert sorted(value["did"] for value in values.values()) == ["leaf", "middle"]


async def test_our_children_wake_a_parent_that_node_runs(node, work):
    # Given children for our worker, and their parent for a Node worker
    await work("children", echo, concurrency=3)
    await node.work("parents", "children-values")

    # When Node adds the family
    children = [{"name": f"child-{n}", "queueName": "children", "data": {"n": n}} for n in range(3)]
    flow = await node.add_flow({"name": "parent", "queueName": "parents", "children": children})

    # Then the parent runs in Node once all children are done, and has what they returned
    [done] = await node.until("completed", jobId=flow["job"]["id"])
    assert sorted(value["n"] for value in done["result"]) == [0, 1, 2]


async def test_children_that_node_runs_wake_a_parent_of_ours(node, work):
    # Given children for a Node worker, and their parent for ours
    parents = await work("parents", echo)
    await node.work("children", "echo")

    # When Node adds the family
    flow = await node.add_flow(
        {"name": "parent", "queueName": "parents", "data": {"all": "done"}, "children": [
            {"name": "child", "queueName": "children", "data": 1},
            {"name": "child", "queueName": "children", "data": 2},
        ]}
    )  # fmt: skip

    # Then our worker runs the parent
    [job] = await parents.completed()
    assert (job.id, job.data) == (flow["job"]["id"], {"all": "done"})


@pytest.mark.parametrize("option", ENDINGS)
@pytest.mark.parametrize("who_fails", ["we", "node"])
async def test_a_child_that_fails_ends_its_parent_as_its_options_say(node, work, option, who_fails):
    # Given a worker for the parents, and one on either side that fails every child
    await node.listen("parents")
    parents = await work("parents", echo)
    if who_fails == "we":
        await work("children", always_fails)
    else:
        await node.work("children", "unrecoverable")

    # When Node adds a parent whose child says what is to happen
    flow = await node.add_flow(family({} if option == "nothing" else {option: True}))
    parent_id = flow["job"]["id"]
    await node.listen("children")
    await node.emitted("failed", jobId=flow["children"][0]["job"]["id"])

    # Then the parent ends that way
    expected = ENDINGS[option]
    if expected == "completed":
        assert [job.id for job in await parents.completed()] == [parent_id]
    elif expected == "failed":
        await parents.failed()
    assert await node.job("parents", parent_id).getState() == expected


async def test_node_reads_the_failures_that_a_parent_goes_on_without(node, work):
    # Given a worker of ours that fails every child
    await work("children", always_fails)
    parents = await work("parents", echo)

    # When Node adds a family that ignores failures, and one that goes on at the first
    ignoring = await node.add_flow(family({"ignoreDependencyOnFailure": True}))
    going_on = await node.add_flow(family({"continueParentOnFailure": True}))
    await parents.completed(2)

    # Then Node reads the reason from the parents
    for flow in (ignoring, going_on):
        failures = await node.job("parents", flow["job"]["id"]).getIgnoredChildrenFailures()
        assert list(failures.values()) == ["the child is ill 🤒"]


@pytest.mark.parametrize("who_fails", ["we", "node"])
async def test_a_parent_that_fails_with_its_child_says_so_in_the_same_words(node, work, prefix, who_fails):
    # Given a parent of ours whose child fails
    parents = await work("parents", echo)
    await node.listen("parents")
    if who_fails == "we":
        await work("children", always_fails)
    else:
        await node.work("children", "unrecoverable")

    # When the family fails
    flow = await node.add_flow(family({"failParentOnFailure": True}))
    await parents.failed()

    # Then the parent's reason is the one that a Node worker would have written
    child_id, parent_id = flow["children"][0]["job"]["id"], flow["job"]["id"]
    parent = await node.queue("parents").getJob(parent_id)
    assert parent["failedReason"] == f"child {prefix}:children:{child_id} failed"
    [event] = await node.emitted("failed", jobId=parent_id)
    assert event["failedReason"] == parent["failedReason"]


async def test_a_child_that_we_retry_does_not_fail_its_parent_too_soon(node, work):
    # Given a handler that fails a child once
    async def handler(job):
        if job.attempt == 1:
            raise ValueError("once")
        return "well again"

    await work("children", handler)
    parents = await work("parents", echo)

    # When Node adds a family whose child has two attempts
    options = {"failParentOnFailure": True, "attempts": 2, "backoff": Backoff("fixed", 20, 0).option()}
    flow = await node.add_flow(family(options))

    # Then the parent runs once the child is well
    [job] = await parents.completed()
    assert job.id == flow["job"]["id"]
    values = await node.job("parents", job.id).getChildrenValues()
    assert list(values.values()) == ["well again"]
