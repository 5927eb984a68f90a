"""An organization moves to another Redis server under load, and its mover is killed twice: only the clock notices."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from oxyq.app import App
from oxyq.organizations import demo_organization
from oxyq.settings import load_settings
from oxyq.shards.place import Place
from oxyq.shards.producing import RoutedProducer
from oxyq.shards.shards import open_shards
from tests.journeys.conftest import ORGANIZATION, OWNER, StartProcess, WhatsApp

PRODUCER = Path(__file__).parent / "shard_producer.py"
MESSAGES, REMINDERS, RECIPIENTS = 150, 20, 200
StartProducer = Callable[[str], "subprocess.Popen[bytes]"]
NAMES = ("9100", "9200", "9300")


@pytest.fixture
def environment(environment: dict[str, str], redis_url: str) -> dict[str, str]:
    """A second shard: another database of the same server."""
    server = redis_url.rpartition("/")[0]
    return {**environment, "REDIS_URL": f"{server}/0", "OXYQ_REDIS_SHARDS": f"south={server}/1"}


@pytest.fixture
def start_producer(environment: dict[str, str], tmp_path: Path) -> Iterator["StartProducer"]:
    """Starts the program that adds messages; what still runs at the end is ended."""
    started: list[subprocess.Popen[bytes]] = []

    def start(name: str) -> "subprocess.Popen[bytes]":
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("OXYQ_", "REDIS_URL"))}
        command = [sys.executable, str(PRODUCER), name, str(MESSAGES)]
        with (tmp_path / f"producer-{name}").open("wb") as output:
            started.append(
                subprocess.Popen(command, env={**kept, **environment}, stdout=output, stderr=subprocess.STDOUT)
            )
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.mark.timeout(240)
async def test_a_move_under_load_loses_nothing_and_doubles_nothing(
    environment: dict[str, str], start_oxyq: StartProcess, start_producer: StartProducer, whatsapp: WhatsApp
) -> None:
    async with open_shards(load_settings(environment)) as shards:
        # Given workers on both shards, three programs that add messages, reminders to come, and a campaign in flight
        home, south, producer = shards.home.app, shards.named("south").app, RoutedProducer(shards)
        await home.organizations.save(demo_organization().model_copy(update={"id": ORGANIZATION}))
        workers = [start_oxyq("workers", "start", OXYQ_CANARY_SECONDS="0") for _ in range(2)]
        programs = [start_producer(name) for name in NAMES]
        for number in range(REMINDERS):
            await producer.add_automation_job(
                automationId=f"reminder-{number}", organizationId=ORGANIZATION, type="reminder", content="Amanhã!",
                recipientNumber=f"55119940{number:05d}", instanceId="wa_demo", delay_ms=2_000 + 1_000 * number,
            )  # fmt: skip
        await producer.add_campaign_job(
            campaignId="promo", organizationId=ORGANIZATION, instanceId="wa_demo", template="Promoção!",
            recipients=[{"number": f"55119950{number:05d}"} for number in range(RECIPIENTS)],
        )  # fmt: skip
        await whatsapp.until(50, 60)
        # When it is moved, and the mover is killed as it copies, and again as it clears
        for step in ("copying", "clearing home"):
            mover = start_oxyq("shards", "move", ORGANIZATION, "south")
            await mover.until_it_says(step)
            mover.popen.send_signal(signal.SIGKILL)
            assert await mover.ended() == -signal.SIGKILL
        mover = start_oxyq("shards", "move", ORGANIZATION, "south")
        assert await mover.ended() == 0, mover.output
        # Then every program has its acknowledgements, and everybody got one message, whichever shard it came from
        for program in programs:
            assert await asyncio.to_thread(program.wait, 90) == 0
        expected = len(NAMES) * MESSAGES + REMINDERS + RECIPIENTS
        received = await whatsapp.until(expected, 90)
        assert await shards.place_now(ORGANIZATION) == Place("south")
        await _nothing_left(home, south)
        for worker in workers:
            worker.popen.terminate()
        assert [await worker.ended() for worker in workers] == [0, 0]
        received = [one for one in whatsapp.received if one.to != OWNER]  # who is told that the campaign is done
        assert {key: times for key, times in Counter(one.key for one in received).items() if times > 1} == {}
        assert len({one.to for one in received}) == len(received) == expected
        assert await home.dead_letters.count() + await south.dead_letters.count() == 0
        campaign = await south.campaigns.get(ORGANIZATION, "promo")
        assert campaign is not None
        assert campaign.state == "completed"


async def _nothing_left(*apps: App) -> None:
    """Wait until all jobs have ended."""
    deadline = time.monotonic() + 60
    while True:
        counts = [states for app in apps for states in (await app.queue_counts()).values()]
        if not any(states["waiting"] + states["active"] + states["delayed"] for states in counts):
            return
        assert time.monotonic() < deadline, f"still open: {counts}"
        await asyncio.sleep(0.1)
