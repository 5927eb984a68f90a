"""Five deploys in a row while messages, automations and a campaign flow in and out: nothing lost, nothing twice."""

import asyncio
import itertools
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis.asyncio

from oxyq.access.tokens import issue
from oxyq.app import App
from oxyq.dead_letters import Filter
from oxyq.gateways.simulator import SLOW
from tests.journeys.conftest import ORGANIZATION, OxyqProcess, StartProcess, WhatsApp, campaign_ended
from tests.redis_server import free_port
from tests.versions.previous import unpacked

DEPLOYS = 5
#: At 200 a second it lasts for most of the deploys.
RECIPIENTS = 2_000
#: Seconds between two requests of each of the two programs that send them.
PACE = 0.05
SETTINGS = {
    "OXYQ_HOST": "127.0.0.1",
    "OXYQ_CAMPAIGN_RATE": "200/1",
    # All jobs are looked at in the end.
    "OXYQ_MESSAGE_KEEP_COMPLETED_COUNT": "100000",
    "OXYQ_AUTOMATION_KEEP_COMPLETED_COUNT": "100000",
    "OXYQ_CAMPAIGN_KEEP_COMPLETED_COUNT": "100000",
}


class Front:
    """What stands before the API, as a hosting platform's load balancer does: requests go to the newest instance that
    listens. An old one gets no new ones, and finishes those it has. Nothing is asked twice."""

    def __init__(self, token: str) -> None:
        self._token = token
        self._instances: list[httpx.AsyncClient] = []
        self.answers: Counter[int] = Counter()

    def switch_to(self, url: str) -> None:
        """Send new requests there."""
        self._instances.append(httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {self._token}"}))

    async def post(self, path: str, body: Mapping[str, Any]) -> str:
        """One request; gives the job's id. A refused connection fails the test."""
        answer = await self._instances[-1].post(path, json=body)
        self.answers[answer.status_code] += 1
        return str(answer.json().get("id"))

    async def close(self) -> None:
        """Close the connections to all instances."""
        for instance in self._instances:
            await instance.aclose()


@pytest.fixture
async def front(app: App) -> AsyncIterator[Front]:
    """The way in, whatever stands behind it."""
    front = Front(issue(app.settings, "program", "service", ORGANIZATION))
    yield front
    await front.close()


class Deployed:
    """Two worker processes and an API, replaced by new ones as a deploy does: the old end when the new ones work."""

    def __init__(self, start_oxyq: StartProcess, front: Front) -> None:
        self._start_oxyq = start_oxyq
        self._front = front
        self._running: list[OxyqProcess] = []
        self.ever: list[OxyqProcess] = []

    async def deploy(self, **changes: str) -> None:
        """Start the new ones, wait until they work, then end the old ones one after the other."""
        port = str(free_port())
        settings = {**SETTINGS, "OXYQ_PORT": port, **changes}
        new = [self._start_oxyq(*what, **settings) for what in (("workers", "start"), ("workers", "start"), ("api",))]
        for process in new[:2]:
            await process.until_it_says('{"news": "working on')
        await new[2].until_it_says('{"news": "API on')
        self._front.switch_to(f"http://127.0.0.1:{port}")
        self.ever += new
        await self.end()
        self._running = new

    async def end(self) -> None:
        """End those that run, as the platform does; each has to say that all went well."""
        for process in self._running:
            process.popen.terminate()
            assert await process.ended() == 0, process.output[-2000:]

    def told(self, event: str) -> list[dict[str, Any]]:
        """What all processes ever told of one kind of event."""
        # What is said before the log begins is for people.
        lines = (line for process in self.ever for line in process.output.splitlines() if line.startswith("{"))
        return [line for line in map(json.loads, lines) if line.get("event") == event]


def message(n: int) -> tuple[str, dict[str, Any], str]:
    """Somebody writes; where to post it, and who is to hear of it."""
    number = f"55119{30_000_000 + 10 * n}"
    body = {
        "organizationId": ORGANIZATION, "instanceId": "wa_1", "from": f"{number}@c.us", "messageId": f"m-{n}",
        "content": "Que horas vocês abrem?", "timestamp": int(time.time() * 1000),
    }  # fmt: skip
    return "/v1/messages", body, number


def reminder(n: int) -> tuple[str, dict[str, Any], str]:
    """A reminder; one in eight takes the gateway two seconds, so that each deploy meets some under way."""
    number = f"55219{1_000 + n}{SLOW if n % 8 == 0 else '0000'}"
    body = {
        "organizationId": ORGANIZATION, "automationId": f"a-{n}", "type": "reminder", "recipientNumber": number,
        "content": f"Lembrete {n}",
    }  # fmt: skip
    return "/v1/automations", body, number


async def keep_sending(
    front: Front, make: Callable[[int], tuple[str, dict[str, Any], str]], stop: asyncio.Event
) -> dict[str, str]:
    """Post one after the other until told to stop; gives the job of everybody who is to hear of it."""
    taken = dict[str, str]()
    for n in itertools.count():
        path, body, number = make(n)
        taken[number] = await front.post(path, body)
        try:
            await asyncio.wait_for(stop.wait(), PACE)
            return taken
        except TimeoutError:
            continue
    raise AssertionError("never")


@pytest.mark.timeout(300)
async def test_five_deploys_under_load_lose_nothing_and_do_nothing_twice(
    app: App,
    front: Front,
    start_oxyq: StartProcess,
    whatsapp: WhatsApp,
    redis_client: "redis.asyncio.Redis",
    prefix: str,
    tmp_path: Path,
) -> None:
    # Given the release before this one at work, and programs that hand in messages, reminders and a campaign
    deployed = Deployed(start_oxyq, front)
    await deployed.deploy(PYTHONPATH=str(unpacked(tmp_path / "previous")))
    stop = asyncio.Event()
    programs = [asyncio.create_task(keep_sending(front, make, stop)) for make in (message, reminder)]
    recipients = [f"55119{50_000_000 + 10 * n}" for n in range(RECIPIENTS)]
    await front.post(
        "/v1/campaigns",
        {
            "campaignId": "rolling", "organizationId": ORGANIZATION, "template": "Promoção!", "recipients": recipients,
        },
    )  # fmt: skip

    # When this release is deployed, and deployed again and again, all under way
    for _ in range(DEPLOYS):
        before = len(whatsapp.received)
        await deployed.deploy()
        await whatsapp.until(before + 10)
    stop.set()
    jobs = {number: job for program in programs for number, job in (await program).items()}
    counts = await campaign_ended(app, "rolling", RECIPIENTS)
    expected = Counter({number: 1 for number in (*jobs, *recipients)})
    await whatsapp.until(expected.total() + 1, seconds=40)  # and the summary for the owner
    await deployed.end()

    # Then every request was taken
    assert set(front.answers) == {202}
    # And everybody heard of it once, none may be twice, and none is unconfirmed
    received = whatsapp.received
    heard = Counter(one.to for one in received)
    assert heard - expected == {(await app.organizations.list())[0].owners[0]: 1}
    assert expected - heard == Counter()
    assert len({one.key for one in received}) == len(received)
    assert (counts.sent, counts.unconfirmed, counts.failed) == (RECIPIENTS, 0, 0)
    # And no job ran once more than it had to: none failed, lost its worker or was cut off, each was done once
    done = Counter(line["job"] for line in deployed.told("job.handled") if line["outcome"] == "done")
    assert set(done.values()) == {1} and set(jobs.values()) <= set(done)
    assert deployed.told("job.failed") == deployed.told("jobs.recovered") == deployed.told("job.dead") == []
    for queue in ("message", "automation", "campaign"):
        for job_id in await redis_client.zrange(f"{prefix}:{queue}:completed", 0, -1):
            made, stalled = await redis_client.hmget(f"{prefix}:{queue}:{job_id}", "atm", "stc")
            assert (made, stalled) == ("1", None), f"{job_id} ran more than once"
    assert [letter async for letter in app.dead_letters.find(Filter())] == []
