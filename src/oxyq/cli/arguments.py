"""Arguments and options that several commands have, and the examples below their help."""

import difflib
from typing import Annotated, TypeAlias

import typer

from oxyq.cli.durations import Duration
from oxyq.queues import POLICIES


def examples(*commands: str) -> str:
    """What stands at the end of a command's help."""
    title = "Example:" if len(commands) == 1 else "Examples:"
    # \b keeps the lines as they are.
    return "\n".join(("\b", title, *(f"  {command}" for command in commands)))


def _known_queues(names: list[str] | None) -> list[str]:
    for name in names or ():
        if name not in POLICIES:
            near = difflib.get_close_matches(name, POLICIES, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(POLICIES)}"
            raise typer.BadParameter(f"there is no queue {name[:40]!r}; {hint}")
    return list(dict.fromkeys(names or POLICIES))


QueueNames: TypeAlias = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="QUEUE",
        callback=_known_queues,
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
