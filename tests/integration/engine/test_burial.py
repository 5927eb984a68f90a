"""The last failure of a job and its dead letter are one step."""

import asyncio

from oxyq.engine import Entry
from oxyq.engine.events import JobFailed
from tests.integration.engine.journal import eventually

#: Counts, at one moment, the failed jobs that have no dead letter.
UNBURIED = """
local unburied = 0
for _, id in ipairs(redis.call("ZRANGE", KEYS[1], 0, -1)) do
  if redis.call("EXISTS", ARGV[1] .. id) == 0 then unburied = unburied + 1 end
end
return unburied
"""


async def handler(job):
    raise ValueError("boom")


async def test_no_moment_shows_a_failed_job_without_its_dead_letter(
    queue, dead_letters, start_worker, told, redis_client, prefix
):
    # Given somebody who looks all the time
    seen: list[int] = []
    looking = True

    async def watch():
        unburied = redis_client.register_script(UNBURIED)
        while looking:
            seen.append(await unburied([f"{prefix}:work:failed"], [f"{prefix}:dead-letter:dlq-work-"]))

    watching = asyncio.ensure_future(watch())

    # When many jobs fail for the last time
    await start_worker(handler, concurrency=5)
    await queue.add_many([Entry("task", {"n": n}) for n in range(300)])
    await told.until(300, lambda event: isinstance(event, JobFailed))
    looking = False
    await watching

    # Then
    assert len(seen) > 20
    assert set(seen) == {0}
    assert (await dead_letters.counts())["waiting"] == 300


async def test_burying_is_said_once_though_the_answer_is_lost(queue, dead_letters, proxy, prefix, start_worker):
    # Given scripts that are known, and a job about to fail
    await start_worker(handler, redis_url=proxy.url, prefix=prefix)
    first = await queue.add("task", {})
    await eventually(lambda: queue.state(first), "failed")

    # When the answer to its burial is lost
    proxy.drop_reply_matching(lambda request: b"failed-job" in request)
    second = await queue.add("task", {})
    await asyncio.wait_for(proxy.reply_dropped.wait(), 5)

    # Then there is one letter, and the worker goes on
    third = await queue.add("task", {})
    await eventually(lambda: queue.state(third), "failed")
    letters = [letter.id for letter in await dead_letters.jobs("wait")]
    assert letters == [f"dlq-work-{job_id}" for job_id in (first, second, third)]
    assert await queue.finished_ever() == (0, 3)


async def test_job_that_failed_again_after_a_retry_by_hand_has_one_letter(queue, dead_letters, start_worker, told):
    # Given a job that failed and is in the dead letters
    await start_worker(handler)
    job_id = await queue.add("task", {})
    await told.until(1, lambda event: isinstance(event, JobFailed))

    # When somebody retries it on the board and it fails again
    assert await queue.retry(job_id)
    await told.until(2, lambda event: isinstance(event, JobFailed))

    # Then
    [letter] = await dead_letters.jobs("wait")
    assert [one["error"] for one in letter.data["attempts"]] == ["boom", "boom"]


async def test_worker_without_dead_letters_only_fails(queue, dead_letters, start_worker, told):
    await start_worker(handler, dead_letter_queue=None)
    job_id = await queue.add("task", {})
    await told.until(1, lambda event: isinstance(event, JobFailed))

    assert await queue.state(job_id) == "failed"
    assert (await dead_letters.counts())["waiting"] == 0
