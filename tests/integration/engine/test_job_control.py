"""One job of a queue: what a look shows, and what can be changed while others work on the queue."""

import asyncio
import json

import pytest

from oxyq.clock import now_ms
from oxyq.engine import Entry, JobOptions, Turns
from oxyq.engine.attempt import Rules, bury
from oxyq.engine.backoff import BackoffRules
from oxyq.engine.events import JobCompleted, JobFailed, JobLost
from oxyq.engine.job import Job
from oxyq.engine.job_control import LONGEST_FIELD, LOWEST_PRIORITY, ChildCounts, Relative
from oxyq.engine.scripts import FetchRules
from oxyq.engine.settlement import Completed, Keep
from oxyq.errors import InvalidPayload
from tests.integration.engine.journal import Journal

OWN = 5
TURNS = Turns(by="organizationId", priority=OWN)
RULES = FetchRules(30_000, "worker", turns=TURNS)


class Held:
    """A handler that holds on to its jobs, and notes who is cancelled."""

    def __init__(self) -> None:
        self.started: Journal[str] = Journal()
        self.cancelled: Journal[str] = Journal()
        self.gate = asyncio.Event()

    async def __call__(self, job: Job) -> None:
        self.started.note(job.id)
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled.note(job.id)
            raise


async def take(queue, count, rules=RULES):
    """What a worker of ours would take next, and in which order."""
    while (batch := await queue.scripts.settle_and_fetch([], count, "ours", rules)).are_unsorted:
        pass
    return [raw.id for raw in batch.jobs]


async def look(queue, job_id):
    snapshot = await queue.control.snapshot(job_id)
    assert snapshot is not None
    return snapshot


# --- looking --------------------------------------------------------------------------------------------------------


async def test_a_look_finds_a_job_in_each_state(queue, start_worker, told):
    # Given one job in each state
    held = Held()

    async def handler(job):
        if job.name == "fails":
            raise ValueError("boom")
        return await held(job) if job.name == "runs" else "done"

    await start_worker(handler, concurrency=3, worker_name="shop-1")
    for name in ("completes", "fails", "runs"):
        await queue.add(name, {}, job_id=name)
    await told.until(1, lambda event: isinstance(event, JobFailed))
    await told.until(1, lambda event: isinstance(event, JobCompleted))
    await held.started.until(1)
    await queue.pause()
    await queue.add("task", {}, job_id="waits")
    await queue.add("task", {}, job_id="has-priority", priority=OWN)
    await queue.add("task", {}, job_id="comes-later", delay_ms=60_000)

    # When each is looked at, then it is found where it is
    seen = {
        name: (await look(queue, name)).state
        for name in ("completes", "fails", "runs", "waits", "has-priority", "comes-later")
    }
    assert seen == {
        "completes": "completed", "fails": "failed", "runs": "active", "waits": "waiting",
        "has-priority": "prioritized", "comes-later": "delayed",
    }  # fmt: skip
    # and what surrounds it
    runs, failed, later = await look(queue, "runs"), await look(queue, "fails"), await look(queue, "comes-later")
    assert runs.worker == "shop-1"
    assert 0 < (runs.lock_ms or 0) <= 2_000
    assert failed.is_buried
    assert failed.record.failed_reason == "boom"
    assert later.due_ms == later.record.timestamp_ms + 60_000
    assert (later.lock_ms, later.worker, later.is_buried) == (None, None, False)


async def test_there_may_be_no_such_job_or_something_else_under_its_key(queue, redis_client):
    await redis_client.set(queue.keys.job("text"), "hello")

    assert await queue.control.snapshot("nobody") is None
    snapshot = await look(queue, "text")
    assert snapshot.record.broken == "its key holds a string, not a job"


async def test_what_is_very_long_is_left_out(queue):
    await queue.add("task", {"recipients": "5" * LONGEST_FIELD}, job_id="large")

    snapshot = await look(queue, "large")

    assert snapshot.record.broken is None
    assert snapshot.record.data is None
    assert snapshot.too_long == {"data": LONGEST_FIELD + len('{"recipients":""}')}


async def test_parent_and_children_are_named(queue, redis_client, prefix):
    # Given a flow as BullMQ lays it out
    await queue.add("parent", {}, job_id="p-1")
    await queue.add("child", {}, job_id="c-1")
    await redis_client.hset(queue.keys.job("c-1"), "parentKey", queue.keys.job("p-1"))
    await redis_client.sadd(queue.keys.job("p-1") + ":dependencies", queue.keys.job("c-1"))
    await redis_client.hset(queue.keys.job("p-1") + ":processed", f"{prefix}:other:repeat:x:1", "null")

    parent, child = await look(queue, "p-1"), await look(queue, "c-1")

    assert child.parent == Relative("work", "p-1")
    assert parent.children == ChildCounts(open=1, done=1)
    assert await queue.control.children("p-1", 10) == [Relative("work", "c-1"), Relative("other", "repeat:x:1")]
    assert await queue.control.children("p-1", 1) == [Relative("work", "c-1")]


async def test_logs_come_in_pages(queue):
    await queue.add("task", {}, job_id="j-1")
    for number in range(5):
        await queue.scripts.add_log("j-1", f"line {number}", 100)

    assert await queue.control.log_lines("j-1", 3, 10) == (["line 3", "line 4"], 5)
    assert await queue.control.log_lines("none", 0, 10) == ([], 0)
    assert (await look(queue, "j-1")).log_lines == 5


# --- another time ---------------------------------------------------------------------------------------------------


async def test_a_delayed_job_moves_to_another_time(queue, start_worker, told):
    # Given a job of tomorrow
    await queue.add("task", {}, job_id="j-1", delay_ms=86_400_000, attempts=3)
    await start_worker(lambda job: None)

    # When it is moved to the day after, then its options tell so too
    at_ms = now_ms() + 2 * 86_400_000
    assert await queue.control.reschedule(await look(queue, "j-1"), at_ms) is None
    moved = await look(queue, "j-1")
    assert abs((moved.due_ms or 0) - at_ms) < 1_000
    assert moved.record.options == {"attempts": 3, "delay": at_ms - moved.record.timestamp_ms}

    # When it is moved to a moment ago, then it runs at once, though nobody looked for it
    assert await queue.control.reschedule(moved, now_ms() - 1_000) is None
    [done] = await told.until(1, lambda event: isinstance(event, JobCompleted))
    assert done.job.id == "j-1"


async def test_what_is_not_delayed_is_not_moved(queue):
    await queue.add("task", {}, job_id="waits")
    await queue.add("task", {}, job_id="gone", delay_ms=1_000)
    gone = await look(queue, "gone")
    await queue.remove("gone")
    await queue.add("task", {}, job_id="changed", delay_ms=60_000)
    changed = await look(queue, "changed")
    assert await queue.control.reschedule(changed, now_ms() + 120_000) is None

    assert await queue.control.reschedule(await look(queue, "waits"), now_ms()) == "elsewhere"
    assert await queue.control.reschedule(gone, now_ms()) == "gone"
    assert await queue.control.reschedule(changed, now_ms()) == "changed", "somebody else moved it meanwhile"
    with pytest.raises(InvalidPayload, match="at: is more than 366 days ahead"):
        await queue.control.reschedule(await look(queue, "changed"), now_ms() + 400 * 86_400_000)


# --- another priority -----------------------------------------------------------------------------------------------


async def test_a_job_that_becomes_urgent_goes_before_all_turns(queue):
    # Given jobs that were sorted into turns already
    ana = [Entry("task", {"organizationId": "ana"}, f"a-{n}", JobOptions(priority=OWN)) for n in range(4)]
    bia = [Entry("task", {"organizationId": "bia"}, f"b-{n}", JobOptions(priority=OWN)) for n in range(4)]
    await queue.add_many([*ana, *bia])
    assert await take(queue, 1) == ["a-0"]

    # When the last of one becomes urgent
    assert await queue.control.change_priority("a-3", OWN - 1)

    # Then it is next, and the others keep their turns
    assert await take(queue, 6) == ["a-3", "b-0", "a-1", "b-1", "a-2", "b-2"]
    assert (await look(queue, "a-3")).record.priority == OWN - 1


async def test_a_job_with_the_queues_priority_again_goes_to_the_end_of_its_line(queue):
    # Given an urgent job, and some that are sorted
    await queue.add("task", {"organizationId": "ana"}, job_id="urgent", priority=1)
    await queue.add_many([Entry("t", {"organizationId": "ana"}, f"a-{n}", JobOptions(priority=OWN)) for n in range(2)])

    # When it is urgent no more, then it has its turn behind the others
    assert await queue.control.change_priority("urgent", OWN)
    assert await take(queue, 3) == ["a-0", "a-1", "urgent"]


async def test_a_delayed_job_has_its_new_priority_when_it_is_due(queue):
    await queue.add("task", {}, job_id="later", delay_ms=60_000, priority=OWN)
    await queue.add("task", {}, job_id="now", priority=OWN)

    assert await queue.control.change_priority("later", 1)
    assert (await look(queue, "later")).state == "delayed"
    await queue.promote("later")

    assert await take(queue, 2) == ["later", "now"]


async def test_a_priority_of_nobody_and_one_that_is_a_place_in_turns_are_refused(queue):
    assert not await queue.control.change_priority("nobody", 1)
    for priority in (-1, LOWEST_PRIORITY + 1):
        with pytest.raises(InvalidPayload, match="priority: must be a whole number from 0 to 1048575"):
            await queue.control.change_priority("nobody", priority)


# --- other data -----------------------------------------------------------------------------------------------------


async def test_data_change_only_while_nobody_runs_the_job_and_nobody_else_changed_them(queue, redis_client):
    # Given a job that two people look at
    await queue.add("task", {"text": "Oi"}, job_id="j-1")
    first = await look(queue, "j-1")

    # When one of them changes it, then the other is told
    assert await queue.control.update_data("j-1", first.version, {"text": "Olá ☕"}) is None
    assert await queue.control.update_data("j-1", first.version, {"text": "Hello"}) == "changed"
    now = await look(queue, "j-1")
    assert now.record.data == {"text": "Olá ☕"}

    # When a worker has taken it, then nobody changes it, also while its lock has run out
    assert await take(queue, 1, FetchRules(30_000, "worker")) == ["j-1"]
    assert await queue.control.update_data("j-1", now.version, {}) == "running"
    await redis_client.delete(queue.keys.lock("j-1"))
    assert await queue.control.update_data("j-1", now.version, {}) == "running"
    assert await queue.control.update_data("nobody", now.version, {}) == "gone"


# --- taking it away -------------------------------------------------------------------------------------------------


async def failed_by_hand(queue, raw):
    """End a seized job as failed, in the dead letters."""
    rules = Rules(Keep(), Keep(), BackoffRules(), "dead-letter")
    failure = bury(Job(raw, queue.name, None), "taken away", "crashed", rules)
    return await queue.scripts.settle(failure, FetchRules(0, "somebody"))


async def test_a_hanging_worker_loses_the_job_and_is_stopped(queue, dead_letters, start_worker, told):
    # Given a worker that lives, renews its lock and comes to no end
    held = Held()
    await start_worker(held)
    await queue.add("task", {"text": "Oi"}, job_id="j-1", attempts=3)
    await held.started.until(1)

    # When the job is taken away and failed
    raw = await queue.control.seize("j-1")
    assert raw is not None
    assert await failed_by_hand(queue, raw) == 0

    # Then it is failed and buried, the worker is told with its next renewal, and its handler is cancelled
    assert await queue.state("j-1") == "failed"
    [letter] = await dead_letters.jobs("wait")
    assert letter.data["data"] == {"text": "Oi"}
    await told.until(1, lambda event: isinstance(event, JobLost))
    await held.cancelled.until(1)
    # and its slot is free for others
    await queue.add("task", {}, job_id="j-2")
    assert await held.started.until(2) == ["j-1", "j-2"]


async def test_what_the_worker_says_later_is_refused(queue, redis_client):
    # Given a worker that says nothing
    await queue.add("task", {}, job_id="j-1")
    batch = await queue.scripts.settle_and_fetch([], 1, "worker:1", FetchRules(30_000, "worker"))
    late = Completed("j-1", batch.jobs[0].token, json.dumps("late"), Keep(), 1)

    # When the job is taken away, then the worker cannot end it before we do, nor after
    raw = await queue.control.seize("j-1")
    assert raw is not None
    assert await queue.scripts.settle(late, FetchRules(0, "worker")) == -6
    assert await failed_by_hand(queue, raw) == 0
    assert await queue.scripts.settle(late, FetchRules(0, "worker")) < 0
    refused = await queue.scripts.settle_and_fetch([late], 0, "", FetchRules(0, "worker"))
    assert refused.codes[0] < 0
    snapshot = await look(queue, "j-1")
    assert (snapshot.state, snapshot.record.result) == ("failed", None)
    assert not await redis_client.exists(queue.keys.lock("j-1"))


async def test_who_takes_it_away_and_dies_leaves_a_job_that_runs_again(queue, redis_client, start_worker, told):
    # Given a job that was taken away by a process that died then
    await queue.add("task", {}, job_id="j-1")
    await queue.scripts.settle_and_fetch([], 1, "worker:1", FetchRules(30_000, "worker"))
    assert await queue.control.seize("j-1") is not None
    await redis_client.pexpire(queue.keys.lock("j-1"), 1)

    # Then it counts as stalled, and a worker runs it
    await start_worker(lambda job: None)
    [done] = await told.until(1, lambda event: isinstance(event, JobCompleted))
    assert done.job.id == "j-1"


async def test_only_an_active_job_can_be_taken_away(queue):
    await queue.add("task", {}, job_id="waits")

    assert await queue.control.seize("waits") is None
    assert await queue.control.seize("nobody") is None


# --- a million others -----------------------------------------------------------------------------------------------

FILL = """
local ids = {}
for n = 1, 5000 do ids[n] = ARGV[1] .. ":" .. n end
redis.call("LPUSH", KEYS[1], unpack(ids))
"""


async def test_a_look_at_a_job_among_a_million_others_takes_no_time(queue, redis_client):
    """A list is searched from its ends only: what stands nowhere else waits in its middle."""
    # Given a job in the middle of a list that is longer than a look goes
    fill = redis_client.register_script(FILL)
    for part in range(30):
        if part == 15:
            await queue.add("task", {}, job_id="middle")
        await fill([queue.keys.wait], [part])

    # When, then
    assert (await look(queue, "middle")).state == "waiting"
