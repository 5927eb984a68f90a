"""A process that is measured, from the side of the one who measures (its own side: peers/conversation.py)."""

import json
import queue
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

ROOT = Path(__file__).resolve().parent.parent
#: An answer that takes longer is a failure of the peer.
ANSWER_SECONDS = 300.0
STOP_SECONDS = 15.0


class PeerFailed(Exception):
    """A contestant broke, stood still, or did its work wrong."""


class Handled(NamedTuple):
    """What a handler saw of a job; the times are microseconds of one clock."""

    number: int
    added_us: int
    begun_us: int


class Child:
    """One process; ends with the `with` block."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = command
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()

    def __enter__(self) -> Self:
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            self._command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, encoding="utf-8", cwd=ROOT
        )
        self._complaints: list[str] = []
        self._complaining = threading.Thread(target=self._read_complaints, daemon=True)
        self._complaining.start()
        threading.Thread(target=self._read_answers, daemon=True).start()
        self._answer()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def kill(self) -> None:
        """End it without ceremony, as when it holds a backlog nobody needs any more."""
        self._process.kill()
        self._process.wait()

    def ask(self, do: str, **what: object) -> dict[str, Any]:
        """Have it do one thing and return its answer; raises PeerFailed."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps({"do": do, **what}) + "\n")
            self._process.stdin.flush()
        except OSError:
            pass  # it is gone; what it said last follows
        return self._answer()

    def take_handled(self) -> list[Handled]:
        """What its handler saw since the last time."""
        return [Handled(*seen) for seen in self.ask("take")["handled"]]

    def _answer(self) -> dict[str, Any]:
        try:
            line = self._lines.get(timeout=ANSWER_SECONDS)
        except queue.Empty:
            raise PeerFailed(f"no answer within {ANSWER_SECONDS:g} s") from None
        answer: dict[str, Any] = json.loads(line) if line else {"error": self._last_words()}
        if "error" in answer:
            raise PeerFailed(answer["error"])
        return answer

    def _last_words(self) -> str:
        self._process.wait(STOP_SECONDS)
        self._complaining.join(STOP_SECONDS)
        return next((line.strip() for line in reversed(self._complaints) if line.strip()), "it ended without a word")

    def _read_answers(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put("")

    def _read_complaints(self) -> None:
        assert self._process.stderr is not None
        self._complaints.extend(self._process.stderr)
