"""Dead letters: found by what they are, replayed once whoever asks, and remembered over generations."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import redis.asyncio

from oxyq.clock import now_ms
from oxyq.dead_letters import DeadLetter, DeadLetters, Filter
from oxyq.engine import Hub, Job, Queue, Unrecoverable, Worker
from oxyq.engine.options import Entry
from oxyq.errors import InvalidPayload, NotFound
from oxyq.operating.error_classes import known_error
from oxyq.outcomes import Discard
from oxyq.producer import Producer
from oxyq.queues import policies
from tests.integration.engine.journal import Journal, eventually

QUEUE = "message"
DATA = {"organizationId": "org_1", "text": "Olá"}

FailJob = Callable[..., Awaitable[DeadLetter]]


@pytest.fixture
async def hub(redis_url: str, prefix: str) -> AsyncIterator[Hub]:
    hub = Hub(redis_url, prefix=prefix)
    yield hub
    await hub.close()


@pytest.fixture
def queue(hub: Hub) -> Queue:
    return Queue(QUEUE, hub=hub)


@pytest.fixture
def letters(hub: Hub) -> DeadLetters:
    return DeadLetters(hub)


@pytest.fixture
def fail(hub: Hub, letters: DeadLetters) -> FailJob:
    """Adds a job (or takes one that waits), lets it fail for the last time, and returns its dead letter."""

    async def fail_job(
        job_id: str,
        error: Exception | Discard | None = None,
        *,
        queue: str = QUEUE,
        data: object = DATA,
        attempts: int = 1,
    ) -> DeadLetter:
        async def handler(job: Job) -> Discard | None:
            if isinstance(error, Discard):
                return error
            raise error or RuntimeError("no")

        there = Queue(queue, hub=hub)
        await there.add("made", data, job_id=job_id, attempts=attempts)  # type: ignore[arg-type]
        worker = Worker(queue, handler, hub=hub)
        await worker.start()
        await eventually(lambda: there.state(job_id), "failed")
        await worker.stop()
        return await letters.get(f"dlq-{queue}-{job_id}")

    return fail_job


async def found(letters: DeadLetters, **wanted: object) -> list[str]:
    return [letter.job_id async for letter in letters.find(Filter(**wanted))]  # type: ignore[arg-type]


async def run_one(hub: Hub, queue: str = QUEUE) -> Job:
    """Let a worker run the one job that waits, well this time."""
    ran: Journal[Job] = Journal()

    async def handler(job: Job) -> str:
        ran.note(job)
        return "well"

    worker = Worker(queue, handler, hub=hub)
    await worker.start()
    [job] = await ran.until(1)
    await eventually(lambda: Queue(queue, hub=hub).state(job.id), "completed")
    await worker.stop()
    assert len(ran.entries) == 1
    return job


# --- what a letter tells ----------------------------------------------------------------------------------------


async def test_a_letter_tells_the_job_and_how_it_came_to_that(fail: FailJob) -> None:
    letter = await fail("j-1", RuntimeError("the gateway is away"), attempts=3)

    assert (letter.queue, letter.job_id, letter.job_name) == (QUEUE, "j-1", "made")
    assert (letter.organization_id, letter.data) == ("org_1", DATA)
    assert (letter.kind, letter.reason) == ("exhausted", "the gateway is away")
    assert letter.attempts_made == 3
    assert [(one["attempt"], one["error"]) for one in letter.attempts] == [
        (attempt, "the gateway is away") for attempt in (1, 2, 3)
    ]
    assert letter.replays == ()


@pytest.mark.parametrize(
    ("error", "kind"),
    [(RuntimeError("no"), "exhausted"), (Unrecoverable("no"), "rejected"), (Discard("no"), "discarded")],
    ids=["exhausted", "rejected", "discarded"],
)
async def test_the_kind_tells_why_it_was_given_up(fail: FailJob, error: Exception | Discard, kind: str) -> None:
    letter = await fail("j-1", error)

    assert (letter.kind, letter.reason) == (kind, "no")


async def test_letters_are_found_by_what_they_are(fail: FailJob, letters: DeadLetters) -> None:
    await fail("m-1", RuntimeError("the gateway is away"))
    await fail("m-2", Unrecoverable("not on WhatsApp"), data={"organizationId": "org_2"})
    await fail("a-1", RuntimeError("The Gateway said 500"), queue="automation")
    await fail("s-1", data="no object")

    assert await found(letters) == ["m-1", "m-2", "a-1", "s-1"], "oldest first"
    assert await found(letters, queue="automation") == ["a-1"]
    assert await found(letters, organization_id="org_2") == ["m-2"]
    assert await found(letters, kind="rejected") == ["m-2"]
    assert await found(letters, reason="GATEWAY") == ["m-1", "a-1"]
    assert await found(letters, reason="gateway", queue=QUEUE) == ["m-1"]
    assert await found(letters, until=now_ms() - 60_000) == []
    assert await found(letters, since=now_ms() - 60_000, until=now_ms()) == ["m-1", "m-2", "a-1", "s-1"]
    assert await found(letters, error_class="not_on_whatsapp") == ["m-2"]
    assert await found(letters, fingerprint=known_error("exhausted", "the gateway is away").fingerprint) == ["m-1"]


async def test_an_unknown_letter_is_not_found(letters: DeadLetters) -> None:
    with pytest.raises(NotFound, match="no dead letter 'dlq-message-nobody'"):
        await letters.get("dlq-message-nobody")


async def test_one_put_there_by_hand_is_a_letter_like_any_other(hub: Hub, letters: DeadLetters) -> None:
    producer = Producer(hub, policies())
    letter_id = await producer.send_to_dlq(
        original_queue=QUEUE, original_job_id="old-1", failed_reason="the customer left", data=DATA
    )
    again = await producer.send_to_dlq(original_queue=QUEUE, original_job_id="old-1", failed_reason="another", data={})

    assert again == letter_id == "dlq-message-old-1"
    letter = await letters.get(letter_id)
    assert (letter.kind, letter.reason, letter.data) == ("by-hand", "the customer left", DATA)
    assert await letters.replay(letter)
    assert (await run_one(hub)).data == DATA


# --- replay -----------------------------------------------------------------------------------------------------


async def test_a_replayed_job_runs_under_its_old_id_with_all_its_attempts(
    hub: Hub, fail: FailJob, letters: DeadLetters, queue: Queue
) -> None:
    letter = await fail("j-1", attempts=3)

    assert await letters.replay(letter, by="ana")

    assert await letters.count() == 0
    assert (await queue.counts())["failed"] == 0
    job = await run_one(hub)
    assert (job.id, job.attempt, job.attempts, job.data) == ("j-1", 1, 3, DATA)
    assert [replay["by"] for replay in job.replays] == ["ana"]


async def test_a_job_that_retention_removed_is_replayed_from_its_letter(
    hub: Hub, fail: FailJob, letters: DeadLetters, queue: Queue
) -> None:
    letter = await fail("j-1", attempts=3)
    await queue.remove("j-1")

    assert await letters.replay(letter)

    job = await run_one(hub)
    assert (job.id, job.name, job.attempts, job.data) == ("j-1", "made", 3, DATA)


async def test_two_replays_at_once_give_one_run(hub: Hub, fail: FailJob, letters: DeadLetters) -> None:
    """Two operators, or one who clicks twice; also when retention has removed the job."""
    for number in range(10):
        letter = await fail(f"j-{number}")
        if number % 2:
            await Queue(QUEUE, hub=hub).remove(letter.job_id)

        replayed = await asyncio.gather(*(letters.replay(letter) for _ in range(5)))

        assert sorted(replayed) == [False] * 4 + [True]
        assert (await run_one(hub)).id == f"j-{number}"


async def test_a_letter_seen_before_it_was_replayed_replays_nothing(
    hub: Hub, fail: FailJob, letters: DeadLetters, queue: Queue
) -> None:
    """A list that stood open on a screen, while the job ran again, well, and was forgotten."""
    letter = await fail("j-1")
    await letters.replay(letter)
    await run_one(hub)
    await queue.remove("j-1")

    assert not await letters.replay(letter)
    assert (await queue.counts())["waiting"] == 0


async def test_a_letter_whose_job_runs_again_already_is_only_taken_away(
    hub: Hub, fail: FailJob, letters: DeadLetters, queue: Queue
) -> None:
    """Somebody retried the job on the board."""
    letter = await fail("j-1")
    await queue.retry("j-1")

    assert not await letters.replay(letter)

    assert await letters.count() == 0
    assert (await queue.counts())["waiting"] == 1


async def test_replays_are_counted_over_generations(fail: FailJob, letters: DeadLetters) -> None:
    letter = await fail("j-1")
    for generation in range(1, 4):
        await letters.replay(letter, by=f"operator {generation}")
        letter = await fail("j-1", RuntimeError(f"no, {generation}"))

        assert [replay["by"] for replay in letter.replays] == [f"operator {n}" for n in range(1, generation + 1)]
        assert len(letter.attempts) == generation + 1, "the history of every generation is kept"

    assert all(replay["at"] > 0 and replay["edited"] is False for replay in letter.replays)


async def test_the_memory_of_replays_is_bounded_and_survives_retention(
    fail: FailJob, letters: DeadLetters, queue: Queue
) -> None:
    letter = await fail("j-1")
    for generation in range(25):
        await letters.replay(letter, by=str(generation))
        letter = await fail("j-1")
        await queue.remove("j-1")

    assert [replay["by"] for replay in letter.replays] == [str(generation) for generation in range(5, 25)]


async def test_edited_data_is_what_runs_and_the_edit_is_noted(
    hub: Hub, fail: FailJob, letters: DeadLetters, queue: Queue
) -> None:
    for number, in_failed in enumerate((True, False)):
        letter = await fail(f"j-{number}")
        if not in_failed:
            await queue.remove(letter.job_id)

        assert await letters.replay(letter, data={**DATA, "text": "Corrigido"})

        job = await run_one(hub)
        assert job.data == {**DATA, "text": "Corrigido"}
        assert [replay["edited"] for replay in job.replays] == [True]


async def test_a_delayed_job_is_not_delayed_again(hub: Hub, fail: FailJob, letters: DeadLetters, queue: Queue) -> None:
    await queue.add("made", DATA, job_id="j-1", delay_ms=600_000)
    await queue.promote("j-1")
    letter = await fail("j-1")
    await queue.remove("j-1")

    await letters.replay(letter)

    assert (await run_one(hub)).id == "j-1"


async def test_what_cannot_be_read_needs_new_data(
    hub: Hub, letters: DeadLetters, queue: Queue, redis_client: "redis.asyncio.Redis"
) -> None:
    # Given a job whose data is no JSON, quarantined by a worker
    await queue.add("made", DATA, job_id="junk")
    await redis_client.hset(queue.keys.job("junk"), "data", "{junk")
    worker = Worker(QUEUE, lambda job: None, hub=hub)
    await worker.start()
    await eventually(letters.count, 1)
    await worker.stop()
    letter = await letters.get("dlq-message-junk")
    assert (letter.kind, letter.is_readable) == ("malformed", False)
    assert letter.to_json()["data"] == letter.raw

    # Then it cannot be replayed as it is
    with pytest.raises(InvalidPayload, match="data: dlq-message-junk could not be read"):
        await letters.replay(letter)
    assert await letters.count() == 1

    # But with new data it can
    assert await letters.replay(letter, data=DATA)
    assert (await run_one(hub)).data == DATA


@pytest.mark.parametrize(
    "body", ["{junk", '"text"', "[]", "{}", '{"attempts": 5, "replays": "x", "opts": [], "data": {}}']
)
async def test_letters_that_others_wrote_badly_are_listed_all_the_same(
    letters: DeadLetters, hub: Hub, redis_client: "redis.asyncio.Redis", fail: FailJob, body: str
) -> None:
    """The original service wrote letters with an id and little else."""
    grave = Queue("dead-letter", hub=hub)
    await grave.add("failed-job", {}, job_id="dlq-message-old-1")
    await redis_client.hset(grave.keys.job("dlq-message-old-1"), "data", body)
    await fail("j-1")

    assert await found(letters) == ["old-1", "j-1"]
    letter = await letters.get("dlq-message-old-1")
    assert (letter.queue, letter.job_id) == (QUEUE, "old-1")
    assert await letters.purge(letter)


# --- purge ------------------------------------------------------------------------------------------------------


async def test_a_purged_letter_is_gone_and_its_failed_job_stays(
    fail: FailJob, letters: DeadLetters, queue: Queue
) -> None:
    letter = await fail("j-1")

    assert await letters.purge(letter)
    assert not await letters.purge(letter)

    assert await letters.count() == 0
    assert await queue.state("j-1") == "failed"


async def test_letters_are_read_while_others_go(fail: FailJob, letters: DeadLetters, queue: Queue, hub: Hub) -> None:
    """Purging on the way does not shift the pages: each letter is met once."""
    await Queue("dead-letter", hub=hub).add_many([_letter(number) for number in range(450)])

    met = [letter.job_id async for letter in letters.find(Filter()) if await letters.purge(letter)]

    assert met == [f"j-{number}" for number in range(450)]
    assert await letters.count() == 0


def _letter(number: int) -> Entry:
    body = {"originalQueue": QUEUE, "originalJobId": f"j-{number}", "failedReason": "no", "data": {}}
    return Entry("failed-job", body, f"dlq-message-j-{number}")
