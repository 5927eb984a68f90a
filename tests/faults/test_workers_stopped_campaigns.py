"""Campaigns are cancelled and paused a hundred times while a worker sends them."""

import asyncio
import random
import time

import pytest

from oxyq.app import App
from oxyq.campaigns.progress import progress
from oxyq.errors import NotAllowed
from tests.faults.worker_processes import TUNED, are_working
from tests.integration.engine.journal import eventually
from tests.journeys.conftest import ORGANIZATION, StartProcess, WhatsApp, campaign_ended

CAMPAIGNS, AT_ONCE, RECIPIENTS, CONCURRENCY = 100, 10, 30, 10


async def waiting_or_in_hand(app: App) -> int:
    counts = await app.queues["campaign"].counts()
    return counts["waiting"] + counts["active"]


@pytest.mark.timeout(180)
async def test_nothing_goes_out_after_the_answer_but_what_was_in_hand_and_nobody_gets_it_twice(
    app: App, start_oxyq: StartProcess, whatsapp: WhatsApp
) -> None:
    # Given a worker that sends campaigns
    worker = start_oxyq("workers", "campaign", OXYQ_CAMPAIGN_CONCURRENCY=str(CONCURRENCY), **TUNED)
    await are_working(worker)
    chance, answered_ms = random.Random(7), dict[str, float]()

    async def race(number: int) -> None:
        """Let one begin; after some moment cancel it, or pause it and let it go on."""
        campaign_id = f"race-{number}"
        await app.producer.add_campaign_job(
            campaign_id=campaign_id, organization_id=ORGANIZATION, template=campaign_id,
            recipients=[f"5511{900_000_000 + 1_000 * number + 10 * person}" for person in range(RECIPIENTS)],
        )  # fmt: skip
        await until_known(app, campaign_id)
        await asyncio.sleep(chance.uniform(0, 0.3))
        try:
            if number % 2:
                await app.campaign_control.cancel(ORGANIZATION, campaign_id)
                answered_ms[campaign_id] = time.time() * 1000
            else:
                await app.campaign_control.pause(ORGANIZATION, campaign_id)
                await app.campaign_control.resume(ORGANIZATION, campaign_id)
        except NotAllowed:
            pass  # it was over before

    # When each of a hundred is cancelled or paused in the middle, some of them at once
    for first in range(0, CAMPAIGNS, AT_ONCE):
        await asyncio.gather(*(race(number) for number in range(first, first + AT_ONCE)))
    for number in range(CAMPAIGNS):
        if f"race-{number}" not in answered_ms:
            await campaign_ended(app, f"race-{number}", RECIPIENTS)
    await eventually(lambda: waiting_or_in_hand(app), 0, within=30)

    # Then after the answer to a cancel no more went out than was in hand
    received = whatsapp.received
    late = [message for message in received if message.at_ms > answered_ms.get(message.text, float("inf"))]
    print(f"\n{len(answered_ms)} cancelled, {len(received)} messages, {len(late)} of them after a cancel was answered")
    assert len(answered_ms) >= CAMPAIGNS / 10
    assert len(late) <= CONCURRENCY
    # And everybody of each campaign got it once, or never will
    assert len({message.key for message in received}) == len(received)
    for number in range(CAMPAIGNS):
        ended = progress(await app.campaign_control.find(ORGANIZATION, f"race-{number}"))
        sent = sum(message.text == f"race-{number}" for message in received)
        assert (ended.sent, ended.sent + ended.cancelled, ended.unconfirmed) == (sent, RECIPIENTS, 0)


async def until_known(app: App, campaign_id: str, seconds: float = 30.0) -> None:
    """Wait until the worker has taken the campaign in."""
    deadline = time.monotonic() + seconds
    while await app.campaigns.get(ORGANIZATION, campaign_id) is None:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)
