"""A recipient as a line of a file says, and the error that names the line."""

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple, Protocol

from oxyq.errors import InvalidPayload

MAX_LINE_BYTES: Final = 64 * 1024
"""Of a line, and of all lines together that a quoted cell of CSV goes on over."""


class Row(NamedTuple):
    """One recipient: the number as it was written, the variables it has, and the line it began in (from 1)."""

    number: str
    variables: dict[str, str]
    line: int


class RowParser(Protocol):
    """What knows one format; lines come numbered, in order, without their ends, as many at a time as there are."""

    encoding: str
    """What a program that saves such a file calls UTF-8."""

    def rows(self, lines: Iterable[tuple[int, str]]) -> Iterator[Row]:
        """The rows that these lines complete; InvalidPayload at the first mistake."""

    def finish(self) -> None:
        """There are no more lines; InvalidPayload if there ought to be."""


def in_line(line: int, problem: str, *, column: int | None = None) -> InvalidPayload:
    """The error for a mistake in a line of a recipient file; both count from 1."""
    where = f"line {line}" if column is None else f"line {line}, column {column}"
    return InvalidPayload("recipients", f"{where}: {problem}")
