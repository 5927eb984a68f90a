"""A worker process that looks alive and does nothing ends, to be started anew; one that has nothing to do does not."""

import asyncio
import re
import subprocess
import time
from collections.abc import Callable

import pytest

from oxyq.app import App
from oxyq.gateways.simulator import SLOW
from tests.faults.odd_python import odd_python
from tests.faults.reminders import QUEUE, ended, in_hand, people, remind
from tests.faults.worker_processes import are_working
from tests.integration.engine.journal import eventually
from tests.journeys.conftest import OxyqProcess, StartProcess, WhatsApp
from tests.redis_server import RedisServer

STUCK_SECONDS = 2.0
#: Tuned; as it comes it is 60 s. The rest is for a busy machine.
BOUND_SECONDS = 20.0
TUNED = {"OXYQ_STUCK_SECONDS": f"{STUCK_SECONDS:g}", "OXYQ_CANARY_SECONDS": "0.5", "OXYQ_STOP_GRACE_SECONDS": "1"}

#: What hangs for ever, and what the last words say of it. The connection is opened anew when Redis is, and never again.
HANGING = {
    "waiting for work": """
        import asyncio
        from oxyq.engine.markers import Markers

        async def hang(self):
            await asyncio.Event().wait()

        Markers._wait_for_ever = hang
    """,
    "the conversation about automation": """
        import asyncio
        from oxyq.engine.exchange import Exchange

        async def hang(self, endings, wanted):
            await asyncio.Event().wait()

        Exchange.trade = hang
    """,
    "connecting to Redis": """
        from oxyq.engine.connection import Connection

        connect = Connection._connect

        async def connect_once(self):
            if self.tries > 1:
                raise ZeroDivisionError
            return await connect(self)

        Connection._connect = connect_once
    """,
}
#: A gateway whose library blocks, or takes all memory, by whom it sends to.
SICK = """
    import asyncio
    import time
    from oxyq.gateways.simulator import SimulatorGateway

    send = SimulatorGateway.send

    async def sick_send(self, message):
        ending = message.recipient[-4:]
        if ending.startswith("77"):
            time.sleep(int(ending[2:]))
        if ending == "8888":
            raise MemoryError
        if ending.startswith("66"):
            await asyncio.sleep(int(ending[2:]))
        return await send(self, message)

    SimulatorGateway.send = sick_send
"""
BLOCKS_FOR_A_WHILE, BLOCKS_FOR_LONG, TAKES_ALL_MEMORY = "7702", "7799", "8888"

Odd = Callable[[str], dict[str, str]]


@pytest.fixture
def odd(tmp_path_factory: pytest.TempPathFactory) -> Odd:
    """A function that gives the environment of a Python that is odd in this way."""
    return lambda source: odd_python(tmp_path_factory.mktemp("odd"), source)


@pytest.fixture
def redis_url(own_redis: RedisServer) -> str:
    """The installation is on a server that may die."""
    return own_redis.url


@pytest.mark.parametrize(("what", "source"), HANGING.items(), ids=HANGING)
async def test_what_hangs_for_ever_ends_the_process(
    own_redis: RedisServer, start_oxyq: StartProcess, odd: Odd, what: str, source: str
) -> None:
    worker = start_oxyq("workers", QUEUE, **TUNED, **odd(source))
    await are_working(worker)
    hangs_since = time.monotonic()
    if what == "connecting to Redis":
        await asyncio.to_thread(own_redis.restart)

    assert await worker.ended(BOUND_SECONDS) == 1

    assert time.monotonic() - hangs_since <= BOUND_SECONDS
    [last_words] = [line for line in worker.output.splitlines() if "process.stuck" in line]
    assert what in last_words


async def test_a_loop_that_is_blocked_is_told_and_in_the_end_ends_the_process(
    app: App, start_oxyq: StartProcess, whatsapp: WhatsApp, odd: Odd
) -> None:
    """The bar is a lag of more than a second; what blocks is named."""
    # Given a worker whose gateway blocks everything for 2 s
    worker = start_oxyq("workers", QUEUE, **TUNED | {"OXYQ_STUCK_SECONDS": "4"}, **odd(SICK))
    await are_working(worker)

    # When it sends, then that is told, with the place, and it goes on
    [job_id] = await remind(app, people(1, BLOCKS_FOR_A_WHILE))
    await ended(app, [job_id])
    await eventually(lambda: is_told(worker, "loop.lagged"), True)
    [line] = [line for line in worker.output.splitlines() if "loop.lagged" in line]
    lag = re.search(r'"seconds": ([\d.]+)', line)
    assert lag is not None
    assert float(lag[1]) > 1
    assert "in sick_send" in line
    assert [message.to for message in whatsapp.received] == people(1, BLOCKS_FOR_A_WHILE)

    # When it blocks for ever, then it ends
    await remind(app, people(1, BLOCKS_FOR_LONG))
    assert await worker.ended(BOUND_SECONDS) == 1
    [last_words] = [line for line in worker.output.splitlines() if "process.stuck" in line]
    assert "the event loop is blocked" in last_words
    assert "in sick_send" in last_words


async def is_told(worker: OxyqProcess, word: str) -> bool:
    return word in worker.output


async def test_who_has_nothing_to_do_or_no_redis_is_not_stuck(
    own_redis: RedisServer, app: App, start_oxyq: StartProcess, odd: Odd
) -> None:
    # Given a worker with an idle queue, one that is paused and has work, and one whose only slot is busy for long
    one_slot = {"OXYQ_AUTOMATION_CONCURRENCY": "1"}
    worker = start_oxyq("workers", "start", **TUNED, **one_slot, **odd(SICK))
    await are_working(worker)
    await app.queues["message"].pause()
    await app.queues["message"].add("task", {})
    await remind(app, people(2, "6606"))
    await in_hand(app, 1)

    # When that lasts, then it lives on, and so do its queues
    await lives_on(worker)
    assert all(queue.alive for queue in (await app.liveness.look()).values())

    # When Redis is away for long, then it waits for it
    await asyncio.to_thread(own_redis.kill)
    await lives_on(worker)
    await asyncio.to_thread(own_redis.start)

    # When Redis is back, then work gets through again
    now_ms = time.time() * 1000

    async def came_through() -> bool:
        return ((await app.liveness.look())["campaign"].last_ms or 0) > now_ms

    await eventually(came_through, True)
    worker.popen.terminate()
    assert await worker.ended() == 0
    assert "process.stuck" not in worker.output


async def lives_on(worker: OxyqProcess) -> None:
    """Watch for longer than a stuck process has that it does not end."""
    with pytest.raises(subprocess.TimeoutExpired):
        await asyncio.to_thread(worker.popen.wait, 2 * STUCK_SECONDS)


async def test_who_runs_out_of_memory_finishes_what_it_has_in_hand_and_ends(
    app: App, start_oxyq: StartProcess, whatsapp: WhatsApp, odd: Odd
) -> None:
    # Given a worker that sends for a while
    settings = TUNED | {"OXYQ_STOP_GRACE_SECONDS": "25"}
    worker = start_oxyq("workers", QUEUE, **settings, **odd(SICK))
    await are_working(worker)
    [slow] = await remind(app, people(1, SLOW))
    await in_hand(app, 1)

    # When another job takes all memory
    [greedy] = await remind(app, people(1, TAKES_ALL_MEMORY))

    # Then that one failed, the other was finished, and the process is to be started anew
    assert await worker.ended() == 1
    [done] = await ended(app, [slow])
    failed = await app.queues[QUEUE].job(greedy)
    assert (done.failed_reason, failed.failed_reason, failed.attempts_made) == (None, "MemoryError", 1)
    assert [message.to for message in whatsapp.received] == people(1, SLOW)
    assert "ran out of memory" in worker.output
    assert "Traceback" not in worker.output
