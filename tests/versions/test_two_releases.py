"""This release and the one before it on one queue: each works what the other added, and a campaign changes hands."""

import asyncio
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from oxyq.app import App
from oxyq.campaigns.campaign import Campaign
from oxyq.dead_letters import Filter
from tests.journeys.conftest import ORGANIZATION, OxyqProcess, WhatsApp, campaign_ended
from tests.versions.conftest import Releases

OTHER = {"this": "previous", "previous": "this"}
BOTH = pytest.mark.parametrize("adder", ["previous", "this"])
#: Enough that a campaign is planned in several pieces and released in more than one window of 2,000.
RECIPIENTS = 3_000
EACH = 60


def message(number: str, name: str) -> tuple[str, dict[str, Any]]:
    """Somebody writes."""
    return "message", {
        "organizationId": ORGANIZATION, "instanceId": "wa_1", "from": f"{number}@c.us", "messageId": f"m-{name}",
        "content": "Que horas vocês abrem? 🐶", "timestamp": int(time.time() * 1000),
    }  # fmt: skip


def reminder(number: str, name: str, **more: Any) -> tuple[str, dict[str, Any]]:
    """A reminder for somebody."""
    return "automation", {
        "automationId": f"a-{name}", "organizationId": ORGANIZATION, "type": "reminder", "recipientNumber": number,
        "content": f"Lembrete {name}", "metadata": {"bookingId": name, "níveis": [1, 2.5, None]}, **more,
    }  # fmt: skip


def campaign(campaign_id: str, recipients: list[str]) -> tuple[str, dict[str, Any]]:
    """A campaign."""
    return "campaign", {
        "campaignId": campaign_id, "organizationId": ORGANIZATION, "recipients": recipients,
        "template": "{Oi|Olá} {{name}}, promoção de banho!", "variables": {"name": "cliente"},
    }  # fmt: skip


def people(first: int, count: int) -> list[str]:
    """So many numbers that the simulator plays no tricks with."""
    return [f"5511{first * 10_000_000 + 10 * number}" for number in range(90, 90 + count)]


def told(process: OxyqProcess, event: str) -> Iterator[dict[str, Any]]:
    """What a process told of one kind of event."""
    for line in process.output.splitlines():
        # What is said before the log begins is for people.
        if line.startswith("{") and (said := json.loads(line)).get("event") == event:
            yield said


async def until_it_is_heard(app: App, seconds: float = 30.0) -> None:
    """Wait until a worker process has said that it lives, which is a moment after it began to take jobs."""
    deadline = time.monotonic() + seconds
    while not await app.heartbeats.alive():
        assert time.monotonic() < deadline, "no worker process was heard"
        await asyncio.sleep(0.05)


async def nothing_is_buried_or_stuck(app: App) -> None:
    """No dead letter, and no job in any hand."""
    assert [letter async for letter in app.dead_letters.find(Filter())] == []
    await ended(app)  # a canary is in a hand for a moment


async def ended(app: App, seconds: float = 30.0) -> None:
    """Wait until every queue is empty."""
    deadline = time.monotonic() + seconds
    while any(
        open_jobs := {
            f"{name} {state}": counts[state]
            for name, counts in (await app.queue_counts()).items()
            for state in ("waiting", "active", "delayed", "prioritized")
            if counts.get(state)
        }
    ):
        assert time.monotonic() < deadline, open_jobs
        await asyncio.sleep(0.05)


@BOTH
async def test_each_release_works_what_the_other_added(
    app: App, releases: Releases, whatsapp: WhatsApp, adder: str
) -> None:
    # Given workers of one release
    worker = releases.start(OTHER[adder], "workers", "start")

    # When a program of the other adds messages, reminders now and later, and a campaign, some of it twice
    due_ms = int(time.time() * 1000) + 3_000
    jobs = [
        message("5511999990010", "1"), message("5511999990020", "2"), message("5511999990010", "1"),
        reminder("5511999990030", "now"), reminder("5511999990040", "later", scheduledFor=due_ms),
        campaign("c-1", people(91, 20)),
    ]  # fmt: skip
    jobs[2] = jobs[0]
    ids = await releases.add(adder, jobs)
    assert ids[2] == ids[0]

    # Then each arrives once: two answers, two reminders, the campaign and its summary for the owner
    received = await whatsapp.until(2 + 2 + 20 + 1)
    await ended(app)
    assert len({one.key for one in received}) == len(whatsapp.received) == 25
    assert all(one.at_ms >= due_ms for one in received if one.text == "Lembrete later")
    await nothing_is_buried_or_stuck(app)
    assert not list(told(worker, "job.failed"))


async def test_both_work_side_by_side_while_programs_of_both_add(
    app: App, releases: Releases, whatsapp: WhatsApp
) -> None:
    # Given a worker process of each release, of which this one would send canaries that the other does not know
    workers = {"previous": releases.start("previous", "workers", "start")}
    await until_it_is_heard(app)
    workers["this"] = releases.start("this", "workers", "start", OXYQ_CANARY_SECONDS="0.5")
    await workers["this"].until_it_says('{"news": "working on')

    # When programs of both add, also the same facts, while a campaign is under way
    shared = [message(number, f"both-{number}") for number in people(92, EACH)]
    own = {
        "previous": [reminder(number, f"p-{number}") for number in people(93, EACH)],
        "this": [reminder(number, f"t-{number}") for number in people(94, EACH)],
    }
    listed = people(95, 600)
    ids = await asyncio.gather(
        releases.add("previous", [campaign("c-2", listed), *shared, *own["previous"]]),
        releases.add("this", [campaign("c-2", listed), *shared, *own["this"]]),
    )

    # Then the same fact has the same id with both, each arrives once, and both had their part
    assert ids[0][: EACH + 1] == ids[1][: EACH + 1]
    counts = await campaign_ended(app, "c-2", len(listed))
    assert counts.sent == len(listed)
    received = await whatsapp.until(3 * EACH + len(listed) + 1, seconds=30)
    await ended(app)
    assert len({(one.to, one.text) for one in received}) == len(whatsapp.received) == 3 * EACH + len(listed) + 1
    await nothing_is_buried_or_stuck(app)
    for worker in workers.values():
        assert {line["queue"] for line in told(worker, "job.handled")} == {"message", "automation", "campaign"}
        assert not list(told(worker, "job.failed"))


@BOTH
async def test_a_campaign_that_one_release_began_is_finished_by_the_other(
    app: App, releases: Releases, whatsapp: WhatsApp, adder: str
) -> None:
    # Given a campaign that workers of one release have planned and partly sent
    recipients = people(96, RECIPIENTS)
    begun = releases.start(adder, "workers", "campaign", OXYQ_CAMPAIGN_RATE="300/1")
    await releases.add(adder, [campaign("c-3", recipients)])
    await reached(app, "c-3", 200)

    # When they are stopped, and workers of the other go on
    begun.popen.terminate()
    assert await begun.ended() == 0
    before = len(whatsapp.received)
    assert before < RECIPIENTS
    releases.start(OTHER[adder], "workers", "start")
    counts = await campaign_ended(app, "c-3", RECIPIENTS)

    # Then everybody got it, once
    sent = [one.to for one in whatsapp.received if "promoção" in one.text]
    assert sorted(sent) == sorted(recipients)
    assert (counts.sent, counts.unconfirmed, counts.failed) == (RECIPIENTS, 0, 0)
    await nothing_is_buried_or_stuck(app)


async def reached(app: App, campaign_id: str, sent: int, seconds: float = 40.0) -> None:
    """Wait until a campaign has so many sends behind it."""
    found: Campaign | None = None
    deadline = time.monotonic() + seconds
    while found is None or found.statuses["sent"] < sent:
        assert time.monotonic() < deadline, found
        found = await app.campaigns.get(ORGANIZATION, campaign_id)
        await asyncio.sleep(0.01)
