"""A command starts at once: it loads what it needs itself, and nothing of what the others need.

Counted in modules and not in milliseconds, which a busy machine makes of anything.
"""

import json
import subprocess
import sys

import pytest

from oxyq.cli.tree import PARTS
from tests.command_line import CommandLine

#: What no help may load: each costs tens of milliseconds or more.
HEAVY = {
    "asyncio", "babel", "bullmq", "cryptography", "fastapi", "hiredis", "httpx", "jinja2", "jwt", "msgspec",
    "opentelemetry", "prometheus_client", "psutil", "pydantic_ai", "pydantic_settings", "redis", "rich", "starlette",
    "structlog", "uvicorn", "uvloop",
}  # fmt: skip
#: Modules in all, Python's own 80 or so included. `--help` had 199 of them when each command was loaded for it.
MOST_FOR_THE_PROGRAM = 185
#: Of a single command: typer reads its arguments with pydantic, and that alone is 100.
MOST_FOR_A_COMMAND = 300


#: What no command loads that only asks Redis.
HEAVIER = {
    "anthropic", "babel", "fastapi", "httpx", "jinja2", "jwt", "openai", "prometheus_client",
    "pydantic_ai", "rich", "starlette", "structlog", "typer", "uvicorn", "uvloop",
}  # fmt: skip
#: 250 of ours, 130 of Python's, the rest is redis-py and pydantic.
MOST_FOR_AN_APP = 700


def loaded_by(oxyq: CommandLine, *arguments: str, **settings: str) -> list[str]:
    """The modules there are when the command has ended."""
    code = f"import sys, json; sys.argv = ['oxyq', *{list(arguments)!r}]\nfrom oxyq.cli import main\nmain()\n"
    code += "print(json.dumps(list(sys.modules)), file=sys.stderr)"
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=oxyq.environment(**settings)
    )
    modules: list[str] = json.loads(ended.stderr.splitlines()[-1])
    return modules


def heavy(modules: list[str]) -> set[str]:
    return {name.partition(".")[0] for name in modules} & HEAVY


def test_the_list_of_commands_loads_none_of_them(oxyq: CommandLine) -> None:
    modules = loaded_by(oxyq, "--help")

    files = {f"oxyq.cli.{part.file}" for part in PARTS.values()} - {"oxyq.cli.completion"}
    assert files & set(modules) == set()
    assert "pydantic" not in modules
    assert heavy(modules) == set()
    assert len(modules) <= MOST_FOR_THE_PROGRAM


@pytest.mark.parametrize("words", ["queues stats", "enqueue message", "api"])
def test_the_help_of_a_command_loads_no_other(oxyq: CommandLine, words: str) -> None:
    modules = loaded_by(oxyq, *words.split(), "--help")

    own = PARTS[words.split()[0]].file
    others = {part.file for part in PARTS.values()} - {own, "completion", "organizations"}  # which others lean on
    assert {f"oxyq.cli.{file}" for file in others} & set(modules) == set()
    assert heavy(modules) == set()
    assert len(modules) <= MOST_FOR_A_COMMAND


def test_completing_a_word_loads_no_command(oxyq: CommandLine) -> None:
    """A shell waits for it at each Tab."""
    asked = {"_OXYQ_COMPLETE": "complete_bash", "COMP_WORDS": "oxyq que", "COMP_CWORD": "1"}
    modules = loaded_by(oxyq, **asked)

    assert "oxyq.cli.queues" not in modules
    assert heavy(modules) == set()


def test_a_command_that_asks_redis_loads_no_web_server_no_model_and_no_cryptography() -> None:
    """All parts of a process are there then, each with what it needs before anybody asks it anything."""
    code = "import sys, json, oxyq.app; print(json.dumps(list(sys.modules)))"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    modules = [name for name in json.loads(ended.stdout) if not name.startswith("opentelemetry")]  # redis-py's own

    assert {name.partition(".")[0] for name in modules} & HEAVIER == set()
    assert not [name for name in modules if name.startswith("cryptography.hazmat")]  # redis-py looks for its version
    assert len(modules) <= MOST_FOR_AN_APP
