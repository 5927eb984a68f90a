"""A link lets one person in, once, and soon."""

import asyncio
import time

import pytest
import redis.asyncio

from oxyq.access.login_links import LINK_SECONDS, LoginLinks, link_address
from oxyq.access.revocations import Revocations
from oxyq.access.tokens import Principal
from oxyq.errors import NotAllowed

ANA = Principal("ana", "owner", "org_1")


async def test_it_lets_in_once_however_many_try_at_the_same_time(links: LoginLinks) -> None:
    secret = await links.make(ANA)

    tries = await asyncio.gather(*(links.use(secret) for _ in range(20)))

    assert [principal for principal in tries if principal is not None] == [ANA]
    assert await links.use(secret) is None


async def test_what_is_no_link_lets_nobody_in(links: LoginLinks) -> None:
    secret = await links.make(ANA)

    for wrong in ("", "x", secret[:-1], secret.swapcase(), "é" * 43, "x" * 1_000_000):
        assert await links.use(wrong) is None
    assert await links.use(secret) == ANA


async def test_it_is_good_for_15_minutes_and_redis_does_not_know_it(
    links: LoginLinks, redis_client: "redis.asyncio.Redis", prefix: str
) -> None:
    secret = await links.make(ANA)

    (key,) = [key async for key in redis_client.scan_iter(f"*{prefix}*")]
    assert LINK_SECONDS - 60 < await redis_client.ttl(key) <= LINK_SECONDS
    assert secret not in key + str(await redis_client.get(key))


async def test_programs_get_none(links: LoginLinks) -> None:
    with pytest.raises(NotAllowed, match="for programs"):
        await links.make(Principal("shop", "service"))


async def test_who_is_locked_out_gets_in_by_no_link_of_before(links: LoginLinks, revocations: Revocations) -> None:
    used = await links.use(await links.make(ANA))

    await revocations.revoke_person("ana", int(time.time()))

    assert used is not None
    assert await revocations.is_revoked(used)


def test_its_address_keeps_the_secret_out_of_logs() -> None:
    assert link_address("http://localhost:3001/admin/queues", "s3") == (
        "http://localhost:3001/admin/queues/login#link=s3"
    )
