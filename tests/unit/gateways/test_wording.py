"""What others wrote gets into our errors and logs short, on one line, and without what is nobody's business."""

import pytest

from oxyq.gateways.json_parts import list_at, object_at, part, text_at, whole_at
from oxyq.gateways.wording import shown


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Rate limit hit", "Rate limit hit"),
        ("to 5511999990001 failed", "to …0001 failed"),
        ("to +55 (11) 99999-0001 failed", "to +…0001 failed"),
        ("code 131047", "code 131047"),
        ("two\nlines\tand \x1b[31mred\u202e", "two lines and [31mred"),
        ("the token EAAJB is wrong", "the token … is wrong"),
        ("x" * 300, "x" * 199 + "…"),
        ("", ""),
    ],
)
def test_shown(text: str, expected: str) -> None:
    assert shown(text, "EAAJB", "") == expected


def test_parts_are_there_with_their_type_or_not_there() -> None:
    body = {"a": [{"b": "oi"}, 7], "n": None, "t": True}

    assert part(body, "a", 0, "b") == text_at(body, "a", 0, "b") == "oi"
    assert part(body, "a", 2) is part(body, "a", "b") is part(body, 0) is text_at(body, "a") is None
    assert list_at(body, "a", 0) == [] and object_at(body, "a") == {}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (7, 7),
        ("1795377084", 1795377084),
        ({"low": 1, "high": 1, "unsigned": True}, 2**32 + 1),
        ({"low": -1, "high": 0}, 2**32 - 1),
        (-7, None),
        (True, None),
        (7.0, None),
        ("\u0667", None),
        ("7 ", None),
        ("9" * 20, None),
        ({"low": "1", "high": 0}, None),
        ({"low": 2**40, "high": 0}, None),
        ({}, None),
        (None, None),
    ],
)
def test_whole_numbers_in_the_forms_that_gateways_write_them(value: object, expected: int | None) -> None:
    assert whole_at({"n": value}, "n") == expected  # type: ignore[dict-item]
