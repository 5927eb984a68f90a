"""The simulation that plans are made with, against our own worker with the same messages at the same times."""

import asyncio

from benchmarks.planning.simulation import Service, Stations, simulate
from oxyq.engine.hub import Hub
from oxyq.engine.job import Job
from oxyq.engine.queue import Queue
from oxyq.engine.worker import Worker
from oxyq.outcomes import Done

SECONDS, SLOTS = 4.0, 4


async def test_jobs_wait_as_long_as_it_says(redis_url: str, prefix: str) -> None:
    # Given four slots that are 80 % taken, by bursts
    simulated = simulate(
        32, SECONDS, Stations(1, SLOTS, SLOTS), Service(0, 0, 0.1), burst=8, weights=[1.0], placed=[0], seed=5
    )
    count, loop = len(simulated.came), asyncio.get_running_loop()
    began, waits, all_done = loop.time() + 0.5, dict[int, float](), asyncio.Event()

    async def handle(job: Job) -> Done:
        number = int(job.id.removeprefix("j"))
        waits[number] = loop.time() - began - simulated.came[number]
        await asyncio.sleep(simulated.gateway[number])
        if len(waits) == count:
            all_done.set()
        return Done()

    # When a worker of ours gets the same messages
    hub = Hub(redis_url, prefix=prefix)
    queue, worker = Queue("planned", hub=hub), Worker("planned", handle, hub=hub, concurrency=SLOTS)
    await worker.start()
    for number, at in enumerate(simulated.came):
        await asyncio.sleep(max(began + at - loop.time(), 0))
        await queue.add("planned", {}, job_id=f"j{number}")
    await asyncio.wait_for(all_done.wait(), 40)
    await worker.stop(5)
    await hub.close()
    # Then they wait about as long: a busy machine only makes it longer
    mean = sum(waits.values()) / count
    print(f"{count} jobs: simulated {simulated.mean:.3f} s, real {mean:.3f} s")
    assert simulated.mean > 0.2
    assert 0.8 * simulated.mean < mean < 1.6 * simulated.mean + 0.3
