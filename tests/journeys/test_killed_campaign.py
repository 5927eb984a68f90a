"""A campaign whose workers are killed while they plan, release and send: one job each, and all are counted."""

import asyncio
import os
import random
import time
from collections.abc import Callable

import pytest

from oxyq.app import App
from oxyq.campaigns.campaign import Campaign
from tests.journeys.conftest import ORGANIZATION, StartProcess, WhatsApp, campaign_ended

#: Planned in some 24 pieces and released in some 9 windows, of which each takes a moment that a kill can meet.
RECIPIENTS, INVALID, DUPLICATES, OPTED_OUT = 12_000, 3, 700, 2
CONCURRENCY, KILLS = 20, 5
#: The moments of the kills; OXYQ_TEST_KILL_SEEDS=30 tries as many different ones, some ten minutes.
SEEDS = int(os.environ.get("OXYQ_TEST_KILL_SEEDS", "1"))

#: What a kill waits for before it strikes within the next moment.
PHASES: dict[str, Callable[[Campaign], bool]] = {
    "planning": lambda campaign: campaign.state == "planning" and campaign.planned_rows > 0,
    "releasing": lambda campaign: bool(campaign.places),
    "sending": lambda campaign: campaign.statuses["sent"] > 100,
}


@pytest.mark.timeout(240)
@pytest.mark.parametrize("seed", range(SEEDS))
async def test_nobody_is_lost_and_nobody_gets_it_twice(
    app: App, start_oxyq: StartProcess, whatsapp: WhatsApp, seed: int
) -> None:
    # Given a campaign with all kinds of recipients
    chance = random.Random(seed)
    numbers = [f"5511{910_000_000 + 10 * n}" for n in range(RECIPIENTS)]
    for number in numbers[:OPTED_OUT]:
        await app.contacts.opt_out(ORGANIZATION, number, source="test")
    await app.producer.add_campaign_job(
        campaign_id="killed", organization_id=ORGANIZATION, template="{Oi|Olá} {{name|cliente}}",
        recipients=[*numbers, *["123"] * INVALID, *numbers[-DUPLICATES:]],
    )  # fmt: skip
    workers = {
        "OXYQ_CAMPAIGN_CONCURRENCY": str(CONCURRENCY),
        "OXYQ_LOCK_SECONDS": "1",
        "OXYQ_STALLED_INTERVAL_SECONDS": "0.5",
        "OXYQ_MAX_STALLED": "20",
    }

    # When its worker is killed in every phase
    for kill in range(KILLS):
        worker = start_oxyq("workers", "campaign", **workers)
        await reached(app, list(PHASES)[min(kill, 2)])
        await asyncio.sleep(chance.uniform(0, 0.2 if kill < 2 else 0.6))
        worker.popen.kill()
        worker.popen.wait()
    start_oxyq("workers", "campaign", **workers)
    counts = await campaign_ended(app, "killed", RECIPIENTS + INVALID + DUPLICATES, seconds=120)

    # Then WhatsApp's own log has each recipient once at most, and everybody is accounted for
    received = [message.to for message in whatsapp.received]
    assert len(received) == len(set(received))
    assert set(received) <= set(numbers[OPTED_OUT:])
    assert counts.skipped == {"invalid": INVALID, "duplicate": DUPLICATES, "opted_out": OPTED_OUT}
    assert counts.sent + counts.unconfirmed == RECIPIENTS - OPTED_OUT
    assert (counts.failed, counts.waiting, counts.cancelled) == (0, 0, 0)
    assert len(received) - counts.sent <= counts.unconfirmed <= KILLS * CONCURRENCY
    # And nothing of it is left in the queue
    assert await app.campaigns.open_count(ORGANIZATION, "killed") == 0


async def reached(app: App, phase: str, seconds: float = 60.0) -> None:
    """Wait until the campaign is in this phase, or beyond."""
    deadline = time.monotonic() + seconds
    while True:
        campaign = await app.campaigns.get(ORGANIZATION, "killed")
        if campaign is not None and (PHASES[phase](campaign) or (campaign.is_planned and phase == "planning")):
            return
        assert time.monotonic() < deadline, f"never {phase}: {campaign}"
        await asyncio.sleep(0.005)
