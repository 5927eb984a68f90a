"""Sweeping: what other workers failed gets its dead letter, once per failure."""

import asyncio
import json

import bullmq
import pytest
import redis.asyncio

from oxyq.dead_letters import DeadLetters, Filter
from oxyq.engine import Hub, Queue
from oxyq.engine.keys import CANARY_ID
from oxyq.maintenance.sweep import Sweep
from oxyq.queues import DEAD_LETTER
from tests.integration.engine.journal import eventually
from tests.integration.maintenance.conftest import QUEUE, FailJobs, counted


@pytest.fixture
def sweep(hub: Hub) -> Sweep:
    return Sweep(hub, [QUEUE, "automation"])


async def fail_elsewhere(queue: Queue, client: "redis.asyncio.Redis", job_id: str, finished_ms: int) -> None:
    """A job as a Node worker leaves it after its last failure: in failed, without a dead letter."""
    await queue.add("made", {"organizationId": "org_1"}, job_id=job_id, attempts=2)
    await client.lrem(queue.keys.wait, 0, job_id)
    fields = {"finishedOn": finished_ms, "failedReason": "Node said no", "atm": 2, "stacktrace": '["Error: no"]'}
    await client.hset(queue.keys.job(job_id), mapping=fields)
    await client.zadd(queue.keys.failed, {job_id: finished_ms})


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
async def test_what_the_packages_own_worker_failed_is_buried(
    queue: Queue, letters: DeadLetters, sweep: Sweep, redis_url: str, prefix: str
) -> None:
    # Given a job that a worker which knows nothing of dead letters failed
    async def refuse(job: bullmq.Job, token: str) -> None:
        raise ValueError("their handler said no")

    await queue.add("made", {"organizationId": "org_1", "text": "Olá"}, job_id="theirs")
    worker = bullmq.Worker(QUEUE, refuse, {"connection": redis_url, "prefix": prefix})
    await eventually(lambda: counted(queue, "failed"), [1])
    await worker.close(force=True)
    assert await letters.count() == 0

    # When the sweep comes round
    said = await sweep.run_once()

    # Then it lies in the dead letters as it was, and the next sweep leaves it
    letter = await letters.get("dlq-message-theirs")
    assert said == "1 jobs that others failed went to the dead letters"
    assert (letter.kind, letter.reason) == ("failed-elsewhere", "their handler said no")
    assert (letter.attempts_made, letter.organization_id) == (1, "org_1")
    assert letter.data == {"organizationId": "org_1", "text": "Olá"}
    assert await sweep.run_once() is None
    assert await letters.count() == 1


async def test_our_own_failures_are_left_alone(sweep: Sweep, letters: DeadLetters, fail_jobs: FailJobs) -> None:
    await fail_jobs("ours")

    assert await sweep.run_once() is None
    assert (await letters.get("dlq-message-ours")).kind == "exhausted"


async def test_a_failure_of_theirs_is_found_behind_hundreds_of_ours(
    queue: Queue, sweep: Sweep, letters: DeadLetters, redis_client: "redis.asyncio.Redis", fail_jobs: FailJobs
) -> None:
    """An outage fails hundreds of jobs between two sweeps."""
    assert await sweep.run_once() is None
    await queue.add("made", {}, job_id="now")
    now = (await queue.job("now")).timestamp_ms
    await queue.remove("now")
    await fail_elsewhere(queue, redis_client, "theirs", now)
    await fail_jobs(*(f"ours-{number}" for number in range(450)))

    assert await sweep.run_once() is not None
    assert (await letters.get("dlq-message-theirs")).reason == "Node said no"


async def test_one_that_was_retried_and_failed_again_is_told_anew(
    queue: Queue, sweep: Sweep, letters: DeadLetters, redis_client: "redis.asyncio.Redis"
) -> None:
    await fail_elsewhere(queue, redis_client, "theirs", 1_795_377_084_000)
    await sweep.run_once()
    await redis_client.hset(
        queue.keys.job("theirs"), mapping={"finishedOn": 1_795_377_085_000, "failedReason": "again"}
    )
    await redis_client.zadd(queue.keys.failed, {"theirs": 1_795_377_085_000})

    await Sweep(sweep._hub, [QUEUE]).run_once()

    assert await letters.count() == 1
    assert (await letters.get("dlq-message-theirs")).reason == "again"


async def test_two_sweeps_at_once_bury_once(
    hub: Hub, queue: Queue, letters: DeadLetters, redis_client: "redis.asyncio.Redis"
) -> None:
    for number in range(30):
        await fail_elsewhere(queue, redis_client, f"theirs-{number}", 1_795_377_084_000 + number)

    said = await asyncio.gather(*(Sweep(hub, [QUEUE]).run_once() for _ in range(3)))

    assert sum(int(words.split()[0]) for words in said if words) == 30
    assert await letters.count() == 30
    assert len({letter.job_id async for letter in letters.find(Filter())}) == 30


async def test_what_cannot_be_read_is_buried_as_such(
    queue: Queue, sweep: Sweep, letters: DeadLetters, redis_client: "redis.asyncio.Redis"
) -> None:
    await fail_elsewhere(queue, redis_client, "junk", 1_795_377_084_000)
    await redis_client.hset(queue.keys.job("junk"), "data", "{junk")

    assert await sweep.run_once() is not None
    letter = await letters.get("dlq-message-junk")
    assert letter.kind == "malformed"
    assert json.loads(json.dumps(letter.raw))["data"] == "{junk"


async def test_a_sweep_that_was_cut_off_loses_nothing(
    queue: Queue, sweep: Sweep, letters: DeadLetters, redis_client: "redis.asyncio.Redis"
) -> None:
    """A chore is stopped with its process at any moment; the next process sweeps on."""
    for number in range(50):
        await fail_elsewhere(queue, redis_client, f"theirs-{number}", 1_795_377_084_000 + number)
    cut_off = asyncio.ensure_future(sweep.run_once())
    await eventually(lambda: _at_least(letters, 5), True)
    cut_off.cancel()
    await asyncio.wait([cut_off])

    await sweep.run_once()

    assert await letters.count() == 50


async def _at_least(letters: DeadLetters, number: int) -> bool:
    return await letters.count() >= number


async def test_a_canary_that_an_older_worker_buried_is_nobodys_dead_letter(
    hub: Hub, sweep: Sweep, letters: DeadLetters, redis_client: "redis.asyncio.Redis", fail_jobs: FailJobs
) -> None:
    # Given a worker of the release before, which took a canary for a job without a payload, and a job that failed
    await fail_jobs("ours")
    keys, buried = Queue(DEAD_LETTER, hub=hub).keys, f"dlq-{QUEUE}-{CANARY_ID}"
    await redis_client.copy(keys.job(f"dlq-{QUEUE}-ours"), keys.job(buried))
    await redis_client.lpush(keys.wait, buried)
    assert sorted(await letters.ids()) == [f"dlq-{QUEUE}-ours", buried]

    # When the sweep comes round
    assert await sweep.run_once() is None

    # Then only the job's letter is left
    assert await letters.ids() == [f"dlq-{QUEUE}-ours"]
    assert (await letters.read([buried])) == [None]
