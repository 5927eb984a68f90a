"""A campaign's recipients from a file or a pipe, handed on as they come: never all of them in memory."""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from oxyq.cli.endings import WrongUse
from oxyq.cli.entries import STDIN
from oxyq.cli.progress import progress
from oxyq.errors import InvalidPayload

if TYPE_CHECKING:  # so that `--help` loads none of it
    from oxyq.campaigns.recipient_row import Person

#: Bytes read at once: some thousand rows.
PIECE: Final = 64 * 1024

Add: TypeAlias = "Callable[[Iterable[Person]], Awaitable[None]]"
"""What takes some recipients; InvalidPayload when one of them cannot be taken."""


class Form(StrEnum):
    """What a file with recipients may be."""

    csv = "csv"
    ndjson = "ndjson"
    json = "json"


_ENDINGS: Final = {
    ".csv": Form.csv,
    ".tsv": Form.csv,
    ".ndjson": Form.ndjson,
    ".jsonl": Form.ndjson,
    ".json": Form.json,
}


def form_of(source: str, given: Form | None) -> Form:
    """What a file is by its ending, unless it was said; raises WrongUse."""
    form = given or _ENDINGS.get(Path(source).suffix.lower())
    if form is None:
        what = "standard input" if source == STDIN else source
        raise WrongUse(f"{what} does not say what it holds; add --format csv, ndjson or json")
    return form


@contextmanager
def opened(source: str) -> Iterator[int]:
    """The file, or standard input for "-", to be read; raises OSError."""
    if source == STDIN:
        yield sys.stdin.fileno()
        return
    with Path(source).open("rb", buffering=0) as file:
        yield file.fileno()


async def hand_on(file: int, name: str, form: Form, add: Add) -> None:
    """Give all recipients of a CSV or NDJSON file to `add`; raises InvalidPayload naming line and, if known, column."""
    from oxyq.campaigns.recipient_files import recipient_reader
    from oxyq.campaigns.recipient_row import add_rows

    reader = recipient_reader("csv" if form is Form.csv else "ndjson")
    piece = b"."
    with progress("rows read") as shown:
        while piece:
            piece = await _next_piece(file)
            try:
                rows = reader.feed(piece) if piece else reader.finish()
                await add_rows(rows, add)
            except InvalidPayload as error:
                raise InvalidPayload(name, error.problem, error.more) from None
            shown.advance(len(rows))


async def _next_piece(file: int) -> bytes:
    """What there is to read; b"" at the end."""
    import asyncio

    # A thread that reads from a silent pipe could not be stopped, and Ctrl-C would wait for it.
    readable, loop = asyncio.Event(), asyncio.get_running_loop()
    try:
        loop.add_reader(file, readable.set)
    except PermissionError:  # a file on a disk, which keeps nobody waiting
        return await asyncio.to_thread(os.read, file, PIECE)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(file)
    return os.read(file, PIECE)
