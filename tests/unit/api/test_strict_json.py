"""JSON that two readers could understand in two ways is refused, and nothing in it can hurt the reader."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oxyq.api.strict_json import MAX_DEPTH, MAX_SAFE_INTEGER, NotJson, parse_json

DEEP = 100_000

REFUSED = {
    "nothing": (b"", "is empty"),
    "spaces": (b" \n\t ", "is empty"),
    "cut off": (b'{"a": 1', "is not JSON"),
    "two values": (b"{} {}", "is not JSON"),
    "trailing comma": (b'{"a": 1,}', "is not JSON"),
    "single quotes": (b"{'a': 1}", "is not JSON"),
    "comment": (b"{} // yes", "is not JSON"),
    "control character in a text": (b'"a\nb"', "is not JSON"),
    "byte order mark": (b"\xef\xbb\xbf{}", "is not JSON"),
    "UTF-16": ('{"a": 1}'.encode("utf-16"), "is not UTF-8"),
    "UTF-16 without a mark": ('{"a": 1}'.encode("utf-16-le"), "is not JSON"),
    "Latin-1": ('{"a": "é"}'.encode("latin-1"), "is not UTF-8"),
    "overlong UTF-8": (b'"\xc0\xaf"', "is not UTF-8"),
    "raw surrogate": (b'"\xed\xa0\x80"', "is not UTF-8"),
    "a name twice": (b'{"a": 1, "a": 1}', "a name twice"),
    "a name twice, escaped": (b'{"a": 1, "\\u0061": 2}', "a name twice"),
    "a name twice, deep inside": (b'[{"x": {"a": 1, "a": 2}}]', "a name twice"),
    "NaN": (b'{"a": NaN}', "has NaN"),
    "Infinity": (b"[Infinity]", "has Infinity"),
    "-Infinity": (b"-Infinity", "has -Infinity"),
    "1e400": (b'{"a": 1e400}', "too great"),
    "-1e400": (b"[-1e400]", "too great"),
    "2^53": (str(2**53).encode(), "beyond 2^53"),
    "-2^53": (str(-(2**53)).encode(), "beyond 2^53"),
    "a million digits": (b"1" * 1_000_000, "beyond 2^53"),
    "65 deep": (b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), "deeper than 64"),
    "65 deep, objects": (b'{"a":' * (MAX_DEPTH + 1) + b"1" + b"}" * (MAX_DEPTH + 1), "deeper than 64"),
    "100,000 deep": (b"[" * DEEP + b"]" * DEEP, "deeper than 64"),
    "100,000 deep and never closed": (b"[" * DEEP, "deeper than 64"),
    "100,000 deep, objects": (b'{"a":' * DEEP, "deeper than 64"),
}


@pytest.mark.parametrize(("body", "problem"), REFUSED.values(), ids=REFUSED.keys())
def test_doubtful_json_is_refused_in_words(body: bytes, problem: str) -> None:
    start = time.thread_time()

    with pytest.raises(NotJson) as refused:
        parse_json(body)

    assert problem in str(refused.value)
    assert time.thread_time() - start < 0.5


def test_the_reason_repeats_nothing_of_the_body() -> None:
    with pytest.raises(NotJson) as refused:
        parse_json(b'{"content": "meet me at nine" "secret')

    assert "nine" not in str(refused.value)
    assert "secret" not in str(refused.value)


def test_the_deepest_and_greatest_that_is_taken() -> None:
    assert parse_json(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)
    assert parse_json(str(MAX_SAFE_INTEGER).encode()) == MAX_SAFE_INTEGER
    assert parse_json(str(-MAX_SAFE_INTEGER).encode()) == -MAX_SAFE_INTEGER


def test_escapes_and_accents_arrive_as_written() -> None:
    assert parse_json('{"a": "Olá \\ud83d\\udc36 🐶", "b": [1, 2.5, true, null]}'.encode()) == {
        "a": "Olá 🐶 🐶",
        "b": [1, 2.5, True, None],
    }


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-MAX_SAFE_INTEGER, MAX_SAFE_INTEGER)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(VALUES)
def test_every_honest_value_arrives_as_it_was(value: object) -> None:
    assert parse_json(json.dumps(value).encode()) == value


@given(st.binary(max_size=60) | st.text(alphabet='{}[]",:0eE+-.\\u ntf').map(str.encode))
def test_no_bytes_whatever_do_worse_than_be_refused(body: bytes) -> None:
    try:
        parse_json(body)
    except NotJson as refused:
        assert str(refused).isprintable()
