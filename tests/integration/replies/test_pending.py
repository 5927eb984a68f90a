"""Questions to owners in Redis: one per owner, forgotten after five minutes."""

import pytest
import redis.asyncio

from oxyq import redis_keys
from oxyq.errors import QueueUnavailable
from oxyq.replies.pending import PENDING_SECONDS, Question, RedisPending, read_question


@pytest.fixture
def pending(redis_client: "redis.asyncio.Redis", prefix: str) -> RedisPending:
    """The questions of this test's installation."""
    return RedisPending(redis_client, lambda org, owner: redis_keys.owner_pending(org, owner, prefix=prefix))


async def test_a_question_is_kept_for_its_owner_and_not_for_long(
    pending: RedisPending, redis_client: "redis.asyncio.Redis", prefix: str
) -> None:
    question = Question(verb="cancel", options=["natal"], chosen="natal")

    await pending.put("org_1", "owner_1", question.model_dump_json())

    assert read_question(await pending.get("org_1", "owner_1")) == question
    assert await pending.get("org_1", "owner_2") is None
    assert await pending.get("org_2", "owner_1") is None
    ttl = await redis_client.ttl(redis_keys.owner_pending("org_1", "owner_1", prefix=prefix))
    assert PENDING_SECONDS - 30 < ttl <= PENDING_SECONDS


async def test_a_question_that_is_dropped_is_gone(pending: RedisPending) -> None:
    await pending.put("org_1", "owner_1", "{}")

    await pending.drop("org_1", "owner_1")
    await pending.drop("org_1", "owner_1")

    assert await pending.get("org_1", "owner_1") is None


async def test_without_redis_the_order_is_tried_again_later() -> None:
    async with redis.asyncio.Redis.from_url("redis://127.0.0.1:1") as client:
        pending = RedisPending(client, lambda org, owner: f"{org}:{owner}")

        with pytest.raises(QueueUnavailable, match="questions to owners"):
            await pending.get("org_1", "owner_1")
