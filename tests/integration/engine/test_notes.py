"""What a running job tells about itself: progress, log lines, a result."""

import json

from oxyq.engine.events import JobCompleted
from oxyq.outcomes import Done


async def test_progress_is_stored_and_announced(queue, start_worker, told, queue_events):
    # Given
    async def handler(job):
        await job.update_progress(40)
        await job.update_progress({"sent": 2, "of": 5})

    await start_worker(handler)

    # When
    job_id = await queue.add("task", {})
    await told.until(1, lambda event: isinstance(event, JobCompleted))

    # Then
    assert (await queue.job(job_id)).progress == {"sent": 2, "of": 5}
    announced = await queue_events.until("progress", job_id, count=2)
    assert [json.loads(event["data"]) for event in announced] == [40, {"sent": 2, "of": 5}]


async def test_log_lines_are_kept_in_order_and_bounded(queue, start_worker, told):
    # Given
    async def handler(job):
        counts = [await job.log(f"line {n} é") for n in range(120)]
        return counts[-1]

    await start_worker(handler)

    # When
    job_id = await queue.add("task", {})
    await told.until(1, lambda event: isinstance(event, JobCompleted))

    # Then
    lines = await queue.logs(job_id)
    assert lines == [f"line {n} é" for n in range(20, 120)]
    assert (await queue.job(job_id)).result == 100


async def test_handler_sees_the_job_as_it_was_added(queue, start_worker, told):
    # Given
    seen = []

    async def handler(job):
        seen.append((job.id, job.name, job.data, job.attempt, job.attempts, job.queue, job.timestamp_ms > 0))
        return Done({"ok": True, "texto": "olá"})

    await start_worker(handler)

    # When
    data = {"text": "olá 👋", "list": [1, 2.5, None, True], "deep": {"a": {"b": []}}}
    job_id = await queue.add("greet", data, job_id="greet-1", attempts=3)
    [completed] = await told.until(1, lambda event: isinstance(event, JobCompleted))

    # Then
    assert seen == [("greet-1", "greet", data, 1, 3, "work", True)]
    assert job_id == "greet-1"
    assert completed.seconds < 5
    job = await queue.job("greet-1")
    assert (job.result, job.attempts_made) == ({"ok": True, "texto": "olá"}, 1)
    assert job.finished_ms >= job.processed_ms >= job.timestamp_ms


async def test_nothing_to_return_is_null(queue, start_worker, told):
    async def handler(job):
        pass

    await start_worker(handler)
    job_id = await queue.add("task", None)
    await told.until(1, lambda event: isinstance(event, JobCompleted))

    assert (await queue.job(job_id)).result is None
