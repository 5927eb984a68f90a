"""An organization's quota of new jobs: exact however many ask at once, and nobody else's business."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest
import redis.asyncio

from oxyq import redis_keys
from oxyq.access.tokens import issue
from oxyq.api.application import create_api
from oxyq.app import App, open_app
from oxyq.errors import QuotaExceeded
from oxyq.jobs import PersonReply
from oxyq.organizations import Organization, Quota
from oxyq.producer import Producer
from oxyq.settings import load_settings
from tests.integration.api.payloads import BODIES, MESSAGE
from tests.redis_server import RedisServer

ORG = "org_123"


@pytest.fixture
async def app(redis_url: str, prefix: str) -> AsyncIterator[App]:
    """An organization that may have 20 jobs at once, and as many again within a day; and one without a quota."""
    async with open_app(load_settings({"REDIS_URL": redis_url, "OXYQ_REDIS_PREFIX": prefix})) as app:
        await app.organizations.save(Organization(id=ORG, name="Pet Shop", quota=Quota(max=20, per_seconds=86_400)))
        await app.organizations.save(Organization(id="org_b", name="Padaria"))
        yield app


async def added(producer: Producer, first: int, count: int, organization_id: str = ORG) -> int:
    """Add so many different messages at once; how many of them were taken."""
    answers = await asyncio.gather(
        *(
            producer.add_message_job(MESSAGE, messageId=f"m{first + number}", organizationId=organization_id)
            for number in range(count)
        ),
        return_exceptions=True,
    )
    assert all(isinstance(answer, str | QuotaExceeded) for answer in answers), answers
    return sum(isinstance(answer, str) for answer in answers)


async def test_of_200_jobs_at_once_from_four_processes_exactly_the_quota_is_taken(app: App) -> None:
    """And the other organization does not notice."""
    async with AsyncExitStack() as stack:
        # Given four producers of their own, as four processes have them
        apps = [await stack.enter_async_context(open_app(app.settings)) for _ in range(4)]

        # When each adds 50 jobs at once
        taken = await asyncio.gather(
            *(added(one.producer, number * 50, 50) for number, one in enumerate(apps)),
            *(added(one.producer, number * 50, 50, "org_b") for number, one in enumerate(apps)),
        )

    # Then there are 20 of the one, and all 200 of the other
    assert sum(taken[:4]) == 20
    assert taken[4:] == [50] * 4
    assert (await app.queues["message"].counts())["waiting"] == 220


async def test_what_was_added_before_takes_nothing_and_is_taken_past_the_quota(app: App) -> None:
    """A repeated request is answered as the first was, however little is left."""
    await added(app.producer, 0, 20)

    # The same twenty again, and then a new one
    assert await added(app.producer, 0, 20) == 20
    with pytest.raises(QuotaExceeded) as refused:
        await app.producer.add_message_job(MESSAGE, messageId="new")

    # A day for twenty is 72 minutes for one
    assert 4200 < refused.value.retry_after_seconds <= 4320
    assert "Nothing was added" in str(refused.value)


async def test_what_is_used_comes_back_evenly(app: App, redis_client: "redis.asyncio.Redis", prefix: str) -> None:
    """Never more than there was: who adds nothing for a week has no week's worth."""
    key = redis_keys.quota(ORG, prefix=prefix)
    await added(app.producer, 0, 20)

    # Two hours and a half later (the quota's clock is Redis's): two are back
    await redis_client.hincrby(key, "at", -9_000_000)
    assert await added(app.producer, 100, 5) == 2

    # And a week later twenty
    await redis_client.hincrby(key, "at", -7 * 86_400_000)
    assert await added(app.producer, 200, 50) == 20


async def test_another_quota_holds_from_the_next_job_and_none_is_none(
    app: App, redis_client: "redis.asyncio.Redis", prefix: str
) -> None:
    """Saving other settings gives nobody a new quota."""
    await added(app.producer, 0, 20)
    organization = await app.organizations.get(ORG)
    assert organization is not None

    await app.organizations.save(organization.model_copy(update={"name": "Pet Shop 2"}))
    assert await added(app.producer, 100, 1) == 0
    await app.organizations.save(organization.model_copy(update={"quota": Quota(max=1000, per_seconds=1)}))
    await asyncio.sleep(0.1)  # time is what a quota is made of: 100 are back by then
    assert await added(app.producer, 200, 50) == 50
    await app.organizations.save(organization.model_copy(update={"quota": None}))
    assert await added(app.producer, 300, 200) == 200
    assert not await redis_client.exists(redis_keys.quota(ORG, prefix=prefix))


@pytest.mark.parametrize(
    "junk", [{"max": "0", "ms": "60000"}, {"max": "many"}, None], ids=["no jobs", "words", "a list"]
)
async def test_what_is_no_quota_in_redis_is_none(
    app: App, redis_client: "redis.asyncio.Redis", prefix: str, junk: dict[str, str] | None
) -> None:
    """Somebody else wrote it, and half a batch would be worse than too many jobs."""
    key = redis_keys.quota(ORG, prefix=prefix)
    await redis_client.delete(key)
    await (redis_client.rpush(key, "x") if junk is None else redis_client.hset(key, mapping=dict[Any, Any](junk)))

    assert await added(app.producer, 0, 60) == 60
    assert (await app.queues["message"].counts())["waiting"] == 60


async def test_what_accepted_work_adds_and_what_people_write_is_past_the_quota(app: App) -> None:
    """A hand-over, a summary, a campaign's sends were accepted with what they follow; and nobody floods by hand."""
    await added(app.producer, 0, 20)

    automation = {"organizationId": ORG, "type": "reminder", "recipientNumber": "5511999999999", "content": "Olá"}
    await app.onward.add_automation_job(automation, automationId="summary")
    await app.producer.add_campaign_run(ORG, "c1", 0)
    reply = PersonReply(
        reply_id="r1", organization_id=ORG, instance_id="wa_1", recipient="5511999999999", text="Oi!", by="ana"
    )
    await app.producer.add_person_reply(reply)

    assert (await app.queues["message"].counts())["waiting"] == 21


async def test_adding_is_one_round_trip_with_and_without_a_quota(own_redis: RedisServer) -> None:
    """The quota is looked up where the job is added, and memory beside the adding."""
    async with open_app(load_settings({"REDIS_URL": own_redis.url})) as app:
        await app.organizations.save(Organization(id=ORG, name="Pet Shop", quota=Quota(max=1000, per_seconds=60)))
        await added(app.producer, 0, 1)  # scripts are loaded, and memory was looked at
        with own_redis.client() as client:
            client.config_resetstat()
            for number in range(1, 31):
                await added(app.producer, number, 1)
                await added(app.producer, number, 1, "org_b")

            calls = {name: stat["calls"] for name, stat in client.info("commandstats").items()}

    assert calls["cmdstat_evalsha"] == 60
    assert calls["cmdstat_get"] == 60  # of the ids, within the scripts: organizations are not looked up


@pytest.mark.parametrize("path", BODIES)
async def test_over_http_it_is_429_with_the_time_to_come_again(app: App, path: str) -> None:
    """Programs go by the header."""
    await added(app.producer, 0, 20)
    headers = {"Authorization": f"Bearer {issue(app.settings, 'tests', 'service', None)}"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(create_api(app)), base_url="http://oxyq.test") as client:
        answer = await client.post(path, json=BODIES[path], headers=headers)

    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "quota_exceeded")
    assert 4200 < int(answer.headers["retry-after"]) <= 4320
