"""What somebody left in Redis can always be told: no half character and no infinity spoils an answer."""

import json

import pytest

from oxyq.api.json_answer import JsonAnswer


@pytest.mark.parametrize(
    ("content", "read"),
    [
        ({"a": [1, 2.5, None, True], "b": "Olá 🐶"}, {"a": [1, 2.5, None, True], "b": "Olá 🐶"}),
        ({"a": float("inf"), "b": float("nan")}, {"a": None, "b": None}),
        ({"a": "meio \ud83d", "\udcff": "x"}, {"a": "meio \ud83d", "\udcff": "x"}),
        ({"a": "\ud83d", "b": float("-inf")}, {"a": "\ud83d", "b": None}),
        ({"a": 2**70}, {"a": 2**70}),
        (None, None),
    ],
    ids=ascii,
)
def test_every_value_is_json_that_every_reader_takes(content: object, read: object) -> None:
    body = JsonAnswer(content).body

    assert json.loads(bytes(body).decode("utf-8")) == read
    assert b"NaN" not in body and b"Infinity" not in body
