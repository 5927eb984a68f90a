"""The command tree: its help, its start-up time, and how it refuses wrong use."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import typer

from oxyq.cli import main, program
from oxyq.errors import ConfigurationError, IdConflict, InvalidPayload, NotFound, QueueUnavailable
from tests.command_line import CommandLine

#: What `oxyq --help` must not load: each costs a tenth of a second or more.
HEAVY = {
    "asyncio", "bullmq", "fastapi", "hiredis", "jwt", "pydantic", "redis", "rich", "starlette", "structlog", "uvicorn",
    "uvloop",
}  # fmt: skip

CREATE = ["campaigns", "create", "a.csv", "--org", "org_1", "--id", "sale_1"]


def commands(group: Any = None, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The words of every command."""
    group = group or typer.main.get_command(program.program)
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name)


COMMANDS = sorted(commands())
ALL = pytest.mark.parametrize("command", COMMANDS, ids=" ".join)


def test_these_are_the_commands() -> None:
    assert [" ".join(words) for words in COMMANDS] == [
        "alerts list", "alerts silence", "alerts test",
        "api",
        "audit list",
        "automations list", "automations reschedule", "automations withdraw",
        "bench",
        "campaigns cancel", "campaigns create", "campaigns list", "campaigns pause", "campaigns preview",
        "campaigns report", "campaigns resend-failed", "campaigns resume", "campaigns show", "campaigns start",
        "completion",
        "contacts erase", "contacts export", "contacts opt-in", "contacts opt-out", "contacts show",
        "contacts verify-receipt",
        "conversations list", "conversations release", "conversations show", "conversations take-over",
        "dev",
        "dlq list", "dlq purge", "dlq replay", "dlq show",
        "doctor",
        "enqueue automation", "enqueue campaign", "enqueue message",
        "instances list", "instances logout", "instances pair", "instances remove", "instances secret",
        "instances set", "instances show",
        "orgs encrypt", "orgs list", "orgs set", "orgs show", "orgs shred",
        "queues clean", "queues drain", "queues pause", "queues rescue", "queues resume", "queues retry-failed",
        "queues stats",
        "schedules list", "schedules remove", "schedules run", "schedules set",
        "shards list", "shards move", "shards pin", "shards show",
        "simulate",
        "snapshot export", "snapshot import",
        "token issue", "token link", "token revoke",
        "top",
        "workers automation", "workers campaign", "workers message", "workers start",
    ]  # fmt: skip


#: What needs no --json, and why.
WITHOUT_JSON = {
    "they run until they are stopped": {
        "api", "bench", "simulate", "workers automation", "workers campaign", "workers message", "workers start",
    },
    "what they print is for programs already": {
        "campaigns report", "completion", "contacts erase", "contacts export", "orgs shred",
    },
    "they confirm one deed in a line, and their exit code says the same": {
        "contacts opt-in", "contacts opt-out", "contacts verify-receipt", "conversations release",
        "conversations take-over", "instances logout", "instances remove", "instances secret", "orgs encrypt",
        "schedules remove", "shards move", "shards pin", "token revoke",
    },
}  # fmt: skip


def test_whatever_prints_data_prints_json_too() -> None:
    without = {
        " ".join(words)
        for words in COMMANDS
        if not any("--json" in parameter.opts for parameter in command_of(words).params)
    }

    assert without == set().union(*WITHOUT_JSON.values())


def command_of(words: tuple[str, ...]) -> Any:
    """The command behind these words."""
    command: Any = typer.main.get_command(program.program)
    for word in words:
        command = command.commands[word]
    return command


@ALL
def test_every_command_explains_itself_with_an_example(oxyq: CommandLine, command: tuple[str, ...]) -> None:
    ended = oxyq(*command, "--help")

    assert ended.code == 0
    assert ended.out.startswith(f"Usage: oxyq {' '.join(command)}")
    assert re.search(rf"Examples?:\n +.*oxyq {' '.join(command)}", ended.out)


@ALL
def test_every_command_refuses_an_unknown_option(oxyq: CommandLine, command: tuple[str, ...]) -> None:
    ended = oxyq(*command, "--no-such-option")

    assert ended.code == 2
    assert "no-such-option" in ended.err
    assert ended.out == ""


@pytest.mark.parametrize(
    "arguments", [["--help"], ["dlq", "replay", "--help"], ["--version"], ["nonsense"]], ids=" ".join
)
def test_help_loads_nothing_heavy(arguments: list[str], oxyq: CommandLine) -> None:
    code = f"import sys, json; sys.argv = ['oxyq', *{arguments}]\nfrom oxyq.cli import main\nmain()\n"
    code += "print(json.dumps([name.partition('.')[0] for name in sys.modules]), file=sys.stderr)"
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=oxyq.environment()
    )

    loaded = set(json.loads(ended.stderr.splitlines()[-1]))
    # Typer itself reads the arguments of a single command with pydantic.
    assert not loaded & (HEAVY if arguments == ["--help"] else HEAVY - {"pydantic"})


def test_version_is_told(oxyq: CommandLine) -> None:
    assert re.fullmatch(r"oxyq \S.*\n", oxyq("--version").out)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "Usage: oxyq"),
        (["quues"], "No such command 'quues'. Did you mean 'queues'"),
        (["queues"], "Usage: oxyq queues"),
        (["queues", "stat"], "Did you mean 'stats'"),
        (["queues", "stats", "mesage"], "there is no queue 'mesage'; did you mean message?"),
        (["queues", "stats", "dead-letter"], "known are message, automation, campaign"),
        (["queues", "clean", "--older-than", "7"], "give its unit, such as 7s, 7h or 7d"),
        (["queues", "clean", "--limit", "-1"], "--limit"),
        (["queues", "clean", "--state", "gone"], "--state"),
        (["queues", "rescue", "--seconds", "soon"], "--seconds"),
        (["workers", "start", "mesage"], "did you mean message?"),
        (["workers", "mesage"], "Did you mean 'message'"),
        (["enqueue", "message"], "Missing argument 'FILE'"),
        (["enqueue", "automation", "-", "--delay", "tomorrow"], "--delay"),
        (["dlq", "show"], "Missing argument 'ID'"),
        (["dlq", "replay"], "give the IDs of the letters, or --all"),
        (["dlq", "replay", "--queue", "message"], "give the IDs of the letters, or --all with the filters"),
        (["dlq", "replay", "dlq-message-a", "--all"], "not both"),
        (["dlq", "replay", "dlq-message-a", "--org", "b"], "not both"),
        (["dlq", "replay", "a", "b", "--data", "-"], "exactly one ID"),
        (["dlq", "replay", "--all", "--data", "-"], "exactly one ID"),
        (["campaigns", "create"], "Missing argument 'FILE'"),
        (["campaigns", "create", "a.csv"], "--org and --id must be given"),
        (["campaigns", "create", "a.csv", "--org", "org_1", "--template", "Oi"], "--id must be given"),
        ([*CREATE], "--template or with --template-file"),
        ([*CREATE, "--template", "Oi", "--template-file", "a.txt"], "--template or with --template-file"),
        ([*CREATE, "--template", "Oi {{nome"], "--template: '{{nome' is not a placeholder"),
        ([*CREATE, "--template", "Oi", "--var", "nome"], "--var: 'nome' has no value; write name=value"),
        ([*CREATE, "--template", "Oi", "--var", "a=1", "--var", "a=2"], "--var: 'a' is given twice"),
        ([*CREATE, "--template", "Oi", "--var", "1=2"], "--var 1: is no variable name"),
        ([*CREATE, "--template", "Oi", "--instance", " "], "--instance: must not be blank"),
        ([*CREATE, "--template", "Oi", "--start-at", "tomorrow"], "write 2026-12-01T09:00 or"),
        ([*CREATE, "--template", "Oi", "--format", "xlsx"], "--format"),
        (["campaigns", "create", "-"], "standard input does not say what it holds; add --format csv"),
        (["campaigns", "create", "a.xlsx"], "a.xlsx does not say what it holds; add --format csv"),
        (["campaigns", "create", "a.json", "--org", "org_1", "--var", "a=1"], "leave --org, --var out"),
        (["campaigns", "preview", "a.csv", "--show", "-1"], "--show"),
        (["campaigns", "list"], "Missing option '--org'"),
        (["campaigns", "list", "--org", "org_1", "--limit", "0"], "--limit"),
        (["campaigns", "show", "--org", "org_1"], "Missing argument 'ID'"),
        (["campaigns", "pause", "sale_1"], "Missing option '--org'"),
        (["campaigns", "report", "sale_1", "--org", "org_1", "--format", "json"], "--format"),
        (["campaigns", "report", "sale_1", "--org", "org_1", "--output", "nowhere/a.csv"], "there is no folder"),
        (["campaigns", "report", "sale_1", "--org", "org_1", "--output", "/dev/null"], "is no ordinary file"),
        (["dev", "--json"], "add --exit-when-done"),
        (["token", "issue", "--sub", "ana"], "Missing option '--role'"),
        (["token", "issue", "--sub", "ana", "--role", "OWNER"], "--role: must be one of owner, operator"),
        (["token", "issue", "--sub", "a\nb", "--role", "owner"], "--sub: must be text"),
        (["token", "issue", "--sub", "ana", "--role", "owner", "--expires", "0s"], "--expires: must be from 1"),
    ],
    ids=lambda value: " ".join(value)[:50] if isinstance(value, list) else "",
)
def test_wrong_use_is_exit_2_and_says_how_it_is_right(oxyq: CommandLine, arguments: list[str], told: str) -> None:
    ended = oxyq(*arguments)

    assert ended.code == 2
    assert told in ended.err
    assert ended.out == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ["queues", "drain"],
        ["queues", "drain", "campaign", "--delayed"],
        ["queues", "clean", "--state", "waiting"],
        ["queues", "clean", "--state", "failed", "--state", "delayed"],
        ["dlq", "purge", "--all"],
        ["dlq", "purge", "dlq-message-a"],
        ["campaigns", "cancel", "sale_1", "--org", "org_1"],
        ["campaigns", "resend-failed", "sale_1", "--org", "org_1"],
    ],
    ids=" ".join,
)
def test_nothing_is_destroyed_unasked(oxyq: CommandLine, arguments: list[str]) -> None:
    """Where nobody can be asked, --yes is needed, and that is known before Redis is looked for."""
    ended = oxyq(*arguments)

    assert ended.code == 2
    assert "add --yes" in ended.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["api", "--redis-url", "redis://:hunter2@host"],
        ["api", "--redis-url=redis://:hunter2@host"],
        ["token", "issue", "--jwt-secret=hunter2"],
        ["workers", "start", "rediss://default:hunter2@host:6379"],
        ["--password=hunter2"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_secrets_on_the_command_line_are_refused_and_not_repeated(oxyq: CommandLine, arguments: list[str]) -> None:
    ended = oxyq(*arguments)

    assert ended.code == 2
    assert "set REDIS_URL or OXYQ_JWT_SECRET in the environment" in ended.err
    assert "hunter2" not in ended.err


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (ConfigurationError("OXYQ_A: is wrong", "OXYQ_B: too"), 2, "Error: OXYQ_A: is wrong\nError: OXYQ_B: too\n"),
        (InvalidPayload("a", "is wrong", [("b", "too")]), 1, "Error: a: is wrong\nError: b: too\n"),
        (QueueUnavailable("Redis cannot be reached"), 1, "Error: Redis cannot be reached\n"),
        (NotFound("there is no such thing"), 1, "Error: there is no such thing\n"),
        (FileNotFoundError(2, "No such file or directory", "a.json"), 1, "Error: a.json: No such file or directory\n"),
        (BrokenPipeError(), 1, ""),
        (KeyboardInterrupt(), 130, ""),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_each_error_has_its_exit_code_and_one_line_per_problem(
    oxyq: CommandLine, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, told: str
) -> None:
    monkeypatch.setattr("oxyq.cli.queues.with_app", lambda _: raised(error))

    ended = oxyq("queues", "stats")

    assert (ended.code, ended.out, ended.err) == (code, "", told)


def test_a_fault_of_ours_is_no_traceback(oxyq: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oxyq.cli.queues.with_app", lambda _: raised(KeyError("surprise")))

    ended = oxyq("queues", "stats")

    assert ended.code == 1
    assert ended.err.startswith("Error: a fault in Oxyq, KeyError: 'surprise'")
    assert "Traceback" not in ended.err


def test_ctrl_c_while_modules_load_is_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "run", lambda: raised(KeyboardInterrupt()))

    assert main() == 130


def test_wrong_settings_are_told_together(oxyq: CommandLine) -> None:
    oxyq.settings |= {"OXYQ_PROT": "1", "OXYQ_JWT_SECRET": "short\n", "REDIS_URL": "http://host"}

    ended = oxyq("queues", "stats")

    assert ended.code == 2
    assert len(ended.err.splitlines()) == 3
    assert "did you mean OXYQ_PORT" in ended.err


def test_a_token_is_all_that_is_printed(oxyq: CommandLine) -> None:
    oxyq.settings |= {"OXYQ_JWT_SECRET": "x" * 32}

    ended = oxyq("token", "issue", "--role", "service", "--sub", "shop", "--org", "org_1", "--expires", "30d")
    as_json = oxyq("token", "issue", "--role", "service", "--sub", "shop", "--json").json()

    assert re.fullmatch(r"[\w-]+\.[\w-]+\.[\w-]+\n", ended.out)
    assert as_json["expiresSeconds"] == 12 * 3600


def test_an_id_conflict_names_the_id() -> None:
    assert str(IdConflict("msg-1")).startswith("msg-1: ")


def raised(error: BaseException) -> Any:
    raise error
