"""Recipients from a file that comes in pieces: each piece is read at once, and only an unfinished line is kept."""

from collections.abc import Iterator
from typing import Final, Literal

from oxyq.campaigns.csv_recipients import CsvRecipients
from oxyq.campaigns.ndjson_recipients import NdjsonRecipients
from oxyq.campaigns.recipient_row import MAX_LINE_BYTES, Row, RowParser, in_line
from oxyq.jobs import MAX_RECIPIENTS

__all__ = ["RecipientReader", "Row", "recipient_reader"]

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


def recipient_reader(file_format: Literal["csv", "ndjson"]) -> "RecipientReader":
    """A reader for one file.

    CSV (RFC 4180; also with semicolons or tabs) has a header with one column of numbers, the others are variables.
    NDJSON has a number as text, or `{"number": "…", "variables": {…}}`, in each line.
    Numbers stay as they were written, bad ones too. A file has at most 1,000,000 rows, a line at most 64 KiB.
    """
    return RecipientReader(CsvRecipients() if file_format == "csv" else NdjsonRecipients())


class RecipientReader:
    """Takes the bytes of a file in whatever pieces they come, and gives the rows.

    Every method raises InvalidPayload("recipients", …), which names the line and the fix; then the file is done with.
    """

    def __init__(self, parser: RowParser) -> None:
        self._parser = parser
        self._unfinished = bytearray()
        self._next_line = 1
        self._rows = 0

    def feed(self, piece: bytes) -> list[Row]:
        """The rows that this piece completes."""
        seen = len(self._unfinished)
        self._unfinished += piece
        end = self._end_of_last_line(seen)
        complete = bytes(self._unfinished[:end])
        del self._unfinished[:end]
        rows = self._rows_in(complete)
        if len(self._unfinished.removesuffix(b"\r")) > MAX_LINE_BYTES:
            raise _too_long(self._next_line)
        return rows

    def finish(self) -> list[Row]:
        """The rows that were left, now that the file has ended."""
        rows = self._rows_in(bytes(self._unfinished))
        self._parser.finish()
        return rows

    def _end_of_last_line(self, seen: int) -> int:
        """Where the last complete line ends; `seen` bytes held none."""
        # A CR at the very end may be half of a CRLF.
        return 1 + max(
            self._unfinished.rfind(b"\n", seen),
            self._unfinished.rfind(b"\r", max(0, seen - 1), len(self._unfinished) - 1),
        )

    def _rows_in(self, complete: bytes) -> list[Row]:
        rows = list[Row]()
        for row in self._parser.rows(self._lines(complete)):
            if self._rows == MAX_RECIPIENTS:
                raise in_line(row.line, f"is one more than the {MAX_RECIPIENTS:,} rows a file may have; split the file")
            self._rows += 1
            rows.append(row)
        return rows

    def _lines(self, complete: bytes) -> Iterator[tuple[int, str]]:
        if not complete:
            return
        lines = complete.replace(b"\r\n", b"\n").replace(b"\r", b"\n").removesuffix(b"\n").split(b"\n")
        if self._next_line == 1:
            lines[0] = lines[0].removeprefix(_BYTE_ORDER_MARK)
        for line, raw in enumerate(lines, self._next_line):
            self._next_line = line + 1
            yield line, self._text(line, raw)

    def _text(self, line: int, raw: bytes) -> str:
        if len(raw) > MAX_LINE_BYTES:
            raise _too_long(line)
        try:
            text = raw.decode()
        except UnicodeDecodeError as error:
            column = len(raw[: error.start].decode()) + 1
            raise in_line(line, f"is not UTF-8; save it as {self._parser.encoding}", column=column) from None
        if "\0" in text:
            problem = f"has a NUL character, as files in UTF-16 do; save it as {self._parser.encoding}"
            raise in_line(line, problem, column=text.index("\0") + 1)
        return text


def _too_long(line: int) -> Exception:
    return in_line(line, f"is longer than {MAX_LINE_BYTES:,} bytes; shorten it, or begin a new line for each recipient")
