"""The gateway is away, and Redis is not: what is to go out waits, and goes out once when it is back."""

import asyncio
import time
from collections import Counter

import pytest

from oxyq.app import App
from oxyq.gateways.local.cloud import LocalCloud
from oxyq.instances import Instance
from tests.faults.reminders import QUEUE, ended, people, remind
from tests.faults.worker_processes import TUNED, are_working
from tests.journeys.conftest import ORGANIZATION, StartProcess
from tests.redis_server import free_port

SECRETS = {"access_token": "EAAJB-access-token", "app_secret": "app-secret", "verify_token": "verify-token"}


@pytest.fixture
def environment(environment: dict[str, str]) -> dict[str, str]:
    """This installation's, with short pauses between attempts."""
    return environment | {"OXYQ_AUTOMATION_BACKOFF_SECONDS": "0.2", "OXYQ_AUTOMATION_ATTEMPTS": "10"}


async def test_everything_goes_out_once_when_it_is_back(app: App, start_oxyq: StartProcess) -> None:
    # Given a number at Meta, and a worker that cannot reach Meta
    number = Instance(id="wa_demo", organization_id=ORGANIZATION, gateway="cloud", phone_number_id="106540352242922")
    await app.instances.save(number)
    for name, secret in SECRETS.items():
        await app.instances.set_secret(number, name, secret)
    port = free_port()
    worker = start_oxyq("workers", QUEUE, OXYQ_CLOUD_API_URL=f"http://127.0.0.1:{port}", **TUNED)
    await are_working(worker)

    # When reminders are due, and Meta is there again only after each was tried twice
    jobs = await remind(app, people(10))
    await tried(app, jobs)
    meta = LocalCloud("106540352242922", access_token=SECRETS["access_token"], app_secret=SECRETS["app_secret"])
    async with meta.running(port):
        records = await ended(app, jobs)

    # Then each went out once, with attempts to spare
    assert sorted(Counter(message.to for message in meta.received).items()) == [(number, 1) for number in people(10)]
    assert all(isinstance(record.result, dict) and record.result["status"] == "sent" for record in records)
    assert all(3 <= record.attempts_made < 10 for record in records)
    assert worker.popen.poll() is None


async def tried(app: App, job_ids: list[str], seconds: float = 20.0) -> None:
    """Wait until each of these jobs was tried twice, in vain."""
    deadline = time.monotonic() + seconds
    while not all(record and record.attempts_made >= 2 for record in await app.queues[QUEUE].records(job_ids)):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
