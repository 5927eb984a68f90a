"""Real processes that a run kills, freezes, stops and starts again, and that it starts again when they end."""

import asyncio
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

#: Redis may be away for a minute of them.
START_SECONDS: Final = 120.0
_LOOK_SECONDS: Final = 0.05


class Child:
    """One process; what it prints goes to a file, and it is ready when it has printed `ready`."""

    def __init__(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], folder: Path, ready: str
    ) -> None:
        self.name = name
        self.command = list(command)
        self.output = folder / f"{name}.out"
        self.is_wanted = False
        """Whether it is to run: who finds it ended then starts it again."""
        self._environment = dict(environment)
        self._ready = ready.encode()
        self._printed_before = 0
        self._popen: subprocess.Popen[bytes] | None = None

    @property
    def code(self) -> int | None:
        """With which code it ended; None while it runs, or was never started."""
        return None if self._popen is None else self._popen.poll()

    async def start(self) -> None:
        """Start it, and return when it is ready; RuntimeError when it ends before."""
        self._printed_before = self.output.stat().st_size if self.output.exists() else 0
        with self.output.open("ab") as written:
            self._popen = subprocess.Popen(
                self.command, env=self._environment, stdin=subprocess.DEVNULL, stdout=written, stderr=written,
                start_new_session=True,
            )  # fmt: skip
        self.is_wanted = True
        deadline = time.monotonic() + START_SECONDS
        while True:
            code = self.code  # asked first: it may get ready, and end well, in the meantime
            if self._is_ready():
                return
            if code is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{self.name} did not start ({code}): {self.output.read_text()[-2000:]}")
            await asyncio.sleep(_LOOK_SECONDS)

    def kill(self) -> None:
        """SIGKILL; no harm when it is gone."""
        self.is_wanted = False
        if self._popen is not None and self._popen.poll() is None:
            self._popen.kill()
            self._popen.wait()

    def freeze(self) -> None:
        """SIGSTOP: its connections stay open, and it does nothing."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        self._signal(signal.SIGCONT)

    async def stop(self, seconds: float) -> int | None:
        """SIGTERM; its exit code, or None when it had to be killed after `seconds`."""
        self.is_wanted = False
        self._signal(signal.SIGTERM)
        assert self._popen is not None, f"{self.name} was never started"
        try:
            return await asyncio.to_thread(self._popen.wait, seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            return None

    def _signal(self, number: signal.Signals) -> None:
        if self._popen is not None and self._popen.poll() is None:
            self._popen.send_signal(number)

    def _is_ready(self) -> bool:
        with self.output.open("rb") as printed:
            printed.seek(self._printed_before)
            return self._ready in printed.read()
