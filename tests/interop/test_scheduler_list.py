"""What Node schedules is listed beside our own schedules, run from here, and removed for both."""

from collections.abc import AsyncIterator

import pytest
import redis.asyncio

from oxyq.automations.scheduler_list import SchedulerList
from oxyq.automations.schedules import AutomationSchedules
from oxyq.automations.withdrawals import Withdrawals
from oxyq.clock import now_ms
from oxyq.engine import Hub, Queue
from oxyq.producer import Producer
from oxyq.queues import POLICIES
from tests.interop.node_peer import Node

HOUR = 3_600_000
REMINDER = {
    "automationId": "auto_1", "organizationId": "org_1", "type": "reminder", "recipientNumber": "5511999990001",
    "content": "Lembrete",
}  # fmt: skip


@pytest.fixture
async def schedulers(redis_url: str, redis_client: "redis.asyncio.Redis", prefix: str) -> AsyncIterator[SchedulerList]:
    """Our side, on the same Redis as Node."""
    hub = Hub(redis_url, prefix=prefix)
    queue, producer = Queue("automation", hub=hub), Producer(hub, POLICIES)
    withdrawals = Withdrawals(redis_client, prefix=prefix)
    schedules = AutomationSchedules(queue, producer, withdrawals, POLICIES["automation"])
    yield SchedulerList(queue, schedules, producer)
    await hub.close()


async def test_a_scheduler_of_nodes_is_listed_run_and_removed(node: Node, schedulers: SchedulerList) -> None:
    # Given a scheduler that Node made
    queue = node.queue("automation")
    await queue.upsertJobScheduler(
        "weekly", {"pattern": "0 9 * * 1", "tz": "America/Sao_Paulo"}, {"name": "reminder", "data": REMINDER}
    )

    # When we list what is scheduled
    page = await schedulers.page("org_1")

    # Then it is there, marked as made elsewhere, with the time that Node says it runs next, and those after it
    [one] = page.found
    assert (one.id, one.schedule_id, one.stored.cron) == ("weekly", None, "0 9 * * 1")
    assert one.automation is not None and one.automation.content == "Lembrete"
    assert one.upcoming[0] == one.stored.next_ms > now_ms()
    assert [later - sooner for sooner, later in zip(one.upcoming, one.upcoming[1:], strict=False)] == [
        7 * 24 * HOUR
    ] * 4
    assert await schedulers.page("org_2") == type(page)([], None)

    # When it is run from here, then Node sees the job besides that of its own
    run_id = await schedulers.run_now("weekly", "org_1")
    job = await queue.getJob(run_id)
    assert job["data"]["content"] == "Lembrete"

    # When it is removed from here, then it is gone for Node too
    await schedulers.remove("weekly", "org_1")
    assert await queue.getJobSchedulersCount() == 0
