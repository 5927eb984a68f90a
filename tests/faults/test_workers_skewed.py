"""The clock of one machine is ten minutes off: times are off by no more than that, and locks not at all."""

import time

import pytest

from oxyq import redis_keys
from oxyq.app import App, open_app
from oxyq.engine.keys import QueueKeys
from oxyq.gateways.simulator import SLOW
from oxyq.process import running_workers
from oxyq.settings import load_settings
from tests.faults.odd_python import odd_python
from tests.faults.reminders import QUEUE, are_in_hand, ended, key_of, people, remind
from tests.faults.worker_processes import TUNED, are_working
from tests.journeys.conftest import ORGANIZATION, StartProcess, WhatsApp

TEN_MINUTES_S = 600
LOCK_SECONDS = 1.0
SHIFTED = """
    import time

    right, right_ns = time.time, time.time_ns
    time.time = lambda: right() + {shift_s}
    time.time_ns = lambda: right_ns() + {shift_s} * 10**9
"""


@pytest.mark.parametrize(
    ("shift_s", "due_in_s"),
    [
        pytest.param(TEN_MINUTES_S, 30, id="ahead"),
        # By its own clock it is not due for another two seconds.
        pytest.param(-TEN_MINUTES_S, 2 - TEN_MINUTES_S, id="behind"),
    ],
)
async def test_due_times_are_off_by_the_clock_and_locks_are_not(
    app: App,
    environment: dict[str, str],
    start_oxyq: StartProcess,
    whatsapp: WhatsApp,
    tmp_path_factory: pytest.TempPathFactory,
    shift_s: int,
    due_in_s: int,
) -> None:
    # Given a worker whose clock is wrong
    odd = odd_python(tmp_path_factory.mktemp("shifted"), SHIFTED.format(shift_s=shift_s))
    short = TUNED | {"OXYQ_LOCK_SECONDS": f"{LOCK_SECONDS:g}", "OXYQ_STALLED_INTERVAL_SECONDS": "0.3"}
    await are_working(start_oxyq("workers", QUEUE, **short, **odd))

    # When it has a job in hand for longer than its lock, while one with the right clock looks for dead workers' jobs
    [slow] = await remind(app, people(1, SLOW))
    await are_in_hand(app, [slow])
    lock_ms = await app.redis.pttl(QueueKeys(QUEUE, app.settings.redis_prefix).lock(slow))
    async with open_app(load_settings(environment | short)) as right, running_workers(right, (QUEUE,)):
        [done] = await ended(app, [slow])

    # Then nobody takes it away: what lives for a while does so by Redis's clock
    assert 0 < lock_ms <= LOCK_SECONDS * 1000
    assert (done.attempts_started, done.stalled_count) == (1, 0)
    [number] = people(1, SLOW)
    entry_s = await app.redis.ttl(redis_keys.message(ORGANIZATION, key_of(number), prefix=app.settings.redis_prefix))
    assert redis_keys.MESSAGE_SECONDS - 60 < entry_s <= redis_keys.MESSAGE_SECONDS

    # And what is due at a time comes at most the ten minutes early or late
    due_ms = int((time.time() + due_in_s) * 1000)
    await remind(app, people(1), due_ms=due_ms)
    await whatsapp.until_told(people(1)[0])
    off_s = time.time() - due_ms / 1000
    print(f"\nclock {shift_s:+} s: sent {off_s:+.0f} s from its time, lock of {lock_ms} ms")
    assert -TEN_MINUTES_S <= off_s <= TEN_MINUTES_S + 10
    assert len(whatsapp.received) == 2
