"""A campaign whose workers are killed again and again: nobody gets a message twice, and what is unknown is said."""

import asyncio
import os
import random

import pytest

from oxyq.app import App
from tests.journeys.conftest import ORGANIZATION, StartProcess, WhatsApp, campaign_ended

RECIPIENTS, CONCURRENCY, KILLS = 400, 10, 4
#: The moments of the kills; OXYQ_TEST_KILL_SEEDS=30 tries as many different ones, some five minutes.
SEEDS = int(os.environ.get("OXYQ_TEST_KILL_SEEDS", "1"))


@pytest.mark.timeout(180)
@pytest.mark.parametrize("seed", range(SEEDS))
async def test_every_recipient_gets_a_message_once_or_is_listed(
    app: App, start_oxyq: StartProcess, whatsapp: WhatsApp, seed: int
) -> None:
    # Given a campaign in which one send in eight takes two seconds, so that a kill always meets some on their way
    chance = random.Random(seed)
    numbers = [f"55119{1_000 + n}{'9904' if n % 8 == 0 else '0000'}" for n in range(RECIPIENTS)]
    await app.producer.add_campaign_job(
        campaign_id="killed", organization_id=ORGANIZATION, template="Oi {{name}}", recipients=numbers,
        variables={"name": "cliente"},
    )  # fmt: skip

    # When its worker process is killed again and again, at moments nobody chose
    short = {
        "OXYQ_CAMPAIGN_CONCURRENCY": str(CONCURRENCY),
        "OXYQ_LOCK_SECONDS": "1",
        "OXYQ_STALLED_INTERVAL_SECONDS": "0.5",
        "OXYQ_MAX_STALLED": "10",
    }
    for kill in range(KILLS):
        before = len(whatsapp.received)
        worker = start_oxyq("workers", "campaign", **short)
        await whatsapp.until(before + 5 if kill else 1)
        await asyncio.sleep(chance.uniform(0, 1))
        worker.popen.kill()
        worker.popen.wait()
    start_oxyq("workers", "campaign", **short)
    counts = await campaign_ended(app, "killed", RECIPIENTS)

    # Then everybody is accounted for, and nobody got it twice
    received = [message.to for message in whatsapp.received]
    assert len(received) == len(set(received))
    assert counts.sent + counts.unconfirmed == RECIPIENTS
    assert len(received) - counts.sent <= counts.unconfirmed
    assert 0 < counts.unconfirmed <= KILLS * CONCURRENCY
    assert set(received) <= set(numbers)
