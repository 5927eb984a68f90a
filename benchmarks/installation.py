"""An installation as it is deployed: its worker processes, and the simulated WhatsApp that all of them share."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.campaign_child import environment
from benchmarks.child import ROOT, STOP_SECONDS, Child, PeerFailed
from benchmarks.harness import LOOK_SECONDS, STANDSTILL_SECONDS, empty
from oxyq.gateways.simulator import Received, read_log
from tests.redis_server import RedisServer


@dataclass(frozen=True, slots=True)
class Installation:
    """One on a server, with its folder."""

    server: RedisServer
    folder: Path

    def part(self) -> Child:
        """A process that does one part of a campaign's life (benchmarks/campaign_child.py)."""
        return Child([sys.executable, "-m", "benchmarks.campaign_child", self.server.url, str(self.folder)])

    @contextmanager
    def workers(self, *queues: str) -> Iterator[None]:
        """A process of `oxyq workers QUEUE` for each of these, at work; PeerFailed if they do not begin."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("OXYQ_")}
        settings = environment(self.server.url, self.folder)
        with ExitStack() as stack:
            for queue in queues:
                process = subprocess.Popen(
                    [sys.executable, "-m", "oxyq", "workers", queue],
                    cwd=ROOT, env=kept | settings, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                )  # fmt: skip
                stack.callback(_end, process)
            self._until_at_work(len(queues))
            yield

    def received(self) -> list[Received]:
        """What the simulated WhatsApp received so far."""
        return read_log(self._log)

    def until_received(self, count: int) -> None:
        """Wait until it received so many; PeerFailed when nothing comes any more."""
        seen, moved = 0, time.monotonic()
        with self._log.open("rb") as lines:
            while seen < count:
                if more := lines.read().count(b"\n"):
                    seen, moved = seen + more, time.monotonic()
                elif time.monotonic() - moved > STANDSTILL_SECONDS:
                    raise PeerFailed(f"stood still for {STANDSTILL_SECONDS:g} s after {seen} of {count} messages")
                time.sleep(LOOK_SECONDS)

    @property
    def used_memory(self) -> int:
        """Redis's memory in bytes."""
        with self.server.client() as client:
            return int(client.info("memory")["used_memory"])

    @property
    def _log(self) -> Path:
        return self.folder / "simulator.jsonl"

    def _until_at_work(self, count: int) -> None:
        deadline = time.monotonic() + STANDSTILL_SECONDS
        with self.server.client() as client:
            while sum(":w:" in one["name"] for one in client.client_list()) < count:
                if time.monotonic() > deadline:
                    raise PeerFailed(f"{count} worker processes did not begin within {STANDSTILL_SECONDS:g} s")
                time.sleep(LOOK_SECONDS)


@contextmanager
def installation(server: RedisServer) -> Iterator[Installation]:
    """One in which nothing ever happened."""
    empty(server)
    with tempfile.TemporaryDirectory() as folder:
        new = Installation(server, Path(folder))
        new._log.touch()
        yield new


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
