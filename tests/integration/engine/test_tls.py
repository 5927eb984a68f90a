"""Redis behind TLS, with a password."""

import pytest

from oxyq.engine import Hub, Queue
from oxyq.engine.address import Address
from oxyq.engine.events import JobCompleted
from oxyq.errors import QueueUnavailable

PASSWORD = "p@ss/w#rd:?%é"


async def test_job_travels_over_tls_with_a_password_of_special_characters(start_redis, prefix, start_worker, told):
    # Given a server whose authority we know
    own = start_redis(tls=True, password=PASSWORD)
    assert own.url.startswith("rediss://")
    hub = Hub(Address.from_url(own.url, ca_file=str(own.ca_file)), prefix=prefix)
    queue = Queue("work", hub=hub)

    async def handler(job):
        return job.data["n"] + 1

    # When
    await start_worker(handler, hub=hub)
    job_id = await queue.add("task", {"n": 1})

    # Then
    await told.until(1, lambda event: isinstance(event, JobCompleted))
    assert (await queue.job(job_id)).result == 2
    await hub.close()


async def test_certificate_of_an_unknown_authority_is_refused_and_said(start_redis, prefix):
    own = start_redis(tls=True)
    queue = Queue("work", redis_url=own.url, prefix=prefix, patience_seconds=0.5)

    with pytest.raises(QueueUnavailable, match="certificate verify failed"):
        await queue.add("task", {})
    await queue.close()


async def test_verification_can_be_turned_off(start_redis, prefix):
    own = start_redis(tls=True)
    hub = Hub(Address.from_url(own.url, verify_tls=False), prefix=prefix)

    assert await Queue("work", hub=hub).add("task", {}, job_id="there") == "there"
    await hub.close()


async def test_plain_connection_to_a_tls_server_says_that_it_cannot_be_reached(start_redis, prefix):
    own = start_redis(tls=True)
    url = own.url.replace("rediss://", "redis://")
    queue = Queue("work", redis_url=url, prefix=prefix, patience_seconds=0.5)

    with pytest.raises(QueueUnavailable, match="cannot be reached"):
        await queue.add("task", {})
    await queue.close()
