"""Pausing: no worker takes anything until it is resumed, and nothing is lost."""

from oxyq.engine import Hub, Job, Queue, Worker
from tests.integration.engine.journal import Journal, eventually
from tests.integration.maintenance.conftest import QUEUE, counted


async def test_a_paused_queue_keeps_its_jobs_until_it_is_resumed(hub: Hub, queue: Queue) -> None:
    ran: Journal[str] = Journal()

    async def handler(job: Job) -> None:
        ran.note(job.id)

    # Given a worker on a paused queue
    await queue.pause()
    worker = Worker(QUEUE, handler, hub=hub)
    await worker.start()
    await queue.add("made", {}, job_id="plain")
    await queue.add("made", {}, job_id="urgent", priority=1)

    # Then it takes nothing
    await ran.quiet_for(0.5)
    assert await queue.is_paused()
    assert await counted(queue, "waiting") == [2]

    # When it is resumed, once or twice
    await queue.resume()
    await queue.resume()

    # Then all runs
    assert set(await ran.until(2)) == {"plain", "urgent"}
    await eventually(lambda: counted(queue, "completed"), [2])
    await worker.stop()


async def test_the_job_in_hand_is_finished(hub: Hub, queue: Queue) -> None:
    started: Journal[str] = Journal()

    async def handler(job: Job) -> None:
        started.note(job.id)
        await queue.pause()

    worker = Worker(QUEUE, handler, hub=hub)
    await worker.start()
    await queue.add("made", {}, job_id="first")
    await started.until(1)
    await queue.add("made", {}, job_id="second")

    await eventually(lambda: counted(queue, "completed", "waiting"), [1, 1])
    await worker.stop()
