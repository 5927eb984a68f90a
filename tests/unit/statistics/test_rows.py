"""Rows lie where they are looked for, also where one string ends and the next begins."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oxyq.statistics.rows import ORGANIZATION_COUNTS, QUEUE_COUNTS, QUEUE_TIMES, Resolution, adding, read, stretches

FOURS = Resolution(slot_seconds=10, slots=4, keep_seconds=100)


def test_a_time_has_its_row_and_the_last_counter_is_touched() -> None:
    command = adding("k", 3, FOURS, 65.0, [2, 0, 5])

    assert command == [
        "BITFIELD", "k", "OVERFLOW", "SAT",
        "INCRBY", "u32", "#6", 2, "INCRBY", "u32", "#8", 5,
        "INCRBY", "u32", "#11", 0,
    ]  # fmt: skip


def test_a_string_is_needed_until_its_last_row_is_too_old() -> None:
    assert FOURS.block(79.9) == 1
    assert FOURS.expires_ms(1) == (80 + 100) * 1000


@given(st.integers(0, 50), st.integers(1, 50))
def test_stretches_cover_every_slot_once(first: int, many: int) -> None:
    covered = [
        one.block * FOURS.slots + row
        for one in stretches(FOURS, first * 10, (first + many) * 10)
        for row in range(one.first, one.end)
    ]

    assert covered == list(range(first, first + many))


@pytest.mark.parametrize("reply", [None, b"", b"\0\0\0\1"])
def test_what_was_never_counted_is_nothing(reply: bytes | None) -> None:
    [stretch] = stretches(FOURS, 10, 30)

    assert read(reply, 2, stretch) == [1 if reply else 0, 0, 0, 0]


def test_a_day_in_brasilia_begins_with_a_slot() -> None:
    for rows in (QUEUE_COUNTS, ORGANIZATION_COUNTS, QUEUE_TIMES):
        assert (24 * 3600) % rows.coarse.slot_seconds == 0
        assert (3 * 3600) % rows.coarse.slot_seconds == 0
