"""A job can be looked up by whom it concerns, and never tells what its message says."""

import json

import httpx
import pytest
import redis.asyncio

from oxyq.access.tokens import ROLES
from oxyq.app import App
from tests.integration.api.conftest import As
from tests.integration.api.payloads import BODIES, MESSAGE

EACH_KIND = pytest.mark.parametrize("path", BODIES)


@pytest.mark.parametrize("role", ROLES)
@EACH_KIND
async def test_everyone_with_a_token_of_the_organization_sees_the_job(
    client: httpx.AsyncClient, as_: As, path: str, role: str
) -> None:
    accepted = await client.post(path, json=BODIES[path], headers=as_())

    answer = await client.get(accepted.headers["location"], headers=as_(role, "org_123"))

    status = answer.json()
    assert answer.status_code == 200
    assert status["id"] == accepted.json()["id"]
    assert (status["queue"], status["state"]) == (accepted.json()["queue"], "prioritized")
    assert (status["organizationId"], status["attemptsMade"], status["attemptsAllowed"]) == ("org_123", 0, 3)
    assert status["addedAt"] > 1_700_000_000_000
    assert (status["processedAt"], status["finishedAt"], status["failedReason"]) == (None, None, None)
    for secret in ("Olá", "Lembrete", "551199", "551188"):
        assert secret not in answer.text


@EACH_KIND
async def test_a_job_of_another_organization_is_as_absent_as_none(
    client: httpx.AsyncClient, as_: As, path: str
) -> None:
    accepted = await client.post(path, json=BODIES[path], headers=as_())
    there = accepted.headers["location"]

    of_another = await client.get(there, headers=as_("owner", "org_1"))
    of_nobody = await client.get(there[:-4] + "0000", headers=as_("owner", "org_1"))

    assert of_another.status_code == of_nobody.status_code == 404
    errors = [answer.json()["error"] for answer in (of_another, of_nobody)]
    assert errors[0] | {"requestId": ""} == errors[1] | {"requestId": ""}


async def test_a_job_that_ended_tells_how(client: httpx.AsyncClient, as_: As, app: App) -> None:
    """Given a job that a worker took and failed for good, when it is looked up, then it says why."""
    accepted = await client.post("/v1/messages", json=MESSAGE, headers=as_())
    queue = app.queues["message"]
    # Given
    hash_key = queue.keys.job(accepted.json()["id"])
    await app.redis.zrem(queue.keys.prioritized, accepted.json()["id"])
    await app.redis.zadd(queue.keys.failed, {accepted.json()["id"]: 1})
    await app.redis.hset(
        hash_key, mapping={"failedReason": "not on WhatsApp", "atm": 3, "processedOn": 5, "finishedOn": 6}
    )

    # When
    status = (await client.get(accepted.headers["location"], headers=as_(org="org_123"))).json()

    # Then
    assert (status["state"], status["failedReason"], status["attemptsMade"]) == ("failed", "not on WhatsApp", 3)
    assert (status["processedAt"], status["finishedAt"]) == (5, 6)


# --- jobs that somebody else wrote ------------------------------------------------------------------------------


async def put(app: App, redis_client: "redis.asyncio.Redis", job_id: str, **fields: str) -> None:
    """A waiting job of the message queue, field by field."""
    keys = app.queues["message"].keys
    await redis_client.hset(keys.job(job_id), mapping={"name": "x", "opts": "{}", "timestamp": "1", **fields})
    await redis_client.lpush(keys.wait, job_id)


async def test_a_job_of_a_node_producer_is_found_by_its_number(
    client: httpx.AsyncClient, as_: As, app: App, redis_client: "redis.asyncio.Redis"
) -> None:
    await put(app, redis_client, "42", data=json.dumps(MESSAGE))

    answer = await client.get("/v1/jobs/message/42", headers=as_(org="org_123"))

    assert (answer.status_code, answer.json()["state"]) == (200, "waiting")


@pytest.mark.parametrize(
    "data",
    ["{", "[]", "null", '"org_123"', "{}", '{"organizationId":null}', '{"organizationId":["org_123"]}', "[" * 5000],
)
async def test_a_job_that_belongs_to_nobody_is_only_for_those_who_see_all(
    client: httpx.AsyncClient, as_: As, app: App, redis_client: "redis.asyncio.Redis", data: str
) -> None:
    await put(app, redis_client, "7", data=data, opts='{"attempts":"many"}')

    assert (await client.get("/v1/jobs/message/7", headers=as_(org="org_123"))).status_code == 404
    seen = await client.get("/v1/jobs/message/7", headers=as_())
    assert (seen.status_code, seen.json()["organizationId"]) == (200, None)


async def test_a_key_that_is_no_job_does_no_harm(
    client: httpx.AsyncClient, as_: As, app: App, redis_client: "redis.asyncio.Redis"
) -> None:
    await redis_client.set(app.queues["message"].keys.job("msg-12345678"), "not a hash")

    assert (await client.get("/v1/jobs/message/msg-12345678", headers=as_(org="org_123"))).status_code == 404
    assert (await client.get("/v1/jobs/message/msg-12345678", headers=as_())).status_code == 200
