"""Whoever runs a job, Node or we, the same is left in Redis: the same keys, fields and events."""

import json
import re
from dataclasses import dataclass

import pytest

from oxyq.engine import Keep, Unrecoverable
from oxyq.outcomes import Later

QUEUE = "message"
#: Fields that hold a time, a worker's name or a trace: that they are there is compared, not what they hold.
VARYING = {"timestamp", "processedOn", "finishedOn", "pb", "stacktrace", "prevTS", "offset"}
#: What we write beyond BullMQ: the attempts told in a dead letter, and that it was written.
OURS = {"history", "buried"}
TIME = re.compile(r"\b1[78]\d{11}(-\d+)?\b")


@dataclass(frozen=True)
class Scenario:
    """What Node adds, the way a worker goes about it (see processors.mjs), and how many jobs end."""

    way: str
    options: tuple = ({},)
    """One job each, as JobsOptions."""
    schedule: dict | None = None
    """A scheduler, as RepeatOptions."""
    child: dict | None = None
    """A parent with one child, with these JobsOptions."""
    endings: int = 0
    """How many jobs end; 0: as many as there are `options`."""


SCENARIOS = {
    "done": Scenario("echo"),
    "done with a priority": Scenario("echo", ({"priority": 4},)),
    "done after a delay": Scenario("echo", ({"delay": 20},)),
    "done, and removed at once": Scenario("echo", ({"removeOnComplete": True},)),
    "done, of which one is kept": Scenario("echo", ({"removeOnComplete": 1},) * 3),
    "done, and kept by age": Scenario("echo", ({"removeOnComplete": {"age": 3600, "count": 2}},) * 3),
    "failed": Scenario("failing"),
    "failed, and removed at once": Scenario("failing", ({"removeOnFail": True},)),
    "failed at every attempt": Scenario("failing", ({"attempts": 3},)),
    "failed, and done after a pause": Scenario("fails-once", ({"attempts": 2, "backoff": 20},)),
    "failed with a priority, and done": Scenario("fails-once", ({"attempts": 2, "priority": 3},)),
    "failed with both, and done": Scenario("fails-once", ({"attempts": 2, "priority": 3, "backoff": 20},)),
    "failed, and done before another": Scenario("fails-once", ({"attempts": 2, "lifo": True}, {})),
    "failed, and done after another": Scenario("fails-once", ({"attempts": 2}, {})),
    "failed for good at once": Scenario("unrecoverable", ({"attempts": 3},)),
    "failed with one trace kept": Scenario("failing", ({"attempts": 3, "stackTraceLimit": 1},)),
    "failed with no trace kept": Scenario("failing", ({"attempts": 2, "stackTraceLimit": 0},)),
    "put off": Scenario("later-once"),
    "deduplicated": Scenario("echo", ({"deduplication": {"id": "chat-1"}},)),
    "deduplicated for a time": Scenario("echo", ({"deduplication": {"id": "chat-1", "ttl": 60_000}},)),
    "deduplicated, and failed": Scenario("failing", ({"deduplication": {"id": "chat-1"}},)),
    "with a progress and a log": Scenario("reports", ({"keepLogs": 2},)),
    "many": Scenario("echo", tuple({"priority": n % 3} for n in range(12))),
    "every 50 ms": Scenario("echo", (), schedule={"every": 50, "limit": 3}, endings=3),
    "every 50 ms, moved by 20": Scenario("echo", (), schedule={"every": 50, "limit": 2, "offset": 20}, endings=2),
    "by the clock": Scenario("echo", (), schedule={"pattern": "* * * * * *", "limit": 1}, endings=1),
    "a scheduler whose job fails": Scenario("failing", (), schedule={"every": 50, "limit": 2}, endings=2),
    "a family": Scenario("echo", (), child={}, endings=2),
    "a family without its child": Scenario("fails-child", (), child={"removeDependencyOnFailure": True}, endings=2),
    "a family in spite of its child": Scenario("fails-child", (), child={"ignoreDependencyOnFailure": True}, endings=2),
    "a family that goes on at once": Scenario("fails-child", (), child={"continueParentOnFailure": True}, endings=2),
    "a family that fails": Scenario("fails-child", (), child={"failParentOnFailure": True}, endings=2),
    "a family that is stuck": Scenario("fails-child", (), child={}, endings=1),
}


class Ways:
    """Handlers of ours that do what processors.mjs does under the same name."""

    async def echo(self, job):
        return job.data

    async def failing(self, job):
        raise ValueError(f"Node cannot do {job.name}")

    async def fails_once(self, job):
        if job.attempt == 1:
            raise ValueError("the first attempt fails")
        return job.data

    async def unrecoverable(self, job):
        raise Unrecoverable(f"Node will never do {job.name}")

    async def later_once(self, job):
        return job.data if job.attempts_started > 1 else Later(job.timestamp_ms + 150, "later")

    async def fails_child(self, job):
        if job.name == "child":
            raise ValueError("the child is ill")
        return job.data

    async def reports(self, job):
        await job.update_progress({"at": 1})
        for line in ("one", "two", "three"):
            await job.log(line)
        return job.data


@pytest.mark.parametrize("name", SCENARIOS)
async def test_we_leave_behind_what_node_leaves_behind(node, work, redis_client, prefix, name):
    scenario = SCENARIOS[name]

    # Given what a Node worker left of a queue
    await add(node, scenario)
    await node.work(QUEUE, scenario.way, name="node", metrics={"maxDataPoints": 20_160})
    await all_ended(node, scenario)
    left_by_node = await footprint(redis_client, prefix)

    # When our worker runs the same queue
    await node.end()
    await redis_client.delete(*[key async for key in redis_client.scan_iter(f"{prefix}:*")])
    node.begin()
    await add(node, scenario)
    keep = {"keep_completed": Keep(), "keep_failed": Keep()}  # as a Node worker without options
    handler = getattr(Ways(), scenario.way.replace("-", "_"))
    await work(QUEUE, handler, default_jitter=0, dead_letter_queue=None, worker_name="we", **keep)
    await all_ended(node, scenario)

    # Then it leaves the same keys, fields and events
    left_by_us = await footprint(redis_client, prefix)
    if scenario.schedule is not None:
        # Whether a run waits before it starts, and so tells "delayed", depends on the moment.
        del left_by_node[f":{QUEUE}:events"], left_by_us[f":{QUEUE}:events"]
    assert left_by_us == left_by_node


async def add(node, scenario):
    """Add what the scenario is about, under ids of its own, with QueueEvents listening."""
    await node.listen(QUEUE)
    for number, options in enumerate(scenario.options):
        await node.queue(QUEUE).add("job", {"n": number, "text": "às 10h ⏰"}, {**options, "jobId": f"job-{number}"})
    if scenario.schedule is not None:
        await node.queue(QUEUE).upsertJobScheduler("scheduler", scenario.schedule, {"name": "tick", "data": {"n": 1}})
    if scenario.child is not None:
        child = {"name": "child", "queueName": QUEUE, "data": {"n": 1}, "opts": {**scenario.child, "jobId": "child"}}
        await node.add_flow({"name": "parent", "queueName": QUEUE, "opts": {"jobId": "parent"}, "children": [child]})


async def all_ended(node, scenario):
    """Wait until QueueEvents told that every job ended and that the queue is empty."""
    endings = scenario.endings or len(scenario.options)
    await node.witness.until(lambda line: line.get("what") in ("completed", "failed"), endings)
    await node.emitted("drained")


async def footprint(redis_client, prefix):
    """Everything under the prefix, with what must differ between two runs taken out."""
    found = {}
    async for key in redis_client.scan_iter(f"{prefix}:*"):
        # An idle worker takes the marker away, sooner or later.
        if not key.endswith(":marker"):
            # The jobs of a scheduler have their times as ids: they are one entry with all their contents.
            found.setdefault(without_times(key.removeprefix(prefix)), []).append(await contents(redis_client, key))
    return {key: sorted(holds, key=lambda held: json.dumps(held, sort_keys=True)) for key, holds in found.items()}


async def contents(redis_client, key):
    """What a key holds."""
    match await redis_client.type(key):
        case "hash":
            fields = await redis_client.hgetall(key)
            return {name: told(name, value) for name, value in sorted(fields.items()) if name not in OURS}
        case "list":
            return [without_times(value) for value in await redis_client.lrange(key, 0, -1)]
        case "zset":
            # Those that ended within one ms have no order.
            return sorted(without_times(member) for member in await redis_client.zrange(key, 0, -1))
        case "set":
            return sorted(without_times(member) for member in await redis_client.smembers(key))
        case "stream":
            events = [fields for _, fields in await redis_client.xrange(key)]
            return [{name: told(name, value) for name, value in event.items()} for event in events]
        case "string":
            return "a value"
    return "nothing"


def told(name, value):
    """A field as it is compared."""
    if name == "stacktrace":
        return f"{len(json.loads(value))} traces"
    if name == "opts" and "repeatJobKey" in value:
        # How long until the next run, and where in its step it began, differ from run to run.
        options = json.loads(without_times(value).replace(":TIME", ":0").replace("repeat:scheduler:0", "TIME"))
        for timing in (options, "delay"), (options, "prevMillis"), (options["repeat"], "offset"):
            timing[0].pop(timing[1], None)
        options.pop("attempts", None)  # Node writes its default, 0, into all but the first
        return options
    return "something" if name in VARYING else without_times(value)


def without_times(text):
    """A text in which a time in ms, such as is part of a scheduler's ids, reads TIME."""
    return TIME.sub("TIME", text)
