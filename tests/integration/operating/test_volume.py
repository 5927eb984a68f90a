"""Many jobs: pages come at once, Redis is never kept busy, and a task of 100,000 can be cancelled with nothing lost."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Self

import pytest

from oxyq.dead_letters import DeadLetters
from oxyq.engine import Hub, Queue
from oxyq.operating.bulk.task import Task, TaskOrder, TaskState
from oxyq.operating.bulk.tasks import BulkTasks
from oxyq.operating.job_tasks.kinds import Remove, Retry
from oxyq.operating.search.job_filter import JobFilter
from oxyq.operating.search.job_search import JobPage, JobSearch
from oxyq.telemetry.events import Telemetry
from tests.conftest import StartRedis
from tests.integration.engine.journal import eventually
from tests.redis_server import RedisServer
from tests.volume import ORGANIZATIONS, seed

MILLION = 1_000_000
#: What no call of the board may take, and no list page (issue 6).
LONGEST_CALL_MS, LONGEST_PAGE_MS = 10, 150


@pytest.fixture
def server(start_redis: StartRedis) -> RedisServer:
    """A server of the test's own."""
    return start_redis("--slowlog-log-slower-than", str(LONGEST_CALL_MS * 1000), "--slowlog-max-len", "1000")


@pytest.fixture
async def hub(server: RedisServer) -> AsyncIterator[Hub]:
    """Connections to it."""
    hub = Hub(server.url, prefix="bull")
    yield hub
    await hub.close()


class Watched:
    """What took Redis too long while the block ran.

    Its clock runs on while others have the processor, as on a machine that runs many tests. So meanwhile it is served
    before all others, where that is allowed; where not, one call in a hundred is forgiven.
    """

    def __init__(self, server: RedisServer) -> None:
        self._server = server
        self._client = server.client()
        self.slow: list[tuple[float, str]] = []

    def __enter__(self) -> Self:
        self._is_first = self._served_first(os.SCHED_RR, 1)
        self._client.slowlog_reset()
        self._calls = self._client.info("stats")["total_commands_processed"]
        return self

    def __exit__(self, *_: object) -> None:
        calls = self._client.info("stats")["total_commands_processed"] - self._calls
        self.slow = [(one["duration"] / 1000, str(one["command"])[:120]) for one in self._client.slowlog_get(1000)]
        self._served_first(os.SCHED_OTHER, 0)
        self._client.close()
        if not self._is_first and len(self.slow) <= calls / 100:
            self.slow = []

    def _served_first(self, policy: int, priority: int) -> bool:
        try:
            os.sched_setscheduler(self._server.pid, policy, os.sched_param(priority))
        except PermissionError:
            return False
        return True


async def timed(look: Callable[[], Awaitable[JobPage]]) -> tuple[float, JobPage]:
    began = time.perf_counter()
    page = await look()
    return (time.perf_counter() - began) * 1000, page


@pytest.mark.timeout(240)
@pytest.mark.parametrize(("state", "stored"), [("failed", "failed"), ("waiting", "wait")])
async def test_with_a_million_jobs_every_page_comes_at_once_and_no_call_keeps_redis_busy(
    server: RedisServer, hub: Hub, state: str, stored: str
) -> None:
    with server.client() as client:
        await asyncio.to_thread(seed, client, "bull", "message", stored, MILLION)
    search = JobSearch({"message": Queue("message", hub=hub)})

    async def best(wanted: JobFilter, start: int = 0) -> tuple[float, JobPage]:
        """The shortest of some times: the others tell how busy the machine is."""
        return min([await timed(lambda: search.page("message", state, wanted, start, 50)) for _ in range(5)], key=_ms)

    with Watched(server) as watched:
        plain = [await best(JobFilter(), start) for start in (0, 50, MILLION // 2, MILLION - 50)]
        filtered = [
            await best(wanted)
            for wanted in (
                JobFilter(organization_id="org_7"),
                JobFilter(organization_id="org_7", name="inbound"),
                JobFilter(contact="5511900000042"),
                JobFilter(text="numero 999"),
            )
        ]
    search.close()

    assert [len(page.jobs) for _, page in plain] == [50] * 4
    assert {page.count for _, page in plain} == {MILLION}
    assert max(map(_ms, (*plain, *filtered))) < LONGEST_PAGE_MS
    assert watched.slow == []


def _ms(one: tuple[float, JobPage]) -> float:
    return one[0]


@pytest.mark.timeout(120)
async def test_what_fits_among_many_is_found_in_the_background(server: RedisServer, hub: Hub) -> None:
    count = 30_000
    with server.client() as client:
        await asyncio.to_thread(seed, client, "bull", "message", "completed", count)
    search = JobSearch({"message": Queue("message", hub=hub)})
    with Watched(server) as watched:
        for wanted, hits in (
            (JobFilter(organization_id="org_42"), count // ORGANIZATIONS),
            (JobFilter(contact="5511900000042"), 1),
            (JobFilter(text="numero 29999 com"), 1),
        ):

            async def is_complete(wanted: JobFilter = wanted) -> bool:
                page = await search.page("message", "completed", wanted, 0, 50)
                return page.search is not None and page.search.is_complete

            await eventually(is_complete, True, within=30)
            assert (await search.page("message", "completed", wanted, 0, 50)).count == hits
    search.close()
    assert watched.slow == []


async def ended(tasks: BulkTasks, task: Task, within: float) -> Task:
    async def has_ended() -> bool:
        return (await tasks.get(task.id)).has_ended

    await eventually(has_ended, True, within=within)
    return await tasks.get(task.id)


@pytest.mark.timeout(240)
async def test_a_retry_of_a_hundred_thousand_tells_its_progress_and_is_cancelled_with_nothing_lost(
    server: RedisServer, hub: Hub
) -> None:
    count, queue = 100_000, Queue("message", hub=hub)
    tasks = BulkTasks(hub, [Retry({"message": queue}, DeadLetters(hub))], Telemetry())
    with server.client() as client:
        await asyncio.to_thread(seed, client, "bull", "message", "failed", count)
        before = set(client.zrange("bull:message:failed", 0, -1))
        seen = set[int]()

        with Watched(server) as watched:
            async with tasks.running():
                task = await tasks.start(TaskOrder("retry", "message", {"state": "failed", "filter": {}}))

                async def is_half_way() -> bool:
                    now = await tasks.get(task.id)
                    seen.add(now.tally.done)
                    return now.tally.done >= count // 2

                await eventually(is_half_way, True, within=120)
                await tasks.cancel(task.id)
                done = await ended(tasks, task, within=10)

        left, waiting = set(client.zrange("bull:message:failed", 0, -1)), set(client.lrange("bull:message:wait", 0, -1))
        assert (done.state, done.total) == (TaskState.CANCELLED, count)
        assert done.tally.done == len(waiting) < count
        assert left | waiting == before
        assert not left & waiting
        assert len(seen) > 10, "its progress was seen on the way"
        assert watched.slow == []


@pytest.mark.timeout(120)
async def test_a_long_list_is_emptied_without_looking_through_it_for_each_job(server: RedisServer, hub: Hub) -> None:
    count, queue = 20_000, Queue("message", hub=hub)
    tasks = BulkTasks(hub, [Remove({"message": queue})], Telemetry())
    with server.client() as client:
        await asyncio.to_thread(seed, client, "bull", "message", "wait", count)
        with Watched(server) as watched:
            async with tasks.running():
                order = TaskOrder("remove", "message", {"state": "waiting", "filter": {}})
                done = await ended(tasks, await tasks.start(order), within=60)
        assert done.tally.done == count
        assert client.dbsize() < 20
        assert watched.slow == []
