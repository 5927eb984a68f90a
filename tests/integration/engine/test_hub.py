"""Several queues over the same two connections."""

import pytest

from oxyq.engine import Hub, Queue, Rate, Worker
from oxyq.engine.events import JobCompleted
from tests.integration.engine.journal import Journal, eventually

NAMES = ("message", "automation", "campaign")


async def client_ids(redis_client) -> set[str]:
    return {client["id"] for client in await redis_client.client_list()}


async def test_three_queues_share_two_connections_and_none_waits_for_another(hub, start_worker, redis_client, prefix):
    # Given
    runs: Journal[tuple[str, str]] = Journal()

    async def handler(job):
        runs.note((job.queue, job.id))

    before = await client_ids(redis_client)
    for name in NAMES:
        await start_worker(handler, name, hub=hub, concurrency=3)
    queues = {name: Queue(name, hub=hub) for name in NAMES}

    # When each gets work in turn and twice in a row, while the others are idle
    for turn in range(2):
        for name in (*NAMES, *reversed(NAMES)):
            before_it = len(runs.entries)  # it may have run before its adding is told
            job_id = await queues[name].add("task", {"turn": turn})
            # Then it runs at once
            assert (await runs.until(before_it + 1, within=3))[-1] == (name, job_id)

    # And commands take one connection, waiting another; each worker shows its name on a third kind
    async def connections() -> int:
        return len(await client_ids(redis_client) - before)

    await eventually(connections, 2 + len(NAMES))


async def test_limited_queue_does_not_hold_up_its_neighbours(hub, start_worker):
    # Given a queue whose rate is used up
    runs: Journal[str] = Journal()

    async def handler(job):
        runs.note(job.queue)

    await start_worker(handler, "campaign", hub=hub, rate=Rate(1, per_seconds=30))
    await start_worker(handler, "message", hub=hub)
    campaign, message = Queue("campaign", hub=hub), Queue("message", hub=hub)
    for n in range(3):
        await campaign.add("task", {"n": n})
    await runs.until(1)

    # When
    for n in range(3):
        await message.add("task", {"n": n})

        # Then
        await runs.until(n + 2, within=1)
    assert runs.entries == ["campaign", "message", "message", "message"]


async def test_stopping_one_worker_leaves_its_neighbours_at_work(hub, start_worker, told):
    async def handler(job):
        pass

    leaving = await start_worker(handler, "automation", hub=hub)
    await start_worker(handler, "message", hub=hub)

    await leaving.stop()

    job_id = await Queue("message", hub=hub).add("task", {})
    [completed] = await told.until(1, lambda event: isinstance(event, JobCompleted))
    assert completed.job.id == job_id


async def test_queue_stopped_and_started_again_on_the_same_hub_works(hub, start_worker, told):
    async def handler(job):
        pass

    await (await start_worker(handler, "message", hub=hub)).stop()
    await start_worker(handler, "message", hub=hub)

    await Queue("message", hub=hub).add("task", {})
    await told.until(1, lambda event: isinstance(event, JobCompleted))


async def test_second_worker_for_a_queue_on_one_hub_is_refused_with_the_fix(hub, start_worker):
    async def handler(job):
        pass

    await start_worker(handler, "message", hub=hub)
    second = Worker("message", handler, hub=hub)

    with pytest.raises(ValueError, match="concurrency"):
        await second.start()


async def test_process_that_only_adds_opens_one_connection(redis_url, redis_client, prefix):
    before = await client_ids(redis_client)
    hub = Hub(redis_url, prefix=prefix)
    for name in NAMES:
        await Queue(name, hub=hub).add("task", {})

    assert len(await client_ids(redis_client) - before) == 1
    await hub.close()
