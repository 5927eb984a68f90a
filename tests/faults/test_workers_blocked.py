"""A handler that blocks the event loop of its process for twice its lock, with another worker there to take over."""

import time

import pytest

from oxyq.app import App
from tests.faults.odd_python import odd_python
from tests.faults.reminders import QUEUE, ended, people, remind
from tests.faults.worker_processes import TUNED, are_working
from tests.journeys.conftest import StartProcess, WhatsApp

LOCK_SECONDS = 2.0
#: A gateway whose library blocks, after the message was claimed and before it is sent.
BLOCKING = f"""
    import time
    from oxyq.gateways.simulator import SimulatorGateway

    send = SimulatorGateway.send

    async def blocking_send(self, message):
        time.sleep({2 * LOCK_SECONDS})
        return await send(self, message)

    SimulatorGateway.send = blocking_send
"""


async def test_one_send_and_one_run(
    app: App, start_oxyq: StartProcess, whatsapp: WhatsApp, tmp_path_factory: pytest.TempPathFactory
) -> None:
    # Given two workers, each of which stands still for twice its lock when it sends
    short = TUNED | {"OXYQ_LOCK_SECONDS": f"{LOCK_SECONDS:g}", "OXYQ_STALLED_INTERVAL_SECONDS": "0.3"}
    odd = odd_python(tmp_path_factory.mktemp("blocking"), BLOCKING)
    await are_working(*(start_oxyq("workers", QUEUE, **short, **odd) for _ in range(2)))

    # When a reminder is due
    started = time.monotonic()
    [job_id] = await remind(app, people(1))
    [record] = await ended(app, [job_id])

    # Then nobody took the job from the one that had it
    assert time.monotonic() - started >= 2 * LOCK_SECONDS
    assert [message.to for message in whatsapp.received] == people(1)
    assert (record.attempts_started, record.stalled_count) == (1, 0)
