"""F17: a worker that starts while Redis is away ends, and nobody is told."""

import asyncio

import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from tests.integration.engine.journal import Journal
from tests.integration.engine.regressions.contender import Contender, Package
from tests.redis_server import RedisServer, free_port

AFTER_REDIS_SECONDS = 5


async def test_f17_worker_started_before_redis_works_once_redis_is_there(contender: Contender, tmp_path, start_redis):
    # Given no Redis
    port = free_port()
    contender.url = f"redis://127.0.0.1:{port}/0"
    runs: Journal[str] = Journal()

    async def handler(job):
        runs.note(job.id)

    # When a worker starts, and Redis after it
    if isinstance(contender, Package):
        # Its usual client would give up as well, after some six minutes.
        client = redis.asyncio.Redis(port=port, decode_responses=True, retry=Retry(NoBackoff(), 1))
        running = await contender.start(handler, connection=client)
        await asyncio.wait([running.ended], timeout=5)
    else:
        running = await contender.start(handler)
    server: RedisServer = await asyncio.to_thread(start_redis, port=port)

    # Then it works
    if contender.is_ours:
        job_id = await contender.add({})
        assert await runs.until(1, within=AFTER_REDIS_SECONDS) == [job_id]
    else:
        assert running.has_ended()
        assert server.pid
        await contender.add({})
        await runs.quiet_for(0.3)
        await client.aclose()
