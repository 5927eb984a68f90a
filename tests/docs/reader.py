"""Somebody who reads a page and does what it says: types its commands, saves its files, looks at what comes out.

What a page's blocks may say of themselves, in a comment above:

    <!-- not run: REASON -->               nobody can here; the reason is for readers of the source
    <!-- run: background until "TEXT" -->  goes on until the end of the page, in a terminal of its own; with
                                           "COMMAND" behind `background`, this is run in its place
    <!-- run: until "TEXT" -->             again and again until it shows TEXT, as somebody who waits for something
    <!-- run: exits 1 -->                  its last command fails so
    <!-- shows -->                         what the commands before it print; "…" stands for anything

A block with title="FILE" is saved under that name. All of a page happens in one folder and one terminal.
"""

import asyncio
import contextlib
import os
import re
import secrets
import selectors
import signal
import subprocess
import sys
import time
from pathlib import Path

from oxyq.embedded import EmbeddedServer
from tests.docs.pages import RUN, Block, Page
from tests.redis_server import RedisServer, free_port
from tests.requirements import INTEROP, require

#: Seconds one block may take on a busy machine.
DEADLINE_SECONDS = 60.0
#: Ports that pages name; each reader has others, so that several may read at once.
PORTS = ("3001", "3002", "8090", "9000", "9464", "6379")
_REDIS = "6379"
#: What is another each time: times, and ids made by chance or from them.
_ALWAYS_OTHERS = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d)?|\b1[78]\d{11}\b|[0-9a-f]{16,}")


class DoesNotWork(AssertionError):
    """What the page says is not so."""

    def __init__(self, block: Block, what: str, output: str = "") -> None:
        super().__init__(f"{block.place}: {what}\n{block.text}\n--- it printed\n{output[-3000:]}")


class Reader:
    """Reads one page in `folder`, with programs of the checkout and a Redis of its own; ends all that it started.

    `programs` is a folder whose programs the terminal finds first.
    """

    def __init__(self, page: Page, folder: Path, programs: Path | None = None) -> None:
        self._programs = programs
        self._page = page
        self._folder = folder
        self._ports = {port: str(free_port()) for port in PORTS}
        self._environment = {
            **{name: value for name, value in os.environ.items() if not _ours(name)},
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "OXYQ_PORT": self._ports["3001"],
            "OXYQ_BRIDGE_PORT": self._ports["3002"],
            "COLUMNS": "160",
        }
        self._ends = contextlib.ExitStack()

    def read(self) -> None:
        """Do all that it says; raises DoesNotWork."""
        self._folder.mkdir()
        self._make_venv()
        if any(block.language == "js" for block in self._page.blocks):
            require("node-packages")
            (self._folder / "node_modules").symlink_to(INTEROP / "node_modules")
        with self._ends:
            self._start_redis()
            path = self._environment["PATH"]
            found_first = {} if self._programs is None else {"PATH": f"{self._programs}:{path}"}
            terminal = self._ends.enter_context(_Terminal(self._folder, {**self._environment, **found_first}))
            printed = ""
            for block in self._page.blocks:
                note = block.note or ""
                if block.file is not None:
                    file = self._folder / block.file
                    file.parent.mkdir(parents=True, exist_ok=True)
                    file.write_text(self._here(block.text), encoding="utf-8")
                elif note == "shows":
                    _must_show(block, self._here(block.text), printed)
                elif block.language in RUN and not note.startswith("not run: "):
                    printed = self._do(terminal, block, note)

    def _do(self, terminal: "_Terminal", block: Block, note: str) -> str:
        text = self._here(block.text)
        if block.language == "python":
            script = self._folder / f"block{block.line}.py"
            script.write_text(text, encoding="utf-8")
            text = f"python {script.name}\n"
        if found := re.fullmatch(r'run: background (?:"(.+)" )?until "(.+)"', note):
            text = found[1] or text
            return self._ends.enter_context(_Background(block, text, self._folder, self._environment)).until(found[2])
        if found := re.fullmatch(r'run: until "(.+)"', note):
            return _again_until(terminal, block, text, found[1])
        if found := re.fullmatch(r"run: exits (\d+)", note):
            return terminal.type(block, text, exits=int(found[1]))
        if note:
            raise DoesNotWork(
                block, f"nobody knows what <!-- {note} --> means; tests/docs/reader.py lists what may stand there"
            )
        return terminal.type(block, text)

    def _make_venv(self) -> None:
        """The checkout's, with the programs that come first in place of its own."""
        theirs, ours = Path(sys.executable).parents[1], self._folder / ".venv"
        (ours / "bin").mkdir(parents=True)
        quick = {} if self._programs is None else {path.name: path for path in self._programs.iterdir()}
        programs = {path.name: path for path in (theirs / "bin").iterdir()} | quick
        for name, path in programs.items():
            (ours / "bin" / name).symlink_to(path)
        for name in ("lib", "pyvenv.cfg"):
            (ours / name).symlink_to(theirs / name)

    def _start_redis(self) -> None:
        if _REDIS in "".join(block.text for block in self._page.blocks):
            folder = self._folder.with_name(f"{self._folder.name}-redis")
            folder.mkdir()
            server = RedisServer(folder, "--appendonly", "yes", port=int(self._ports[_REDIS]))
            self._ends.enter_context(server)
        # Else each command would start and stop the embedded server anew, which takes longer than the command.
        embedded = EmbeddedServer(self._folder / ".oxyq")
        asyncio.run(embedded.start())
        self._ends.callback(lambda: asyncio.run(embedded.stop()))

    def _here(self, text: str) -> str:
        return re.sub(rf"\b({'|'.join(PORTS)})\b", lambda found: self._ports[found[1]], text)


def _ours(name: str) -> bool:
    return name.startswith(("OXYQ_", "REDIS_URL", "VIRTUAL_ENV", "PYTEST_", "COVERAGE_", "NO_COLOR", "FORCE_COLOR"))


class _Terminal:
    """One shell: what a block sets, later blocks have."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._folder = folder
        self._environment = environment

    def __enter__(self) -> "_Terminal":
        self._shell = subprocess.Popen(
            ["bash", "--noprofile", "--norc"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, cwd=self._folder, env=self._environment, start_new_session=True,
        )  # fmt: skip
        return self

    def __exit__(self, *_: object) -> None:
        _end(self._shell, signal.SIGKILL)

    def type(self, block: Block, text: str, exits: int | None = 0) -> str:
        """What a block prints; each of its commands must work, or the last one end with `exits`, or anyhow (None)."""
        end, script = f"end-{secrets.token_hex(8)}", self._folder / ".block.sh"
        script.write_text(text, encoding="utf-8")
        strict = "set -eo pipefail" if exits == 0 else "set +e"
        source = "source .block.sh" if exits is not None else "(source .block.sh)"
        assert self._shell.stdin is not None
        self._shell.stdin.write(f"{strict}\n{source} </dev/null\necho {end} $?\n".encode())
        self._shell.stdin.flush()
        output = self._until(block, end.encode())
        printed, _, code = output.rpartition(f"{end} ")
        if exits is not None and int(code) != exits:
            raise DoesNotWork(block, f"it ended with {code.strip()}, not {exits}", printed)
        return printed

    def _until(self, block: Block, end: bytes) -> str:
        assert self._shell.stdout is not None
        deadline, output = time.monotonic() + DEADLINE_SECONDS, b""
        with selectors.DefaultSelector() as selector:
            selector.register(self._shell.stdout, selectors.EVENT_READ)
            while not re.search(end + rb" \d+\n", output):
                if not selector.select(max(deadline - time.monotonic(), 0)):
                    raise DoesNotWork(block, f"it has not ended after {DEADLINE_SECONDS:g} s", output.decode())
                if not (read := os.read(self._shell.stdout.fileno(), 65536)):
                    raise DoesNotWork(block, f"a command failed, {self._shell.wait()}", output.decode())
                output += read
        return output.decode()


class _Background:
    """A terminal in which one block goes on, until Ctrl-C at the end."""

    def __init__(self, block: Block, text: str, folder: Path, environment: dict[str, str]) -> None:
        self._block = block
        self._text = text
        self._folder = folder
        self._environment = environment
        self._output = folder / f".output{block.line}"

    def __enter__(self) -> "_Background":
        with self._output.open("wb") as written:
            self._shell = subprocess.Popen(
                ["bash", "--noprofile", "--norc", "-ec", self._text], stdin=subprocess.DEVNULL, stdout=written,
                stderr=subprocess.STDOUT, cwd=self._folder, env=self._environment, start_new_session=True,
            )  # fmt: skip
        return self

    def __exit__(self, *_: object) -> None:
        _end(self._shell, signal.SIGINT)

    def until(self, text: str) -> str:
        """Wait until it shows this, and return all that it has shown."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while text not in (printed := self._output.read_text(errors="replace")):
            if self._shell.poll() is not None:
                raise DoesNotWork(
                    self._block, f"it ended with {self._shell.returncode} and never showed {text!r}", printed
                )
            if time.monotonic() > deadline:
                raise DoesNotWork(self._block, f"it has not shown {text!r} after {DEADLINE_SECONDS:g} s", printed)
            time.sleep(0.05)
        return printed


def _end(shell: "subprocess.Popen[bytes]", sign: signal.Signals) -> None:
    """End a shell and all that runs in it."""
    for each in (sign, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(shell.pid, each)
        with contextlib.suppress(subprocess.TimeoutExpired):
            shell.wait(20)
            break
    for pipe in (shell.stdin, shell.stdout):
        if pipe is not None:
            pipe.close()


def _again_until(terminal: _Terminal, block: Block, text: str, wanted: str) -> str:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while wanted not in (printed := terminal.type(block, text, exits=None)):
        if time.monotonic() > deadline:
            raise DoesNotWork(block, f"it never showed {wanted!r}", printed)
        time.sleep(0.5)  # each look is a process of its own
    return printed


def _must_show(block: Block, expected: str, printed: str) -> None:
    """Each line of `expected` was printed, in this order; "…" stands for anything in it, or for lines between."""
    seen = [_ALWAYS_OTHERS.sub("…", line.strip()) for line in printed.splitlines()]
    at = 0
    for line in expected.splitlines():
        wanted = _ALWAYS_OTHERS.sub("…", line.strip())
        if not wanted or wanted == "…":
            continue
        pattern = ".*".join(r"\s+".join(map(re.escape, re.split(r"\s+", part))) for part in re.split(" *… *", wanted))
        found = next((number for number in range(at, len(seen)) if re.fullmatch(pattern, seen[number])), None)
        if found is None:
            raise DoesNotWork(block, f"this line was not printed (any more): {line}", printed)
        at = found + 1
