"""Redis's memory is nearly full: nothing new is taken in, what was accepted is done, and intake opens by itself."""

import asyncio
import json
import time
from collections.abc import AsyncIterator

import httpx
import pytest

from oxyq.access.tokens import issue
from oxyq.admission import STALE_SECONDS, Admission
from oxyq.api.application import create_api
from oxyq.app import App, open_app
from oxyq.campaigns.intake import CampaignIntake
from oxyq.engine import Worker
from oxyq.engine.options import Entry, JobOptions
from oxyq.engine.settlement import Keep
from oxyq.errors import MemoryFull
from oxyq.instances import Instance
from oxyq.jobs import CampaignContent
from oxyq.organizations import Organization
from oxyq.outcomes import JsonValue
from oxyq.settings import load_settings
from tests.conftest import StartRedis
from tests.integration.api.gateway_door import signed
from tests.integration.api.payloads import AUTOMATION, BODIES, MESSAGE
from tests.integration.api.server_process import SECRET
from tests.redis_server import RedisServer

ORG = "org_123"
#: Jobs that fill the memory, so that doing them empties it again.
GREAT_JOBS, GREAT_BYTES = 400, 40_000
OPENS_SECONDS = 20.0


@pytest.fixture
def server(start_redis: StartRedis) -> RedisServer:
    """One that refuses when it is full, as it must."""
    return start_redis("--maxmemory-policy", "noeviction")


@pytest.fixture
async def app(server: RedisServer) -> AsyncIterator[App]:
    """An installation with one organization."""
    async with open_app(load_settings({"REDIS_URL": server.url, "OXYQ_JWT_SECRET": SECRET})) as app:
        await app.organizations.save(
            Organization(id=ORG, name="Pet Shop", instances=["wa_1"], owners=["5511988880000"])
        )
        yield app


@pytest.fixture
async def client(app: App) -> AsyncIterator[httpx.AsyncClient]:
    """A program that adds jobs."""
    headers = {"Authorization": f"Bearer {issue(app.settings, 'tests', 'service', None)}"}
    transport = httpx.ASGITransport(create_api(app))
    async with httpx.AsyncClient(transport=transport, base_url="http://oxyq.test", headers=headers) as client:
        yield client


def use(server: RedisServer, percent: int) -> None:
    """Let so much of the memory be used: by lowering what there is of it."""
    with server.client() as client:
        client.config_set("maxmemory", client.info("memory")["used_memory"] * 100 // percent)


async def is_closed(app: App) -> bool:
    """Whether this process refuses what is new."""
    try:
        await app.admission.admit()
    except MemoryFull:
        return True
    return False


async def closed(app: App, *, is_so: bool = True) -> None:
    """Wait until this process has noticed that it is so, or is not."""
    deadline = time.monotonic() + OPENS_SECONDS
    while await is_closed(app) is not is_so:
        assert time.monotonic() < deadline, f"intake is {'open' if is_so else 'closed'} still"
        await asyncio.sleep(0.05)


async def fill(app: App) -> None:
    """Jobs that leave nothing behind when they are done."""
    options = JobOptions(keep_completed=Keep(0, None))
    data: JsonValue = {"filler": "x" * GREAT_BYTES}
    await app.queues["message"].add_many([Entry("filler", data, f"filler-{n}", options) for n in range(GREAT_JOBS)])


async def test_at_76_percent_intake_is_503_until_workers_have_made_room(
    app: App, client: httpx.AsyncClient, server: RedisServer
) -> None:
    """Nobody restarts anything."""
    # Given a Redis that accepted jobs fill to 76 %
    await fill(app)
    use(server, 76)

    # Then whatever is new is refused, with the time to come again, and nothing of it is stored
    for path, body in BODIES.items():
        answer = await client.post(path, json=body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "memory_full")
        assert int(answer.headers["retry-after"]) == 10
    assert (await app.queues["automation"].counts())["waiting"] == 0
    # And the server itself is well: it is ours that says no
    assert (await client.get("/ready/intake")).status_code == 200

    # When workers go on with what was accepted
    async def handle(job: object) -> None:
        pass

    worker = Worker("message", handle, hub=app.hub)
    await worker.start()

    # Then intake opens again by itself, and not before all is done
    deadline = time.monotonic() + OPENS_SECONDS
    while (answer := await client.post("/v1/automations", json=AUTOMATION)).status_code != 202:
        assert answer.json()["error"]["code"] == "memory_full"
        assert time.monotonic() < deadline, "intake stayed closed"
        await asyncio.sleep(0.05)
    await worker.stop()


async def test_between_closing_and_opening_it_stays_as_it_was(app: App, server: RedisServer) -> None:
    """Intake does not open and close with every job: it opens when 5 % less is used."""
    await fill(app)
    now = 0.0
    admission = Admission(app.hub, 75, lambda: now)

    async def is_open(percent: int) -> bool:
        nonlocal now
        use(server, percent)
        now += STALE_SECONDS + 1
        try:
            await admission.admit()
        except MemoryFull:
            return False
        return True

    assert [await is_open(percent) for percent in (74, 76, 72, 68, 72, 74, 76)] == [
        True, False, False, True, True, True, False,
    ]  # fmt: skip


async def test_what_was_accepted_goes_on(app: App, server: RedisServer) -> None:
    """Campaigns under way, hand-overs, replays and moved reminders are not new."""
    letter = {"originalQueue": "message", "originalJobId": "m1", "failedReason": "no", "data": MESSAGE}
    content = CampaignContent.model_validate({"campaignId": "c", "organizationId": ORG, "template": "Olá!"})
    await fill(app)
    use(server, 76)
    await closed(app)

    await app.onward.add_automation_job(AUTOMATION, automationId="hand-over")
    await app.producer.add_campaign_run(ORG, "c1", 0)
    await app.producer.send_to_dlq(letter)
    with pytest.raises(MemoryFull):
        await app.producer.add_automation_job(AUTOMATION)
    with pytest.raises(MemoryFull):
        await CampaignIntake(app.campaigns, app.admission).open(content)
    await CampaignIntake(app.campaigns).open(content)


async def test_of_a_webhook_the_statuses_are_done_and_the_messages_come_again(
    app: App, client: httpx.AsyncClient, server: RedisServer
) -> None:
    """503 makes WhatsApp repeat it; a status is about what was accepted, and helps to end it."""
    # Given a webhook of a message, and then of who stopped marketing
    secret = "the-secret-of-our-meta-app"
    instance = Instance(id="wa_1", organization_id=ORG, gateway="cloud", phone_number_id="1122")
    await app.instances.save(instance)
    await app.instances.set_secret(instance, "app_secret", secret)
    about = {"messaging_product": "whatsapp", "metadata": {"phone_number_id": "1122"}}
    message = {"from": "5511999990001", "id": "wamid.1", "timestamp": "1795377084", "type": "text"}
    wish = {"wa_id": "5511999990002", "category": "marketing_messages", "value": "stop", "timestamp": 1795377084}
    changes = [
        {"field": "messages", "value": {**about, "messages": [{**message, "text": {"body": "Olá"}}]}},
        {"field": "user_preferences", "value": {**about, "user_preferences": [wish]}},
    ]
    raw = json.dumps({"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": changes}]}).encode()
    await fill(app)
    use(server, 76)

    answer = await client.post("/webhooks/cloud/wa_1", content=raw, headers=signed(secret, raw))

    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "memory_full")
    assert await app.contacts.opted_out(ORG, ["5511999990002"])

    # When there is room again, the same webhook is all there
    use(server, 20)
    await closed(app, is_so=False)
    answer = await client.post("/webhooks/cloud/wa_1", content=raw, headers=signed(secret, raw))
    assert answer.status_code == 200
    assert (await app.queues["message"].counts())["waiting"] == GREAT_JOBS + 1


async def test_a_server_that_does_not_say_refuses_nothing(start_redis: StartRedis) -> None:
    """Hosted servers have no INFO, or no maxmemory: then nobody can say."""
    server = start_redis()
    url = f"redis://limited:secret-of-this-user@127.0.0.1:{server.port}/0"
    with server.client() as client:
        client.set("filler", "x" * 20_000_000)
        client.execute_command("ACL", "SETUSER", "limited", "on", ">secret-of-this-user", "~*", "&*", "+@all", "-info")
    use(server, 90)
    async with open_app(load_settings({"REDIS_URL": url})) as app:
        await app.producer.add_automation_job(AUTOMATION)
