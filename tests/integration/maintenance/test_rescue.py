"""Rescuing: jobs whose worker is gone fail with the reason Timeout; a worker that lives is never robbed."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import redis.asyncio

from oxyq.dead_letters import DeadLetters
from oxyq.engine import Hub, Queue
from oxyq.maintenance.rescue import rescue
from oxyq.maintenance.sweep import Sweep
from oxyq.queues import POLICIES
from tests.command_line import SOURCE
from tests.integration.engine.journal import eventually
from tests.integration.maintenance.conftest import QUEUE, counted

POLICY = POLICIES[QUEUE]

StartWorker = Callable[[], Awaitable["asyncio.subprocess.Process"]]


@pytest.fixture
async def start_worker(redis_url: str, prefix: str) -> AsyncIterator[StartWorker]:
    """Starts real worker processes that hold on to what they take, with locks of one second."""
    started: list[asyncio.subprocess.Process] = []

    async def start() -> asyncio.subprocess.Process:
        script = Path(__file__).with_name("idle_worker.py")
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(script), redis_url, prefix, QUEUE, stdout=asyncio.subprocess.PIPE,
            env={"PYTHONPATH": str(SOURCE)},
        )  # fmt: skip
        started.append(process)
        return process

    yield start
    for process in started:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def took(worker: "asyncio.subprocess.Process") -> str:
    """The next job that a worker says it took."""
    assert worker.stdout is not None
    return (await asyncio.wait_for(worker.stdout.readline(), 20)).decode().strip()


async def rescued(queue: Queue, older_than_seconds: float) -> list[str]:
    return [job_id async for job_id in rescue(queue, POLICY, older_than_seconds=older_than_seconds)]


async def test_only_jobs_of_dead_workers_are_failed(
    hub: Hub, queue: Queue, letters: DeadLetters, redis_client: "redis.asyncio.Redis", start_worker: StartWorker
) -> None:
    # Given two worker processes with a job each
    dies = await start_worker()
    await queue.add("made", {"organizationId": "org_1"}, job_id="j-1", attempts=3)
    assert await took(dies) == "j-1"
    lives = await start_worker()
    await queue.add("made", {"organizationId": "org_1"}, job_id="j-2", attempts=3)
    assert await took(lives) == "j-2"

    # When both live, nothing is touched, however long it takes
    assert await rescued(queue, 0) == []

    # When one is killed and its lock of one second has run out
    dies.kill()
    await dies.wait()
    await eventually(lambda: redis_client.exists(queue.keys.lock("j-1")), 0)
    assert await rescued(queue, 60) == [], "it has not been active for a minute"
    assert await rescued(queue, 0.5) == ["j-1"]

    # Then its job has failed for good, at once and not by retry, and lies in the dead letters
    letter = await letters.get("dlq-message-j-1")
    assert letter.reason == "Timeout: active for more than 0.5 s and its worker is gone"
    assert letter.kind == "crashed"
    assert await queue.state("j-1") == "failed"

    # And the job of the living one is still in its hands
    assert await queue.state("j-2") == "active"
    assert await redis_client.exists(queue.keys.lock("j-2")) == 1

    # And the sweep finds nothing more to bury
    assert await Sweep(hub, [QUEUE]).run_once() is None


async def test_a_job_taken_back_in_the_meantime_is_not_failed(
    queue: Queue, redis_client: "redis.asyncio.Redis", monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between our look and our verdict a worker may have taken the job: its lock is seen in the same step."""
    # Given a job that looks abandoned
    await _abandon(queue, redis_client, "j-1")
    look = queue.raw

    # When it is locked right after we looked
    async def look_and_lock(job_id: str, token: str) -> object:
        raw = await look(job_id, token)
        await redis_client.set(queue.keys.lock(job_id), "somebody", px=30_000)
        return raw

    monkeypatch.setattr(queue, "raw", look_and_lock)

    # Then it is left alone
    assert await rescued(queue, 0) == []
    assert await queue.all_ids("active") == ["j-1"]


async def test_what_cannot_be_read_is_rescued_as_malformed(
    queue: Queue, letters: DeadLetters, redis_client: "redis.asyncio.Redis"
) -> None:
    await _abandon(queue, redis_client, "junk")
    await redis_client.hset(queue.keys.job("junk"), "data", "{junk")

    assert await rescued(queue, 0) == ["junk"]
    assert (await letters.get("dlq-message-junk")).kind == "malformed"


async def test_the_rescued_do_not_stay_among_the_active(queue: Queue, redis_client: "redis.asyncio.Redis") -> None:
    for job_id in ("j-1", "j-2"):
        await _abandon(queue, redis_client, job_id)

    assert sorted(await rescued(queue, 0)) == ["j-1", "j-2"]
    assert await counted(queue, "active", "failed") == [0, 2]


async def _abandon(queue: Queue, client: "redis.asyncio.Redis", job_id: str) -> None:
    """A job in active without a lock, taken a minute ago."""
    await queue.add("made", {"organizationId": "org_1"}, job_id=job_id)
    await client.lrem(queue.keys.wait, 0, job_id)
    await client.lpush(queue.keys.active, job_id)
    await client.hset(queue.keys.job(job_id), "processedOn", "1")
