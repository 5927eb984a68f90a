"""Tab completes commands, options, queues and states, in the words that the commands take; without Redis."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.command_line import CommandLine


def offered(oxyq: CommandLine, line: str) -> list[str]:
    """What bash is told may stand at the end of a line."""
    words = line.split(" ")
    asked = {"_OXYQ_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    oxyq.settings |= asked
    return oxyq().out.split()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("oxyq q", ["queues"]),
        ("oxyq queues re", ["retry-failed", "rescue", "resume"]),
        ("oxyq queues stats me", ["message"]),
        ("oxyq queues clean --state de", ["delayed"]),
        ("oxyq dlq list --queue a", ["automation"]),
        ("oxyq alerts list --js", ["--json"]),
        ("oxyq completion ", ["bash", "zsh", "fish"]),
    ],
)
def test_what_may_follow_is_offered(oxyq: CommandLine, line: str, expected: list[str]) -> None:
    assert offered(oxyq, line) == expected


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_its_script(oxyq: CommandLine, shell: str) -> None:
    ended = oxyq("completion", shell)

    assert ended.code == 0
    assert f"_OXYQ_COMPLETE=complete_{shell}" in ended.out


def test_another_shell_is_told_which_there_are(oxyq: CommandLine) -> None:
    ended = oxyq("completion", "tcsh")

    assert ended.code == 2
    assert "'bash', 'zsh', 'fish'" in ended.err


def test_a_real_bash_completes_with_it(oxyq: CommandLine, tmp_path: Path) -> None:
    program = tmp_path / "oxyq"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m oxyq "$@"\n')
    program.chmod(0o755)
    script = 'eval "$(oxyq completion bash)"; COMP_WORDS=(oxyq queues res); COMP_CWORD=2; _oxyq_completion oxyq; '
    ended = subprocess.run(
        ["bash", "--norc", "-c", script + 'echo "${COMPREPLY[@]}"; complete -p oxyq'],
        env={**oxyq.environment(), "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert ended.stdout.splitlines()[0] == "rescue resume"
    assert "_oxyq_completion" in ended.stdout.splitlines()[1]
