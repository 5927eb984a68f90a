"""JSON files: what is taken, and how what is not is told."""

from pathlib import Path

import pytest

from oxyq.cli.entries import Entry, read_entries, read_value
from oxyq.errors import InvalidPayload


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "jobs.json"


@pytest.mark.parametrize(
    ("written", "entries"),
    [
        ('{"a": 1}', [Entry({"a": 1})]),
        ('{\n  "a": {\n    "b": 1\n  }\n}\n', [Entry({"a": {"b": 1}})]),
        ('[{"a": 1}, {"a": 2}]', [Entry({"a": 1}, "entry 1"), Entry({"a": 2}, "entry 2")]),
        ('{"a": 1}\n\n{"a": 2}\n', [Entry({"a": 1}, "entry 1 (line 1)"), Entry({"a": 2}, "entry 2 (line 3)")]),
        ('{"a": 1}\r\n{"a": 2}\r\n', [Entry({"a": 1}, "entry 1 (line 1)"), Entry({"a": 2}, "entry 2 (line 2)")]),
    ],
    ids=["one object", "one object on several lines", "array", "one per line", "one per line from Windows"],
)
def test_an_object_an_array_or_one_object_per_line(file: Path, written: str, entries: list[Entry]) -> None:
    file.write_text(written)

    assert read_entries(str(file)) == entries


def test_a_byte_order_mark_is_no_fault(file: Path) -> None:
    file.write_bytes(b'\xef\xbb\xbf{"a": 1}')

    assert read_value(str(file)) == {"a": 1}


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        (b"", "is empty"),
        (b" \n ", "is empty"),
        (b"[]", "nothing to enqueue"),
        (b'{"a": 1', "not JSON: .*line 1"),
        (b'{"a": 1}\n{"a": \n', r"entry 2 \(line 2\): .*not JSON"),
        (b'{"a": 1, "a": 2}', "twice"),
        (b'{"a": NaN}', "NaN"),
        (b'{"a": 1e400}', "too great"),
        (b'{"a": ' + b"9" * 5000 + b"}", "2\\^53"),
        (b"[" * 100_000, "nested deeper|not JSON"),
        ('{"a": 1}'.encode("utf-16"), "UTF-8"),
        (b'{"a": "\xe9"}', "UTF-8"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_what_is_no_json_is_refused_with_its_place(file: Path, written: bytes, problem: str) -> None:
    file.write_bytes(written)

    with pytest.raises(InvalidPayload, match=f"jobs.json.*({problem})"):
        read_entries(str(file))


def test_a_missing_file_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_entries(str(tmp_path / "nothing.json"))
