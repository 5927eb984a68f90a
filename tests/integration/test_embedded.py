"""The embedded server: real, durable, shared by all processes of a folder, and gone with the last of them."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from oxyq.embedded import EmbeddedServer
from oxyq.engine import Hub, Queue
from oxyq.errors import ConfigurationError
from tests.command_line import SOURCE
from tests.integration.engine.journal import eventually

#: Uses a folder's server until its standard input ends; says when it does.
USER = """
import asyncio, sys
from pathlib import Path
from oxyq.embedded import EmbeddedServer

async def main():
    async with EmbeddedServer(Path(sys.argv[1])):
        print("in", flush=True)
        await asyncio.to_thread(sys.stdin.read)
    print("out", flush=True)

asyncio.run(main())
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A data folder; no server outlives the test."""
    folder = tmp_path / "data"
    yield folder
    for server in servers(folder):
        server.kill()
        server.wait()


def servers(folder: Path) -> list[psutil.Process]:
    """The servers whose data is in the folder."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        words = process.info["cmdline"] or []
        # A Valkey shows its socket's path as its title.
        if "server" in "".join(words[:1]) and str(folder) in " ".join(words) and process.info["status"] != "zombie":
            found.append(process)
    return found


class User:
    """A process that uses the server."""

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", USER, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(SOURCE)},
        )  # fmt: skip

    def is_in(self) -> None:
        """Wait until it uses the server."""
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"in\n"

    def leave(self) -> None:
        """Let it leave, and wait until it has."""
        out, err = self._process.communicate(timeout=20)
        assert (self._process.returncode, out, err) == (0, b"out\n", b"")

    def kill(self) -> None:
        """Take it away at once."""
        self._process.kill()
        self._process.communicate()


async def add(server: EmbeddedServer, job_id: str) -> None:
    hub = Hub(server.address)
    await Queue("message", hub=hub).add("made", {}, job_id=job_id)
    await hub.close()


async def waiting(server: EmbeddedServer) -> list[str]:
    hub = Hub(server.address)
    ids = await Queue("message", hub=hub).all_ids("wait")
    await hub.close()
    return ids


async def test_the_data_survives_a_restart(folder: Path) -> None:
    async with EmbeddedServer(folder) as server:
        await add(server, "j-1")
    assert servers(folder) == []

    async with EmbeddedServer(folder) as server:
        assert await waiting(server) == ["j-1"]


async def test_it_is_set_up_as_production_must_be_and_only_for_this_user(folder: Path) -> None:
    async with EmbeddedServer(folder) as server:
        hub = Hub(server.address)
        await hub.commands.ready(5)
        settings = {
            name: (await hub.commands.call("CONFIG", "GET", name))[1]  # type: ignore[index]
            for name in ("appendonly", "appendfsync", "maxmemory-policy", "port")
        }
        await hub.close()
        modes = {path.name: path.stat().st_mode & 0o077 for path in (folder, Path(server.address.path or ""))}

    assert settings == {
        "appendonly": b"yes", "appendfsync": b"everysec", "maxmemory-policy": b"noeviction", "port": b"0"
    }  # fmt: skip
    assert set(modes.values()) == {0}


async def test_two_in_one_process_share_one_server(folder: Path) -> None:
    async with EmbeddedServer(folder) as first, EmbeddedServer(folder) as second:
        await add(first, "j-1")

        assert await waiting(second) == ["j-1"]
        assert len(servers(folder)) == 1


@pytest.mark.parametrize("first_leaves", [True, False], ids=["who started it leaves first", "who joined leaves first"])
async def test_it_runs_until_its_last_user_leaves(folder: Path, first_leaves: bool) -> None:
    """`oxyq enqueue` ends a second after it started the server that `oxyq dev` has joined meanwhile."""
    # Given two processes that use it
    starter, joiner = User(folder), None
    await asyncio.to_thread(starter.is_in)
    joiner = User(folder)
    await asyncio.to_thread(joiner.is_in)
    [server] = servers(folder)
    leaves, stays = (starter, joiner) if first_leaves else (joiner, starter)

    # When one leaves, the other still has it
    await asyncio.to_thread(leaves.leave)
    assert servers(folder) == [server]
    async with EmbeddedServer(folder) as third:
        await add(third, "j-1")
    assert servers(folder) == [server]

    # When the last one leaves, it is gone
    await asyncio.to_thread(stays.leave)
    assert servers(folder) == []


async def test_three_that_start_together_get_one_server(folder: Path) -> None:
    users = [User(folder) for _ in range(3)]
    await asyncio.gather(*(asyncio.to_thread(user.is_in) for user in users))

    assert len(servers(folder)) == 1
    await asyncio.gather(*(asyncio.to_thread(user.leave) for user in users))
    assert servers(folder) == []


async def test_an_orphan_is_adopted_with_its_data_and_stopped(folder: Path) -> None:
    """A process that is killed cannot stop its server: the next one finds it."""
    # Given a server whose only user was killed
    user = User(folder)
    await asyncio.to_thread(user.is_in)
    await asyncio.to_thread(user.kill)
    [orphan] = servers(folder)

    # When somebody else uses the folder, the same server goes on
    async with EmbeddedServer(folder) as server:
        await add(server, "j-1")
        assert [one.pid for one in servers(folder)] == [orphan.pid]

    # And is stopped in order
    assert servers(folder) == []
    async with EmbeddedServer(folder) as server:
        assert await waiting(server) == ["j-1"]


async def test_a_server_that_was_killed_is_started_anew_with_its_data(folder: Path) -> None:
    """A crash leaves its socket file behind; what was acknowledged has been written."""
    async with EmbeddedServer(folder) as server:
        await add(server, "j-1")
        [process] = servers(folder)
        process.send_signal(signal.SIGKILL)
        await eventually(lambda: _count(folder), 0)

    async with EmbeddedServer(folder) as server:
        assert await waiting(server) == ["j-1"]


@pytest.mark.parametrize("after_seconds", [0.0, 0.005, 0.02, 0.05])
async def test_a_start_that_is_cancelled_leaves_no_server(folder: Path, after_seconds: float) -> None:
    """Ctrl-C comes when it likes."""
    server = EmbeddedServer(folder)
    start = asyncio.ensure_future(server.start())
    await asyncio.sleep(after_seconds)
    start.cancel()
    await asyncio.wait([start])
    if not start.cancelled():
        await server.stop()  # it was up already

    await eventually(lambda: _count(folder), 0, within=3)

    async with EmbeddedServer(folder):
        assert len(servers(folder)) == 1


async def _count(folder: Path) -> int:
    return len(servers(folder))


async def test_stopping_twice_or_before_the_start_is_harmless(folder: Path) -> None:
    server = EmbeddedServer(folder)
    await server.stop()
    await server.start()
    await server.stop()
    await server.stop()

    assert servers(folder) == []


async def test_a_folder_that_cannot_be_used_is_named_with_the_fix(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(ConfigurationError, match=r"OXYQ_DATA_DIR: cannot use .*file/data .*; give a folder"):
        await EmbeddedServer(tmp_path / "file" / "data").start()


async def test_a_server_that_cannot_start_is_told_with_its_log(folder: Path) -> None:
    """Here because of a damaged data file."""
    async with EmbeddedServer(folder) as server:
        await add(server, "j-1")
    [manifest] = folder.glob("appendonlydir/*.manifest")
    manifest.write_text("damaged")

    with pytest.raises(ConfigurationError, match=r"valkey\.log"):
        await EmbeddedServer(folder).start()

    assert servers(folder) == []


async def test_a_folder_with_a_long_name_works(tmp_path: Path) -> None:
    """A socket's path may have 108 bytes only."""
    folder = tmp_path / ("long" * 30)

    async with EmbeddedServer(folder) as server:
        await add(server, "j-1")
        assert await waiting(server) == ["j-1"]
