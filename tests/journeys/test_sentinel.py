"""A master dies behind Sentinel: its replica takes over, and so does everybody's work."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from oxyq.app import open_app
from oxyq.organizations import demo_organization
from oxyq.settings import load_settings
from tests.journeys.conftest import ORGANIZATION, StartProcess, WhatsApp, campaign_ended
from tests.journeys.hosted import bridge_intake, look_at_the_board, under_way, write_as
from tests.redis_sentinels import WatchedRedis

RECIPIENTS, WRITERS = 400, 40
NUMBERS = [f"5511{910_000_000 + n}" for n in range(RECIPIENTS)]
TUNED = {"OXYQ_LOCK_SECONDS": "2", "OXYQ_STALLED_INTERVAL_SECONDS": "0.5", "OXYQ_CAMPAIGN_RATE": "150/1"}


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[WatchedRedis]:
    """A master, a replica and three sentinels, with passwords."""
    (tmp_path / "servers").mkdir()
    with WatchedRedis(tmp_path / "servers", password="p@ss/w:rd#1?%+", sentinel_password="s&ntin=l+") as watched:
        yield watched


@pytest.fixture
def environment(environment: dict[str, str], watched: WatchedRedis) -> dict[str, str]:
    """The same installation behind the sentinels."""
    return {**environment, "REDIS_URL": watched.url, **TUNED}


@pytest.mark.timeout(120)
async def test_a_failover_loses_nothing_replicated_and_sends_no_campaign_twice(
    environment: dict[str, str], watched: WatchedRedis, start_oxyq: StartProcess, whatsapp: WhatsApp
) -> None:
    # Given workers in the middle of a campaign, and messages that were taken and replicated
    for _ in range(2):
        start_oxyq("workers", "start")
    async with open_app(load_settings(environment)) as app, bridge_intake(environment) as bridge:
        await app.organizations.save(demo_organization().model_copy(update={"id": ORGANIZATION}))
        await app.producer.add_campaign_job(
            campaign_id="watched", organization_id=ORGANIZATION, template="Oi", recipients=NUMBERS
        )
        await under_way(app, "watched", 50)
        before = [f"5521{910_000_000 + n}" for n in range(WRITERS)]
        await asyncio.gather(*(write_as(app, number) for number in before))
        await bridge.take("5541910000001")
        assert await asyncio.to_thread(watched.all_is_replicated)

        # When the master dies, and people go on writing
        watched.master.kill()
        after = [f"5531{910_000_000 + n}" for n in range(WRITERS)]
        await asyncio.gather(*(write_as(app, number) for number in after), bridge.take("5541910000002"))

        # Then the replica is asked, everybody is answered, and the campaign goes on to its end
        counts = await campaign_ended(app, "watched", RECIPIENTS, seconds=60)
        for number in (*before, *after, "5541910000001", "5541910000002"):
            await whatsapp.until_told(number)
        received = [message.to for message in whatsapp.received if message.to in NUMBERS]
        assert len(received) == len(set(received))
        assert counts.sent + counts.unconfirmed == RECIPIENTS
        assert (counts.failed, counts.waiting, counts.cancelled) == (0, 0, 0)
        with watched.replica.client() as client:
            assert client.info("replication")["role"] == "master"
        await look_at_the_board(app)
