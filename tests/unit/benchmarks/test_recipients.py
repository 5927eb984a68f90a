"""The list of recipients that campaigns are measured with: what planning it must come to is known beforehand."""

import csv
from pathlib import Path

from benchmarks.recipients import TEMPLATE, write_list
from oxyq.errors import InvalidPayload
from oxyq.numbers import canonical_number
from oxyq.sending_hours import zone_of
from oxyq.templates import render


def rows_of(file: Path) -> list[tuple[str, str]]:
    """(number as written, name) of each row."""
    with file.open(encoding="utf-8", newline="") as lines:
        return [(number, name) for number, name in list(csv.reader(lines, delimiter=";"))[1:]]


def canonical(written: str) -> str | None:
    """The number, or None for what is none."""
    try:
        return canonical_number(written)
    except InvalidPayload:
        return None


def test_what_it_says_of_itself_is_what_its_rows_come_to(tmp_path: Path) -> None:
    people = write_list(tmp_path, 5_000)
    numbers = [canonical(written) for written, _ in rows_of(people.file)]
    good = [number for number in numbers if number is not None]
    wanted = [number for number in good if number not in people.opted_out]

    assert len(numbers) == people.rows == 5_000
    assert people.planned == len(set(wanted))
    assert people.skipped == {
        "invalid": numbers.count(None),
        "duplicate": len(wanted) - len(set(wanted)),
        "opted_out": len(good) - len(wanted),
    }


def test_some_numbers_are_wrong_some_come_twice_and_they_live_in_three_time_zones(tmp_path: Path) -> None:
    people = write_list(tmp_path, 5_000)
    numbers = {number for written, _ in rows_of(people.file) if (number := canonical(written))}

    assert 30 < people.skipped["invalid"] < 70
    assert 70 < people.skipped["duplicate"] < 130
    assert 10 < len(people.opted_out) < 45
    assert len({zone_of(number, "UTC") for number in numbers}) == 3


def test_it_is_the_same_each_time(tmp_path: Path) -> None:
    first = write_list(tmp_path, 500)
    before = first.file.read_text(encoding="utf-8")

    assert write_list(tmp_path, 500) == first
    assert first.file.read_text(encoding="utf-8") == before


def test_the_simulator_fails_for_none_of_them(tmp_path: Path) -> None:
    people = write_list(tmp_path, 5_000)

    # The simulator does something special for some numbers that end in 990x, x not being 0.
    assert all(number.endswith("0") for written, _ in rows_of(people.file) if (number := canonical(written)))


def test_its_texts_have_some_110_characters(tmp_path: Path) -> None:
    people = write_list(tmp_path, 200)
    texts = [render(TEMPLATE, {"nome": name}, {}, recipient=to, seed=to) for to, name in rows_of(people.file)]

    assert all(100 <= len(text) <= 130 for text in texts)
