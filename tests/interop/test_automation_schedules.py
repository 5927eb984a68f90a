"""Our schedules are Node's job schedulers, and Node's automations are withdrawn and moved as ours are."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import redis.asyncio

from oxyq.automations.control import AutomationControl
from oxyq.automations.schedule import Schedule
from oxyq.automations.schedules import AutomationSchedules
from oxyq.automations.selection import Selection
from oxyq.automations.waiting import WaitingAutomations
from oxyq.automations.withdrawals import Withdrawals
from oxyq.clock import now_ms
from oxyq.engine import Hub, Queue
from oxyq.jobs import parse_new
from oxyq.organizations import Organization
from oxyq.producer import Producer
from oxyq.queues import POLICIES
from tests.interop.conftest import StartWorker
from tests.interop.node_peer import Node
from tests.interop.our_worker import echo

HOUR, WEEK = 3_600_000, 7 * 24 * 3_600_000
SHOP = Organization(id="org_1", name="Pet Shop", time_zone="America/Manaus")
MONDAYS = {
    "id": "às segundas",
    "organizationId": "org_1",
    "automation": {
        "type": "reminder", "recipientNumber": "5511999990001", "content": "Bom dia ☀️", "metadata": {"plan": "gold"},
    },
    "cron": "0 9 * * 1",
}  # fmt: skip
REMINDER = {
    "automationId": "auto_1", "organizationId": "org_1", "type": "reminder", "recipientNumber": "5511999990001",
    "content": "Lembrete", "metadata": {"bookingId": 7}, "traceId": "t-1",
}  # fmt: skip


@dataclass
class Desk:
    """Our side."""

    schedules: AutomationSchedules
    control: AutomationControl


@pytest.fixture
async def desk(redis_url: str, redis_client: "redis.asyncio.Redis", prefix: str) -> AsyncIterator[Desk]:
    """Our side, on the same Redis as Node."""
    hub = Hub(redis_url, prefix=prefix)
    queue, producer, withdrawals = (
        Queue("automation", hub=hub),
        Producer(hub, POLICIES),
        Withdrawals(redis_client, prefix=prefix),
    )
    yield Desk(
        AutomationSchedules(queue, producer, withdrawals, POLICIES["automation"]),
        AutomationControl(WaitingAutomations(queue), withdrawals, producer),
    )
    await hub.close()


async def test_node_reads_our_schedule_as_one_of_its_own(desk: Desk, node: Node) -> None:
    begins = now_ms() + WEEK
    limits = {"startsAt": begins, "endsAt": begins + 10 * WEEK, "limit": 5}
    saved = await desk.schedules.save(parse_new(Schedule, {**MONDAYS, **limits}), SHOP)

    [scheduler] = await node.queue("automation").getJobSchedulers()

    assert {name: scheduler[name] for name in ("name", "pattern", "tz", "next", "endDate", "limit")} == {
        "name": "automation", "pattern": "0 9 * * 1", "tz": "America/Manaus", "next": saved.next_ms,
        "endDate": limits["endsAt"], "limit": 5,
    }  # fmt: skip
    assert scheduler["template"]["data"] == {
        **MONDAYS["automation"],  # type: ignore[dict-item]
        "automationId": "às segundas", "organizationId": "org_1", "scheduleId": "às segundas",
    }  # fmt: skip
    assert scheduler["template"]["opts"]["attempts"] == POLICIES["automation"].attempts


@pytest.mark.parametrize("who", ["we", "node"])
async def test_whoever_runs_it_the_next_comes_at_its_time_and_none_behind_its_end(
    desk: Desk, node: Node, work: StartWorker, who: str
) -> None:
    # Given a schedule with two Mondays left
    saved = await desk.schedules.save(parse_new(Schedule, {**MONDAYS, "endsAt": now_ms() + 2 * WEEK}), SHOP)
    await node.listen("automation")
    if who == "we":
        await work("automation", echo)
    else:
        await node.work("automation", "echo")

    for count in (1, 2):
        # When a run is made ready before its time, and run
        [waiting] = await node.queue("automation").getDelayed()
        await node.job("automation", waiting["id"]).promote()
        await node.emitted("completed", count)
        await node.emitted("delayed", 2)

        # Then the next is the Monday after, and after the last there is none
        runs = [job["id"] for job in await node.queue("automation").getDelayed()]
        next_ms = (saved.next_ms or 0) + WEEK
        assert [int(run.rpartition(":")[2]) for run in runs] == ([next_ms] if count == 1 else [])


async def test_once_node_has_removed_it_it_is_gone_for_us(desk: Desk, node: Node) -> None:
    await desk.schedules.save(parse_new(Schedule, MONDAYS), SHOP)
    [scheduler] = await node.queue("automation").getJobSchedulers()

    assert await node.queue("automation").removeJobScheduler(scheduler["key"]) is True

    assert await desk.schedules.list("org_1") == []


async def test_what_node_added_is_taken_out_of_its_queue_when_it_is_withdrawn(desk: Desk, node: Node) -> None:
    queue = node.queue("automation")
    await queue.add("reminder", REMINDER, {"delay": HOUR})
    await queue.add("reminder", {**REMINDER, "metadata": {"bookingId": 8}}, {"delay": HOUR, "jobId": "eight"})

    assert await desk.control.withdraw("org_1", Selection(metadata={"bookingId": "7"})) == 1

    assert [job["id"] for job in await queue.getDelayed()] == ["eight"]


async def test_what_node_added_is_moved_with_all_that_node_wrote(desk: Desk, node: Node) -> None:
    queue, at_ms = node.queue("automation"), now_ms() + 2 * HOUR
    await queue.add("reminder", REMINDER, {"delay": HOUR})

    [job_id] = await desk.control.reschedule("org_1", "auto_1", at_ms)

    [moved] = await queue.getDelayed()
    assert (moved["id"], moved["data"]) == (job_id, {**REMINDER, "scheduledFor": at_ms})
    assert moved["timestamp"] + moved["delay"] == pytest.approx(at_ms, abs=50)
