"""100,000 dead letters: grouped with progress, purged as a task; and Redis is never busy with any of it for long."""

import json
from collections.abc import AsyncIterator

import pytest
import redis.asyncio

from oxyq.dead_letters import DeadLetters, Filter
from oxyq.engine import Hub
from oxyq.operating.bulk.task import TaskOrder
from oxyq.operating.bulk.tasks import BulkTasks
from oxyq.operating.dead_letter_groups import DeadLetterGroups
from oxyq.operating.dead_letter_tasks import PurgeLetters, ReplayLetters
from oxyq.telemetry.events import Telemetry
from tests.integration.engine.journal import eventually
from tests.redis_server import RedisServer

LETTERS = 100_000
#: What a person may wait for any answer of Redis while the board works.
MOST_MS = 10

SEED = """
for number = ARGV[1] + 1, ARGV[1] + ARGV[2] do
  local id = "dlq-campaign-send-" .. string.format("%032d", number)
  local reason = "send-" .. string.format("%032d", number) .. "/0: " .. cjson.decode(ARGV[3])[number % 4 + 1]
  local data = string.gsub(string.gsub(ARGV[4], "REASON", reason), "NUMBER", number)
  redis.call("HSET", KEYS[1] .. id, "name", "failed-job", "data", data, "opts", "{}", "timestamp", number)
  redis.call("LPUSH", KEYS[1] .. "wait", id)
end
"""
REASONS = [
    "no connection (ConnectError); nothing was sent",
    "the number is not on WhatsApp",
    "Meta refused it, code 131026: Message undeliverable",
    "answered 502 without saying what became of it",
]
LETTER = {
    "originalQueue": "campaign", "originalJobId": "send-NUMBER", "originalJobName": "campaign-send",
    "organizationId": "org_123", "failedReason": "REASON", "kind": "exhausted", "attemptsMade": 3,
    "data": {"kind": "campaign.send", "organizationId": "org_123", "recipient": "5511999998888", "text": "Olá! " * 100},
    "opts": {"attempts": 3}, "attempts": [{"attempt": 3, "at": 1, "error": "REASON"}] * 3, "replays": [],
    "failedAt": 1_795_377_084_000,
}  # fmt: skip


@pytest.fixture
async def server(own_redis: RedisServer) -> AsyncIterator[redis.asyncio.Redis]:
    """A server of the test's own with 100,000 dead letters, which counts from now on how long each command takes."""
    async with redis.asyncio.Redis.from_url(own_redis.url, decode_responses=True) as client:
        letter = json.dumps(LETTER)
        for start in range(0, LETTERS, 2_000):
            await client.eval(SEED, 1, "bull:dead-letter:", str(start), "2000", json.dumps(REASONS), letter)  # type: ignore[misc]
        await client.config_resetstat()
        yield client


@pytest.fixture
async def hub(own_redis: RedisServer) -> AsyncIterator[Hub]:
    hub = Hub(own_redis.url)
    yield hub
    await hub.close()


async def too_long(client: redis.asyncio.Redis) -> dict[str, float]:
    """Commands that keep the server busy for too long, in µs a call: by kind, since a busy machine interrupts some."""
    stats = await client.info("commandstats")
    return {name: one["usec_per_call"] for name, one in stats.items() if one["usec_per_call"] > MOST_MS * 1000}


@pytest.mark.timeout(90)
async def test_a_hundred_thousand_letters_are_grouped_with_progress(server: redis.asyncio.Redis, hub: Hub) -> None:
    letters = DeadLetters(hub)
    groups = DeadLetterGroups(letters)

    # When somebody asks, the answer comes soon, and says how far the look is
    first = await groups.groups(Filter())
    assert not first.is_complete
    assert 0 < first.looked_at < first.total == LETTERS
    assert sum(group.count for group in first.groups) == first.looked_at

    # and whoever asks meanwhile shares the look, until it has seen all
    async def is_complete() -> bool:
        return (await groups.groups(Filter())).is_complete

    await eventually(is_complete, True, within=40)
    whole = await groups.groups(Filter())
    assert {group.error.error_class.name: group.count for group in whole.groups} == dict.fromkeys(
        ("connection", "not_on_whatsapp", "suppressed", "unconfirmed"), LETTERS // 4
    )

    # The look is shared and kept, so that asking again costs nothing
    assert (await groups.groups(Filter())).as_of_ms == whole.as_of_ms

    # A page of a group is read at once, wherever it lies
    page = await groups.page(Filter(error_class="suppressed"), limit=50)
    assert (len(page.letters), page.count) == (50, LETTERS // 4)
    assert await too_long(server) == {}
    await groups.close()


@pytest.mark.timeout(120)
async def test_a_group_of_them_is_purged_and_the_others_stay(server: redis.asyncio.Redis, hub: Hub) -> None:
    letters = DeadLetters(hub)
    groups = DeadLetterGroups(letters)
    tasks = BulkTasks(hub, [ReplayLetters(letters, groups), PurgeLetters(letters, groups)], Telemetry())

    async with tasks.running():
        order = TaskOrder("purge", "dead-letter", {"filter": {"errorClass": "not_on_whatsapp"}}, by="ana")
        task = await tasks.start(order)

        async def has_ended() -> bool:
            return (await tasks.get(task.id)).has_ended

        await eventually(has_ended, True, within=60)
        ended = await tasks.get(task.id)

    assert (ended.state, ended.tally.done, ended.tally.failed) == ("done", LETTERS // 4, 0)
    assert await letters.count() == LETTERS * 3 // 4
    assert await too_long(server) == {}
    await groups.close()
