"""One API before two shards: each request reaches the shard of its organization, whoever asks."""

import hmac
import json
from collections.abc import AsyncIterator

import httpx
import pytest

from oxyq import redis_keys
from oxyq.access.tokens import Principal, issue
from oxyq.api.shard_door import create_sharded_api
from oxyq.dashboard.entrance import COOKIE
from oxyq.errors import ConfigurationError
from oxyq.gateways.news import News
from oxyq.instances import Instance
from oxyq.shards.place import Place
from oxyq.shards.producing import RoutedProducer
from oxyq.shards.shards import MOVING, Shards
from oxyq.snapshot import remove
from tests.integration.shards.conftest import ORG, OTHER, SOUTH, message


@pytest.fixture
async def door(shards: Shards) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the API; ORG is at south."""
    organization = await shards.home.app.organizations.get(ORG)
    assert organization is not None
    await shards.named(SOUTH).app.organizations.save(organization)
    await remove(shards.home.app.hub, ORG)
    await shards.home.away.put(ORG, SOUTH)
    assert await shards.change(ORG, await shards.place_now(ORG), Place(SOUTH))
    transport = httpx.ASGITransport(create_sharded_api(shards))
    async with httpx.AsyncClient(transport=transport, base_url="https://oxyq.test") as client:
        yield client


def _as(shards: Shards, org: str | None, role: str = "owner") -> dict[str, str]:
    return {"Authorization": f"Bearer {issue(shards.home.app.settings, 'ana', role, org)}"}


async def test_the_organization_of_the_token_decides(door: httpx.AsyncClient, shards: Shards) -> None:
    for org, shard in ((ORG, SOUTH), (OTHER, "home")):
        answer = await door.get("/v1/campaigns", headers=_as(shards, org))
        assert (answer.status_code, answer.headers["oxyq-shard"]) == (200, shard)


async def test_who_may_act_for_all_is_led_by_path_query_or_body(door: httpx.AsyncClient, shards: Shards) -> None:
    everybody = _as(shards, None, "service")
    # When such a program adds messages of both
    for org in (ORG, OTHER):
        answer = await door.post("/v1/messages", headers=everybody, json=message(org, 1))
        assert answer.status_code == 202
    # Then each is where its organization is
    for name in ("home", SOUTH):
        counts = await shards.named(name).app.queue_counts()
        assert counts["message"]["waiting"] == 1
    for address in (f"/v1/organizations/{ORG}", f"/v1/campaigns?organizationId={ORG}"):
        answer = await door.get(address, headers=_as(shards, None))
        assert (answer.status_code, answer.headers["oxyq-shard"]) == (200, SOUTH), answer.text


async def test_what_is_about_all_is_answered_by_home_or_by_the_shard_that_is_named(
    door: httpx.AsyncClient, shards: Shards
) -> None:
    owner = _as(shards, None)
    assert (await door.get("/v1/queues", headers=owner)).headers["oxyq-shard"] == "home"
    answer = await door.get(f"/v1/organizations?shard={SOUTH}", headers=owner)
    assert (answer.status_code, answer.headers["oxyq-shard"]) == (200, SOUTH)
    # A token for one organization reaches no other shard by naming it
    answer = await door.get(f"/v1/campaigns?shard={SOUTH}", headers=_as(shards, OTHER))
    assert answer.headers["oxyq-shard"] == "home"


async def test_metrics_are_of_the_shard_that_is_named_to_who_has_their_token(door: httpx.AsyncClient) -> None:
    """Given no token is set, this machine may read them; where the door leads is no token's matter."""
    for address, shard in (
        ("/metrics", "home"),
        (f"/metrics?shard={SOUTH}", SOUTH),
        ("/metrics/scaling?shard=x", "home"),
    ):
        answer = await door.get(address)
        assert (answer.status_code, answer.headers["oxyq-shard"]) == (200, shard)


async def test_while_it_moves_it_is_503_with_the_time_to_come_again(door: httpx.AsyncClient, shards: Shards) -> None:
    await shards.named(SOUTH).away.put(ORG, MOVING)
    for answer in (
        await door.get("/v1/campaigns", headers=_as(shards, ORG)),
        await door.post("/v1/messages", headers=_as(shards, ORG, "service"), json=message(ORG, 1)),
    ):
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
        error = answer.json()["error"]
        assert (error["code"], error["requestId"]) == ("organization_moving", answer.headers["x-request-id"])
    assert (await door.get("/v1/campaigns", headers=_as(shards, OTHER))).status_code == 200


async def test_what_was_done_as_it_left_is_not_called_done(
    door: httpx.AsyncClient, shards: Shards, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a move that begins while a message is added
    south = shards.named(SOUTH)
    add = south.app.producer.add_message_job

    async def added_too_late(value: dict[str, object]) -> str:
        job_id = await add(value)
        await south.away.put(ORG, MOVING)
        return job_id

    monkeypatch.setattr(type(south.app.producer), "add_message_job", lambda _, value: added_too_late(value))
    # Then whoever asked is told to ask again, since nobody knows whether it went along
    answer = await door.post("/v1/messages", headers=_as(shards, ORG, "service"), json=message(ORG, 1))
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "organization_moving")


async def test_a_webhook_goes_to_its_number_and_is_not_taken_if_that_leaves_meanwhile(
    door: httpx.AsyncClient, shards: Shards, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a number at south
    south = shards.named(SOUTH)
    number = Instance(id="wa_9", organization_id=ORG, gateway="waha", server="http://waha.test")
    await south.app.instances.save(number)
    await south.app.instances.set_secret(number, "webhook_secret", "s" * 32)
    body = json.dumps({"event": "session.status", "session": "wa_9", "payload": {"status": "WORKING"}}).encode()
    signature = hmac.new(b"s" * 32, body, "sha512").hexdigest()
    headers = {"Content-Type": "application/json", "X-Webhook-Hmac": signature, "X-Webhook-Hmac-Algorithm": "sha512"}
    answer = await door.post("/webhooks/waha/wa_9", headers=headers, content=body)
    assert (answer.status_code, answer.headers["oxyq-shard"]) == (200, SOUTH), answer.text
    # When its organization begins to move while one is taken
    received = south.app.receiver.receive

    async def received_too_late(instance: Instance, news: News) -> object:
        counts = await received(instance, news)
        await south.away.put(ORG, MOVING)
        return counts

    monkeypatch.setattr(type(south.app.receiver), "receive", lambda _, *news: received_too_late(*news))
    # Then the gateway is to send it again
    answer = await door.post("/webhooks/waha/wa_9", headers=headers, content=body)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")


async def test_a_stranger_is_led_nowhere(door: httpx.AsyncClient) -> None:
    answer = await door.post("/v1/messages", headers={"Authorization": "Bearer a.b.c"}, json=message(ORG, 1))
    assert answer.status_code == 401
    assert (await door.post("/webhooks/waha/nobody", json={})).status_code == 404
    assert (await door.get("/health")).status_code == 200


async def test_health_is_of_all_shards(door: httpx.AsyncClient, shards: Shards) -> None:
    producer = RoutedProducer(shards)
    for org in (ORG, OTHER):
        await producer.add_message_job(message(org, 1))
    health = (await door.get("/health/queues")).json()
    assert health["queues"]["message"]["waiting"] == 2
    assert (await door.get("/ready/intake")).status_code == 200


async def test_on_the_board_who_sees_all_chooses_a_shard_and_stays_there(
    door: httpx.AsyncClient, shards: Shards
) -> None:
    secret = await shards.home.app.sessions.open(Principal("ana", "owner"), None, "127.0.0.1")
    door.cookies.set(COOKIE, secret)
    board = "/admin/queues/organizations"
    # Given the page of home, with the choice
    page = await door.get(board)
    assert (page.headers["oxyq-shard"], OTHER in page.text, ORG in page.text) == ("home", True, False)
    assert f"?shard={SOUTH}" in page.text
    # When another is chosen
    page = await door.get(f"{board}?shard={SOUTH}")
    assert (page.status_code, OTHER in page.text, ORG in page.text) == (200, False, True)
    # Then the next page is of that one too, and the page of an organization is always of its own
    door.cookies.set("shard", SOUTH)
    assert (await door.get(board)).headers["oxyq-shard"] == SOUTH
    assert (await door.get(f"{board}/{OTHER}")).headers["oxyq-shard"] == "home"


async def test_who_sees_one_organization_has_no_choice(door: httpx.AsyncClient, shards: Shards) -> None:
    secret = await shards.home.app.sessions.open(Principal("bia", "owner", ORG), None, "127.0.0.1")
    door.cookies.set(COOKIE, secret)
    page = await door.get("/admin/queues/?shard=home")
    assert (page.status_code, page.headers["oxyq-shard"], "?shard=" in page.text) == (200, SOUTH, False)


async def test_a_place_that_nobody_can_read_is_a_fault_of_ours_and_harms_no_other(
    door: httpx.AsyncClient, shards: Shards
) -> None:
    home = shards.home.app
    await home.redis.hset(redis_keys.shards(prefix=home.settings.redis_prefix), mapping={ORG: "No Place", "": "99"})
    with pytest.raises(ConfigurationError, match="changed the list of shards by hand"):
        await shards.places()
    answer = await door.get("/v1/campaigns", headers=_as(shards, ORG))
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "internal_error")
    assert (await door.get("/v1/campaigns", headers=_as(shards, OTHER))).status_code == 200
