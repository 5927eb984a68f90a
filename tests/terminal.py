"""A pseudo terminal, as a user has it before them."""

import os
import select
import termios
import time
from dataclasses import dataclass

from tests.command_line import DEADLINE_SECONDS


@dataclass
class Terminal:
    """A pseudo terminal: what a user types and sees."""

    ours: int
    theirs: int
    seen: str = ""

    def type(self, text: str) -> None:
        os.write(self.ours, text.encode())

    def read(self) -> bool:
        """Read what comes next; False when nothing does."""
        ready, _, _ = select.select([self.ours], [], [], 0.2)
        if ready:
            self.seen += os.read(self.ours, 65536).decode()
        return bool(ready)

    def until(self, wanted: str) -> None:
        """Read until `wanted` is seen; fails the test when it does not come."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while wanted not in self.seen:
            assert self.read() or time.monotonic() < deadline, f"no {wanted!r} in {self.seen!r}"

    def modes(self) -> object:
        """How it treats what is typed: echo, lines, signals."""
        return termios.tcgetattr(self.theirs)
