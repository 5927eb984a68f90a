"""Commands before a terminal: they ask, they colour, they show how far they are."""

import json
import signal
import time

import pytest

from tests.command_line import DEADLINE_SECONDS, CommandLine
from tests.integration.cli.test_enqueue import REMINDER
from tests.terminal import Terminal


def run(oxyq: CommandLine, terminal: Terminal, *arguments: str, answer: str | int | None = None) -> int:
    """Run a command on the terminal, answer its question by text or signal, and return its exit code."""
    there = terminal.theirs
    with oxyq.start(*arguments, stdin=there, stdout=there, stderr=there, TERM="xterm") as process:
        if isinstance(answer, str):
            terminal.until("[y/N]")
            terminal.type(answer)
        elif answer is not None:
            terminal.until("[y/N]")
            process.send_signal(answer)
        deadline = time.monotonic() + DEADLINE_SECONDS
        while process.poll() is None or terminal.read():
            terminal.read()
            assert time.monotonic() < deadline, terminal.seen
        return process.returncode


@pytest.mark.parametrize(
    ("answer", "code", "left"),
    [("y\n", 0, 0), ("n\n", 1, 1), (signal.SIGINT, 130, 1)],
    ids=["yes", "no", "ctrl-c"],
)
def test_draining_asks_with_the_numbers(
    oxyq: CommandLine, terminal: Terminal, answer: str | int, code: int, left: int
) -> None:
    oxyq("enqueue", "automation", "-", stdin=json.dumps(REMINDER))

    ended = run(oxyq, terminal, "queues", "drain", "automation", answer=answer)

    assert "Remove for good: 1 waiting in automation?" in terminal.seen
    assert "Traceback" not in terminal.seen
    assert ended == code
    assert oxyq("queues", "stats", "--json").json()["queues"]["automation"]["waiting"] == left


def test_a_long_work_shows_how_far_it_is(oxyq: CommandLine, terminal: Terminal) -> None:
    lines = "\n".join(json.dumps({**REMINDER, "automationId": f"a{number}"}) for number in range(450))
    (oxyq.folder / "reminders.jsonl").write_text(lines)

    assert run(oxyq, terminal, "enqueue", "automation", "reminders.jsonl") == 0

    assert "200 of 450 jobs added" in terminal.seen
    assert "450 of 450 jobs added" in terminal.seen


def test_tables_have_colours_here_and_who_uses_the_embedded_server_is_told(
    oxyq: CommandLine, terminal: Terminal
) -> None:
    """Neither is so in a pipe, where programs read."""
    del oxyq.settings["REDIS_URL"]

    assert run(oxyq, terminal, "queues", "stats") == 0
    piped = oxyq.process("queues", "stats", TERM="xterm")

    assert f"using the embedded server in {oxyq.folder / '.oxyq'}" in terminal.seen
    assert "\x1b[1m" in terminal.seen
    assert "\x1b" not in piped.out
    assert piped.err == ""
