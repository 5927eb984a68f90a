"""The rows of a plan as they lie in Redis: as small as they were, and as older versions wrote them."""

import json
import zlib

import pytest

from oxyq.campaigns.rows import PlannedRow, pack_planned, unpack_planned

PLAIN = [PlannedRow(row, f"55119700{row:05}", f"Olá {row}!") for row in range(500)]


def test_rows_without_parameters_are_written_as_before_there_were_any() -> None:
    """To the byte: a million of them must not grow, and a version that knows none must read them."""
    written = json.dumps([[row.row, row.number, row.text] for row in PLAIN], separators=(",", ":"), ensure_ascii=False)

    assert pack_planned(PLAIN) == zlib.compress(written.encode(), 1)


@pytest.mark.parametrize(
    "rows",
    [
        PLAIN,
        [row._replace(parameters=("Ana", "banho")) for row in PLAIN],
        [PLAIN[0], PLAIN[1]._replace(parameters=("",))],
    ],
    ids=["without", "with", "mixed"],
)
def test_rows_come_back_as_they_were(rows: list[PlannedRow]) -> None:
    assert unpack_planned(pack_planned(rows)) == rows


def test_parameters_that_stand_in_the_text_take_little() -> None:
    rows = [PlannedRow(row.row, row.number, f"Olá {row.row}, temos promoção hoje!", (str(row.row),)) for row in PLAIN]
    without = [row._replace(parameters=()) for row in rows]

    assert len(pack_planned(rows)) - len(pack_planned(without)) < 5 * len(rows)
