"""The program `oxyq`, and how every command ends: an exit code and a message, never a traceback."""

import os
import re
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from oxyq.cli.arguments import examples
from oxyq.cli.completion import answer_shells
from oxyq.cli.endings import FAILED, OK, WRONG_USE, WrongUse
from oxyq.cli.output import complain, open_streams, say
from oxyq.cli.session import SHARD
from oxyq.cli.tree import Program
from oxyq.errors import ConfigurationError, InvalidPayload, OxyqError

_HELP = """The queue backbone of a WhatsApp business platform, on BullMQ's data model and Redis.

Settings come from the environment: REDIS_URL and OXYQ_*. Without REDIS_URL a server of its own is started, with its
data in .oxyq. Secrets are never taken from the command line.

Exit codes: 0 ok, 1 failed, 2 wrong use or settings, 130 Ctrl-C, 143 SIGTERM.
"""

program = typer.Typer(
    cls=Program,
    help=_HELP,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # plain help: loading rich for it would cost more than the help itself
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=examples("oxyq dev", "oxyq enqueue message messages.json", "oxyq queues stats", "oxyq dlq list"),
)

#: What people try to hand over on the command line, where `ps` shows it to everybody on the machine.
_SECRET_ARGUMENT = re.compile(
    r"--(redis-?url|jwt-?secret|secret|password|redis-?password)\b|rediss?://[^/]*@", re.IGNORECASE
)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command line (`sys.argv` by default) and return its exit code."""
    open_streams()
    answer_shells()
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    code = _guarded(arguments)
    failure = _flushed()
    if failure and code == OK:
        complain(f"the output: {failure}")
    return code if failure is None else max(code, FAILED)


def _print_version(asked: bool) -> None:
    if asked:
        say(f"oxyq {_version()}")
        raise typer.Exit(OK)


@program.callback()
def _options(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version and exit.")
    ] = False,
    shard: Annotated[
        str | None, typer.Option("--shard", metavar="NAME", help="Work there, and not on that of who it is about.")
    ] = None,
) -> None:
    """What stands before the command."""
    context.meta[SHARD] = shard


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("oxyq")
    except PackageNotFoundError:
        return "from source, not installed"


def _guarded(arguments: Sequence[str]) -> int:
    """Run the command and turn whatever it raises into a message and an exit code."""
    try:
        _refuse_secrets(arguments)
        typer.main.get_command(program).main(args=list(arguments), prog_name="oxyq")
        return OK
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else OK if end.code is None else FAILED
    except (ConfigurationError, WrongUse) as error:
        complain(*str(error).splitlines())
        return WRONG_USE
    except InvalidPayload as error:
        complain(*(f"{field}: {problem}" for field, problem in error.problems))
    except OxyqError as error:
        complain(str(error))
    except BrokenPipeError:
        pass  # the reader has seen enough
    except OSError as error:
        complain(f"{error.filename or 'the output'}: {error.strerror or error}")
    except Exception as error:
        if sys.flags.dev_mode:
            raise
        complain(f"a fault in Oxyq, {type(error).__name__}: {error}; `python -X dev -m oxyq …` shows where")
    return FAILED


def _refuse_secrets(arguments: Sequence[str]) -> None:
    # "--" ends the options, yet not what `ps` shows.
    if any(_SECRET_ARGUMENT.match(argument) for argument in arguments):
        raise WrongUse(
            "secrets are not taken from the command line, where every user of this machine can read them; "
            "set REDIS_URL or OXYQ_JWT_SECRET in the environment"
        )


def _flushed() -> str | None:
    """Write out what is still buffered; returns why that failed, "" when only nobody reads it any more."""
    try:
        for stream in (sys.stdout, sys.__stdout__):
            if stream is not None and not stream.closed:
                stream.flush()
    except OSError as error:
        # Python flushes again when it exits, and would complain about it then.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return "" if isinstance(error, BrokenPipeError) else error.strerror or str(error)
    return None
