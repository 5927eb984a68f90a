"""`oxyq …` as a user runs it: in this process for its tables, in a process of its own for signals and pipes."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import oxyq
from oxyq.cli.program import run

SOURCE = Path(oxyq.__file__).parents[1]
#: Seconds a command may take, start of Python and embedded server included, on a busy machine.
DEADLINE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended, and what it wrote."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """What it printed, as JSON."""
        return json.loads(self.out)

    def rows(self) -> list[list[str]]:
        """The cells of the table it printed, without its header."""
        return [line.split() for line in self.out.splitlines()[1:]]


class CommandLine:
    """Runs `oxyq` with these settings and none of the machine's own, in `folder`."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self.settings = settings

    def __call__(self, *arguments: str, stdin: str | bytes = b"") -> Ended:
        """Run a command in this process."""
        given = io.TextIOWrapper(io.BytesIO(stdin.encode() if isinstance(stdin, str) else stdin))
        out, err = io.StringIO(), io.StringIO()
        with (
            mock.patch.dict(os.environ, self.environment(), clear=True),
            mock.patch.object(sys, "stdin", given),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            code = run(arguments)
        return Ended(code, out.getvalue(), err.getvalue())

    def process(self, *arguments: str, stdin: str = "", **settings: str) -> Ended:
        """Run a command in a process of its own."""
        process = self.start(*arguments, **settings)
        out, err = process.communicate(stdin.encode(), timeout=DEADLINE_SECONDS)
        return Ended(process.returncode, out.decode(), err.decode())

    def start(
        self, *arguments: str, stdin: Any = subprocess.PIPE, stdout: Any = subprocess.PIPE,
        stderr: Any = subprocess.PIPE, **settings: str,
    ) -> "subprocess.Popen[bytes]":  # fmt: skip
        """Start a command in a process of its own; whoever starts it ends it."""
        return subprocess.Popen(
            [sys.executable, "-m", "oxyq", *arguments], stdin=stdin, stdout=stdout, stderr=stderr, cwd=self.folder,
            env=self.environment(**settings),
        )  # fmt: skip

    def environment(self, **settings: str) -> Mapping[str, str]:
        """The machine's environment without its settings of Oxyq, and with ours."""
        theirs = {
            name: value
            for name, value in os.environ.items()
            # Unbuffered output fails at once where a user's fails at the end.
            if not name.startswith("OXYQ_") and name not in ("REDIS_URL", "PYTHONUNBUFFERED")
        }
        return {**theirs, "PYTHONPATH": str(SOURCE), **self.settings, **settings}
