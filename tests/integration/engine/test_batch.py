"""One call settles many jobs; what is wrong with one of them is nobody else's business."""

import redis

from oxyq.engine import Entry, Keep, Queue
from oxyq.engine.keys import QueueKeys
from oxyq.engine.scripts import NOT_PLAIN, FetchRules, QueueScripts
from oxyq.engine.settlement import Completed, Delayed, FailedForGood, Retried

RULES = FetchRules(30_000, "worker")
IDS = ["done", "lock-ran-out", "given-up", "gone", "taken-over", "overwritten", "not-active", "retried", "put-off",
       "with-child", "done-too"]  # fmt: skip


async def test_every_job_of_a_batch_is_settled_rightly_whatever_is_wrong_with_the_others(hub, prefix, redis_server):
    # Given eleven jobs in hand, and accidents that happened to six of them
    queue, keys = Queue("work", hub=hub), QueueKeys("work", prefix)
    scripts = QueueScripts(keys, hub.commands)
    await queue.add_many([Entry("task", {}, job_id) for job_id in IDS])
    taken = await scripts.settle_and_fetch([], len(IDS), "ours", RULES)
    assert [raw.id for raw in taken.jobs] == IDS
    with redis_server.client() as client:
        client.delete(keys.lock("lock-ran-out"))
        client.delete(keys.job("gone"))
        client.set(keys.lock("taken-over"), "theirs")
        client.delete(keys.job("overwritten"))
        client.set(keys.job("overwritten"), "no job")
        client.lrem(keys.active, 0, "not-active")
        client.sadd(keys.job("with-child") + ":dependencies", "bull:other:child")

        # When all are settled in one call
        keep = Keep()
        answer = await scripts.settle_and_fetch(
            [
                Completed("done", "ours", "1", keep, 3),
                Completed("lock-ran-out", "ours", "1", keep, 3),
                FailedForGood("given-up", "ours", "boom", ("failedReason", "boom"), keep, 3),
                Completed("gone", "ours", "1", keep, 3),
                Completed("taken-over", "ours", "1", keep, 3),
                Completed("overwritten", "ours", "1", keep, 3),
                Completed("not-active", "ours", "1", keep, 3),
                Retried("retried", "ours", ("failedReason", "once more")),
                Delayed("put-off", "ours", 60_000, counts=True),
                Completed("with-child", "ours", "1", keep, 3),
                Completed("done-too", "ours", "2", keep, 3),
            ],
            0,
            "ours",
            RULES,
        )

        # Then each has its own answer, and stands where it belongs
        assert dict(zip(IDS, answer.codes, strict=True)) == {
            "done": 0, "lock-ran-out": -2, "given-up": 0, "gone": -1, "taken-over": -6, "overwritten": -101,
            "not-active": -3, "retried": 0, "put-off": 0, "with-child": NOT_PLAIN, "done-too": 0,
        }  # fmt: skip
        assert answer.foreign == [("overwritten", "string")]
        assert _members(client, keys.completed) == {"done", "done-too"}
        assert _members(client, keys.failed) == {"given-up"}
        assert _members(client, keys.delayed) == {"put-off"}
        assert client.lrange(keys.wait, 0, -1) == ["retried"]
        assert set(client.lrange(keys.active, 0, -1)) == {"lock-ran-out", "gone", "taken-over", "with-child"}
        assert client.hget(keys.job("done-too"), "returnvalue") == "2"
        assert client.hget(keys.job("given-up"), "failedReason") == "boom"
        assert not any(client.hexists(keys.job(job_id), "finishedOn") for job_id in ("lock-ran-out", "taken-over"))
        assert client.get(keys.job("overwritten")) == "no job"
        assert client.get(keys.lock("taken-over")) == "theirs"
        assert not client.exists(*(keys.lock(job_id) for job_id in ("done", "given-up", "retried", "put-off")))


def _members(client: redis.Redis, key: str) -> set[str]:
    return set(client.zrange(key, 0, -1))
