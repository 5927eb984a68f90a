"""Whatever stands in a name, an id or a reason: an event is one line of the log, and no terminal obeys it."""

import dataclasses
import io
import json
import logging
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import structlog

from oxyq.engine.job import Job
from oxyq.engine.settlement import RawJob
from oxyq.telemetry.events import Event
from oxyq.telemetry.logs import log_event, set_up_logs

NUMBER = "5511999998888"
HOSTILE = {
    "a line of its own": "x\n2026-11-23T10:00:00Z [error] job.dead job=forged",
    "a line of its own, as Windows has it": "x\r\nforged",
    "a line of Unicode's": "x\u2028forged\u2029forged\x85forged",
    "an escape without a space": "\x1b[2J\x1b[31m",
    "an escape of one byte": "\x9b2J",
    "a text that runs backwards": "\u202egpj.exe",
    "NUL": "a\0b",
    "half an emoji": "\ud83d",
    "bytes that are no text": "id-\udcff\udcfe",
    "JSON": '","level":"info","forged":"',
}


def event_types() -> list[type[Any]]:
    """Every event there is, of the engine and ours."""
    return [kind for part in typing.get_args(Event) for kind in (typing.get_args(part) or (part,))]


def filled(kind: type[Any], text: str) -> Any:
    """An event that holds this text wherever one can stand."""
    hints = typing.get_type_hints(kind)
    return kind(**{field.name: value_of(hints[field.name], text) for field in dataclasses.fields(kind)})


def value_of(hint: Any, text: str) -> Any:
    origin = typing.get_origin(hint)
    if hint is Job:
        return Job(RawJob(text, "t", {b"name": b"x", b"data": b"{}"}), text, None)
    if origin in (typing.Union, types.UnionType):
        return value_of(typing.get_args(hint)[0], text)
    if origin in (dict, Mapping):
        return {"count": 1}
    if origin is not None:
        return (text,)
    return text if hint is str else hint(1) if hint in (int, float, bool) else text


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Where the log goes; afterwards it goes where it went."""
    before, handlers = structlog.get_config(), list(logging.getLogger().handlers)
    yield io.StringIO()
    structlog.configure(**before)
    logging.getLogger().handlers[:] = handlers


@pytest.mark.parametrize("style", ["text", "json"])
@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_every_event_is_one_line_that_no_terminal_obeys(log: io.StringIO, style: Any, text: str) -> None:
    set_up_logs("debug", style, log)
    kinds = event_types()
    assert len(kinds) > 10

    for kind in kinds:
        log.truncate(log.seek(0))
        log_event(filled(kind, text))
        written = log.getvalue()
        assert written.endswith("\n")
        assert len(written.splitlines()) <= 2  # one event says two things
        assert all(line.isprintable() for line in written.splitlines()), kind.__name__
        written.encode()
        if style == "json":
            assert all("forged" not in json.loads(line) for line in written.splitlines())


@pytest.mark.parametrize("style", ["text", "json"])
def test_what_is_logged_elsewhere_is_one_line_too(log: io.StringIO, style: Any) -> None:
    set_up_logs("debug", style, log)

    for text in HOSTILE.values():
        structlog.get_logger().warning("webhook.refused", detail=text, where=[text, text])

    assert len(log.getvalue().splitlines()) == len(HOSTILE)
    assert all(line.isprintable() for line in log.getvalue().splitlines())


def test_words_stay_as_they_are(log: io.StringIO) -> None:
    set_up_logs("info", "json", log)

    structlog.get_logger().info("process", news="Olá 🐶, atenção: 50 %")

    assert json.loads(log.getvalue())["news"] == "Olá 🐶, atenção: 50 %"
