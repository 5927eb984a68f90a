"""A clock that stands where it is put, and jobs that ended without having run."""

import json
import time
from collections.abc import AsyncIterator, Callable

import pytest

from oxyq.engine.events import JobCompleted, JobFailed
from oxyq.engine.hub import Hub
from oxyq.engine.job import Job
from oxyq.engine.settlement import RawJob
from oxyq.statistics.reading import Statistics
from oxyq.statistics.recorder import Recorder

QUEUES = ("message", "campaign")


class Clock:
    """Seconds since 1970, as a test sets them."""

    def __init__(self) -> None:
        # In the middle of a minute and of ten; keys of past days must not have run out by Redis's own clock.
        self.now = time.time() // 600 * 600 + 305

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def hub(redis_url: str, prefix: str) -> AsyncIterator[Hub]:
    hub = Hub(redis_url, prefix=prefix)
    yield hub
    await hub.close()


@pytest.fixture
def recorder(hub: Hub, clock: Clock) -> Recorder:
    """What one worker process counts."""
    return Recorder(hub, clock)


@pytest.fixture
def statistics(hub: Hub, clock: Clock) -> Statistics:
    """What people read."""
    return Statistics(hub, QUEUES, clock)


@pytest.fixture
def completed(clock: Clock) -> Callable[..., JobCompleted]:
    """A function that makes a job that was done: it waited so long, then ran so long."""

    def make(
        organization_id: str = "org_1", queue: str = "message", *, waited: float = 1.0, ran: float = 0.5
    ) -> JobCompleted:
        return JobCompleted(_job(queue, organization_id, clock.now - ran - waited), ran)

    return make


@pytest.fixture
def failed(clock: Clock) -> Callable[..., JobFailed]:
    """A function that makes a job that failed, for good or to be tried again."""

    def make(organization_id: str = "org_1", queue: str = "message", *, retry_in_ms: int | None = None) -> JobFailed:
        return JobFailed(_job(queue, organization_id, clock.now - 1.5), "no", retry_in_ms, 0.5)

    return make


def _job(queue: str, organization_id: str, added: float) -> Job:
    data = json.dumps({"organizationId": organization_id}).encode()
    fields = {b"name": b"made", b"data": data, b"opts": b"{}", b"timestamp": str(round(added * 1000)).encode()}
    return Job(RawJob("job-1", "t", fields), queue, None)
