"""Workers in processes of their own, that a test may kill."""

import json
import os
import subprocess
import sys
from types import TracebackType
from typing import Literal, Self

import redis.asyncio

from tests.integration.engine.journal import DEADLINE_SECONDS, Journal

Run = tuple[Literal["start", "end"], str]
"""What a child's handler did with which job."""


class Children:
    """Starts worker processes; what their handlers do comes to `runs`, in order."""

    def __init__(self, client: "redis.asyncio.Redis", url: str, prefix: str, queue: str = "work") -> None:
        self.runs: Journal[Run] = Journal()
        self._client = client
        self._settings = {"url": url, "prefix": prefix, "queue": queue, "runs": f"{prefix}:runs"}
        self._children: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for child in self._children:
            self.kill(child)

    def start(
        self,
        kind: Literal["ours", "package"] = "ours",
        *,
        seconds: float,
        work: Literal["sleep", "block"] = "sleep",
        concurrency: int = 1,
        lock_seconds: float = 2.0,
        stalled_seconds: float = 1.0,
    ) -> "subprocess.Popen[bytes]":
        """Start a worker whose jobs take `seconds`, asleep or blocking its event loop."""
        settings = {
            **self._settings,
            "kind": kind,
            "work": work,
            "seconds": seconds,
            "concurrency": concurrency,
            "lock_seconds": lock_seconds,
            "stalled_seconds": stalled_seconds,
        }
        command = [sys.executable, "-m", "tests.integration.engine.worker_process", json.dumps(settings)]
        # The child finds the package and the tests where this process finds them.
        child = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
        self._children.append(child)
        return child

    def kill(self, child: "subprocess.Popen[bytes]") -> None:
        """Take a child away at once, as a crash does (SIGKILL)."""
        child.kill()
        child.wait()

    async def until(self, what: Literal["start", "end"], count: int, within: float = DEADLINE_SECONDS) -> list[str]:
        """Wait until handlers did `what` `count` times; returns the ids of the jobs, in order."""
        while len(found := [job_id for did, job_id in self.runs.entries if did == what]) < count:
            popped = await self._client.blpop([self._settings["runs"]], timeout=within)
            assert popped is not None, f"{len(found)} of {count} {what}s within {within:g} s"
            did, job_id = popped[1].split(" ", 1)
            self.runs.note((did, job_id))
        return found
