"""What is revoked is good for nothing, soon and everywhere; what is given afterwards is."""

import time

import pytest

from oxyq.access.revocations import REMEMBERED_SECONDS, Revocations
from oxyq.access.tokens import Principal
from oxyq.api.deadline import redis_deadline
from oxyq.engine.hub import Hub
from oxyq.errors import QueueUnavailable
from tests.redis_server import RedisServer

NOW = 1_795_377_084


def principal(sub: str = "ana", token_id: str | None = "t1", issued_s: int | None = NOW) -> Principal:  # noqa: S107
    return Principal(sub, "owner", token_id=token_id, issued_s=issued_s)


async def test_a_token_is_revoked_alone(revocations: Revocations) -> None:
    await revocations.revoke_token("t1")

    assert await revocations.is_revoked(principal())
    assert not await revocations.is_revoked(principal(token_id="t2"))
    assert not await revocations.is_revoked(principal(token_id=None))


async def test_a_person_is_locked_out_of_all_that_was_given_until_then(revocations: Revocations) -> None:
    await revocations.revoke_person("ana", NOW)

    for issued_s, is_revoked in ((NOW - 1, True), (NOW, True), (NOW + 1, False), (None, True)):
        assert await revocations.is_revoked(principal(token_id=None, issued_s=issued_s)) == is_revoked
    assert not await revocations.is_revoked(principal("anna"))
    assert not await revocations.is_revoked(principal("ana:"))


async def test_another_process_hears_of_it_within_5_seconds(
    hub: Hub, revocations: Revocations, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = Revocations(hub)
    assert not await elsewhere.is_revoked(principal())
    await revocations.revoke_token("t1")
    assert not await elsewhere.is_revoked(principal())

    later = time.monotonic() + REMEMBERED_SECONDS
    monkeypatch.setattr("oxyq.access.revocations.time.monotonic", lambda: later)

    assert await elsewhere.is_revoked(principal())


async def test_without_redis_nobody_is_let_in(own_redis: RedisServer) -> None:
    hub = Hub(own_redis.url)
    revocations = Revocations(hub)
    own_redis.kill()

    with pytest.raises(QueueUnavailable):
        async with redis_deadline():
            await revocations.is_revoked(principal())
    await hub.close()
