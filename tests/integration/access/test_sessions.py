"""A session is there while it is used, and never longer than it may be; Redis alone lets nobody in."""

import time
from hashlib import sha256

import pytest
import redis.asyncio

from oxyq import redis_keys
from oxyq.access.revocations import Revocations
from oxyq.access.sessions import IDLE_MS, LONGEST_MS, REVEAL_MS, Flash, Sessions
from oxyq.access.tokens import Principal
from oxyq.errors import NotAllowed
from tests.integration.access.conftest import Clock

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
ANA = Principal("ana", "owner", token_id="t1", issued_s=1_795_000_000)
RUI = Principal("rui", "operator", "org_1")


def key_of(secret: str, prefix: str) -> str:
    return redis_keys.session(sha256(secret.encode()).hexdigest(), prefix=prefix)


async def test_who_has_the_secret_is_who_logged_in(sessions: Sessions) -> None:
    secret = await sessions.open(RUI, None, "198.51.100.7")

    session = await sessions.find(secret)

    assert session is not None
    assert (session.principal, session.address) == (RUI, "198.51.100.7")
    assert session.ends_ms == session.begun_ms + LONGEST_MS
    assert (session.flash, session.revealed, session.language, session.theme) == (None, frozenset(), None, None)
    for wrong in ("", "x", secret[:-1], secret + "A", "é" * 43, "x" * 1_000_000, session.id):
        assert await sessions.find(wrong) is None


async def test_redis_holds_no_secret(sessions: Sessions, redis_client: "redis.asyncio.Redis", prefix: str) -> None:
    secret = await sessions.open(ANA, None, "")

    keys = [key async for key in redis_client.scan_iter(f"*{prefix}*")]
    stored = [str(await redis_client.hgetall(key)) for key in keys if await redis_client.type(key) == "hash"]

    assert stored
    assert not [text for text in (*keys, *stored) if secret in text]
    assert len(secret) == 43


async def test_programs_get_none(sessions: Sessions) -> None:
    with pytest.raises(NotAllowed, match="for programs"):
        await sessions.open(Principal("shop", "service"), None, "")


# --- its end ------------------------------------------------------------------------------------------------------


async def test_it_lives_an_hour_after_it_was_last_used(
    sessions: Sessions, redis_client: "redis.asyncio.Redis", prefix: str
) -> None:
    secret = await sessions.open(ANA, None, "")
    key = key_of(secret, prefix)
    assert IDLE_MS - MINUTE_MS < await redis_client.pttl(key) <= IDLE_MS

    # Given it was not used for most of that, when it is, then it has its hour again
    await redis_client.pexpire(key, MINUTE_MS)
    await sessions.find(secret)

    assert IDLE_MS - MINUTE_MS < await redis_client.pttl(key) <= IDLE_MS


async def test_it_ends_after_12_hours_however_much_it_is_used(
    sessions: Sessions, clock: Clock, redis_client: "redis.asyncio.Redis", prefix: str
) -> None:
    secret = await sessions.open(ANA, None, "")

    clock.ahead_ms = LONGEST_MS - 5 * MINUTE_MS
    assert await sessions.find(secret)
    assert await redis_client.pttl(key_of(secret, prefix)) <= 5 * MINUTE_MS

    clock.ahead_ms = LONGEST_MS
    assert await sessions.find(secret) is None
    assert not await redis_client.exists(key_of(secret, prefix))


async def test_it_ends_with_the_token_that_opened_it(
    sessions: Sessions, clock: Clock, redis_client: "redis.asyncio.Redis", prefix: str
) -> None:
    secret = await sessions.open(ANA, int(time.time()) + 600, "")
    assert await redis_client.pttl(key_of(secret, prefix)) <= 600_000

    clock.ahead_ms = 601_000

    assert await sessions.find(secret) is None


async def test_closed_it_is_gone_and_nothing_brings_it_back(
    sessions: Sessions, redis_client: "redis.asyncio.Redis", prefix: str
) -> None:
    secret = await sessions.open(ANA, None, "")

    await sessions.close(secret)
    await sessions.flash(secret, "base.saved")
    await sessions.reveal(secret, "queue/message")
    await sessions.choose(secret, language="en")

    assert not await redis_client.exists(key_of(secret, prefix))
    assert await sessions.find(secret) is None
    assert await sessions.list() == []


async def test_one_can_be_ended_by_others_who_see_it_in_the_list(sessions: Sessions) -> None:
    mine, others = await sessions.open(ANA, None, ""), await sessions.open(RUI, None, "")
    (shown,) = await sessions.list("org_1")

    await sessions.revoke(shown.id)

    assert await sessions.find(others) is None
    assert await sessions.find(mine)
    assert shown.id not in mine


@pytest.mark.parametrize("how", ["token", "person"])
async def test_it_ends_when_the_token_or_the_person_is_revoked(
    sessions: Sessions, revocations: Revocations, how: str
) -> None:
    of_ana, of_rui = await sessions.open(ANA, None, ""), await sessions.open(RUI, None, "")
    assert await sessions.find(of_ana)

    await (revocations.revoke_token("t1") if how == "token" else revocations.revoke_person("ana", int(time.time())))

    assert await sessions.find(of_ana) is None
    assert await sessions.find(of_rui)
    assert [one.principal.sub for one in await sessions.list()] == ["rui"]


# --- the list -----------------------------------------------------------------------------------------------------


async def test_the_list_has_what_is_open_the_one_used_last_first(
    sessions: Sessions, clock: Clock, redis_client: "redis.asyncio.Redis", prefix: str
) -> None:
    first = await sessions.open(ANA, None, "198.51.100.1")
    await sessions.open(RUI, None, "198.51.100.2")
    unused = await sessions.open(Principal("eva", "viewer"), None, "198.51.100.3")
    clock.ahead_ms = MINUTE_MS
    await sessions.find(first)
    await redis_client.delete(key_of(unused, prefix))  # its hour is over

    assert [one.principal.sub for one in await sessions.list()] == ["ana", "rui"]
    assert [one.principal.sub for one in await sessions.list("org_1")] == ["rui"]
    assert await sessions.list("org_2") == []

    # What is over is forgotten
    clock.ahead_ms = LONGEST_MS + MINUTE_MS
    assert await sessions.list() == []
    assert await redis_client.zcard(redis_keys.sessions(prefix=prefix)) == 0


async def test_looking_at_the_list_renews_nothing(
    sessions: Sessions, redis_client: "redis.asyncio.Redis", prefix: str
) -> None:
    secret = await sessions.open(ANA, None, "")
    await redis_client.pexpire(key_of(secret, prefix), MINUTE_MS)

    (shown,) = await sessions.list()
    assert await sessions.get(shown.id) == shown

    assert await redis_client.pttl(key_of(secret, prefix)) <= MINUTE_MS


# --- what it keeps ------------------------------------------------------------------------------------------------


async def test_a_flash_is_shown_once(sessions: Sessions) -> None:
    secret = await sessions.open(ANA, None, "")
    await sessions.flash(secret, "jobs.retried", count=3, queue="message")

    first, second = await sessions.find(secret), await sessions.find(secret)

    assert first is not None
    assert first.flash == Flash("jobs.retried", {"count": 3, "queue": "message"})
    assert second is not None
    assert second.flash is None


async def test_what_is_revealed_is_hidden_again_after_ten_minutes_and_elsewhere_always(
    sessions: Sessions, clock: Clock, redis_client: "redis.asyncio.Redis", prefix: str
) -> None:
    secret, other = await sessions.open(ANA, None, ""), await sessions.open(ANA, None, "")
    await sessions.reveal(secret, "queue/message")

    for ahead, revealed in ((0, {"queue/message"}), (REVEAL_MS - 1_000, {"queue/message"}), (REVEAL_MS, set())):
        clock.ahead_ms = ahead
        session = await sessions.find(secret)
        assert session is not None
        assert session.revealed == revealed
    beside = await sessions.find(other)
    assert beside is not None
    assert beside.revealed == set()
    assert "reveal:queue/message" not in await redis_client.hgetall(key_of(secret, prefix))


async def test_what_was_chosen_stays(sessions: Sessions) -> None:
    secret = await sessions.open(ANA, None, "")

    await sessions.choose(secret, language="en")
    await sessions.choose(secret, theme="dark")

    session = await sessions.find(secret)
    assert session is not None
    assert (session.language, session.theme) == ("en", "dark")


async def test_finding_one_costs_one_round_trip(
    sessions: Sessions, redis_client: "redis.asyncio.Redis", prefix: str
) -> None:
    """Besides the question for revocations, which is asked once in 5 seconds."""
    secret = await sessions.open(ANA, None, "")
    await sessions.find(secret)

    async with redis_client.monitor() as monitor:
        await redis_client.ping()
        for _ in range(3):
            await sessions.find(secret)
        await redis_client.echo("done")
        seen: list[str] = []
        async for command in monitor.listen():
            if command["command"] == "ECHO done":
                break
            if prefix in command["command"] and command["client_type"] != "lua":
                seen.append(command["command"].split()[0])

    assert seen == ["EVALSHA"] * 3
