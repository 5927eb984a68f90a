"""Files of recipients: the same rows in whatever pieces they come, and mistakes named by line, with the fix."""

import csv
import io
import json
import time
import tracemalloc
from collections.abc import Iterable
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oxyq.campaigns import recipient_files
from oxyq.campaigns.recipient_files import Row, recipient_reader
from oxyq.errors import InvalidPayload

Format = Literal["csv", "ndjson"]


def read(file_format: Format, *pieces: bytes) -> list[Row]:
    reader = recipient_reader(file_format)
    rows = [row for piece in pieces for row in reader.feed(piece)]
    return rows + reader.finish()


def problem_of(file_format: Format, *pieces: bytes) -> str:
    with pytest.raises(InvalidPayload) as caught:
        read(file_format, *pieces)
    assert caught.value.field == "recipients"
    assert len(caught.value.problem) < 400
    return caught.value.problem


# --- CSV ---------------------------------------------------------------------------------------------------

ANA = Row("5511999990001", {"name": "Ana"}, 2)
BIA = Row("+55 (11) 99999-0002", {"name": "Bia"}, 3)


@pytest.mark.parametrize(
    "data",
    [
        b"number,name\n5511999990001,Ana\n+55 (11) 99999-0002,Bia\n",
        b"number;name\n5511999990001;Ana\n+55 (11) 99999-0002;Bia\n",
        b"number\tname\n5511999990001\tAna\n+55 (11) 99999-0002\tBia\n",
        b"\xef\xbb\xbfnumber,name\r\n5511999990001,Ana\r\n+55 (11) 99999-0002,Bia",
        b"number,name\r5511999990001,Ana\r+55 (11) 99999-0002,Bia\r",
        b"number,name\r\n5511999990001,Ana\r+55 (11) 99999-0002,Bia\n",
        b'"number","name"\n"5511999990001","Ana"\n"+55 (11) 99999-0002","Bia"\n',
        b'name;"number"\nAna;5511999990001\nBia;+55 (11) 99999-0002\n',
    ],
    ids=["comma", "semicolon", "tab", "BOM and CRLF", "CR", "mixed ends", "quoted", "number last"],
)
def test_the_usual_kinds_of_csv_are_read_alike(data: bytes) -> None:
    assert read("csv", data) == [ANA, BIA]


@pytest.mark.parametrize(
    "column", ["number", "Numero", "NÚMERO", " telefone ", "Phone", "celular", "Whats App", '" WhatsApp "']
)
def test_the_column_of_numbers_has_many_names(column: str) -> None:
    assert read("csv", f"name,{column}\nAna,1\n".encode()) == [Row("1", {"name": "Ana"}, 2)]


def test_quoted_cells_hold_separators_quotes_and_line_breaks() -> None:
    """A row counts from the line it began in; within a cell a line ends in one way, whatever the file has."""
    data = b'number,name,text\r\n1,"Ana, ""A""","a\r\nb\n\nc"\n2,Bia "B",\'x\'\n'

    assert read("csv", data) == [
        Row("1", {"name": 'Ana, "A"', "text": "a\nb\n\nc"}, 2),
        Row("2", {"name": 'Bia "B"', "text": "'x'"}, 6),
    ]


def test_an_empty_cell_is_no_variable() -> None:
    assert read("csv", b'number,name,shop\n1,,""\n2, ,x\n') == [Row("1", {}, 2), Row("2", {"shop": "x"}, 3)]


def test_empty_lines_are_passed_over_also_as_excel_writes_them() -> None:
    assert read("csv", b"\n \n\nnumber,name\n\n1,Ana\n,\n \n , \n2,Bia\n\n") == [
        Row("1", {"name": "Ana"}, 6),
        Row("2", {"name": "Bia"}, 10),
    ]


def test_spaces_around_the_names_of_columns_are_no_part_of_them() -> None:
    assert read("csv", b"number ; name \n1; Ana \n") == [Row("1", {"name": " Ana "}, 2)]


def test_a_header_alone_is_a_file_without_rows() -> None:
    assert read("csv", b"number,name") == []


@pytest.mark.parametrize("number", ["", "abc", "5,51199E+12", "=1+1", "9" * 1000])
def test_a_bad_number_stays_as_it_was_written(number: str) -> None:
    """One of a million is no reason to refuse them all; planning lists it."""
    assert read("csv", f'number,name\n"{number}",Ana\n'.encode())[0].number == number


def test_formulas_and_braces_are_text_like_any_other() -> None:
    data = b"number,a,b,c\n1,=1+1,{{x}},@cmd|' /C calc'!A0\n"

    assert read("csv", data)[0].variables == {"a": "=1+1", "b": "{{x}}", "c": "@cmd|' /C calc'!A0"}


CSV_MISTAKES = {
    "nothing": (b"", "are an empty file; begin with a header"),
    "only blank lines": (b"\n \r\n\r", "are an empty file; begin with a header"),
    "no header": (b"5511999990001,Ana\n", "line 1: is no header but a recipient; begin with a header"),
    "no column of numbers": (b"name,fone2\n", "line 1: names no column of numbers; call one number (or numero,"),
    "two columns of numbers": (
        b"telefone,name,celular\n",
        "line 1, column 3: names 'celular', a second column of numbers beside 'telefone'; keep one",
    ),
    "accent in a name": (
        "number,Endereço de e-mail\n".encode(),
        "line 1, column 2: names 'Endereço de e-mail', which is no variable name: use up to 64 letters, digits and _, "
        "no digit first, such as endereco_de_e_mail",
    ),
    "name in another alphabet": (
        "number,имя\n".encode(),
        "line 1, column 2: names 'имя', which is no variable name: use up to 64 letters, digits and _, no digit first",
    ),
    "name with a line break": (b'number,"a\nb"\n', "line 1, column 2: names 'a\\nb'"),
    "name with separators": (b'"a,b,c";number\n', "line 1, column 1: names 'a,b,c', which is no variable name"),
    "column without a name": (b"number,name,\n", "line 1, column 3: has no name for this column; name it, or remove"),
    "column twice": (b"number,name,name\n", "line 1, column 3: names 'name' a second time; rename or remove one"),
    "101 columns": (
        ",".join(["number", *(f"c{i}" for i in range(100))]).encode(),
        "line 1, column 101: has more than 100 columns",
    ),
    "too many cells": (
        b"number,name\n1,Ana\n\n2,Bia,x\n",
        "line 4, column 3: has a cell more than the 2 columns of the header; put a cell that has the separator",
    ),
    "too few cells": (
        b"number,name,shop\n1,Ana\n",
        "line 2, column 3: has only 2 of the 3 cells of the header; give all, if need be empty ones",
    ),
    "quote left open": (
        b'number,name\n1,"Ana\n2,Bia\n3,Caio\n',
        "line 2: opens a quote that is never closed; close it, or double each quote",
    ),
    "second quote left open": (b'number,a,b\n1,"x\ny","z\n', "line 3: opens a quote that is never closed"),
    "quote left open for long": (
        b'number,name\n1,"Ana\n' + b"2,Bia\n" * 20_000,
        "line 2: opens a quote that is not closed within 65,536 bytes; close it",
    ),
    "text behind a quote": (b'number,name\n1,"Ana" B\n', "line 2: has text behind a closing quote; double each quote"),
    "UTF-16": ("number,name\n".encode("utf-16"), "line 1, column 1: is not UTF-8; save it as CSV UTF-8"),
    "UTF-16 without a mark": ("number,name\n".encode("utf-16-le"), "line 1, column 2: has a NUL character"),
    "Latin-1": ("number,name\n1,Ana\n2,É João\n".encode("latin-1"), "line 3, column 3: is not UTF-8; save it as CSV"),
    "Latin-1 behind UTF-8": (b"number,name\n1,\xc3\xa9\xe9\n", "line 2, column 4: is not UTF-8; save it as CSV UTF-8"),
    "long line": (b"number,name\n1," + b"a" * 65_536, "line 2: is longer than 65,536 bytes; shorten it"),
    "long line in the middle": (b"number,name\n1," + b"a" * 65_536 + b"\n2,b\n", "line 2: is longer than 65,536"),
    "long cell": (b"number,name\n1," + b"a" * 4097, "line 2, column 2: has a cell of more than 4096 characters"),
}


@pytest.mark.parametrize(("data", "problem"), CSV_MISTAKES.values(), ids=CSV_MISTAKES.keys())
def test_a_mistake_in_csv_is_named_with_its_place_and_the_fix(data: bytes, problem: str) -> None:
    assert problem_of("csv", data).startswith(problem)


@pytest.mark.parametrize("quote", ["", '"'])
def test_the_longest_line_and_widest_table_pass(quote: str) -> None:
    header = ",".join(["number", *(f"c{at}" for at in range(99))])
    cells = [f"{quote}{'x' * 640}{quote}"] * 98
    line = ",".join(["5511999990001", *cells, quote])
    line += "é" * ((65_536 - len(line) - len(quote)) // 2) + quote
    line = line.rjust(65_536 - line.count("é"))
    assert len(line.encode()) == 65_536

    assert len(read("csv", f"{header}\n{line}\n".encode())[0].variables) == 99
    assert problem_of("csv", f"{header}\n {line}\n".encode()).startswith("line 2: is longer than 65,536 bytes")


@pytest.mark.parametrize(
    ("file_format", "data", "line"),
    [("csv", b"number\n1\n\n2\n3\n4\n", 6), ("ndjson", b'"1"\n"2"\n"3"\n\n{"number": "4"}\n', 5)],
)
def test_a_file_has_a_limit_of_rows(
    file_format: Format, data: bytes, line: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recipient_files, "MAX_RECIPIENTS", 3)

    assert problem_of(file_format, data) == f"line {line}: is one more than the 3 rows a file may have; split the file"


# --- NDJSON ------------------------------------------------------------------------------------------------


def test_a_line_of_ndjson_is_a_number_or_an_object() -> None:
    data = (
        b'\xef\xbb\xbf"5511999990001"\r\n \n'
        b'{"number": "+55 (11) 99999-0002", "variables": {"name": "Jo\\u00e3o \\ud83d\\ude00"}}\n'
        b' {"number":"abc"} '
    )

    assert read("ndjson", data) == [
        Row("5511999990001", {}, 1),
        Row("+55 (11) 99999-0002", {"name": "João 😀"}, 3),
        Row("abc", {}, 4),
    ]


def test_an_empty_ndjson_is_a_file_without_rows() -> None:
    assert read("ndjson") == read("ndjson", b"\n\n") == []


NDJSON_MISTAKES = {
    "cut off": (b'"1"\n{"number": "2"', "line 2, column 15: is not JSON: Expecting ',' delimiter; write one recipient"),
    "two in a line": (b'"1" "2"', "line 1, column 5: is not JSON: Extra data; write one recipient a line"),
    "several lines": (b'{\n"number": "1"\n}', "line 1, column 2: is not JSON: "),
    "no quotes": (b"+5511", "line 1, column 1: is not JSON: "),
    "number as a number": (
        b"5511999990001",
        'line 1: number must be text, not a number; write "5511999990001" instead of 5511999990001',
    ),
    "number in an object as a number": (
        b'"1"\n{"number": 5511999990001}',
        'line 2: number must be text, not a number; write "5511999990001" instead of 5511999990001',
    ),
    "number of a million digits": (b'{"number": ' + b"1" * 60_000 + b"}", "line 1: number must be text, not a number"),
    "no number": (b'{"variables": {}}', "line 1: number is missing; give a number, such as 5511999999999"),
    "unknown field": (
        b'{"number": "1", "name": "Ana"}',
        "line 1: has a field 'name' beside number and variables; write one recipient a line, such as",
    ),
    "misspelt field": (b'{"numbr": "1"}', "line 1: has a field 'numbr' beside number and variables; write one"),
    "variable that is a number": (
        b'{"number": "1", "variables": {"order": 12}}',
        'line 1: variables.order must be text, not a number; write "12" instead of 12',
    ),
    "variables as a list": (b'{"number": "1", "variables": []}', "line 1: variables must be an object"),
    "no variable name": (b'{"number": "1", "variables": {"a b": ""}}', "line 1: variables.a b is no variable name"),
    "NUL in a variable": (b'{"number": "1", "variables": {"a": "\\u0000"}}', "line 1: variables.a has a NUL character"),
    "half a character": (b'{"number": "1", "variables": {"a": "\\ud83d"}}', "line 1: variables.a has half a character"),
    "half a character as a number": (b'"\\ud83d"', "line 1: number has half a character"),
    "long number": (b'"' + b"1" * 5000 + b'"', "line 1: number has 5000 characters"),
    "a list": (b'["1", "2"]', "line 1: is a list; write one recipient a line, such as"),
    "null": (b"null", "line 1: is null; write one recipient a line, such as"),
    "NaN": (b"NaN", "line 1: is a number with a point; write one recipient a line"),
    "a name twice": (b'{"number": "1", "number": "2"}', "line 1: has a name twice in one object; keep one"),
    "nested deeply": (b"[" * 60_000, "line 1: is nested too deeply; flatten it"),
    "UTF-16": ('"1"\n'.encode("utf-16"), "line 1, column 1: is not UTF-8; save it as UTF-8"),
    "UTF-16 without a mark": ('"1"\n'.encode("utf-16-le"), "line 1, column 2: has a NUL character"),
    "long line": (b'"' + b"1" * 65_536 + b'"\n', "line 1: is longer than 65,536 bytes"),
}


@pytest.mark.parametrize(("data", "problem"), NDJSON_MISTAKES.values(), ids=NDJSON_MISTAKES.keys())
def test_a_mistake_in_ndjson_is_named_with_its_place_and_the_fix(data: bytes, problem: str) -> None:
    assert problem_of("ndjson", data).startswith(problem)


# --- in pieces ---------------------------------------------------------------------------------------------

PIECES = [
    *(("csv", data) for data, _ in CSV_MISTAKES.values()),
    *(("ndjson", data) for data, _ in NDJSON_MISTAKES.values()),
    ("csv", '\ufeffnumber;"na""me"\r\n1;"João\r\n\r""x"";"\r2;😀\n\n3;"a"\r\n'.replace('"na""me"', "name").encode()),
    ("ndjson", '\ufeff"1"\r\n{"number":"2","variables":{"name":"João 😀"}}\r\r\n"3"'.encode()),
]


@settings(max_examples=300)
@given(st.data())
def test_the_pieces_a_file_comes_in_make_no_difference(data: st.DataObject) -> None:
    """Cut within a line end, a character, a quote or the mark at the beginning: the same rows, or the same mistake."""
    file_format, whole = data.draw(st.sampled_from(PIECES))
    cuts = sorted(data.draw(st.lists(st.integers(0, min(len(whole), 200)) | st.integers(0, len(whole)), max_size=20)))

    pieces = [whole[start:end] for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]

    assert _ending(file_format, pieces) == _ending(file_format, [whole])


@pytest.mark.parametrize(("file_format", "whole"), PIECES[-2:])
def test_a_file_may_come_byte_by_byte(file_format: Format, whole: bytes) -> None:
    pieces = [whole[at : at + 1] for at in range(len(whole))]

    assert read(file_format, *pieces) == read(file_format, whole)


def test_only_the_mark_at_the_very_beginning_is_no_part_of_the_file() -> None:
    mark = b"\xef\xbb\xbf"

    assert read("csv", mark + b"number\n", mark + b"1\n") == [Row("\ufeff1", {}, 2)]


def test_a_line_is_measured_without_its_end_wherever_the_file_is_cut() -> None:
    """A CR at the end of a piece ends the line, unless the next piece begins with the other half of it."""
    line = b'"1"'.ljust(65_536)

    assert len(read("ndjson", line + b"\r", b"\n" + line, b"\n", line + b"\r", line, b"\r" + line)) == 5


@settings(max_examples=200)
@given(
    st.lists(st.tuples(st.text(TEXT := st.sampled_from("\"'\n,;\t aé😀="), max_size=8), st.text(TEXT, max_size=8))),
    st.sampled_from(",;\t"),
    # With CR alone it would leave a line break in a cell without quotes.
    st.sampled_from([("\n", csv.QUOTE_MINIMAL), ("\r\n", csv.QUOTE_MINIMAL), ("\r", csv.QUOTE_ALL)]),
)
def test_what_the_standard_library_writes_is_read_back(
    table: list[tuple[str, str]], separator: str, style: tuple[str, Literal[0, 1]]
) -> None:
    line_end, quoting = style
    written = io.StringIO(newline="")
    writer = csv.writer(written, delimiter=separator, lineterminator=line_end, quoting=quoting)
    writer.writerows([("number", "name"), *table])

    rows = read("csv", written.getvalue().encode())

    kept = [(number, name) for number, name in table if (number + name).strip()]
    assert [(row.number, row.variables) for row in rows] == [
        (number, {"name": name} if name.strip() else {}) for number, name in kept
    ]


@settings(max_examples=500)
@given(st.text(st.sampled_from('""",\na\r'), max_size=30))
def test_quotes_are_understood_as_the_standard_library_does(text: str) -> None:
    """Whatever is written, records begin and end where `csv` says, and what it refuses is refused."""
    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    try:
        expected = [
            cells for cells in csv.reader(io.StringIO(plain, newline=""), strict=True) if "".join(cells).strip()
        ]
    except csv.Error:
        expected = None
    if expected is not None and any(len(cells) != 1 for cells in expected):
        expected = None

    try:
        rows = read("csv", b"number\n", text.encode())
    except InvalidPayload:
        assert expected is None
    else:
        assert [[row.number] for row in rows] == expected


@settings(max_examples=300)
@given(st.sampled_from(["csv", "ndjson"]), st.lists(st.sampled_from(FRAGMENTS := [
    b"number", b",", b";", b"\n", b"\r", b'"', b"name", b"1", b'"5511"\n', b"\xef\xbb\xbf", b"\xff\xfe", b"\0", b" ",
    b'{"number":', b"}", b"[", "é".encode(), b"\\ud83d", b"1e999", b"=1+1",
])))  # fmt: skip
def test_any_bytes_are_rows_or_a_mistake(file_format: Format, fragments: list[bytes]) -> None:
    assert _ending(file_format, fragments) == _ending(file_format, [b"".join(fragments)])


def _ending(file_format: Format, pieces: Iterable[bytes]) -> list[Row] | str:
    try:
        return read(file_format, *pieces)
    except InvalidPayload as error:
        return str(error)


# --- how much, how fast ------------------------------------------------------------------------------------

TABLES: dict[str, tuple[Format, bytes, bytes]] = {
    "csv": ("csv", b"numero;nome;pedido\r\n", "+55 (11) 99999-%04d;João;%04d\r\n".encode()),
    "quoted csv": ("csv", b'"numero";"nome";"pedido"\n', '"5511999990%03d";"João\n""J""";"%04d"\n'.encode()),
    "ndjson": ("ndjson", b"", '{"number": "5511999990%03d", "variables": {"name": "João %04d"}}\n'.encode()),
}


@pytest.mark.parametrize("table", TABLES)
def test_memory_does_not_grow_with_the_file(table: str) -> None:
    file_format, header, line = TABLES[table]
    piece = b"".join(line % (at, at) for at in range(200))
    reader = recipient_reader(file_format)
    reader.feed(header + piece)
    tracemalloc.start()
    try:
        for _ in range(50):
            reader.feed(piece)

        kept, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # The 50 pieces have 10,000 rows, which take 7 MB; those of one piece at a time take 140 KB.
    assert kept < 20_000
    assert peak < 500_000


@pytest.mark.parametrize(
    ("file_format", "piece"),
    [
        ("csv", b'"'),
        ("csv", b'""\n'),
        ("csv", b'"a\n",'),
        ("csv", b"a"),
        ("csv", b","),
        ("csv", b"\n"),
        ("ndjson", b"["),
        ("ndjson", b" "),
        ("ndjson", b"\r"),
    ],
)
def test_hostile_bytes_one_piece_at_a_time_take_linear_time(file_format: Format, piece: bytes) -> None:
    """Whatever is left open is read once, not once more with every piece that comes."""
    reader = recipient_reader(file_format)
    started = time.thread_time()

    try:
        reader.feed(b"number\n" if file_format == "csv" else b"")
        for _ in range(50_000):
            reader.feed(piece)
        reader.finish()
    except InvalidPayload:
        pass

    assert time.thread_time() - started < 2.0


def test_rows_are_what_a_campaign_takes() -> None:
    """The line tells where a row came from; number and variables go into a request as they are."""
    (row,) = read("csv", b"number,name\n5511999990001,Ana\n")

    assert json.dumps({"number": row.number, "variables": row.variables}) == (
        '{"number": "5511999990001", "variables": {"name": "Ana"}}'
    )
