"""The reply of each command in turn is lost after Redis executed it: still one job, one send, and nothing left over.

First a clean run writes down all commands of a whole journey, from the first connection to the last ending. Then the
journey is made as many times as it has commands, and each time another reply is lost, with its connection.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

import pytest

from oxyq.answering import ConversationSettings
from oxyq.app import App, open_app
from oxyq.campaigns.progress import progress
from oxyq.engine import Entry, Queue, Worker
from oxyq.errors import QueueUnavailable
from oxyq.gateways.simulator import read_log
from oxyq.organizations import demo_organization
from oxyq.process import running_workers
from oxyq.settings import load_settings
from tests.fault_proxy import FaultProxy
from tests.integration.engine.journal import Journal, eventually
from tests.journeys.conftest import ORGANIZATION, campaign_ended
from tests.redis_server import RedisServer

T = TypeVar("T")
#: Journeys side by side; each mostly waits.
AT_ONCE = 20
QUEUES = ("AUTOMATION", "CAMPAIGN", "MESSAGE")
PEOPLE = [f"55119{n:06d}00" for n in range(3)]


@dataclass
class Journey:
    """One way through an installation of its own, on which the reply of the `nth` command is lost (0: none)."""

    prefix: str
    folder: Path
    nth: int
    problem: str = ""
    """What was wrong in the end, if something was."""
    seconds: float = 0.0
    """From the first add to the last ending."""
    requests: list[bytes] = field(default_factory=list)
    """What was asked, up to the end."""

    def is_the_one(self, request: bytes) -> bool:
        self.requests.append(request)
        return len(self.requests) == self.nth

    @property
    def lost(self) -> str | None:
        """The command whose reply was lost; None when there were not so many this time."""
        if not 0 < self.nth <= len(self.requests):
            return None
        return self.requests[self.nth - 1][:120].decode(errors="replace")

    @property
    def sent(self) -> list[str]:
        return sorted(message.to for message in read_log(self.folder / "simulator.jsonl"))

    def environment(self, redis_url: str) -> dict[str, str]:
        quick = {f"OXYQ_{queue}_BACKOFF_SECONDS": "0.05" for queue in QUEUES}
        unlimited = {f"OXYQ_{queue}_RATE": "100000/1" for queue in QUEUES}
        place = {"OXYQ_REDIS_PREFIX": self.prefix, "OXYQ_DATA_DIR": str(self.folder), "REDIS_URL": redis_url}
        return {**place, **quick, **unlimited}


async def as_told(add: Callable[[], Awaitable[T]]) -> T:
    """Whoever hears that nobody knows does the same again."""
    while True:
        try:
            return await add()
        except QueueUnavailable:
            continue


async def reminder(app: App, look: App) -> None:
    """Add a reminder; done when its job is completed, and was the only one."""
    body = {
        "automationId": "auto-1", "organizationId": ORGANIZATION, "type": "reminder", "content": "oi",
        "transactional": True, "recipientNumber": PEOPLE[0],
    }  # fmt: skip
    job_id = await as_told(partial(app.producer.add_automation_job, body))
    await eventually(lambda: look.queues["automation"].state(job_id), "completed", within=30)
    assert await jobs_of(look, "automation") == {"completed": 1}


async def answer(app: App, look: App) -> None:
    """Somebody writes; done when the job that answers is completed, and was the only one."""
    body = {
        "organizationId": ORGANIZATION, "instanceId": "wa_demo", "from": PEOPLE[0], "messageId": "m-1",
        "content": "qual o preço do banho?", "timestamp": int(time.time() * 1000),
    }  # fmt: skip
    job_id = await as_told(partial(app.producer.add_message_job, body))
    await eventually(lambda: look.queues["message"].state(job_id), "completed", within=30)
    assert await jobs_of(look, "message") == {"completed": 1}


async def campaign(app: App, look: App) -> None:
    """Add a campaign; done when all its jobs are, one for each recipient."""
    body = {"campaignId": "c", "organizationId": ORGANIZATION, "template": "oi", "recipients": PEOPLE}
    await as_told(partial(app.producer.add_campaign_job, body))
    await campaign_ended(look, "c", len(PEOPLE), seconds=40)
    stored = await look.campaigns.get(ORGANIZATION, "c")
    assert stored is not None
    assert progress(stored).sent == len(PEOPLE), progress(stored)


async def jobs_of(app: App, queue: str) -> dict[str, int]:
    return {state: count for state, count in (await app.queues[queue].counts()).items() if count}


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("queue", "travel", "people"),
    [("automation", reminder, PEOPLE[:1]), ("message", answer, PEOPLE[:1]), ("campaign", campaign, PEOPLE)],
    ids=["reminder", "answer", "campaign"],
)
async def test_whichever_reply_is_lost_it_is_one_job_and_one_message(
    redis_server: RedisServer,
    prefix: str,
    tmp_path: Path,
    queue: str,
    travel: Callable[[App, App], Awaitable[None]],
    people: list[str],
) -> None:
    at_once = asyncio.Semaphore(AT_ONCE)

    async def make(nth: int) -> Journey:
        folder = tmp_path / f"{nth}"
        folder.mkdir()
        journey = Journey(f"{prefix}-{nth}", folder, nth)
        async with (
            at_once,
            FaultProxy(redis_server.port) as proxy,
            # Somebody who looks on over connections of his own
            open_app(load_settings(journey.environment(redis_server.url))) as look,
        ):
            shop = {"id": ORGANIZATION, "conversation": ConversationSettings(quiet_seconds=0)}
            await look.organizations.save(demo_organization().model_copy(update=shop))
            proxy.drop_reply_matching(journey.is_the_one)
            async with (
                open_app(load_settings(journey.environment(proxy.url))) as app,
                running_workers(app, [queue]),
            ):
                started = time.monotonic()
                try:
                    await travel(app, look)
                except AssertionError as error:
                    journey.problem = str(error)
                journey.seconds = time.monotonic() - started
            assert await look.dead_letters.count() == 0
        return journey

    # Given all commands of a journey on which nothing is lost (the second: the scripts are loaded then)
    await make(-1)
    clean = await make(0)
    assert clean.sent == people

    # When each of them loses its reply, then the end is the same
    async with asyncio.TaskGroup() as group:
        made = [group.create_task(make(nth)) for nth in range(1, len(clean.requests) + 1)]
    journeys = [task.result() for task in made]
    lost = [journey.lost for journey in journeys if journey.lost is not None]
    kinds = Counter(command.split(" ", 1)[0] for command in lost)
    slowest = max(journeys, key=lambda journey: journey.seconds)
    print(f"{len(clean.requests)} commands, {len(lost)} replies lost, slowest {slowest.seconds:.1f} s: {dict(kinds)}")
    wrong = [(each.nth, each.lost, each.problem, each.sent) for each in journeys if each.problem or each.sent != people]
    assert not wrong
    # The order of what happens at once is never quite the same; most of them must have been hit all the same.
    assert len(lost) >= 0.9 * len(clean.requests)


async def add_one(queue: Queue) -> list[str]:
    return [await queue.add("task", {}, job_id="t-1")]


async def add_many(queue: Queue) -> list[str]:
    """More than fit into one call (engine/adding.py)."""
    return await queue.add_many([Entry("task", {"n": n}, f"t-{n}") for n in range(90)])


@pytest.mark.parametrize("add", [add_one, add_many])
async def test_whichever_reply_is_lost_to_a_redis_without_scripts_each_job_is_added_and_run_once(
    own_redis: RedisServer, add: Callable[[Queue], Awaitable[list[str]]]
) -> None:
    """The scripts have to be loaded again each time, so those replies are lost too."""

    async def make(nth: int) -> int:
        """One journey; gives how many commands it had."""
        requests: list[bytes] = []
        runs: Journal[str] = Journal()

        async def handler(job):
            runs.note(job.id)

        def is_the_one(request: bytes) -> bool:
            requests.append(request)
            return len(requests) == nth

        with own_redis.client() as client:
            client.flushall()
            client.script_flush()
        async with FaultProxy(own_redis.port) as proxy:
            proxy.drop_reply_matching(is_the_one)
            queue = Queue("work", redis_url=proxy.url)
            ids = await as_told(partial(add, queue))
            worker = Worker("work", handler, redis_url=proxy.url, concurrency=50)
            await worker.start()
            await runs.until(len(ids))
            await eventually(partial(completed, own_redis), len(ids))
            await worker.stop()
            await queue.close()
        assert sorted(runs.entries) == sorted(ids), requests[nth - 1][:100]
        return len(requests)

    # Given
    commands = await make(0)

    # When, Then
    for nth in range(1, commands + 1):
        await make(nth)
    print(f"{commands} commands")


async def completed(server: RedisServer) -> int:
    with server.client() as client:
        return client.zcard("bull:work:completed")
