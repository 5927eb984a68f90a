"""F6: a client that repeats a command whose reply got lost adds jobs twice."""

from oxyq.engine.adding import MOST_PER_CALL
from tests.integration.engine.regressions.contender import Contender

OUR_CALLS = 300 // MOST_PER_CALL


async def test_f6_add_whose_reply_is_lost_adds_one_job(contender: Contender, proxy, redis_client, prefix):
    # Given a Redis that knows the scripts
    contender.url = proxy.url
    await contender.add({"n": 0})

    # When
    proxy.drop_reply_matching(lambda request: request.startswith(b"EVALSHA"))
    await contender.add({"n": 1})

    # Then
    assert proxy.reply_dropped.is_set()
    assert await redis_client.llen(f"{prefix}:work:wait") == (2 if contender.is_ours else 3)


async def test_f6_bulk_whose_reply_is_lost_adds_each_job_once(contender: Contender, proxy, redis_client, prefix):
    # Given a Redis that knows the scripts
    contender.url = proxy.url
    await contender.add_many([{"n": 0}])

    # When the answer for the last ones of 300 is lost
    last = b'{"n":300}' if contender.is_ours else b"EXEC"
    proxy.drop_reply_matching(lambda request: last in request)
    await contender.add_many([{"n": n} for n in range(1, 301)])

    # Then
    assert proxy.reply_dropped.is_set()
    assert await redis_client.llen(f"{prefix}:work:wait") == (301 if contender.is_ours else 601)
