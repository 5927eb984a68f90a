"""Durations as people write them."""

import pytest
import typer

from oxyq.cli.durations import Duration


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("7d", 604_800), ("12h", 43_200), ("30m", 1800), ("90s", 90), ("500ms", 0.5), ("2w", 1_209_600),
        ("1h30m", 5400), ("1.5h", 5400), (" 7D ", 604_800), ("0s", 0),
    ],
)  # fmt: skip
def test_a_number_with_its_unit_is_taken(written: str, seconds: float) -> None:
    assert Duration.parse(written) == seconds


@pytest.mark.parametrize(
    ("written", "hint"),
    [
        ("7", "give its unit, such as 7s, 7h or 7d"),
        ("1.5", "such as 1.5s"),
        ("", "7d, 12h, 30m, 90s or 500ms"),
        ("7 days", "7d, 12h"),
        ("d", "7d, 12h"),
        ("-7d", "cannot be negative"),
        ("7dd", "7d, 12h"),
        ("1e3s", "7d, 12h"),
        ("nan", "7d, 12h"),
        ("\u0667d", "7d, 12h"),
        ("999999999999d", "100 years"),
        ("9" * 10_000, "give its unit"),
    ],
)
def test_everything_else_is_refused_with_the_fix(written: str, hint: str) -> None:
    with pytest.raises(typer.BadParameter, match=hint) as refused:
        Duration.parse(written)

    assert len(str(refused.value)) < 30_200


@pytest.mark.parametrize("written", ["7d", "36h", "90s", "500ms", "90m"])
def test_it_is_shown_as_it_was_written(written: str) -> None:
    assert str(Duration.parse(written)) == written


def test_it_knows_its_milliseconds() -> None:
    assert Duration.parse("1.5s").milliseconds == 1500
