"""A worker process is killed (SIGKILL): nothing is lost, and what it had in hand goes on soon, once more at most."""

import os
import time
from collections import Counter

import pytest

from oxyq.app import App
from oxyq.dead_letters import Filter
from oxyq.gateways.simulator import SLOW
from tests.faults.reminders import QUEUE, are_in_hand, ended, owners_of, people, remind
from tests.faults.worker_processes import TUNED, are_working
from tests.journeys.conftest import ORGANIZATION, StartProcess, WhatsApp

#: Together within the hundred completed jobs that a queue keeps.
CONCURRENCY, LOAD = 5, 80


@pytest.mark.parametrize(
    ("settings", "bound_seconds"),
    [
        pytest.param({}, 6.0, id="tuned: lock 2 s, stall check 1 s"),
        pytest.param(
            {"OXYQ_LOCK_SECONDS": "30", "OXYQ_STALLED_INTERVAL_SECONDS": "10"},
            60.0,
            id="as it comes: lock 30 s, stall check 10 s",
            marks=[
                pytest.mark.timeout(150),
                pytest.mark.skipif(
                    not os.environ.get("OXYQ_TEST_LONG"), reason="takes a minute; OXYQ_TEST_LONG=1 runs it"
                ),
            ],
        ),
    ],
)
async def test_nothing_is_lost_and_its_jobs_go_on_in_time(
    app: App, start_oxyq: StartProcess, whatsapp: WhatsApp, settings: dict[str, str], bound_seconds: float
) -> None:
    # Given two worker processes with all hands full
    workers = [start_oxyq("workers", QUEUE, **TUNED | settings) for _ in range(2)]
    await are_working(*workers)
    slow = await remind(app, people(2 * CONCURRENCY, SLOW))
    await are_in_hand(app, slow)
    owners = await owners_of(app, slow)
    doomed = workers[0].popen.pid
    had_in_hand = [job_id for job_id in slow if owners[job_id] == doomed]
    assert len(had_in_hand) == CONCURRENCY

    # When one of them is killed, and more comes in
    workers[0].popen.kill()
    killed_ms = time.time() * 1000
    quick = await remind(app, people(LOAD))
    records = await ended(app, slow + quick, seconds=bound_seconds + 30)

    # Then all that was accepted is done, with one more run of what it had in hand and of nothing else
    runs_more = {record.id: record.attempts_started - 1 for record in records if record.attempts_started > 1}
    resumed = [
        record.processed_ms - killed_ms for record in records if record.id in had_in_hand and record.processed_ms
    ]
    print(
        f"\nkilled with {len(had_in_hand)} in hand: 0 of {len(records)} lost, {sum(runs_more.values())} extra runs, "
        f"resumed after {max(resumed) / 1000:.1f} s (bound {bound_seconds:g} s)"
    )
    assert all(record.failed_reason is None for record in records)
    assert set(runs_more) <= set(had_in_hand)
    assert sum(runs_more.values()) <= CONCURRENCY
    assert max(resumed) <= bound_seconds * 1000
    sends = Counter(message.key for message in whatsapp.received)
    assert len(sends) == len(records)
    assert set(sends.values()) == {1}
    assert not set(slow + quick) & set(await app.queues[QUEUE].all_ids("active"))


@pytest.mark.timeout(90)
async def test_a_job_that_takes_its_workers_along_is_buried_as_crashed_and_harms_no_other(
    app: App, start_oxyq: StartProcess, whatsapp: WhatsApp
) -> None:
    # Given one that may lose its worker once
    once = TUNED | {"OXYQ_LOCK_SECONDS": "1", "OXYQ_STALLED_INTERVAL_SECONDS": "0.5", "OXYQ_MAX_STALLED": "1"}
    [poison] = await remind(app, people(1, SLOW))
    others: list[str] = []

    # When each worker that takes it is killed, while others wait
    for turn in (1, 2):
        worker = start_oxyq("workers", QUEUE, **once)
        while (await owners_of(app, [poison]))[poison] != worker.popen.pid:
            assert worker.popen.poll() is None, worker.output
        worker.popen.kill()
        worker.popen.wait()
        others += await remind(app, people(10, first=100 * turn))
    start_oxyq("workers", QUEUE, **once)
    records = await ended(app, [poison, *others])

    # Then it is not tried a third time; the letter says why, and everybody else got theirs
    assert records[0].stalled_count == 2
    assert all(record.failed_reason is None for record in records[1:])
    [letter] = [letter async for letter in app.dead_letters.find(Filter(organization_id=ORGANIZATION))]
    assert (letter.job_id, letter.kind) == (poison, "crashed")
    assert sorted(Counter(message.to for message in whatsapp.received).items()) == [
        (number, 1) for number in sorted(people(10, first=100) + people(10, first=200))
    ]
