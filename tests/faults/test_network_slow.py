"""A slow network: 200 ms and jitter on the way to Redis, or one byte at a time. It takes longer, and nothing else."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from random import Random

import pytest

from oxyq.app import App, open_app
from oxyq.process import running_workers
from oxyq.settings import load_settings
from tests.fault_proxy import FaultProxy
from tests.faults.ends import until_all_is_done
from tests.faults.load import person, reminder
from tests.journeys.conftest import WhatsApp
from tests.redis_server import RedisServer

MESSAGES, CONCURRENCY = 40, 20
#: A fifth of what it is on a quiet machine: a reminder asks Redis a dozen times, one after the other.
FEWEST_A_SECOND = 1.0


def late(proxy: FaultProxy) -> None:
    """As between two continents, over a bad line."""
    proxy.delay_seconds, proxy.jitter_seconds, proxy.chance = 0.2, 0.1, Random(5)


@pytest.fixture
async def proxy(redis_server: RedisServer) -> AsyncIterator[FaultProxy]:
    """The way to Redis of those that work and add."""
    async with FaultProxy(redis_server.port) as proxy:
        yield proxy


@pytest.mark.parametrize("worsen", [late, FaultProxy.dribble])
async def test_each_message_goes_out_once_and_not_too_slowly(
    proxy: FaultProxy, app: App, environment: dict[str, str], whatsapp: WhatsApp, worsen: Callable[[FaultProxy], None]
) -> None:
    # Given an installation on a slow network; `app` looks on over a good one
    settings = {**environment, "REDIS_URL": proxy.url, "OXYQ_AUTOMATION_CONCURRENCY": str(CONCURRENCY)}
    async with open_app(load_settings(settings)) as far, running_workers(far, ["automation"]):
        await far.hub.commands.ready(5)
        worsen(proxy)

        # When it adds reminders and sends them
        started = time.monotonic()
        await asyncio.gather(*(far.producer.add_automation_job(reminder(number)) for number in range(MESSAGES)))
        received = await until_all_is_done(app, whatsapp, [person(number) for number in range(MESSAGES)], seconds=50)
        a_second = MESSAGES / (time.monotonic() - started)
        proxy.heal()  # stopping is not what is measured

    # Then
    print(f"{a_second:.1f} messages a second")
    assert len(received) == MESSAGES
    assert a_second >= FEWEST_A_SECOND
