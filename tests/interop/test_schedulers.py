"""Schedulers are shared: whoever runs a scheduler's job, Node or we, the next one comes at the right time."""

import re
from itertools import pairwise

import pytest

from tests.interop.our_worker import echo

#: What BullMQ calls the jobs of a scheduler: repeat:ID:TIME in ms.
RUN_ID = re.compile(r"repeat:(?P<scheduler>.+):(?P<due_ms>\d{13})")


def due_ms(job_id: str) -> int:
    """When the scheduler's job with this id was due."""
    found = RUN_ID.fullmatch(job_id)
    assert found is not None, job_id
    return int(found["due_ms"])


def follow_in_steps(job_ids, step_ms):
    """Whether a scheduler's runs are one or more whole steps apart: a busy machine may leave one out, never add one."""
    times = [due_ms(job_id) for job_id in job_ids]
    return all(later > earlier and (later - earlier) % step_ms == 0 for earlier, later in pairwise(times))


async def test_our_worker_keeps_a_node_scheduler_going(node, work):
    # Given a worker of ours
    worker = await work("automation", echo)

    # When Node makes a scheduler for every 100 ms, up to four times
    template = {"name": "reminder", "data": {"text": "às 10h ⏰"}, "opts": {"attempts": 3}}
    await node.queue("automation").upsertJobScheduler("every-100", {"every": 100, "limit": 4}, template)
    jobs = await worker.completed(4)

    # Then it ran at steps of exactly 100 ms, each time with the template
    assert follow_in_steps([job.id for job in jobs], 100)
    assert [(job.name, job.data, job.attempts) for job in jobs] == [("reminder", {"text": "às 10h ⏰"}, 3)] * 4
    # and the fifth time never comes
    assert await node.queue("automation").getDelayed() == []


async def test_our_worker_keeps_a_cron_of_node_going_in_its_time_zone(node, work):
    # Given a worker of ours
    worker = await work("automation", echo)

    # When Node makes a scheduler for every second
    cron = {"pattern": "* * * * * *", "tz": "America/Sao_Paulo"}
    await node.queue("automation").upsertJobScheduler("each-second", cron, {"name": "tick"})
    jobs = await worker.completed(2)

    # Then it ran at full seconds that follow one another, and Node reads when it will run again
    assert follow_in_steps([job.id for job in jobs], 1000)
    last_ms = due_ms(jobs[-1].id)
    scheduler = await node.queue("automation").getJobScheduler("each-second")
    assert scheduler["next"] > last_ms
    assert scheduler["next"] % 1000 == last_ms % 1000 == 0
    assert (scheduler["pattern"], scheduler["tz"]) == ("* * * * * *", "America/Sao_Paulo")
    # and once Node has removed it, it stays silent
    assert await node.queue("automation").removeJobScheduler("each-second") is True
    assert await node.queue("automation").getDelayed() == []


@pytest.mark.parametrize("who", ["we", "node"])
async def test_a_scheduler_ends_at_its_date_whoever_runs_it(node, work, who):
    # Given a worker, and a scheduler of Node's with an end
    await node.listen("automation")
    if who == "we":
        await work("automation", echo)
    else:
        await node.work("automation", "echo")
    clock_ms = (await node.queue("clock").add("now", {}))["timestamp"]

    # When it runs before its end, and once more after it (that one was queued before the end)
    schedule = {"every": 800, "endDate": clock_ms + 700}
    await node.queue("automation").upsertJobScheduler("ending", schedule, {"name": "tick"})
    await node.emitted("completed", 2)

    # Then nothing comes after that
    await node.emitted("drained")
    assert await node.queue("automation").getDelayed() == []


@pytest.mark.parametrize("way", ["every", "cron"])
async def test_a_node_worker_keeps_our_scheduler_going(node, open_queue, way):
    # Given a Node worker
    await node.work("automation", "echo")

    # When we make a scheduler
    queue = open_queue("automation")
    schedule = {"every_ms": 200} if way == "every" else {"cron": "* * * * * *", "time_zone": "America/Sao_Paulo"}
    await queue.schedulers.upsert("ours", "reminder", {"text": "às 10h ⏰"}, **schedule, options={"attempts": 3})
    runs = await node.until("completed", 3)

    # Then Node ran it at equal steps, with our data
    assert follow_in_steps([run["jobId"] for run in runs], 200 if way == "every" else 1000)
    assert [(run["name"], run["result"]) for run in runs] == [("reminder", {"text": "às 10h ⏰"})] * 3
    # and reads it as one of its own
    scheduler = await node.queue("automation").getJobScheduler("ours")
    assert (scheduler["key"], scheduler["name"], scheduler["template"]["data"]) == (
        "ours",
        "reminder",
        {"text": "às 10h ⏰"},
    )
    assert scheduler["template"]["opts"]["attempts"] == 3


async def test_node_and_we_take_turns_with_one_scheduler_without_a_run_too_many(node, work):
    # Given a scheduler of Node's with a worker on each side
    await work("automation", echo)
    await node.work("automation", "echo")
    await node.listen("automation")
    await node.queue("automation").upsertJobScheduler("shared", {"every": 50, "limit": 20}, {"name": "tick"})

    # When it has run twenty times
    runs = await node.emitted("completed", 20)

    # Then no step came twice, whoever ran it, and there is no run more than it asked for
    assert follow_in_steps(sorted(run["jobId"] for run in runs), 50)
    await node.emitted("drained")
    assert await node.queue("automation").getDelayed() == []
