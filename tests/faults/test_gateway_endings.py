"""Every way in which a gateway fails, at once, with a real worker: what goes out, how often, and what becomes of it."""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass
from typing import Literal

import pytest

from oxyq import redis_keys
from oxyq.app import App
from oxyq.dead_letters import Filter
from oxyq.gateways.simulator import (
    ASKS_TO_SLOW_DOWN,
    ASKS_TO_SPARE_A_PERSON,
    FAILS_FIRST,
    LOSES_THE_REPLY,
    NEVER_GETS_THROUGH,
    NOT_ON_WHATSAPP,
)
from tests.faults.reminders import QUEUE, ended, people, remind
from tests.faults.worker_processes import TUNED, are_working
from tests.journeys.conftest import ORGANIZATION, StartProcess, WhatsApp, campaign_ended


@dataclass(frozen=True)
class Expected:
    """What becomes of a reminder in three attempts: how often it goes out, is taken and is tried, and how it ends."""

    sends: int
    runs: int
    attempts: int
    ending: Literal["sent", "unconfirmed", "exhausted", "discarded"]


ENDINGS = {
    "0000": Expected(1, 1, 1, "sent"),
    # Before it was sent: tried again, as often as it may be.
    NEVER_GETS_THROUGH: Expected(0, 3, 3, "exhausted"),
    FAILS_FIRST: Expected(1, 2, 2, "sent"),
    # It went out and the answer is lost: once more, and then nobody knows.
    LOSES_THE_REPLY: Expected(2, 2, 2, "unconfirmed"),
    # Asked to slow down: it waits, and no attempt is used.
    ASKS_TO_SLOW_DOWN: Expected(1, 2, 1, "sent"),
    ASKS_TO_SPARE_A_PERSON: Expected(1, 2, 1, "sent"),
    # It never will: not tried again.
    NOT_ON_WHATSAPP: Expected(0, 1, 1, "discarded"),
}


@pytest.fixture
def environment(environment: dict[str, str]) -> dict[str, str]:
    """This installation's, with short pauses between attempts."""
    return environment | {"OXYQ_AUTOMATION_BACKOFF_SECONDS": "0.1"}


async def test_reminders(app: App, start_oxyq: StartProcess, whatsapp: WhatsApp) -> None:
    # Given a person for each way to fail, each by a number of its own: some ask their number to slow down
    shop = await app.organizations.get(ORGANIZATION)
    assert shop is not None
    await app.organizations.save(shop.model_copy(update={"instances": [f"wa_{ending}" for ending in ENDINGS]}))
    numbers = {ending: people(1, ending)[0] for ending in ENDINGS}

    # When all are reminded
    await are_working(start_oxyq("workers", QUEUE, **TUNED))
    jobs = {ending: (await remind(app, [number], instance_id=f"wa_{ending}"))[0] for ending, number in numbers.items()}
    records = dict(zip(jobs, await ended(app, list(jobs.values())), strict=True))

    # Then each ended as it must
    sends = Counter(message.to for message in whatsapp.received)
    kinds = {letter.job_id: letter.kind async for letter in app.dead_letters.find(Filter(organization_id=ORGANIZATION))}
    found = {}
    for ending, record in records.items():
        status = record.result.get("status") if isinstance(record.result, dict) else kinds.get(record.id)
        found[ending] = (sends[numbers[ending]], record.attempts_started, record.attempts_made, status)
    assert found == {
        ending: (expected.sends, expected.runs, expected.attempts, expected.ending)
        for ending, expected in ENDINGS.items()
    }


async def test_a_campaign(app: App, start_oxyq: StartProcess, whatsapp: WhatsApp) -> None:
    """As reminders, but that nothing of a campaign is sent again which may have gone out."""
    numbers = {ending: people(1, ending)[0] for ending in ENDINGS}
    start_oxyq("workers", "campaign", OXYQ_CAMPAIGN_ATTEMPTS="3", OXYQ_CAMPAIGN_BACKOFF_SECONDS="0.1")
    await app.producer.add_campaign_job(
        campaign_id="c", organization_id=ORGANIZATION, template="Oi!", recipients=list(numbers.values())
    )

    counts = await campaign_ended(app, "c", len(ENDINGS))

    sends = Counter(message.to for message in whatsapp.received)
    assert {ending: sends[number] for ending, number in numbers.items()} == {
        ending: min(expected.sends, 1) for ending, expected in ENDINGS.items()
    }
    endings = Counter(expected.ending for expected in ENDINGS.values())
    assert (counts.sent, counts.unconfirmed) == (endings["sent"], endings["unconfirmed"])
    assert counts.failed == endings["exhausted"] + endings["discarded"]


async def test_a_number_that_is_to_slow_down_keeps_no_other_waiting_and_is_not_asked_all_the_time(
    app: App, start_oxyq: StartProcess, whatsapp: WhatsApp
) -> None:
    # Given three numbers
    slowed, *others = numbers = ["wa_slowed", "wa_2", "wa_3"]
    shop = await app.organizations.get(ORGANIZATION)
    assert shop is not None
    await app.organizations.save(shop.model_copy(update={"instances": numbers}))

    # When the first is asked to slow down for a second, and all have reminders to send
    await are_working(start_oxyq("workers", QUEUE, **TUNED))
    [asking] = await remind(app, people(1, ASKS_TO_SLOW_DOWN), instance_id=slowed)
    until_ms = await slowed_down_until(app, slowed)
    flowing = await remind(app, people(10, first=200), instance_id=others[0])
    waiting = [asking, *await remind(app, people(10, first=300), instance_id=slowed)]
    flowing += await remind(app, people(10, first=400), instance_id=others[1])
    flowed, waited = await ended(app, flowing), await ended(app, waiting)

    # Then the others send at once, and it sends nothing until the second is over
    sent_ms = {message.instance_id: list[int]() for message in whatsapp.received}
    for message in whatsapp.received:
        sent_ms[message.instance_id].append(message.at_ms)
    assert [len(sent_ms[number]) for number in numbers] == [11, 10, 10]
    assert min(sent_ms[slowed]) >= until_ms
    assert all(record.attempts_started == 1 for record in flowed)
    # And nobody used up an attempt by waiting, nor asked again and again
    assert all(record.attempts_made == 1 for record in flowed + waited)
    assert max(record.attempts_started for record in waited) <= 3


async def slowed_down_until(app: App, instance_id: str, seconds: float = 10.0) -> int:
    """Wait until a number was asked to slow down, and return until when (ms since 1970)."""
    key = f"{redis_keys.pacing_number(ORGANIZATION, instance_id, prefix=app.settings.redis_prefix)}:slowed:number"
    deadline = time.monotonic() + seconds
    while (until_ms := await app.redis.get(key)) is None:
        assert time.monotonic() < deadline, "it was not asked to"
        await asyncio.sleep(0.005)
    return int(until_ms)
