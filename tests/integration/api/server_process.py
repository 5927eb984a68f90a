"""The HTTP server as users run it: a process of its own, on a real socket."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from tests.redis_server import free_port

SOURCE = Path(__file__).parents[3] / "src"
SECRET = "a-secret-for-tests-of-forty-characters.."
START_SECONDS = 20.0
#: As the server is, but for a slow body, which is given up sooner so that tests need not wait for it.
PROGRAM = """
import asyncio, sys
from oxyq.api import body
from oxyq.server import serve_api
from oxyq.settings import load_settings
from oxyq.telemetry.events import Telemetry
body.SLOW_SECONDS = 1.0
sys.exit(asyncio.run(serve_api(load_settings(), Telemetry())))
"""


class ServerProcess:
    """`oxyq api` on 127.0.0.1:`port`; what it writes goes to `log`."""

    def __init__(self, folder: Path, redis_url: str, prefix: str = "bull", **settings: str) -> None:
        self.port = free_port()
        self.log = folder / "server.log"
        self._environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("OXYQ_", "REDIS_"))},
            "PYTHONPATH": str(SOURCE),
            "REDIS_URL": redis_url,
            "OXYQ_REDIS_PREFIX": prefix,
            "OXYQ_JWT_SECRET": SECRET,
            "OXYQ_DATA_DIR": str(folder),
            "OXYQ_PORT": str(self.port),
            **settings,
        }
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """Of the process that runs."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it and return when it takes connections."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-c", PROGRAM], env=self._environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        try:
            self._wait_until_it_listens(self._process)
        except BaseException:
            self._process.kill()
            self._process.wait()
            raise

    def stop(self) -> int:
        """SIGTERM, as a deploy sends it; gives the exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(15)
        finally:
            self._process.kill()

    def _wait_until_it_listens(self, process: "subprocess.Popen[bytes]") -> None:
        deadline = time.monotonic() + START_SECONDS
        while not self._listens():
            assert process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, "the server did not listen in time"
            # A refused connection answers at once, so the asking itself needs a pause.
            time.sleep(0.02)

    def _listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True
