"""What commands print is safe to look at, and for programs to read."""

import io
import json
import sys

import pytest

from oxyq.cli.output import as_json, open_streams, plain, print_json, print_table, say


class Terminal(io.StringIO):
    """A standard output that somebody looks at."""

    def isatty(self) -> bool:
        return True


ESCAPES = "\x1b[2J\x9b31m\x07\r\n\u202e"


def test_text_of_strangers_cannot_take_over_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    say(f"reason {ESCAPES}")
    print_table(("id", "reason"), [("a", f"{ESCAPES} [red]x[/red]")])

    written = capsys.readouterr().out
    assert not set(written) & set("\x1b\x9b\x07\r")
    assert "\\u001b[2J" in written
    assert "[red]x[/red]" in written


def test_json_has_no_control_characters_and_reads_back(capsys: pytest.CaptureFixture[str]) -> None:
    value = {"text": f"Olá {ESCAPES}\x7f"}
    print_json(value)

    written = capsys.readouterr().out
    assert "Olá" in written
    assert not set(written) & set("\x1b\x9b\x07\r\x7f")
    assert json.loads(written) == value


def test_half_characters_are_shown_and_not_stumbled_over(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    open_streams()

    say("Olá \udc80")
    print_json({"a": "\udc80"})
    sys.stdout.flush()

    assert raw.getvalue() == b'Ol\\xe1 \\udc80\n{"a": "\\udc80"}\n'


def test_closed_streams_swallow_what_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    open_streams()

    say("nobody hears this")
    sys.stdout.close()


def test_a_table_in_a_pipe_is_whole_and_without_colours(capsys: pytest.CaptureFixture[str]) -> None:
    long = "x" * 500
    print_table(("id", "number", "reason"), [("a", 5, long), ("b-longer", 10, "short")], numbers=("number",))

    assert capsys.readouterr().out == (f"id        number  reason\na              5  {long}\nb-longer      10  short\n")


def test_a_table_on_a_terminal_has_a_bold_head_and_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    print_table(("id", "reason"), [("dlq-message-msg-" + "0" * 32, "x" * 500)])

    head, row = terminal.getvalue().splitlines()
    assert "\x1b[1m" in head
    assert row.startswith("dlq-message-msg-" + "0" * 32)
    assert row.endswith("…")


def test_json_is_indented_only_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    print_json({"a": [1]})
    assert capsys.readouterr().out == '{"a": [1]}\n'

    monkeypatch.setattr(sys, "stdout", terminal := Terminal())
    print_json({"a": [1]})
    assert len(terminal.getvalue().splitlines()) > 1


@pytest.mark.parametrize("value", [0, None, "Olá", {"a": [1, 2]}])
def test_plain_and_json_take_everything(value: object) -> None:
    assert plain(value)
    assert as_json(value)  # type: ignore[arg-type]
