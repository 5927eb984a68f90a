"""Redis refuses (memory, disk, read-only): 503 and never a 202 for what is not stored; later all goes on by itself.

One API process and one worker process, under load by HTTP, neither of them restarted.
"""

import asyncio
import resource
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from oxyq.app import App
from oxyq.gateways.simulator import SLOW
from tests.faults.api_process import api_process
from tests.faults.ends import until_all_is_done
from tests.faults.load import HttpLoad, reminder
from tests.integration.api.server_process import ServerProcess
from tests.integration.engine.journal import eventually
from tests.journeys.conftest import OxyqProcess, StartProcess, WhatsApp
from tests.redis_server import RedisServer

CONCURRENCY = 5
WORKER = {
    "OXYQ_AUTOMATION_CONCURRENCY": str(CONCURRENCY), "OXYQ_LOCK_SECONDS": "2", "OXYQ_STALLED_INTERVAL_SECONDS": "1",
    "OXYQ_AUTOMATION_BACKOFF_SECONDS": "0.2",
}  # fmt: skip
ROOM_BYTES = 4096


class LimitedRedis(RedisServer):
    """A server whose files may be kept from growing, as on a full disk: writing fails, and does not end it."""

    def _command(self) -> list[str]:
        return ["sh", "-c", "trap '' XFSZ; exec \"$@\"", "sh", *super()._command()]

    def fill_disk(self) -> None:
        """What it writes to the append-only file may become a few KB longer, and no more."""
        longest = max(file.stat().st_size for file in (self.folder / "appendonlydir").iterdir())
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (longest + ROOM_BYTES, resource.RLIM_INFINITY))

    async def has_ended(self) -> bool:
        """Whether it ended by itself."""
        return self._process is not None and self._process.poll() is not None

    def free_disk(self) -> None:
        """There is room again."""
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[LimitedRedis]:
    """One of this test's own; it writes to its file at once or every second."""
    options = ("--maxmemory-policy", "noeviction", "--appendonly", "yes", "--appendfsync", request.param)
    with LimitedRedis(tmp_path_factory.mktemp("limited-redis"), *options) as server:
        yield server


@pytest.fixture
def redis_url(server: LimitedRedis) -> str:
    """The installation is on it."""
    return server.url


@pytest.fixture
async def api(server: LimitedRedis, prefix: str, tmp_path: Path, app: App) -> AsyncIterator[ServerProcess]:
    """The HTTP side, as a process."""
    async with api_process(tmp_path, server.url, prefix) as process:
        yield process


@pytest.fixture
def worker(start_oxyq: StartProcess, app: App) -> OxyqProcess:
    """And a worker."""
    return start_oxyq("workers", "automation", **WORKER)


def full_memory(server: LimitedRedis) -> Callable[[], object]:
    with server.client() as client:
        client.config_set("maxmemory", client.info("memory")["used_memory"] // 2)

    def mend() -> None:
        with server.client() as client:
            client.config_set("maxmemory", 0)

    return mend


def full_disk(server: LimitedRedis) -> Callable[[], object]:
    server.fill_disk()
    return server.free_disk


def read_only(server: LimitedRedis) -> Callable[[], object]:
    """As after a failover that chose another master."""
    with server.client() as client:
        client.execute_command("REPLICAOF", "127.0.0.1", "1")

    def mend() -> None:
        with server.client() as client:
            client.execute_command("REPLICAOF", "NO", "ONE")

    return mend


@pytest.mark.parametrize("server", ["everysec"], indirect=True)
async def test_for_want_of_memory_disk_or_a_master_it_is_503_and_all_goes_on_by_itself(
    server: LimitedRedis, api: ServerProcess, worker: OxyqProcess, app: App, whatsapp: WhatsApp
) -> None:
    """One after the other, with the same two processes."""
    for number, spoil in enumerate((full_memory, full_disk, read_only)):
        # Given three messages that are on their way for two seconds, and a busy API
        slow = [f"55119{number}00{n}{SLOW}" for n in range(3)]
        for each in slow:
            await app.producer.add_automation_job(
                {**reminder(0), "automationId": f"slow-{each}", "recipientNumber": each}
            )
        await eventually(partial(on_their_way, app), 3)
        async with HttpLoad(api.url, first=number * 10_000) as load:
            await load.until_accepted(50)

            # When Redis refuses, these arrive meanwhile, and then it refuses no more
            mend = spoil(server)
            await load.until_refused(30)
            accepted = len(load.acknowledged)
            await whatsapp.until_told(slow[-1])
            assert len(load.acknowledged) == accepted
            mend()

            # Then new ones are taken
            await load.until_accepted(50)

        # And all that were accepted are sent, once
        received = await until_all_is_done(app, whatsapp, [*slow, *load.acknowledged])
        twice = [number for number, times in Counter(message.to for message in received).items() if times > 1]
        print(f"{spoil.__name__}: accepted {len(load.acknowledged)}, refused {len(load.refused)}, twice {len(twice)}, "
              f"slowest answer {load.slowest_seconds:.2f} s")  # fmt: skip
        assert load.problems == []
        assert twice == []
    assert worker.popen.poll() is None


async def on_their_way(app: App) -> int:
    """How many messages are claimed and not sent yet."""
    keys = [key async for key in app.redis.scan_iter("oxyq:*:message:*")]
    states = [await app.redis.hget(key, "state") for key in keys]
    return states.count("sending")


@pytest.mark.parametrize("server", ["always"], indirect=True)
async def test_redis_that_ends_on_a_full_disk_has_all_it_acknowledged_when_there_is_room(
    server: LimitedRedis, api: ServerProcess, worker: OxyqProcess, app: App, whatsapp: WhatsApp
) -> None:
    """With `appendfsync always` a server that cannot write ends itself; somebody has to start it again."""
    # Given a busy API and a busy worker
    async with HttpLoad(api.url) as load:
        await whatsapp.until(50)

        # When the disk is full, and the server is started again on an empty one
        server.fill_disk()
        await eventually(server.has_ended, True)
        await load.until_refused(10)
        await asyncio.to_thread(server.restart)
        await load.until_accepted(50)

    # Then all that were accepted are sent; what was in hand may have gone out twice
    received = await until_all_is_done(app, whatsapp, load.acknowledged)
    twice = [number for number, times in Counter(message.to for message in received).items() if times > 1]
    print(f"accepted {len(load.acknowledged)}, refused {len(load.refused)}, twice {len(twice)}")
    assert load.problems == []
    assert len(twice) <= CONCURRENCY
    assert worker.popen.poll() is None
