"""The one door into a queue: the same fact twice is one job, also after it is long done."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
import redis.asyncio

from oxyq.clock import now_ms
from oxyq.engine import Hub, Queue, Worker
from oxyq.errors import IdConflict, InvalidPayload, QueueUnavailable
from oxyq.producer import Producer
from oxyq.queues import POLICIES, REMEMBER_SECONDS
from tests.conftest import StartRedis
from tests.fault_proxy import FaultProxy

MESSAGE = {
    "organizationId": "org_123", "instanceId": "wa_1", "from": "5511999999999@c.us",
    "content": "Olá, quero agendar um banho 🐶", "messageId": "msg_abc123", "timestamp": 1795377084000,
}  # fmt: skip


@pytest.fixture
async def hub(redis_url: str, prefix: str) -> AsyncIterator[Hub]:
    """A connection for this test's keys."""
    opened = Hub(redis_url, prefix=prefix)
    yield opened
    await opened.close()


@pytest.fixture
def producer(hub: Hub) -> Producer:
    """A producer with the policies as they are shipped."""
    return Producer(hub, POLICIES)


async def test_a_job_carries_its_payload_and_its_queues_policy(hub: Hub, producer: Producer) -> None:
    """The wire JSON is kept as it was; priority, attempts, backoff and retention are those of the table."""
    job_id = await producer.add_message_job(MESSAGE)

    job = await Queue("message", hub=hub).job(job_id)
    assert job is not None
    assert job.data == MESSAGE
    assert job.options == {
        "attempts": 3,
        "priority": 1,
        "backoff": {"type": "exponential", "delay": 2000, "jitter": 0.2},
        "removeOnComplete": {"count": 100, "age": 86400},
        "removeOnFail": {"count": 500, "age": 604800},
    }


async def test_fifty_deliveries_at_once_are_one_job(hub: Hub, producer: Producer) -> None:
    """WhatsApp repeats its webhooks; however many arrive together, one job is added and all get its id."""
    ids = await asyncio.gather(*(producer.add_message_job(MESSAGE) for _ in range(50)))

    assert len(set(ids)) == 1
    assert (await Queue("message", hub=hub).counts())["waiting"] == 1


async def test_a_fact_is_one_job_also_after_it_is_done_and_removed(
    hub: Hub, producer: Producer, redis_client: "redis.asyncio.Redis", prefix: str
) -> None:
    """Eight days long; then the memory ends by itself."""
    # Given a job that is done and gone
    job_id = await producer.add_message_job(MESSAGE)
    done = asyncio.Event()

    async def handle(job: object) -> None:
        done.set()

    worker = Worker("message", handle, hub=hub)
    await worker.start()
    await asyncio.wait_for(done.wait(), 10)
    await worker.stop()
    queue = Queue("message", hub=hub)
    assert await queue.remove(job_id)

    # When the webhook comes again, then nothing is added
    assert await producer.add_message_job(MESSAGE) == job_id
    assert (await queue.counts())["waiting"] == 0

    # And the memory of it has a date
    assert 0 < await redis_client.ttl(f"{prefix}:message:accepted:{job_id}") <= REMEMBER_SECONDS


async def test_the_same_id_with_another_body_is_an_error(hub: Hub, producer: Producer) -> None:
    """Never a silent drop: the caller learns that this id was used for something else."""
    await producer.add_message_job(MESSAGE)

    with pytest.raises(IdConflict, match="was accepted before with different data"):
        await producer.add_message_job(MESSAGE, content="something else")

    assert (await Queue("message", hub=hub).counts())["waiting"] == 1


async def test_an_id_that_a_node_producer_used_is_compared_by_its_data(hub: Hub, producer: Producer) -> None:
    """Jobs added without our memory of ids are duplicates or conflicts all the same."""
    ours = await producer.add_message_job(MESSAGE)
    queue = Queue("message", hub=hub)
    await hub.commands.call("DEL", queue.keys.accepted_key(ours))
    reordered = json.dumps(dict(reversed(MESSAGE.items())))
    await hub.commands.call("HSET", queue.keys.job(ours), "data", reordered)

    assert await producer.add_message_job(MESSAGE) == ours
    with pytest.raises(IdConflict):
        await producer.add_message_job(MESSAGE, content="something else")


async def test_an_automation_waits_for_its_delay_or_its_time(hub: Hub, producer: Producer) -> None:
    """The delay that is given, else scheduledFor, else now; a time that has passed is now."""
    automation = {
        "organizationId": "org_123", "type": "reminder", "recipientNumber": "5511999999999", "content": "Olá",
    }  # fmt: skip
    far = 4_000_000_000_000

    await producer.add_automation_job(automation, automationId="by-delay", delay_ms=3_600_000)
    await producer.add_automation_job(automation, automationId="past", scheduledFor=1_000_000_000_000)
    with pytest.raises(InvalidPayload, match="scheduledFor"):
        await producer.add_automation_job(automation, automationId="too-far", scheduledFor=far)

    queue = Queue("automation", hub=hub)
    assert [(job.data["automationId"], job.delay_ms) for job in await queue.jobs("delayed")] == [  # type: ignore[call-overload,index]
        ("by-delay", 3_600_000)
    ]
    assert [job.data["automationId"] for job in await queue.jobs("prioritized")] == ["past"]  # type: ignore[call-overload,index]


async def test_a_dead_letter_by_hand(hub: Hub, producer: Producer) -> None:
    """Under the agreed name and id; writing it twice is one letter."""
    for _ in range(2):
        letter_id = await producer.send_to_dlq(
            originalQueue="message", originalJobId="msg-1", failedReason="given up by support", data=MESSAGE
        )

    [letter] = await Queue("dead-letter", hub=hub).jobs("wait")
    assert (letter.id, letter.name) == (letter_id, "failed-job") == ("dlq-message-msg-1", "failed-job")


async def test_a_lost_reply_adds_once(redis_url: str, prefix: str) -> None:
    """The reply to the add is lost, the call repeats it by itself, and there is one job."""
    port = int(redis_url.rsplit(":", 1)[1].split("/")[0])
    async with FaultProxy(port) as proxy:
        hub = Hub(f"redis://127.0.0.1:{proxy.port}", prefix=prefix)
        try:
            producer = Producer(hub, POLICIES)
            await producer.add_message_job(MESSAGE, messageId="warm-up")
            proxy.drop_reply_matching(lambda request: b"EVALSHA" in request)

            await producer.add_message_job(MESSAGE)

            assert (await Queue("message", hub=hub).counts())["waiting"] == 2
        finally:
            await hub.close()


async def test_without_redis_a_caller_learns_it_in_time(start_redis: StartRedis) -> None:
    """An error that says what to check, within the deadline, and nothing is half added."""
    server = start_redis()
    hub = Hub(server.url)
    producer = Producer(hub, POLICIES)
    await producer.add_message_job(MESSAGE)
    await asyncio.to_thread(server.kill)

    with pytest.raises(QueueUnavailable, match=r"cannot be reached|broke"):
        await asyncio.wait_for(producer.add_message_job(MESSAGE, messageId="other"), 10)
    await hub.close()


@pytest.mark.parametrize(("away_ms", "problem"), [(-3_600_000, "is in the past"), (400 * 86_400_000, "366 days")])
async def test_a_campaign_that_is_to_begin_when_nobody_can_mean(
    producer: Producer, hub: Hub, away_ms: int, problem: str
) -> None:
    with pytest.raises(InvalidPayload, match=f"startAt: .*{problem}"):
        await producer.add_campaign_job(
            campaign_id="c", organization_id="o", template="Olá", recipients=["5511999990001"],
            start_at=now_ms() + away_ms,
        )  # fmt: skip
    assert (await Queue("campaign", hub=hub).counts())["waiting"] == 0
