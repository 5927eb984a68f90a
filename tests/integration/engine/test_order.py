"""Which job runs next: waiting ones first come first served, LIFO ones first, by priority, and each when it is due."""

import time

from tests.integration.engine.journal import Journal


class Order:
    """A handler that remembers which names came when."""

    def __init__(self) -> None:
        self.names: Journal[str] = Journal()

    async def __call__(self, job):
        self.names.note(job.name)


async def test_first_come_first_served(queue, start_worker):
    order = Order()
    for name in "abcde":
        await queue.add(name, {})

    await start_worker(order)

    assert "".join(await order.names.until(5)) == "abcde"


async def test_lower_number_is_more_urgent_and_none_comes_before_all(queue, start_worker):
    # Given
    order = Order()
    for name, priority in (("campaign", 5), ("automation", 3), ("message", 1), ("campaign 2", 5), ("none", 0)):
        await queue.add(name, {}, priority=priority)

    # When
    await start_worker(order)

    # Then
    assert await order.names.until(5) == ["none", "message", "automation", "campaign", "campaign 2"]


async def test_lifo_job_goes_to_the_front(queue, start_worker):
    order = Order()
    for name in "ab":
        await queue.add(name, {})
    await queue.add("first", {}, lifo=True)

    await start_worker(order)

    assert await order.names.until(3) == ["first", "a", "b"]


async def test_delayed_jobs_run_when_they_are_due_though_added_in_another_order(queue, start_worker):
    # Given an idle worker
    order = Order()
    await start_worker(order)

    # When
    added = time.monotonic()
    for name, delay_ms in (("third", 900), ("first", 300), ("second", 600)):
        await queue.add(name, {}, delay_ms=delay_ms)

    # Then
    assert await order.names.until(3) == ["first", "second", "third"]
    for seconds, ran in zip((0.3, 0.6, 0.9), order.names.times, strict=True):
        assert -0.005 <= ran - added - seconds < 0.5


async def test_delayed_job_keeps_its_priority(queue, start_worker):
    # Given two jobs due in the same moment, while the queue is paused
    order = Order()
    await queue.pause()
    await queue.add("campaign", {}, delay_ms=50, priority=5)
    await queue.add("message", {}, delay_ms=50, priority=1)
    await start_worker(order)
    await order.names.quiet_for(0.2)

    # When
    await queue.resume()

    # Then
    assert await order.names.until(2) == ["message", "campaign"]


async def test_promoted_job_runs_now(queue, start_worker):
    order = Order()
    await start_worker(order)
    job_id = await queue.add("later", {}, delay_ms=60_000)

    assert await queue.promote(job_id)

    assert await order.names.until(1) == ["later"]


async def test_idle_worker_takes_a_new_job_in_no_time(queue, start_worker):
    # Given a worker that found nothing
    order = Order()
    await start_worker(order)
    await queue.add("warm up", {})
    await order.names.until(1)

    for n in range(2, 12):
        # When
        added = time.monotonic()
        await queue.add("task", {})

        # Then
        await order.names.until(n)
        assert order.names.times[-1] - added < 0.5
