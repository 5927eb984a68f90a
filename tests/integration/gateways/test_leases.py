"""Which bridge has a number is in Redis, and is asked for once a second at most."""

import json

import httpx
import pytest
import redis.asyncio

from oxyq import redis_keys
from oxyq.errors import NotAllowed, QueueUnavailable
from oxyq.gateways import bridge_leases
from oxyq.gateways.baileys import BaileysGateway
from oxyq.gateways.base import NotReady
from oxyq.gateways.bridge_leases import BridgeLeases
from oxyq.gateways.local.bridge import LocalBridge
from oxyq.gateways.local.lease import holding
from oxyq.gateways.outbound import OutboundText
from tests.redis_server import RedisServer

KEY = "bridge-key-of-32-characters-or-more"
MESSAGE = OutboundText("org_1", "wa_1", "5511999990001", "oi", "key-1")
Redis = redis.asyncio.Redis


async def test_the_bridge_that_holds_a_number_sends_for_it_until_it_lets_go(
    redis_client: Redis, prefix: str, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bridge_leases, "_BELIEVED_SECONDS", 0.0)
    leases, bridge = BridgeLeases(redis_client, prefix=prefix), LocalBridge(key=KEY)
    gateway = BaileysGateway(leases.url_of, key=KEY, client=client)
    with pytest.raises(NotReady, match=r"^key-1: no bridge has this number"):
        await gateway.send(MESSAGE)

    async with bridge.running() as url, holding(redis_client, "wa_1", url, prefix=prefix):
        await gateway.send(MESSAGE)
        assert (await gateway.state("wa_1")).state == "open"
        assert (await gateway.pair("wa_1")).state == "open"
        await gateway.logout("wa_1")

    assert [one.text for one in bridge.received] == ["oi"]
    with pytest.raises(NotReady):
        await gateway.send(MESSAGE)


async def test_a_number_is_held_by_one_bridge_at_a_time(redis_client: Redis, prefix: str) -> None:
    async with holding(redis_client, "wa_1", "http://127.0.0.1:1", prefix=prefix):
        with pytest.raises(NotAllowed, match="another bridge has this number"):
            async with holding(redis_client, "wa_1", "http://127.0.0.1:2", prefix=prefix):
                pass
        assert await BridgeLeases(redis_client, prefix=prefix).url_of("wa_1") == "http://127.0.0.1:1"


async def test_what_was_learned_is_believed_for_a_second(redis_client: Redis, prefix: str) -> None:
    leases = BridgeLeases(redis_client, prefix=prefix)
    async with holding(redis_client, "wa_1", "http://127.0.0.1:1", prefix=prefix):
        assert await leases.url_of("wa_1") == "http://127.0.0.1:1"

    assert await leases.url_of("wa_1") == "http://127.0.0.1:1"
    assert await BridgeLeases(redis_client, prefix=prefix).url_of("wa_1") is None


@pytest.mark.parametrize("lease", ["", "{", "[]", '{"url":7}', json.dumps({"bridge": "b"})])
async def test_a_lease_that_cannot_be_read_is_none(redis_client: Redis, prefix: str, lease: str) -> None:
    await redis_client.set(redis_keys.bridge_lease("wa_1", prefix=prefix), lease, px=5000)

    assert await BridgeLeases(redis_client, prefix=prefix).url_of("wa_1") is None


async def test_without_redis_nothing_is_sent_and_it_may_be_tried_again(
    own_redis: RedisServer, client: httpx.AsyncClient
) -> None:
    async with redis.asyncio.Redis.from_url(own_redis.url, decode_responses=True) as alone:
        leases = BridgeLeases(alone)
        own_redis.stop()
        with pytest.raises(QueueUnavailable):
            await leases.url_of("wa_1")
        with pytest.raises(NotReady, match=r"^key-1: Redis did not answer"):
            await BaileysGateway(leases.url_of, key=KEY, client=client).send(MESSAGE)
