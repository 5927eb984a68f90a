"""Connections that take everything and answer nothing, with timeouts as they are shipped: noticed, and left."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from oxyq.app import App
from tests.fault_proxy import FaultProxy, ProxyInAThread, proxy_in_a_thread
from tests.faults.api_process import api_process
from tests.faults.load import HttpLoad, person, reminder
from tests.journeys.conftest import StartProcess, WhatsApp
from tests.redis_server import RedisServer

#: The issue's bar. An idle worker's blocking call takes longest: 20 s, and 5 s for the answer (engine/markers.py).
RESUMED_SECONDS = 45.0


@pytest.fixture
def proxy(redis_server: RedisServer) -> Iterator[ProxyInAThread]:
    """The way of the worker and the API to Redis; the test itself takes another."""
    with proxy_in_a_thread(redis_server.port) as proxy:
        yield proxy


@pytest.mark.timeout(120)
async def test_half_open_connections_are_left_within_45_seconds(
    proxy: ProxyInAThread, app: App, start_oxyq: StartProcess, whatsapp: WhatsApp, prefix: str, tmp_path: Path
) -> None:
    # Given an API and an idle worker
    worker = start_oxyq("workers", "automation", REDIS_URL=proxy.url)
    async with api_process(tmp_path, proxy.url, prefix) as api:
        await app.producer.add_automation_job(reminder(1))
        await whatsapp.until_told(person(1))

        # When their connections go silent, and there is work
        proxy.do(FaultProxy.blackhole)
        silent = time.monotonic()
        await app.producer.add_automation_job(reminder(2))

        # Then the API takes jobs again, and says 503 until then
        async with HttpLoad(api.url, per_second=20, first=1000) as load:
            await load.until_accepted(1, seconds=RESUMED_SECONDS)
            accepted_seconds = time.monotonic() - silent

    # And the worker does what came in meanwhile
    await whatsapp.until_told(person(2), seconds=RESUMED_SECONDS)
    worked_seconds = time.monotonic() - silent
    print(f"accepted again after {accepted_seconds:.1f} s, worked again after {worked_seconds:.1f} s, "
          f"slowest 503 {load.slowest_seconds:.2f} s")  # fmt: skip
    assert max(accepted_seconds, worked_seconds) <= RESUMED_SECONDS
    assert load.problems == []
    assert worker.popen.poll() is None
    assert len([message for message in whatsapp.received if message.to == person(2)]) == 1
