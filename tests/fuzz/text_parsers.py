"""Parsers of what people write: templates, numbers, times, settings, orders by message; and of what is shown of it."""

import io
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Final
from unittest import mock

import typer

from oxyq.cli.durations import Duration
from oxyq.cli.endings import WrongUse
from oxyq.cli.entries import read_entries
from oxyq.cli.output import plain as on_a_terminal
from oxyq.cli.times import StartAt
from oxyq.engine.address import Address
from oxyq.engine.schedulers import next_cron_ms
from oxyq.errors import ConfigurationError, InvalidPayload
from oxyq.masking import mask_json, mask_numbers_in
from oxyq.numbers import canonical_number, contact_key, contact_of, normalize_number
from oxyq.operating.error_fingerprint import pattern
from oxyq.replies.answer_text import sendable
from oxyq.replies.opt_out import read_wish
from oxyq.replies.owner_commands import read_command
from oxyq.sending_hours import checked_date
from oxyq.settings import load_settings
from oxyq.templates import placeholders, render
from tests.fuzz.parser import SECRET, Parser, text

NOW_MS: Final = 1_795_377_084_000
_LONGEST_DURATION: Final = 100 * 366 * 86_400
_SECRETS: Final = ("REDIS_URL", "OXYQ_JWT_SECRET", "OXYQ_JWT_SECRET_PREVIOUS")


def _template(raw: bytes) -> None:
    template = text(raw)
    values = dict.fromkeys(placeholders(template), "{{v}} {a|b} %s $x")
    once = render(template, values, seed="s")
    assert once == render(template, values, seed="s")
    assert render(template, dict.fromkeys(values, "")).count("{") == 0


def _number(raw: bytes) -> None:
    written = text(raw)
    refused = None
    for read in (normalize_number, canonical_number, contact_of):
        try:
            number = read(written)
        except InvalidPayload as error:
            refused = error
            continue
        assert number.isascii() and number.isprintable() and len(number) <= 120
        assert contact_key(contact_key(number)) == contact_key(number)
    if refused is not None:
        raise refused


def _cron(raw: bytes) -> None:
    """A line of cron, and behind a line break the zone it goes by."""
    cron, _, zone = text(raw).partition("\n")
    found = next_cron_ms(cron, NOW_MS, zone or None)
    assert found > NOW_MS
    assert next_cron_ms(cron, found, zone or None) > found


def _duration(raw: bytes) -> None:
    assert 0 <= Duration.parse(text(raw)) <= _LONGEST_DURATION


def _start(raw: bytes) -> None:
    assert isinstance(StartAt.parse(text(raw)).on_clock("America/Sao_Paulo", NOW_MS), int)


def _date(raw: bytes) -> None:
    day = checked_date(text(raw))
    assert checked_date(day.isoformat()) == day


def _entries(raw: bytes) -> None:
    """What `oxyq enqueue -` reads."""
    with mock.patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(raw))):
        assert read_entries("-")


def _settings(raw: bytes) -> None:
    """Lines of `NAME=value`, as an environment; what it refuses repeats no secret."""
    environ = dict[str, str]()
    for line in text(raw).replace("\0", "").split("\n"):  # an environment has no NUL
        name, _, value = line.partition("=")
        # Anywhere else it is no secret, and wrong values are shown.
        environ[name.replace(SECRET, "")] = value if name in _SECRETS else value.replace(SECRET, "")
    load_settings(environ)


def _redis_url(raw: bytes) -> None:
    """The settings take it, or the engine never sees it; what one shows of it is not the password."""
    url = text(raw)
    try:
        settings = load_settings({"REDIS_URL": url})
    except ConfigurationError as refused:
        assert SECRET not in str(refused)
        Address.from_url(url)
        raise
    assert settings.redis_url is not None
    address = Address.from_url(settings.redis_url)
    assert 0 < address.port < 65_536
    assert repr(address) == repr(replace(address, password="another"))
    assert SECRET not in f"{settings!r} {settings}"


def _command(raw: bytes) -> None:
    read_command(text(raw))
    read_wish(text(raw))


def _masked(raw: bytes) -> None:
    """No number of a person is left to be read, in a value or in a name."""
    shown = mask_json({"content": text(raw), "from": text(raw)})
    assert isinstance(shown, dict)
    digits = sum(sign.isascii() and sign.isdigit() for sign in str(shown["content"]))
    assert digits <= 12
    mask_numbers_in(text(raw))


def _shown(raw: bytes) -> None:
    """What is printed on a terminal is one line without controls; what a model wrote can be sent."""
    assert not any(ord(sign) < 32 or 127 <= ord(sign) < 160 for sign in on_a_terminal(text(raw)))
    answer = sendable(text(raw))
    answer.encode()
    assert len(answer) <= 4096
    pattern(text(raw))


_SIGNS: Final = (
    *("\u202e".encode(), "\u200b".encode(), "🐶".encode(), "é".encode(), "٣".encode(), "\uff11".encode()),
    *("\u2028".encode(), b"\0", b"\n", b"\r\n", b"\t", b"\x1b[31m", b"\x9b", b"\xff", b"\xed\xa0\x80", b" " * 50),
)  # fmt: skip
_BRACES: Final = (b"{", b"}", b"{{", b"}}", b"|", b"{{x}}", b"{a|b}", b"{% for %}", b"{{x.__class__}}", b"${x}", b"%s")
_CRON: Final = (
    *(b" ", b"*", b"/", b"-", b",", b"?", b"L", b"W", b"#", b"0", b"59", b"60", b"31", b"JAN", b"SUN", b"7"),
    *(b"@yearly", b"99999999999", b"*/0", b"5-1", b"h", b"r", b"\n", b"America/Sao_Paulo", b"../../etc/passwd"),
)  # fmt: skip
_URL: Final = (
    b"@",
    b":",
    b"/",
    b"#",
    b"?",
    b"%",
    b"%zz",
    b"[",
    b"]",
    b"[::1]",
    b"redis://",
    b"unix://",
    b"http://",
    b"db=",
)

TEXT_PARSERS: Final[Mapping[str, Parser]] = {
    "template": Parser(_template, words=(*_BRACES, *_SIGNS)),
    "number": Parser(_number, words=(b"+", b"55", b"(", b")", b"-", b"@c.us", b"@lid", b":1", b"BR.", b"0", *_SIGNS)),
    "cron": Parser(_cron, words=(*_CRON, *_SIGNS)),
    "duration": Parser(_duration, (typer.BadParameter,), (b"1", b"h", b"ms", b"w", b".", b"-", b"9" * 12, *_SIGNS)),
    "start-at": Parser(_start, (typer.BadParameter, WrongUse), (b"+", b"-", b":", b"T", b"Z", b"02:30", b"0001")),
    "date": Parser(_date, (ValueError,), (b"-", b"02-30", b"0000", b"99999", b"W01", *_SIGNS)),
    "cli-entries": Parser(_entries, words=(b"\n", b"{}", b"[", b"]", b"\xef\xbb\xbf", b"NaN", b'"\\ud800"', b"[" * 70)),
    "settings": Parser(
        _settings, (ConfigurationError,),
        (b"\n", b"=", b'"', b" ", b"OXYQ_", b"OXYQ_JWT_SECRET=" + SECRET.encode(), b"1e999", b"nan", b"-1", *_SIGNS),
    ),
    "redis-url": Parser(_redis_url, (ConfigurationError,), (*_URL, SECRET.encode(), *_SIGNS)),
    "owner-command": Parser(_command, words=(b'"', b"pausar ", b"99999999999", b"h", "“".encode(), *_SIGNS)),
    "masking": Parser(_masked, words=(b"5511999998888", b"@c.us", b"+", b":", b".", b"-", *_SIGNS)),
    "shown-text": Parser(_shown, words=(b". ", b"!", b"5511999998888", b"'", b'"', *_SIGNS)),
}  # fmt: skip
