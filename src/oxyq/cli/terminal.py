"""What a stream can show: whether somebody watches it, and whether colours are wanted there."""

import os
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:  # so that `--help` loads none of it
    from rich.console import Console


def is_live(stream: TextIO) -> bool:
    """Whether somebody watches it, on something that can write over what it showed."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def has_colours(stream: TextIO) -> bool:
    """Whether to write bold and coloured: on a terminal, or where FORCE_COLOR is set; never where NO_COLOR is.

    Either counts when it is not empty (https://no-color.org, https://force-color.org).
    """
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or is_live(stream)


def console(stream: TextIO) -> "Console":
    """What writes to this stream with rich: as it is told, without guesses of its own."""
    from rich.console import Console

    coloured = has_colours(stream)
    return Console(
        file=stream,
        force_terminal=coloured or is_live(stream),
        color_system="auto" if coloured else None,
        highlight=False,
        emoji=False,
    )
