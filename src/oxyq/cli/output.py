"""What commands print: tables and JSON on standard output, everything else on standard error."""

import io
import json
import os
import sys
from collections.abc import Iterable, Sequence

from oxyq.outcomes import JsonValue

#: Control characters, which could take over a terminal: jobs hold text that strangers wrote.
_CONTROLS = {code: f"\\u{code:04x}" for code in (*range(0x20), *range(0x7F, 0xA0))}
_CONTROLS_BUT_LINES = {code: shown for code, shown in _CONTROLS.items() if chr(code) != "\n"}
_LEAST_LAST_COLUMN = 40
_NO_LIMIT = 100_000


def open_streams() -> None:
    """Make both streams safe to write anything to: closed ones go nowhere, odd characters are shown escaped."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115 - open until the process ends
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def plain(text: object) -> str:
    """Text on one line, safe for a terminal."""
    return str(text).translate(_CONTROLS)


def complain(*problems: str) -> None:
    """Tell what is wrong, one line each."""
    for problem in problems:
        _write_error(f"Error: {plain(problem)}")


def warn(text: str) -> None:
    """Tell of a danger."""
    _write_error(f"Warning: {plain(text)}")


def note(text: str) -> None:
    """Tell something that is no data, to whoever sits before the terminal."""
    if sys.stderr.isatty():
        tell(text)


def tell(text: str) -> None:
    """Tell something that is no data, in a log too."""
    _write_error(plain(text))


def say(text: str) -> None:
    """Print one line of data."""
    print(plain(text))


def say_block(text: str) -> None:
    """Print several lines of data."""
    print(text.translate(_CONTROLS_BUT_LINES))


def print_json(value: JsonValue) -> None:
    """Print one JSON document; indented on a terminal."""
    print(as_json(value, indent=2 if sys.stdout.isatty() else None))


def as_json(value: JsonValue, indent: int | None = None) -> str:
    """JSON as people can read it, with control characters escaped as JSON has it."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    return text.translate({code: shown for code, shown in _CONTROLS.items() if code >= 0x7F})


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], numbers: Sequence[str] = ()) -> None:
    """Print a table; the last column is shortened to a terminal's width, and whole everywhere else.

    `numbers` names the columns that are aligned to the right.
    """
    from rich.table import Table
    from rich.text import Text

    from oxyq.cli.terminal import console as on

    on_terminal, console = sys.stdout.isatty(), on(sys.stdout)
    cells = [[Text(plain(cell)) for cell in row] for row in rows]
    if on_terminal:
        # Only the last column may be shortened: ids are there to be copied.
        others = sum(max([len(name), *(row[at].cell_len for row in cells)]) + 2 for at, name in enumerate(columns[:-1]))
        for row in cells:
            row[-1].truncate(max(console.width - others, _LEAST_LAST_COLUMN), overflow="ellipsis")
    console.width = _NO_LIMIT
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column, justify="right" if column in numbers else "left", no_wrap=True)
    for row in cells:
        table.add_row(*row)
    with console.capture() as captured:
        console.print(table)
    print("\n".join(line.rstrip() for line in captured.get().splitlines()))


def _write_error(line: str) -> None:
    try:
        print(line, file=sys.stderr, flush=True)
    except OSError:
        return  # nobody is left who could be told
