"""What a newer release adds is left for it: delayed and not failed, told now and then, and given up after a day."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import redis.asyncio

from oxyq import jobs, redis_keys
from oxyq.app import App
from oxyq.dead_letters import DeadLetter, Filter
from oxyq.engine.events import JobPostponed, WorkerTrouble
from oxyq.errors import InvalidPayload, NewerPayload
from oxyq.jobs import CampaignRun, InboundMessage, PersonReply, decode, wire
from oxyq.process import running_workers
from oxyq.telemetry.events import Event
from tests.journeys.conftest import ORGANIZATION, WhatsApp

MESSAGE = {
    "organizationId": ORGANIZATION, "instanceId": "wa_1", "from": "5511999990001@c.us", "content": "Que horas abrem?",
    "messageId": "m-1", "timestamp": 1_795_377_084_000,
}  # fmt: skip


class Heard:
    """What the workers of this process tell."""

    def __init__(self, app: App) -> None:
        self.events = list[Event]()
        self._news = asyncio.Event()
        app.telemetry.listen(self._hear)

    def _hear(self, event: Event) -> None:
        self.events.append(event)
        self._news.set()

    async def postponed(self, count: int = 1) -> list[JobPostponed]:
        """Wait until so many jobs were put off."""
        async with asyncio.timeout(20):
            while len(found := [event for event in self.events if isinstance(event, JobPostponed)]) < count:
                self._news.clear()
                await self._news.wait()
        return found


@pytest.fixture
async def heard(app: App) -> AsyncIterator[Heard]:
    """Workers in this process, and what they tell."""
    heard = Heard(app)
    async with running_workers(app):
        yield heard


async def add(app: App, data: dict[str, Any], job_id: str = "job-of-tomorrow") -> str:
    """A job as another release adds it: with what this one's producer would refuse."""
    return await app.queues["message"].add("message", data, job_id=job_id)


async def test_a_newer_job_is_put_off_for_a_minute_and_uses_no_attempt(
    app: App, heard: Heard, redis_client: "redis.asyncio.Redis", prefix: str
) -> None:
    # When a job of a later version comes, and one of a kind that only a later release knows
    now_ms = time.time() * 1000
    await add(app, {**MESSAGE, "v": 2})
    await add(app, {"kind": "person.reaction", "organizationId": ORGANIZATION}, "another")
    postponed = await heard.postponed(2)

    # Then both wait for a minute, untouched
    queue = app.queues["message"]
    assert {event.job.id for event in postponed} == {"job-of-tomorrow", "another"}
    for job_id, score in await queue.delayed_ids():
        assert now_ms + 55_000 <= score // 4096 <= now_ms + 90_000  # as BullMQ writes times
        assert await redis_client.hget(f"{prefix}:message:{job_id}", "atm") in (None, "0")
    assert (await queue.counts())["delayed"] == 2
    # And it was told once, naming a job and what to do
    [told] = [one.text for one in heard.events if isinstance(one, WorkerTrouble) and "newer" in one.text]
    assert "for a newer release: v: is 2, and this release reads 1 at most" in told


async def test_the_newer_release_takes_it(
    app: App, heard: Heard, whatsapp: WhatsApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a job that was left for a newer release
    await add(app, {**MESSAGE, "v": 2, "timestamp": int(time.time() * 1000)})
    await heard.postponed()

    # When workers that can read it find it due
    monkeypatch.setattr(jobs, "VERSION", 2)
    await app.queues["message"].promote("job-of-tomorrow")

    # Then it is done, and once
    assert len(await whatsapp.until(1)) == 1


async def test_after_a_day_it_is_a_dead_letter_that_says_why(
    app: App, redis_client: "redis.asyncio.Redis", prefix: str
) -> None:
    # Given a job that workers have met for more than a day
    day_ago_ms = int(time.time() * 1000) - 24 * 3600 * 1000 - 1000
    await redis_client.set(redis_keys.newer_job("message", "job-of-tomorrow", prefix=prefix), day_ago_ms)
    data = {**MESSAGE, "v": 7, "shape": ["of", "tomorrow"]}
    await add(app, data)

    # When one meets it again
    async with running_workers(app):
        letter = await buried(app)

    # Then it is kept as it is, for whoever can read it
    assert letter.data == data
    assert "reads 1 at most" in letter.reason and "replay it" in letter.reason


async def buried(app: App, seconds: float = 20.0) -> DeadLetter:
    """Wait for the one dead letter."""
    deadline = time.monotonic() + seconds
    while not (letters := [one async for one in app.dead_letters.find(Filter(organization_id=ORGANIZATION))]):
        assert time.monotonic() < deadline, "there never was a dead letter"
        await asyncio.sleep(0.02)
    [letter] = letters
    return letter


@pytest.mark.parametrize(
    ("queue", "data", "field"),
    [
        ("message", {**MESSAGE, "v": 2}, "v"),
        ("automation", {"v": 3}, "v"),
        ("campaign", {"kind": "campaign.send", "v": 2}, "v"),
        ("campaign", {"kind": "campaign.pause", "campaignId": "c"}, "kind"),
        ("message", {"kind": "person.reaction"}, "kind"),
    ],
)
def test_what_is_newer_is_told_apart_from_what_is_wrong(queue: str, data: dict[str, Any], field: str) -> None:
    with pytest.raises(NewerPayload) as newer:
        decode(queue, data)
    assert newer.value.field == field


@pytest.mark.parametrize("version", [None, 0, 1, -1, True, "2", 2.0])
def test_what_is_no_later_version_is_read_as_ever(version: object) -> None:
    """Only a number above ours is a version; a field of somebody's own that is called so harms nothing."""
    assert isinstance(decode("message", {**MESSAGE, "v": version}), InboundMessage)


def test_a_kind_of_somebody_s_own_is_kept_with_a_message_that_fits() -> None:
    message = decode("message", {**MESSAGE, "kind": "whatsapp"})
    assert wire(message)["kind"] == "whatsapp"


def test_an_automation_has_no_kinds_so_a_bad_one_is_wrong_at_once() -> None:
    with pytest.raises(InvalidPayload) as wrong:
        decode("automation", {"kind": "reminder"})
    assert not isinstance(wrong.value, NewerPayload)


def test_version_1_is_written_as_it_ever_was() -> None:
    """Node and the release before this one read it: payloads that anybody adds carry no version, our own kinds 1."""
    assert "v" not in wire(jobs.parse_new(InboundMessage, MESSAGE))
    run = CampaignRun(campaign_id="c", organization_id="o", generation=2)
    assert json.dumps(wire(run)) == (
        '{"kind": "campaign.run", "v": 1, "campaignId": "c", "organizationId": "o", "generation": 2}'
    )
    reply = PersonReply(
        reply_id="r", organization_id="o", instance_id="i", recipient="5511999990001", text="Oi", by="b"
    )
    assert wire(reply)["v"] == 1
