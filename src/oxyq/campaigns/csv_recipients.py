"""Recipients in CSV: which lines belong together, what the header says, and a row from each record."""

import csv
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Final, Literal, NamedTuple

from oxyq.campaigns.recipient_row import MAX_LINE_BYTES, Row, in_line
from oxyq.errors import InvalidPayload
from oxyq.jobs import MAX_TEXT_CHARACTERS
from oxyq.numbers import digits
from oxyq.templates import VARIABLE_NAME

MAX_COLUMNS: Final = 100

_NUMBER_COLUMNS: Final = ("number", "numero", "telefone", "phone", "celular", "whatsapp")
_SEPARATORS: Final = ",;\t"
_QUOTED: Final = r'"[^"]*(?:""[^"]*)*"'
_SHOWN_CHARACTERS: Final = 40

_BEGIN_WITH_HEADER: Final = "begin with a header that names the columns, such as number;name"
_CLOSE_QUOTES: Final = "close it, or double each quote that belongs to the text"
_QUOTE_SEPARATORS: Final = "put a cell that has the separator in it between quotes"


class _Columns(NamedTuple):
    """The header: where the number stands, and the names of all the others in order."""

    number_at: int
    variables: tuple[str, ...]

    @property
    def width(self) -> int:
        return len(self.variables) + 1


class CsvRecipients:
    """The parser of one CSV file (RFC 4180)."""

    encoding = "CSV UTF-8"

    def __init__(self) -> None:
        self._separator = ""
        self._columns: _Columns | None = None
        self._open = list[str]()  # the lines of a record that is not whole yet
        self._open_bytes = 0
        self._began_at = self._quote_opened_at = 0

    def rows(self, lines: Iterable[tuple[int, str]]) -> Iterator[Row]:
        """A row from each record behind the header; records without any content are passed over."""
        for cells in self._cells(lines):
            if not any(map(str.strip, cells)):
                continue
            if self._columns is None:
                self._columns = _header(cells, self._began_at)
            else:
                yield self._row(self._columns, cells)

    def finish(self) -> None:
        """Refuse a quote that is still open, and a file without a header."""
        if self._open:
            raise in_line(self._quote_opened_at, f"opens a quote that is never closed; {_CLOSE_QUOTES}")
        if self._columns is None:
            raise InvalidPayload("recipients", f"are an empty file; {_BEGIN_WITH_HEADER}")

    def _row(self, columns: _Columns, cells: list[str]) -> Row:
        if len(cells) != columns.width:
            raise self._wrong_width(columns, len(cells))
        if max(map(len, cells)) > MAX_TEXT_CHARACTERS:
            column = 1 + next(at for at, cell in enumerate(cells) if len(cell) > MAX_TEXT_CHARACTERS)
            problem = f"has a cell of more than {MAX_TEXT_CHARACTERS} characters; shorten it, or remove the column"
            raise in_line(self._began_at, problem, column=column)
        number = cells.pop(columns.number_at)
        variables = {
            name: cell for name, cell in zip(columns.variables, cells, strict=True) if cell and not cell.isspace()
        }
        return Row(number, variables, self._began_at)

    def _wrong_width(self, columns: _Columns, count: int) -> InvalidPayload:
        if count > columns.width:
            problem = f"has a cell more than the {columns.width} columns of the header; {_QUOTE_SEPARATORS}"
            return in_line(self._began_at, problem, column=columns.width + 1)
        problem = f"has only {count} of the {columns.width} cells of the header; give all, if need be empty ones"
        return in_line(self._began_at, problem, column=count + 1)

    # --- from lines to records to cells --------------------------------------------------------------------

    def _cells(self, lines: Iterable[tuple[int, str]]) -> Iterator[list[str]]:
        lines = iter(lines)
        if not self._separator:
            first = next(((number, line) for number, line in lines if line.strip()), None)
            if first is None:
                return
            self._separator = _separator(first[1])
            lines = chain([first], lines)
        # It takes one record for each row of cells, so `_began_at` is where the record at hand began.
        try:
            yield from csv.reader(self._records(lines), delimiter=self._separator, strict=True)
        except csv.Error:
            problem = "has text behind a closing quote; double each quote that belongs to the text"
            raise in_line(self._began_at, problem) from None

    def _records(self, lines: Iterable[tuple[int, str]]) -> Iterator[str]:
        for number, line in lines:
            if not self._open:
                self._began_at = number
                if '"' not in line:
                    yield line
                    continue
                self._open_bytes = len(line.encode())
            else:
                self._open_bytes += 1 + len(line.encode())
            if self._open_bytes > MAX_LINE_BYTES:
                problem = f"opens a quote that is not closed within {MAX_LINE_BYTES:,} bytes; {_CLOSE_QUOTES}"
                raise in_line(self._quote_opened_at, problem)
            quote = _quote_at_end(line, self._separator, is_open=bool(self._open))
            if quote == "closed":
                record = "\n".join([*self._open, line])
                self._open.clear()
                yield record
            else:
                if quote == "opened":
                    self._quote_opened_at = number
                self._open.append(line)


def _separator(line: str) -> str:
    """What stands between the cells of a header."""
    unquoted = re.sub(rf'{_QUOTED}|".*', "", line)
    return max(_SEPARATORS, key=unquoted.count)


def _quote_at_end(line: str, separator: str, *, is_open: bool) -> Literal["closed", "opened", "still open"]:
    """Whether a quote is open behind this line, and was opened in it; `is_open`: one was open before it.

    Only a quote that begins a cell opens one, as for `csv`.
    """
    at, opened = 0, False
    while True:
        if is_open:
            quote = line.find('"', at)
            if quote < 0:
                return "opened" if opened else "still open"
            at = quote + 1
            if line.startswith('"', at):
                at += 1  # doubled: a quote that belongs to the text
                continue
            is_open = False
        elif line.startswith('"', at):
            is_open, opened, at = True, True, at + 1
            continue
        at = line.find(separator, at) + 1
        if not at:
            return "closed"


def _header(cells: Sequence[str], line: int) -> _Columns:
    names = [cell.strip() for cell in cells]
    if len(names) > MAX_COLUMNS:
        raise in_line(
            line, f"has more than {MAX_COLUMNS} columns; remove those you do not need", column=MAX_COLUMNS + 1
        )
    number_at = _number_at(names, line)
    variables = tuple(name for at, name in enumerate(names) if at != number_at)
    for column, name in enumerate(names, 1):
        if column != number_at + 1:
            _check_variable(name, line, column)
            if names.index(name) != column - 1:
                raise in_line(line, f"names {_shown(name)} a second time; rename or remove one", column=column)
    return _Columns(number_at, variables)


def _number_at(names: Sequence[str], line: int) -> int:
    found = [at for at, name in enumerate(names) if re.sub(r"\s", "", _plain(name)) in _NUMBER_COLUMNS]
    if len(found) == 1:
        return found[0]
    if found:
        raise in_line(
            line,
            f"names {_shown(names[found[1]])}, a second column of numbers beside {_shown(names[found[0]])}; keep one",
            column=found[1] + 1,
        )
    if any(map(_is_number, names)):
        raise in_line(line, f"is no header but a recipient; {_BEGIN_WITH_HEADER}")
    raise in_line(line, f"names no column of numbers; call one number (or {', '.join(_NUMBER_COLUMNS[1:])})")


def _check_variable(name: str, line: int, column: int) -> None:
    if not name:
        raise in_line(line, "has no name for this column; name it, or remove the column", column=column)
    if not VARIABLE_NAME.fullmatch(name):
        suggested = re.sub("[^a-z0-9]+", "_", _plain(name)).strip("_")[:_SHOWN_CHARACTERS]
        raise in_line(
            line,
            f"names {_shown(name)}, which is no variable name: use up to 64 letters, digits and _, no digit first"
            + (f", such as {suggested}" if VARIABLE_NAME.fullmatch(suggested) else ""),
            column=column,
        )


def _plain(name: str) -> str:
    decomposed = unicodedata.normalize("NFKD", name.casefold())
    return "".join(sign for sign in decomposed if not unicodedata.combining(sign))


def _is_number(text: str) -> bool:
    try:
        digits(text)
    except ValueError:
        return False
    return True


def _shown(name: str) -> str:
    return repr(name[:_SHOWN_CHARACTERS])
