"""A worker that is frozen, or loses Redis but not the gateway: another takes over, and a zombie sends nothing more."""

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import Callable

import pytest

from oxyq.app import App, open_app
from oxyq.gateways.simulator import SLOW
from oxyq.jobs import CampaignSend
from oxyq.limits import NumberSettings, RateLimit
from oxyq.process import running_workers
from oxyq.sending.ledger import Ledger
from oxyq.settings import load_settings
from tests.fault_proxy import FaultProxy
from tests.faults.reminders import ended, key_of, people, remind
from tests.faults.worker_processes import TUNED, are_working
from tests.journeys.conftest import ORGANIZATION, OxyqProcess, StartProcess, WhatsApp, campaign_ended
from tests.redis_server import RedisServer

#: So short that after three times of it no connection has been given up: what was on its way to the zombie arrives.
LOCK_SECONDS = 1.0
SHORT = TUNED | {"OXYQ_LOCK_SECONDS": "1", "OXYQ_STALLED_INTERVAL_SECONDS": "0.4", "OXYQ_STOP_GRACE_SECONDS": "5"}
[AT_THE_GATEWAY] = people(1, SLOW)
[OF_A_CAMPAIGN] = people(1, SLOW, first=500)
[CLAIMED] = people(1, first=600)


def freeze(worker: OxyqProcess, proxy: FaultProxy) -> None:
    """Stop the process where it stands; its connections stay open."""
    os.kill(worker.popen.pid, signal.SIGSTOP)


def cut_off(worker: OxyqProcess, proxy: FaultProxy) -> None:
    """Take Redis away from it; the gateway stays within its reach."""
    proxy.partition()


def thaw(worker: OxyqProcess, proxy: FaultProxy) -> None:
    """Let it go on, with Redis."""
    os.kill(worker.popen.pid, signal.SIGCONT)
    proxy.heal()
    proxy.cut()


@pytest.mark.timeout(120)
@pytest.mark.parametrize("strike", [freeze, cut_off])
async def test_each_message_goes_out_once_or_says_that_it_may_be_twice(
    app: App,
    environment: dict[str, str],
    start_oxyq: StartProcess,
    whatsapp: WhatsApp,
    redis_server: RedisServer,
    strike: Callable[[OxyqProcess, FaultProxy], None],
) -> None:
    # Given a number with a limit, so that between claiming a message and sending it Redis is asked once more
    shop = await app.organizations.get(ORGANIZATION)
    assert shop is not None
    limit = NumberSettings(rate=RateLimit(max=1000, per_seconds=1))
    await app.organizations.save(shop.model_copy(update={"numbers": {"wa_demo": limit}}))
    async with FaultProxy(redis_server.port) as proxy:
        lost = start_oxyq("workers", "start", REDIS_URL=proxy.url, **SHORT)
        await are_working(lost)
        # And a campaign's message and a reminder that are at the gateway, for two seconds
        await app.producer.add_campaign_job(
            campaign_id="c", organization_id=ORGANIZATION, template="Oi!", recipients=[OF_A_CAMPAIGN]
        )
        send = CampaignSend(campaign_id="c", organization_id=ORGANIZATION, recipient=OF_A_CAMPAIGN, text="Oi!")
        await until_claimed(app, send.message_key())
        [at_the_gateway] = await remind(app, [AT_THE_GATEWAY])
        await until_claimed(app, key_of(AT_THE_GATEWAY))

        # When the worker is struck between claiming another one and sending it
        struck = asyncio.Event()

        def limiter_is_asked(request: bytes) -> bool:
            if CLAIMED.encode() in request and b"pacing-pair" in request and not struck.is_set():
                struck.set()
                strike(lost, proxy)
            return False

        proxy.drop_reply_matching(limiter_is_asked)
        [claimed] = await remind(app, [CLAIMED])
        await asyncio.wait_for(struck.wait(), 20)
        struck_at = time.monotonic()

        # Then another worker takes over
        async with (
            open_app(load_settings(environment | SHORT)) as other,
            running_workers(other, ("automation", "campaign")),
        ):
            await whatsapp.until_told(CLAIMED)
            taken_over = time.monotonic() - struck_at

            # And when the first one goes on after three times its lock, it sends nothing that it had not handed over
            await asyncio.sleep(max(3 * LOCK_SECONDS - taken_over, 0))
            thaw(lost, proxy)
            await until_lost(lost, claimed)
            counts = await campaign_ended(app, "c", 1)
            records = await ended(app, [at_the_gateway, claimed])
            await whatsapp.until_told(OF_A_CAMPAIGN)
        lost.popen.kill()

    sends = Counter(message.to for message in whatsapp.received)
    print(f"\n{strike.__name__}: taken over after {taken_over:.1f} s; sends by moment: {sorted(sends.values())}")
    assert sends[CLAIMED] == 1
    assert sends[OF_A_CAMPAIGN] == 1
    # Unconfirmed, unless the one that sent it could still say so.
    assert counts.sent + counts.unconfirmed == 1
    # What the gateway had when the worker was struck nobody can know: a reminder goes out again, and says so.
    assert sends[AT_THE_GATEWAY] <= 2
    may_be_twice = [isinstance(record.result, dict) and record.result.get("mayBeTwice", False) for record in records]
    assert may_be_twice[0] or sends[AT_THE_GATEWAY] == 1
    assert may_be_twice[1]
    assert all(record.failed_reason is None for record in records)


async def until_claimed(app: App, key: str, seconds: float = 20.0) -> None:
    """Wait until the ledger knows this message."""
    deadline = time.monotonic() + seconds
    while await Ledger(app.hub).entry(ORGANIZATION, key) is None:
        assert time.monotonic() < deadline, f"{key} was not claimed"
        await asyncio.sleep(0.01)


async def until_lost(worker: OxyqProcess, job_id: str, seconds: float = 20.0) -> None:
    """Wait until a worker has learned that this job is not its own any more."""
    deadline = time.monotonic() + seconds
    while not any("job.lost" in line and job_id in line for line in worker.output.splitlines()):
        assert time.monotonic() < deadline, worker.output
        await asyncio.sleep(0.02)
