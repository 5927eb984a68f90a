"""Whoever guesses is stopped, and nobody else."""

import asyncio

import pytest
import redis.asyncio

from oxyq import redis_keys
from oxyq.access.attempts import COUNTED_SECONDS, MOST_FAILURES, LoginAttempts, TooManyAttempts
from oxyq.api.errors import as_api_error

ADDRESS = "198.51.100.7"


class Wrong(Exception):
    """The token is none."""


async def fail(attempts: LoginAttempts, address: str = ADDRESS) -> None:
    with pytest.raises(Wrong):
        async with attempts.attempt(address):
            raise Wrong


async def test_after_ten_failures_an_address_has_to_wait(attempts: LoginAttempts) -> None:
    for _ in range(MOST_FAILURES):
        await fail(attempts)

    with pytest.raises(TooManyAttempts) as refused:
        async with attempts.attempt(ADDRESS):
            pytest.fail("the right token is not looked at either")

    assert 0 < refused.value.retry_after_seconds <= COUNTED_SECONDS
    told = as_api_error(refused.value)
    assert (told.status, told.code) == (429, "too_many_attempts")
    assert told.headers["Retry-After"] == str(refused.value.retry_after_seconds)
    assert "try again in 15 min" in told.message
    async with attempts.attempt("198.51.100.8"):
        pass


async def test_a_thousand_at_once_are_no_more_than_ten(attempts: LoginAttempts) -> None:
    looked_at = 0

    async def guess() -> None:
        nonlocal looked_at
        async with attempts.attempt(ADDRESS):
            looked_at += 1
            raise Wrong

    for _ in range(10):
        await asyncio.gather(*(guess() for _ in range(100)), return_exceptions=True)

    assert looked_at == MOST_FAILURES


async def test_what_succeeds_counts_for_nothing(attempts: LoginAttempts) -> None:
    for _ in range(3 * MOST_FAILURES):
        async with attempts.attempt(ADDRESS):
            pass
    for _ in range(MOST_FAILURES - 1):
        await fail(attempts)

    # It does not wash off the failures of before either
    async with attempts.attempt(ADDRESS):
        pass
    await fail(attempts)
    with pytest.raises(TooManyAttempts):
        await fail(attempts)


async def test_the_first_failure_is_forgotten_after_15_minutes_with_all_others(
    attempts: LoginAttempts, redis_client: "redis.asyncio.Redis", prefix: str
) -> None:
    key = redis_keys.login_attempts(ADDRESS, prefix=prefix)
    await fail(attempts)
    assert 0 < await redis_client.ttl(key) <= COUNTED_SECONDS

    # Trying on does not make the time longer
    await redis_client.expire(key, 60)
    await fail(attempts)
    assert await redis_client.ttl(key) <= 60

    # A success that ends after the count did leaves nothing behind
    async with attempts.attempt(ADDRESS):
        await redis_client.delete(key)
    assert not await redis_client.exists(key)


async def test_who_has_a_network_of_ipv6_has_one_address(attempts: LoginAttempts) -> None:
    for last in range(MOST_FAILURES):
        await fail(attempts, f"2001:db8:1:2::{last:x}")

    with pytest.raises(TooManyAttempts):
        await fail(attempts, "2001:db8:1:2:ffff::1")
    await fail(attempts, "2001:db8:1:3::1")


async def test_an_ipv4_address_is_the_same_in_ipv6(attempts: LoginAttempts) -> None:
    for _ in range(MOST_FAILURES):
        await fail(attempts, f"::ffff:{ADDRESS}")

    with pytest.raises(TooManyAttempts):
        await fail(attempts)
