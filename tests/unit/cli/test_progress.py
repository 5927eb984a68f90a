"""How far long work is: a bar that leaves nothing behind, or a line now and then in a log."""

import io
import sys
import time

import pytest

from oxyq.cli.progress import progress
from oxyq.cli.terminal import has_colours


class Terminal(io.StringIO):
    """A stream that somebody looks at."""

    def isatty(self) -> bool:
        return True


def watched(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Somebody looks at standard error from now on; no fixture, since pytest puts its own back before the test."""
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    return stream


def test_on_a_terminal_it_says_how_far_it_is_and_is_gone_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = watched(monkeypatch)
    with progress("jobs added", 450) as shown:
        shown.at(200)
        shown.advance(250)

    assert "200 of 450 jobs added" in terminal.getvalue()
    assert "450 of 450 jobs added" in terminal.getvalue()
    assert terminal.getvalue().endswith("\x1b[2K"), "the line is wiped"


def test_it_is_drawn_a_few_times_a_second_however_often_there_is_news(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = watched(monkeypatch)
    with progress("records read") as shown:
        for _ in range(100_000):
            shown.advance()

    assert 1 <= terminal.getvalue().count("records read") < 1000


def test_what_strangers_called_it_cannot_take_over_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = watched(monkeypatch)
    with progress("of \x1b]0;x\x07[red]sale[/red]") as shown:
        shown.at(1)

    assert "\x07" not in terminal.getvalue()
    assert "[red]sale[/red]" in terminal.getvalue()


def test_in_a_log_it_is_a_line_every_ten_seconds(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    with progress("rows read", 1_000_000) as shown:
        for seconds in range(25):
            now = 1000.0 + seconds
            shown.at(seconds * 40_000)

    assert capsys.readouterr().err.splitlines() == ["400,000 of 1,000,000 rows read", "800,000 of 1,000,000 rows read"]


def test_short_work_says_nothing_in_a_log(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("jobs added", 3) as shown:
        shown.at(3)

    assert capsys.readouterr() == ("", "")


def test_a_terminal_that_can_draw_nothing_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = watched(monkeypatch)
    monkeypatch.setenv("TERM", "dumb")
    with progress("jobs added") as shown:
        shown.at(3)

    assert terminal.getvalue() == ""


@pytest.mark.parametrize(
    ("on_terminal", "environment", "expected"),
    [
        (True, {}, True),
        (False, {}, False),
        (True, {"NO_COLOR": "1"}, False),
        (True, {"NO_COLOR": ""}, True),
        (False, {"FORCE_COLOR": "1"}, True),
        (True, {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        (True, {"TERM": "dumb"}, False),
    ],
    ids=str,
)
def test_colours_are_for_terminals_and_as_the_environment_wants_them(
    monkeypatch: pytest.MonkeyPatch, on_terminal: bool, environment: dict[str, str], expected: bool
) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert has_colours(Terminal() if on_terminal else io.StringIO()) is expected
