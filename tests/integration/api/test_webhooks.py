"""The door for gateways: what is proved comes in once, all else is refused without a word of why."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import structlog.testing

from oxyq.api.webhooks import WEBHOOK_BYTES
from oxyq.app import App, open_app
from oxyq.instances import Instance
from oxyq.organizations import Organization
from oxyq.settings import load_settings
from tests.integration.api.gateway_door import SIGNATURE, Door, signed
from tests.integration.api.server_process import SECRET
from tests.redis_server import RedisServer

APP_SECRET = "the-secret-of-our-meta-app"
ADDRESS = "/webhooks/cloud/wa_meta"
MESSAGE = {
    "from": "5511999990001@c.us",
    "content": "Olá! 🐶 tem horário amanhã?",
    "messageId": "wamid.1",
    "timestamp": 1795377084000,
    "chatId": "5511999990001",
}
REFUSED = {"code": "unauthorized", "message": "this is not signed as the webhooks of this instance are"}


async def set_up(app: App) -> None:
    """One organization with a number of Meta's, its secrets stored."""
    await app.organizations.save(Organization(id="org_1", name="Pet Shop", instances=["wa_meta"]))
    instance = Instance(id="wa_meta", organization_id="org_1", gateway="cloud", phone_number_id="1122")
    await app.instances.save(instance)
    await app.instances.set_secret(instance, "app_secret", APP_SECRET)
    await app.instances.set_secret(instance, "verify_token", "open sesame")


@pytest.fixture
async def client(app: App) -> AsyncIterator[httpx.AsyncClient]:
    """Meta, or who pretends to be."""
    await set_up(app)
    async with Door(app).client() as client:
        yield client


async def post(
    client: httpx.AsyncClient, body: object, *, secret: str = APP_SECRET, address: str = ADDRESS
) -> httpx.Response:
    """A webhook, signed."""
    raw = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
    return await client.post(address, content=raw, headers=signed(secret, raw))


async def waiting(app: App) -> int:
    """Jobs of messages."""
    return (await app.queues["message"].counts())["waiting"]


def error_of(answer: httpx.Response) -> dict[str, object]:
    """What an answer says is wrong, without its id."""
    error: dict[str, object] = answer.json()["error"]
    assert error.pop("requestId") == answer.headers["x-request-id"]
    return error


# --- what is proved -----------------------------------------------------------------------------------------


async def test_a_signed_webhook_becomes_jobs_and_says_so(client: httpx.AsyncClient, app: App) -> None:
    answer = await post(client, {"messages": [MESSAGE, {**MESSAGE, "messageId": "wamid.2"}], "others": ["account"]})

    assert (answer.status_code, answer.json()) == (200, {"received": {"unknown": 1, "messages": 2}})
    assert await waiting(app) == 2


async def test_the_same_webhook_fifty_times_in_parallel_is_one_job(client: httpx.AsyncClient, app: App) -> None:
    answers = await asyncio.gather(*(post(client, {"messages": [MESSAGE]}) for _ in range(50)))

    assert {(answer.status_code, answer.text) for answer in answers} == {(200, '{"received":{"messages":1}}')}
    assert await waiting(app) == 1


async def test_one_bad_message_keeps_the_others(client: httpx.AsyncClient, app: App) -> None:
    bad = {**MESSAGE, "messageId": "wamid.2", "timestamp": "yesterday"}

    answer = await post(client, {"messages": [bad, MESSAGE], "statuses": [{"id": "wamid.9", "status": "read"}]})

    assert answer.json() == {"received": {"malformed": 1, "messages": 1, "unknown_statuses": 1}}
    assert await waiting(app) == 1


async def test_the_tenant_is_the_number_s_and_never_what_the_body_says(client: httpx.AsyncClient, app: App) -> None:
    await post(client, {"organizationId": "org_2", "messages": [{**MESSAGE, "organizationId": "org_2"}]})

    [job] = [one.data for state in ("wait", "prioritized") for one in await app.queues["message"].jobs(state, 0, 9)]
    assert isinstance(job, dict)
    assert (job["organizationId"], job["instanceId"]) == ("org_1", "wa_meta")


async def test_what_is_of_no_known_kind_is_taken_and_counted(client: httpx.AsyncClient) -> None:
    answer = await post(client, {"others": ["phone_number_quality_update"]})

    assert (answer.status_code, answer.json()) == (200, {"received": {"unknown": 1}})


async def test_the_type_a_sender_gives_counts_for_nothing(client: httpx.AsyncClient) -> None:
    raw = b'{"messages": []}'
    for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
        answer = await client.post(ADDRESS, content=raw, headers={**signed(APP_SECRET, raw), "content-type": kind})
        assert (answer.status_code, answer.json()) == (200, {"received": {}})


# --- what is not --------------------------------------------------------------------------------------------

RAW = json.dumps({"messages": [MESSAGE]}, ensure_ascii=False).encode()
GOOD = signed(APP_SECRET, RAW)[SIGNATURE]
FORGED: dict[str, list[tuple[str, str]]] = {
    "no signature": [],
    "empty": [(SIGNATURE, "")],
    "another secret": [(SIGNATURE, signed("a-guess", RAW)[SIGNATURE])],
    "no secret": [(SIGNATURE, signed("", RAW)[SIGNATURE])],
    "of another body": [(SIGNATURE, signed(APP_SECRET, RAW + b" ")[SIGNATURE])],
    "of the body written again": [(SIGNATURE, signed(APP_SECRET, json.dumps(json.loads(RAW)).encode())[SIGNATURE])],
    "capitals": [(SIGNATURE, GOOD.upper())],
    "too short": [(SIGNATURE, GOOD[:-1])],
    "sha1": [(SIGNATURE, GOOD.replace("sha256=", "sha1="))],
    "twice": [(SIGNATURE, GOOD), (SIGNATURE, GOOD)],
    "twice, one of them wrong": [(SIGNATURE, "sha256=0"), (SIGNATURE.title(), GOOD)],
    "under the older header": [("x-hub-signature", GOOD)],
    "a token of ours": [("authorization", "Bearer abc")],
}


@pytest.mark.parametrize("headers", FORGED.values(), ids=FORGED.keys())
async def test_whatever_is_wrong_with_the_proof_the_401_is_the_same(
    client: httpx.AsyncClient, app: App, headers: list[tuple[str, str]]
) -> None:
    answer = await client.post(ADDRESS, content=RAW, headers=headers)

    assert (answer.status_code, error_of(answer)) == (401, REFUSED)
    assert await waiting(app) == 0


async def test_a_number_whose_secrets_are_missing_refuses_and_says_so_in_the_log(
    client: httpx.AsyncClient, app: App
) -> None:
    await app.instances.save(Instance(id="wa_new", organization_id="org_1", gateway="cloud", phone_number_id="3"))

    with structlog.testing.capture_logs() as logged:
        answer = await post(client, {"messages": [MESSAGE]}, address="/webhooks/cloud/wa_new")

    assert (answer.status_code, error_of(answer)) == (401, REFUSED)
    [line] = logged
    assert (line["event"], line["instance"], line["detail"]) == ("webhook.refused", "wa_new", "app_secret: is missing")


async def test_a_key_that_does_not_open_the_secrets_refuses_too(
    client: httpx.AsyncClient, app: App, prefix: str
) -> None:
    """Somebody lost OXYQ_SECRETS_KEY: an error of ours, and never a 500."""
    from oxyq import redis_keys

    await app.redis.hset(redis_keys.instance_secrets("wa_meta", prefix=prefix), "app_secret", "v1:bm90IG91cnM=")

    with structlog.testing.capture_logs() as logged:
        answer = await post(client, {"messages": [MESSAGE]})

    assert (answer.status_code, error_of(answer)) == (401, REFUSED)
    assert [line["why"] for line in logged] == ["ConfigurationError"]


async def test_nobody_learns_which_numbers_there_are(client: httpx.AsyncClient, app: App) -> None:
    await app.instances.save(Instance(id="wa_qr", organization_id="org_1", gateway="baileys"))
    texts = set()

    for address in ("/webhooks/cloud/wa_9", "/webhooks/cloud/wa_qr", "/webhooks/waha/wa_meta", "/webhooks/cloud/%2e"):
        answer = await post(client, {"messages": [MESSAGE]}, address=address)
        assert answer.status_code == 404
        texts.add(json.dumps(error_of(answer)))

    assert len(texts) == 1
    assert await waiting(app) == 0


async def test_a_proved_body_that_is_no_webhook_is_refused(client: httpx.AsyncClient) -> None:
    answer = await post(client, b'{"messages": [')

    assert answer.status_code == 422
    assert error_of(answer)["problems"] == [{"field": "body", "message": "is no JSON"}]


async def test_more_than_any_gateway_sends_is_413(client: httpx.AsyncClient) -> None:
    answer = await post(client, b'"' + b"a" * WEBHOOK_BYTES + b'"')

    assert (answer.status_code, error_of(answer)["code"]) == (413, "payload_too_large")


async def test_a_megabyte_is_taken(client: httpx.AsyncClient) -> None:
    answer = await post(client, {"others": ["a" * 1_000_000]})

    assert (answer.status_code, answer.json()) == (200, {"received": {"unknown": 1}})


async def test_a_page_of_another_site_is_refused(client: httpx.AsyncClient) -> None:
    headers = {**signed(APP_SECRET, RAW), "Origin": "https://evil.example"}

    assert (await client.post(ADDRESS, content=RAW, headers=headers)).status_code == 403


async def test_a_broken_number_sends_nobody_away_for_good(client: httpx.AsyncClient, app: App, prefix: str) -> None:
    from oxyq import redis_keys

    await app.redis.hset(redis_keys.instances(prefix=prefix), "wa_meta", '{"id": "wa_meta"}')

    answer = await post(client, {"messages": [MESSAGE]})

    assert answer.status_code == 503
    assert "organizationId" not in answer.text


# --- the challenge ------------------------------------------------------------------------------------------


def question(**more: str) -> dict[str, str]:
    """What Meta asks before it sends anything."""
    return {"hub.mode": "subscribe", "hub.verify_token": "open sesame", "hub.challenge": "1158201444", **more}


async def test_meta_is_answered_as_plain_text(client: httpx.AsyncClient) -> None:
    for challenge in ("1158201444", "<script>alert(1)</script>"):
        answer = await client.get(ADDRESS, params=question(**{"hub.challenge": challenge}))

        assert (answer.status_code, answer.text) == (200, challenge)
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?hub.mode=subscribe&hub.verify_token=guess&hub.challenge=1",
        "?hub.mode=subscribe&hub.verify_token=guess&hub.verify_token=open%20sesame&hub.challenge=1",
    ],
    ids=["nothing", "wrong", "two tokens"],
)
async def test_who_does_not_know_the_token_is_refused(client: httpx.AsyncClient, query: str) -> None:
    answer = await client.get(ADDRESS + query)

    assert answer.status_code == 403
    assert error_of(answer) == {"code": "forbidden", "message": "this is not the verify token of this instance"}


async def test_only_numbers_of_meta_s_are_asked_for(client: httpx.AsyncClient) -> None:
    assert (await client.get("/webhooks/cloud/wa_9", params=question())).status_code == 404
    assert (await client.get("/webhooks/evolution/wa_meta", params=question())).status_code == 405


# --- when Redis is away -------------------------------------------------------------------------------------


async def test_without_redis_it_is_503_in_time_and_nothing_is_lost(own_redis: RedisServer, tmp_path: Path) -> None:
    settings = load_settings({"REDIS_URL": own_redis.url, "OXYQ_JWT_SECRET": SECRET, "OXYQ_DATA_DIR": str(tmp_path)})
    async with open_app(settings) as app:
        await set_up(app)
        async with Door(app).client() as client:
            assert (await post(client, {"messages": [MESSAGE]})).status_code == 200

            for away, back in ((own_redis.kill, own_redis.start), (own_redis.pause, own_redis.resume)):
                await asyncio.to_thread(away)
                start = time.monotonic()
                answer = await post(client, {"messages": [{**MESSAGE, "messageId": "while-away"}]})
                assert time.monotonic() - start <= 2.0
                assert (answer.status_code, error_of(answer)["code"]) == (503, "queue_unavailable")
                assert int(answer.headers["retry-after"]) > 0
                await asyncio.to_thread(back)

            deadline = time.monotonic() + 10
            while (answer := await post(client, {"messages": [{**MESSAGE, "messageId": "while-away"}]})).is_error:
                assert time.monotonic() < deadline, answer.text
            assert await waiting(app) == 2


async def test_redis_that_goes_while_the_body_comes_is_503_in_time_too(own_redis: RedisServer, tmp_path: Path) -> None:
    settings = load_settings({"REDIS_URL": own_redis.url, "OXYQ_JWT_SECRET": SECRET, "OXYQ_DATA_DIR": str(tmp_path)})

    async def body() -> AsyncIterator[bytes]:
        own_redis.pause()  # its number was looked up already
        yield RAW

    async with open_app(settings) as app:
        await set_up(app)
        async with Door(app).client() as client:
            start = time.monotonic()
            answer = await client.post(ADDRESS, content=body(), headers=signed(APP_SECRET, RAW))
            seconds = time.monotonic() - start
            own_redis.resume()

            assert (answer.status_code, seconds <= 2.0) == (503, True)
            assert (await post(client, RAW)).json() == {"received": {"messages": 1}}
