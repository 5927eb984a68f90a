"""A worker process is told to stop (SIGTERM, Ctrl-C), in every state a deploy may find it in."""

import asyncio
import signal
import time
from dataclasses import dataclass, field

import pytest

from oxyq.app import App
from oxyq.gateways.simulator import SLOW
from tests.faults.reminders import QUEUE, are_in_hand, ended, owners_of, people, remind
from tests.faults.worker_processes import TUNED, are_working
from tests.journeys.conftest import OxyqProcess, StartProcess, WhatsApp


@dataclass(frozen=True)
class Stop:
    """How a worker is stopped that has a job of two seconds in hand, and how often that job then ran."""

    grace_seconds: float
    runs: int
    signals: tuple[signal.Signals, ...] = (signal.SIGTERM,)
    settings: dict[str, str] = field(default_factory=dict)


TERM, INT = signal.SIGTERM, signal.SIGINT
STOPS = {
    "the job is shorter than the grace": Stop(20, runs=1),
    "the job is longer than its lock, and hands are idle": Stop(
        20, runs=1, settings={"OXYQ_LOCK_SECONDS": "1", "OXYQ_STALLED_INTERVAL_SECONDS": "0.3"}
    ),
    "the job outlives the grace": Stop(0.3, runs=2),
    "told again and again": Stop(20, runs=1, signals=(TERM, INT, TERM, TERM, TERM)),
}


@pytest.mark.parametrize("stop", [pytest.param(stop, id=name) for name, stop in STOPS.items()])
async def test_every_job_is_done_once_and_the_process_ends_in_order(
    app: App, start_oxyq: StartProcess, whatsapp: WhatsApp, stop: Stop
) -> None:
    # Given two workers, one of which has a job in hand
    settings = TUNED | {"OXYQ_STOP_GRACE_SECONDS": f"{stop.grace_seconds:g}"} | stop.settings
    workers = [start_oxyq("workers", QUEUE, **settings) for _ in range(2)]
    await are_working(*workers)
    [job_id] = await remind(app, people(1, SLOW))
    await are_in_hand(app, [job_id])
    [owner] = (await owners_of(app, [job_id])).values()
    [leaving] = [worker for worker in workers if worker.popen.pid == owner]
    [staying] = [worker for worker in workers if worker is not leaving]

    # When that one is told to stop
    for sign in stop.signals:
        leaving.popen.send_signal(sign)
        await heard(leaving)
    code = await leaving.ended(30)
    [record] = await ended(app, [job_id])

    # Then it ends well, and the message went out once; only what outlived the grace was begun a second time
    assert (code, staying.popen.poll()) == (0, None)
    assert "Traceback" not in leaving.output
    assert record.attempts_started == stop.runs
    assert (record.attempts_made, record.stalled_count, record.failed_reason) == (1, 0, None)
    assert [message.to for message in whatsapp.received] == people(1, SLOW)


async def heard(worker: OxyqProcess, seconds: float = 10.0) -> None:
    """Wait until a worker says that it stops, and a moment longer, so that no two signals are taken for one."""
    deadline = time.monotonic() + seconds
    while "stopping" not in worker.output:
        assert time.monotonic() < deadline, worker.output
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)
