"""Arguments and options that several commands have, and the examples below their help."""

import difflib
from collections.abc import Iterable
from typing import Annotated, TypeAlias

import typer

from oxyq.cli.durations import Duration
from oxyq.queues import POLICIES


def examples(*commands: str) -> str:
    """What stands at the end of a command's help."""
    title = "Example:" if len(commands) == 1 else "Examples:"
    # \b keeps the lines as they are.
    return "\n".join(("\b", title, *(f"  {command}" for command in commands)))


def nearest(written: str, known: Iterable[str]) -> str:
    """What was meant by a name that there is not, or else all there are."""
    names = list(known)
    near = difflib.get_close_matches(written, names, n=1)
    return f"did you mean {near[0]}?" if near else f"known are {', '.join(names)}"


def _known_queues(names: list[str] | None) -> list[str]:
    for name in names or ():
        if name not in POLICIES:
            raise typer.BadParameter(f"there is no queue {name[:40]!r}; {nearest(name, POLICIES)}")
    return list(dict.fromkeys(names or POLICIES))


def queues_beginning(incomplete: str) -> list[str]:
    """What Tab offers for a queue."""
    return [name for name in POLICIES if name.startswith(incomplete)]


QueueNames: TypeAlias = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="QUEUE",
        callback=_known_queues,
        autocompletion=queues_beginning,
        show_default=False,
        help=f"Which of {', '.join(POLICIES)}; all of them by default.",
    ),
]
AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Yes: TypeAlias = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
DryRun: TypeAlias = Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")]


def duration_option(*names: str, help: str) -> object:
    """An option that takes 7d, 12h, 90s …"""
    return typer.Option(*names, parser=Duration.parse, metavar="DURATION", help=help)
