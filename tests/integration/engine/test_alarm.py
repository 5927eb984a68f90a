"""Alarms on uvloop, whose timers count whole milliseconds and may go off early: nobody may sleep on for that.

Looks for stalled jobs, which would make good what an alarm missed, are set far apart here.
"""

import asyncio
import time

import pytest

from oxyq.clock import now_ms
from oxyq.engine import Entry, JobOptions, Rate

pytestmark = pytest.mark.parametrize("anyio_backend", [("asyncio", {"use_uvloop": True})], ids=["uvloop"])
SELDOM = {"stalled_interval_seconds": 300, "lock_seconds": 300}


async def test_worker_wakes_at_every_opening_of_the_limit(queue, start_worker):
    # Given work for 150 windows
    done, begun, jobs = asyncio.Event(), 0, 1_500

    async def handler(job):
        nonlocal begun
        begun += 1
        if begun == jobs:
            done.set()

    await queue.add_many([Entry("task", n) for n in range(jobs)])

    # When
    start = time.monotonic()
    await start_worker(handler, concurrency=5, rate=Rate(10, per_seconds=0.02), **SELDOM)
    async with asyncio.timeout(30):
        await done.wait()

    # Then it is done in little more than those windows, 3 seconds
    assert 2.9 < time.monotonic() - start < 15


async def test_worker_wakes_for_every_delayed_job(queue, start_worker):
    # Given jobs that are due one after the other
    due: dict[str, int] = {}
    late: list[int] = []
    done = asyncio.Event()

    async def handler(job):
        late.append(now_ms() - due[job.id])
        if len(late) == len(due):
            done.set()

    await start_worker(handler, **SELDOM)
    for number in range(150):
        entry = Entry("task", number, f"job-{number}", JobOptions(delay_ms=200 + 11 * number))
        due[f"job-{number}"] = now_ms() + entry.options.delay_ms
        await queue.add_many([entry])

    # When, Then
    async with asyncio.timeout(30):
        await done.wait()
    assert max(late) < 2_000
    assert min(late) >= -1
