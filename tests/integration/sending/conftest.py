"""Jobs that are really held, for messages that may go out."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from oxyq.engine import Entry, Hub, JobOptions, Queue
from oxyq.engine.job import Job
from oxyq.engine.keys import QueueKeys
from oxyq.engine.scripts import FetchRules, QueueScripts
from oxyq.sending.ledger import Ledger

#: A run of the job "j-1"; called again, it is the next run, after this one lost its lock.
Run = Callable[[], Awaitable[Job]]


@pytest.fixture
async def hub(redis_url: str, prefix: str) -> AsyncIterator[Hub]:
    """The connections of this test."""
    hub = Hub(redis_url, prefix=prefix)
    yield hub
    await hub.close()


@pytest.fixture
def ledger(hub: Hub) -> Ledger:
    """The ledger of this test's installation."""
    return Ledger(hub)


@pytest.fixture
async def run(hub: Hub, prefix: str) -> Run:
    """A function that takes the job as a worker does."""
    await Queue("campaign", hub=hub).add_many([Entry("send", {}, "j-1", JobOptions(attempts=5))])
    keys, runs = QueueKeys("campaign", prefix), 0
    scripts = QueueScripts(keys, hub.commands)

    async def take() -> Job:
        nonlocal runs
        runs += 1
        if runs > 1:  # its worker died: the lock ran out, and somebody put it back
            await hub.commands.call("DEL", keys.lock("j-1"))
            await hub.commands.call("LREM", keys.active, 0, "j-1")
            await hub.commands.call("LPUSH", keys.wait, "j-1")
        taken = await scripts.settle_and_fetch([], 1, f"token-{runs}", FetchRules(30_000, "worker"))
        return Job(taken.jobs[0], "campaign", None)

    return take
