"""Journals: what was written is there after a kill, and half a line is none."""

import asyncio
from pathlib import Path

from tests.chaos.journal import Journal, Reader, read


async def test_lines_that_come_in_together_are_all_on_the_disk_when_their_writers_go_on(tmp_path: Path) -> None:
    async with Journal(tmp_path / "journal") as journal:
        await asyncio.gather(*(journal.write({"n": n}) for n in range(100)))

        # Not closed yet: a process that is killed now leaves all of it behind
        assert sorted(int(line["n"]) for line in read(tmp_path / "journal")) == list(range(100))


def test_half_a_line_waits_for_its_other_half(tmp_path: Path) -> None:
    # Given a line and a half
    path = tmp_path / "journal"
    path.write_text('{"n": 1}\n{"n":')
    reader = Reader(path)
    assert [*reader.new()] == [{"n": 1}]

    # When the rest comes
    with path.open("a") as file:
        file.write(" 2}\n")

    # Then it is read, once
    assert [*reader.new()] == [{"n": 2}]
    assert [*reader.new()] == []


def test_a_journal_that_was_never_begun_is_empty(tmp_path: Path) -> None:
    assert read(tmp_path / "journal") == []
