"""An exact snapshot: the queues stand still, nothing is in hand, and afterwards all goes on as before."""

import asyncio

import pytest

from oxyq.engine import Job, Queue, Worker
from oxyq.engine.hub import Hub
from oxyq.errors import NotAllowed
from oxyq.snapshot import Job as JobRecord
from oxyq.snapshot import export, restore
from oxyq.snapshot.pausing import paused
from tests.integration.engine.journal import eventually


class Busy:
    """A worker that has a job in hand until it is let go."""

    def __init__(self, queue: str, hub: Hub) -> None:
        self.began, self.go_on = asyncio.Event(), asyncio.Event()
        self.worker = Worker(queue, self._handle, hub=hub)

    async def _handle(self, _: Job) -> str:
        self.began.set()
        await self.go_on.wait()
        return "done"


@pytest.fixture
async def hub(redis_url: str, prefix: str):
    """An installation of the test's own."""
    opened = Hub(redis_url, prefix=prefix)
    yield opened
    await opened.close()


async def test_it_waits_for_what_is_in_hand_and_all_goes_on_afterwards(hub: Hub) -> None:
    # Given a job in hand, one that waits, and a queue that somebody had paused before
    busy, resting = Busy("busy", hub), Queue("resting", hub=hub)
    queue = Queue("busy", hub=hub)
    await queue.add("work", {"n": 1}, job_id="in-hand")
    await resting.add("work", {}, job_id="rests")
    await resting.pause()
    await busy.worker.start()
    await busy.began.wait()
    await queue.add("work", {"n": 2}, job_id="waits")
    try:
        # When an exact snapshot is made while the job ends
        async def let_go() -> None:
            await eventually(queue.is_paused, wanted=True)
            busy.go_on.set()

        ending = asyncio.create_task(let_go())
        async with paused(hub, wait_seconds=30) as ours:
            records = [record async for record in export(hub, paused_for_it=ours)]
            assert await queue.is_paused()
        await ending

        # Then the job that ended is in it as done, the other as waiting, and nothing as in hand
        states = {record.id: record.state for record in records if isinstance(record, JobRecord)}
        assert states == {"in-hand": "completed", "waits": "wait", "rests": "wait"}
        assert not any(record.in_hand for record in records if isinstance(record, JobRecord))
        # and each queue is as it was, here and in the snapshot
        assert (await queue.is_paused(), await resting.is_paused()) == (False, True)
        copy = Hub(hub.address, prefix=f"{hub.prefix}-copy")
        await restore(copy, listed(records), from_prefix=hub.prefix)
        copied = [await Queue(name, hub=copy).is_paused() for name in ("busy", "resting")]
        await copy.close()
        assert copied == [False, True]
    finally:
        busy.go_on.set()
        await busy.worker.stop(5)


async def test_workers_that_take_too_long_are_named_and_nothing_stays_paused(hub: Hub) -> None:
    busy = Busy("slow", hub)
    await Queue("slow", hub=hub).add("work", {}, job_id="slow")
    await busy.worker.start()
    await busy.began.wait()
    try:
        with pytest.raises(NotAllowed, match="still have 1 jobs in hand"):
            async with paused(hub, wait_seconds=0.1):
                pytest.fail("it did not wait")

        assert not await Queue("slow", hub=hub).is_paused()
    finally:
        busy.go_on.set()
        await busy.worker.stop(5)


async def listed(records):
    """Records as a stream."""
    for record in records:
        yield record
