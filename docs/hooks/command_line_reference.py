"""The page about `oxyq …`, from the command tree itself."""

from collections.abc import Iterator
from typing import Any

import typer

from oxyq.cli.program import program

_BEGINNING = """# Command line

What `--help` says of each command. How it behaves on a terminal, in a pipe and in a script:
[the command line](../how-to/command-line.md).
"""
_WIDTH = 100


def page() -> str:
    """The Markdown of the page."""
    root = typer.main.get_command(program)
    return "\n".join(
        (_BEGINNING, *_sections(root, type(root).context_class(root, info_name="oxyq", terminal_width=_WIDTH)))
    )


def _sections(command: Any, context: Any) -> Iterator[str]:
    path = context.command_path
    yield f"{'##' if path.count(' ') < 2 else '###'} {path}\n\n```text\n{command.get_help(context).rstrip()}\n```\n"
    for name in command.list_commands(context) if hasattr(command, "list_commands") else ():
        inner = command.get_command(context, name)
        if not inner.hidden:
            yield from _sections(
                inner, type(inner).context_class(inner, info_name=name, parent=context, terminal_width=_WIDTH)
            )
