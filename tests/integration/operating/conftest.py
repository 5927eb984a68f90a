"""What the stories of the operator start from: a queue, its searches and its tasks, and jobs by the thousand."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest

from oxyq.dead_letters import DeadLetters
from oxyq.engine import Entry, Hub, JobOptions, Queue
from oxyq.operating.bulk.task import Task
from oxyq.operating.bulk.tasks import BulkTasks
from oxyq.operating.job_tasks.kinds import Bury, Clean, Promote, Remove, Retry
from oxyq.operating.search.job_search import JobSearch
from oxyq.outcomes import JsonValue
from oxyq.telemetry.events import Telemetry
from tests.integration.engine.journal import eventually

QUEUE = "message"

AddJobs = Callable[..., Awaitable[list[str]]]
Ended = Callable[[Task], Awaitable[Task]]


@pytest.fixture
async def hub(redis_url: str, prefix: str) -> AsyncIterator[Hub]:
    """The connections of the test."""
    hub = Hub(redis_url, prefix=prefix)
    yield hub
    await hub.close()


@pytest.fixture
def queue(hub: Hub) -> Queue:
    """The queue "message"."""
    return Queue(QUEUE, hub=hub)


@pytest.fixture
def letters(hub: Hub) -> DeadLetters:
    """The dead letters."""
    return DeadLetters(hub)


@pytest.fixture
async def search(queue: Queue) -> AsyncIterator[JobSearch]:
    """Looks through the queue; async, since what it has begun ends on the loop of the test."""
    search = JobSearch({QUEUE: queue})
    yield search
    search.close()


@pytest.fixture
async def job_tasks(hub: Hub, queue: Queue, letters: DeadLetters) -> AsyncIterator[BulkTasks]:
    """Tasks on the queue, running in this process."""
    queues = {QUEUE: queue}
    kinds = (Retry(queues, letters), Promote(queues), Remove(queues), Clean(queues), Bury(queues))
    tasks = BulkTasks(hub, kinds, Telemetry())
    async with tasks.running():
        yield tasks


@pytest.fixture
def ended(job_tasks: BulkTasks) -> Ended:
    """A function that waits for the end of a task."""

    async def wait(task: Task) -> Task:
        async def has_ended() -> bool:
            return (await job_tasks.get(task.id)).has_ended

        await eventually(has_ended, True)
        return await job_tasks.get(task.id)

    return wait


@pytest.fixture
def add_jobs(queue: Queue) -> AddJobs:
    """A function that adds jobs: of organizations org_0, org_1 … in turn, each from somebody."""

    async def add(count: int, *, organizations: int = 4, delay_ms: int = 0, prefix: str = "job") -> list[str]:
        options = JobOptions(delay_ms=delay_ms)

        def entries() -> Iterator[Entry]:
            for number in range(count):
                data: dict[str, JsonValue] = {
                    "organizationId": f"org_{number % organizations}",
                    "from": f"55119{number:08}@c.us",
                    "content": f"Mensagem número {number}.",
                }
                yield Entry(f"name{number % 2}", data, job_id=f"{prefix}-{number:05}", options=options)

        return await queue.add_many(list(entries()))

    return add
