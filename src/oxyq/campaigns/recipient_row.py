"""A recipient as a line of a file says, and the error that names the line."""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from typing import Final, NamedTuple, Protocol, TypeAlias

from oxyq.errors import InvalidPayload

MAX_LINE_BYTES: Final = 64 * 1024
"""Of a line, and of all lines together that a quoted cell of CSV goes on over."""


class Row(NamedTuple):
    """One recipient: the number as it was written, the variables it has, and the line it began in (from 1)."""

    number: str
    variables: dict[str, str]
    line: int


Person: TypeAlias = tuple[str, Mapping[str, str]]
"""A number as it was written, and the recipient's own variables."""


class RowParser(Protocol):
    """What knows one format; lines come numbered, in order, without their ends, as many at a time as there are."""

    encoding: str
    """What a program that saves such a file calls UTF-8."""

    def rows(self, lines: Iterable[tuple[int, str]]) -> Iterator[Row]:
        """The rows that these lines complete; InvalidPayload at the first mistake."""

    def finish(self) -> None:
        """There are no more lines; InvalidPayload if there ought to be."""


async def add_rows(rows: Iterable[Row], add: Callable[[Iterable[Person]], Awaitable[None]]) -> None:
    """Give these to what takes recipients; InvalidPayload says in which line the one is that it does not take."""
    line = 0

    def people() -> Iterator[Person]:
        nonlocal line
        for row in rows:
            line = row.line
            yield row.number, row.variables

    try:
        await add(people())
    except InvalidPayload as error:
        raise in_line(line, str(error)) from None


def in_line(line: int, problem: str, *, column: int | None = None) -> InvalidPayload:
    """The error for a mistake in a line of a recipient file; both count from 1."""
    where = f"line {line}" if column is None else f"line {line}, column {column}"
    return InvalidPayload("recipients", f"{where}: {problem}")
