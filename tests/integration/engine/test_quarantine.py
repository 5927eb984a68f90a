"""What is no job, whoever put it there, goes to the dead letters with its reason, and nobody waits for it."""

import pytest

from oxyq.engine import Rate
from oxyq.engine.events import JobCompleted, JobFailed, JobQuarantined
from tests.integration.engine.journal import Journal, eventually

BODY = '{"n":1}'


async def bad_data(redis, base):
    await redis.hset(base + "bad", mapping={"name": "x", "data": "{broken", "opts": "{}"})


async def no_data(redis, base):
    await redis.hset(base + "bad", mapping={"name": "x", "opts": "{}"})


async def no_name(redis, base):
    await redis.hset(base + "bad", mapping={"data": BODY, "opts": "{}"})


async def bad_options(redis, base):
    await redis.hset(base + "bad", mapping={"name": "x", "data": BODY, "opts": "[1"})


async def options_that_are_no_object(redis, base):
    await redis.hset(base + "bad", mapping={"name": "x", "data": BODY, "opts": "[]"})


async def deep_nesting(redis, base):
    await redis.hset(base + "bad", mapping={"name": "x", "data": "[" * 100_000, "opts": "{}"})


async def bytes_that_are_no_text(redis, base):
    await redis.hset(base + "bad", mapping={"name": "x", "data": b"\xff\xfe\x00", "opts": "{}"})


async def msgpack_junk(redis, base):
    await redis.hset(base + "bad", mapping={"name": "x", "data": b"\x81\xa1a\x01", "opts": b"\x80"})


async def no_hash_at_all(redis, base):
    pass


async def a_string(redis, base):
    await redis.set(base + "bad", "something else")


async def a_list(redis, base):
    await redis.rpush(base + "bad", "something", "else")


UNREADABLE = [
    (bad_data, "'data' is not JSON"),
    (no_data, "no 'data'"),
    (no_name, "no 'name'"),
    (bad_options, "'opts' is not JSON"),
    (options_that_are_no_object, "'opts' is not a JSON object"),
    (deep_nesting, "'data' is not JSON"),
    (bytes_that_are_no_text, "'data' is not JSON"),
    (msgpack_junk, "'data' is not JSON"),
    (no_hash_at_all, "no 'name'"),
    (a_string, "holds a string"),
    (a_list, "holds a list"),
]


@pytest.fixture
def runs() -> Journal[str]:
    return Journal()


@pytest.fixture
def handler(runs):
    async def handler(job):
        runs.note(job.id)

    return handler


@pytest.mark.parametrize(("write", "reason"), UNREADABLE, ids=lambda one: getattr(one, "__name__", ""))
async def test_unreadable_job_is_buried_while_the_others_go_on(
    queue, dead_letters, start_worker, told, redis_client, prefix, handler, runs, write, reason
):
    # Given it between two good jobs
    base = f"{prefix}:work:"
    before = await queue.add("task", {})
    await write(redis_client, base)
    await redis_client.lpush(base + "wait", "bad")
    after = await queue.add("task", {})

    # When
    await start_worker(handler, stalled_interval_seconds=30)

    # Then
    assert await runs.until(2, within=2) == [before, after]
    [quarantined] = await told.until(1, lambda event: isinstance(event, JobQuarantined))
    assert (quarantined.job_id, reason in quarantined.reason) == ("bad", True)
    letter = await dead_letters.job("dlq-work-bad")
    assert letter.name == "failed-job"
    assert (letter.data["kind"], letter.data["originalJobId"]) == ("malformed", "bad")
    assert reason in letter.data["failedReason"]
    assert await redis_client.lrange(base + "active", 0, -1) == []
    assert await redis_client.exists(base + "bad:lock") == 0


async def test_dead_letter_keeps_what_there_was_of_the_job(
    queue, dead_letters, start_worker, redis_client, prefix, handler
):
    base = f"{prefix}:work:"
    await redis_client.hset(base + "bad", mapping={"name": "greet", "data": '{"to":"ana', "opts": '{"attempts":3}'})
    await redis_client.lpush(base + "wait", "bad")

    await start_worker(handler)

    await eventually(lambda: queue.state("bad"), "failed")
    letter = (await dead_letters.job("dlq-work-bad")).data
    assert letter["originalJobName"] == "greet"
    assert letter["raw"] == {"data": '{"to":"ana', "opts": '{"attempts":3}'}


@pytest.mark.parametrize("has_hash", [False, True], ids=["orphan", "with a body"])
async def test_id_that_is_no_text_does_not_stop_the_queue(
    queue, dead_letters, start_worker, told, redis_client, prefix, handler, runs, has_hash
):
    # Given an id from somewhere else, that is not UTF-8
    base, strange = f"{prefix}:work:", b"id-\xff\xfe"
    if has_hash:
        await redis_client.hset(base.encode() + strange, mapping={"name": "x", "data": BODY, "opts": "{}"})
    await redis_client.lpush(base + "wait", strange)
    good = await queue.add("task", {})

    # When
    await start_worker(handler)

    # Then a body makes it a job like others; without one it is quarantined under a readable name
    await told.until(2, lambda event: isinstance(event, JobCompleted | JobQuarantined))
    assert good in runs.entries
    assert len(runs.entries) == (2 if has_hash else 1)
    if not has_hash:
        [letter] = await dead_letters.jobs("wait")
        assert letter.data["originalJobId"] == r"id-\xff\xfe"
    assert (await queue.counts())["active"] == 0


async def test_unreadable_jobs_do_not_slow_the_others_down(queue, start_worker, redis_client, prefix, handler, runs):
    # Given a hundred of them before one good job
    base = f"{prefix}:work:"
    for number in range(100):
        kind = number % 3
        if kind == 0:
            await redis_client.set(f"{base}bad-{number}", "a string")
        elif kind == 1:
            await redis_client.hset(f"{base}bad-{number}", mapping={"name": "x", "data": "{", "opts": "{}"})
        await redis_client.lpush(base + "wait", f"bad-{number}")
    good = await queue.add("task", {})

    # When
    await start_worker(handler, concurrency=5, stalled_interval_seconds=30)

    # Then
    assert await runs.until(1, within=3) == [good]


async def test_unreadable_jobs_do_not_use_up_a_slot(queue, start_worker, told, redis_client, prefix, handler, runs):
    base = f"{prefix}:work:"
    for number in range(5):
        await redis_client.lpush(base + "wait", f"ghost-{number}")

    worker = await start_worker(handler, concurrency=2, rate=Rate(1000, per_seconds=1))
    await told.until(5, lambda event: isinstance(event, JobQuarantined))

    await eventually(in_hand(worker), 0)
    good = await queue.add("task", {})
    assert await runs.until(1) == [good]


async def test_overwritten_job_in_hand_does_not_stop_the_check_for_stalled_ones(
    queue, dead_letters, start_worker, redis_client, prefix, handler, told
):
    # Given what a dead worker left in active, of which one was overwritten
    base = f"{prefix}:work:"
    await redis_client.set(base + "foreign", "a string")
    await redis_client.hset(base + "left", mapping={"name": "x", "data": BODY, "opts": "{}"})
    await redis_client.lpush(base + "active", "foreign", "left")

    # When
    await start_worker(handler, lock_seconds=0.5, stalled_interval_seconds=0.3)

    # Then
    await eventually(lambda: queue.state("left"), "completed")
    await told.until(1, lambda event: isinstance(event, JobQuarantined))
    assert await dead_letters.job("dlq-work-foreign") is not None


async def test_overwritten_delayed_job_does_not_lose_the_others_that_are_due(
    queue, start_worker, redis_client, prefix, handler, runs
):
    # Given three delayed jobs, of which the first was overwritten
    base = f"{prefix}:work:"
    ids = [await queue.add("task", {"n": n}, delay_ms=100 + n) for n in range(3)]
    await redis_client.delete(base + ids[0])
    await redis_client.set(base + ids[0], "a string")

    # When they are due in the same moment
    await runs.quiet_for(0.2)
    await start_worker(handler)

    # Then
    assert sorted(await runs.until(2)) == sorted(ids[1:])


def in_hand(worker):
    """Looks how many jobs a worker holds."""

    async def look() -> int:
        return worker.jobs_in_hand

    return look


UNWRITABLE = [
    pytest.param('{"v":NaN}', id="NaN in the body"),
    pytest.param('{"v":1e400}', id="a number that is infinite"),
    pytest.param('{"v":"\\ud800"}', id="half a character in the body"),
    pytest.param('{"v":"\\u0000"}', id="NUL in the body"),
]


@pytest.mark.parametrize("data", UNWRITABLE)
async def test_job_with_a_body_that_cannot_be_written_again_can_still_fail(
    queue, dead_letters, start_worker, redis_client, prefix, told, data
):
    # Given a body that JSON readers take but JSON writers do not
    base = f"{prefix}:work:"
    await redis_client.hset(base + "odd", mapping={"name": "x", "data": data, "opts": "{}"})
    await redis_client.lpush(base + "wait", "odd")

    async def handler(job):
        raise ValueError(f"cannot do {job.data['v']}")

    # When its last attempt fails
    worker = await start_worker(handler)

    # Then it is buried like any other
    await eventually(lambda: queue.state("odd"), "failed", within=3)
    await eventually(in_hand(worker), 0, within=3)
    assert (await dead_letters.job("dlq-work-odd")).broken is None


class Unspeakable(Exception):
    def __str__(self):
        raise RuntimeError("a bug in an exception")


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(ValueError("half \ud800 of a character"), id="half a character"),
        pytest.param(ValueError("NUL \x00"), id="NUL"),
        pytest.param(ValueError("x" * 1_000_000), id="a million characters"),
        pytest.param(Unspeakable(), id="an error that cannot be printed"),
        pytest.param(SystemExit(3), id="SystemExit"),
        pytest.param(KeyboardInterrupt(), id="KeyboardInterrupt"),
        pytest.param(BaseExceptionGroup("two", [ValueError("a"), KeyboardInterrupt()]), id="a group"),
        pytest.param(RecursionError(), id="RecursionError"),
    ],
)
async def test_whatever_a_handler_raises_is_a_failed_attempt(queue, start_worker, told, runs, error):
    # Given
    async def handler(job):
        runs.note(job.id)
        if job.data["raise"]:
            raise error

    worker = await start_worker(handler)

    # When
    bad = await queue.add("task", {"raise": True})
    good = await queue.add("task", {"raise": False})

    # Then
    assert await runs.until(2, within=3) == [bad, good]
    await eventually(lambda: queue.state(bad), "failed", within=3)
    assert len((await queue.job(bad)).failed_reason) <= 1000
    await eventually(lambda: queue.state(good), "completed", within=3)
    await eventually(in_hand(worker), 0, within=3)


@pytest.mark.parametrize(
    "options",
    [
        '{"removeOnComplete":1e30,"removeOnFail":1e30}',
        '{"removeOnComplete":{"count":"many","age":"old"}}',
        '{"removeOnComplete":{"count":-5,"age":-5}}',
        '{"attempts":1e30,"backoff":{"type":"fixed","delay":1e30}}',
        '{"attempts":Infinity,"backoff":NaN}',
        '{"attempts":2,"backoff":{"type":["x"],"delay":{},"jitter":"much"}}',
        '{"attempts":2,"backoff":"exponential"}',
        '{"stackTraceLimit":-1,"kl":"x","lifo":"yes","fpof":"maybe"}',
    ],
)
@pytest.mark.parametrize("fails", [False, True], ids=["done", "failed"])
async def test_options_of_other_producers_never_hold_up_an_ending(
    queue, start_worker, redis_client, prefix, told, runs, options, fails
):
    # Given
    base = f"{prefix}:work:"
    await redis_client.hset(base + "odd", mapping={"name": "x", "data": BODY, "opts": options})
    await redis_client.lpush(base + "wait", "odd")

    async def handler(job):
        runs.note(job.id)
        await job.log("a line")
        if fails:
            raise ValueError("boom")

    # When
    worker = await start_worker(handler)

    # Then it runs or is quarantined, its attempt ends and the slot is free
    async def has_ended() -> bool:
        return await queue.state("odd") in {"completed", "failed", "delayed", "unknown"}

    await told.until(1, lambda event: isinstance(event, JobCompleted | JobFailed | JobQuarantined), within=3)
    await eventually(has_ended, True, within=3)
    await eventually(in_hand(worker), 0, within=3)
