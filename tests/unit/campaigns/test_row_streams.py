"""Rows that lie in pieces by time zone come in the order of the list, each once, however they are read."""

import random
from collections.abc import Sequence

import pytest

from oxyq.campaigns.row_streams import Mark, ReadPiece, Row, RowStreams
from oxyq.campaigns.rows import PlannedRow, SkippedRow
from oxyq.errors import InvalidPayload


def pieces_of(rows: Sequence[int], size: int, *, skipped: bool = False) -> ReadPiece:
    """A stream that has these rows, so many a piece."""

    async def read(number: int) -> list[Row]:
        taken = rows[number * size : (number + 1) * size]
        return [SkippedRow(row, "x", "invalid", "") if skipped else PlannedRow(row, "55", "Oi") for row in taken]

    return read


@pytest.mark.parametrize("seed", range(20))
async def test_every_row_comes_once_and_in_order_however_few_are_taken(seed: int) -> None:
    """Given rows spread over streams by chance, when they are taken a few at a time, each time from a new beginning."""
    chance = random.Random(seed)
    parts: list[list[int]] = [[], [], []]
    for row in range(chance.randint(0, 200)):
        parts[chance.choice((0, 0, 0, 1, 2))].append(row)
    streams = {str(at): pieces_of(part, chance.randint(1, 20), skipped=at == 2) for at, part in enumerate(parts)}

    seen, mark = list[int](), Mark()
    while True:
        again = RowStreams(streams, Mark.read(str(mark)))
        rows = await again.next()
        if not rows:
            break
        taken = [row.row for row in rows][: chance.randint(1, 7)]
        seen += taken
        again.passed(taken[-1])
        mark = again.mark()

    assert seen == sorted(row for part in parts for row in part)


async def test_a_stream_that_has_ended_is_not_asked_again() -> None:
    asked = list[int]()
    long = pieces_of(range(100), 10)

    async def ended(number: int) -> list[Row]:
        asked.append(number)
        return []

    streams = RowStreams({"long": long, "ended": ended}, Mark())
    while rows := await streams.next():
        streams.passed(rows[-1].row)

    assert asked == [0]


@pytest.mark.parametrize("text", ["", "{}", "[1]", '["a", {}]', "no JSON"])
def test_what_is_no_mark_is_refused(text: str) -> None:
    with pytest.raises(InvalidPayload, match="cursor: is of another list"):
        Mark.read(text)
