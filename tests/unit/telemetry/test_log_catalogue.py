"""What may stand in the log is what docs/how-to/logs.md says: each event a line, each line its fields."""

import io
import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from oxyq.engine.events import JobCompleted, JobFailed
from oxyq.engine.job import Job
from oxyq.engine.settlement import RawJob
from oxyq.telemetry.events import CampaignEnded, ConnectionChanged, WebhookTaken
from oxyq.telemetry.logs import log_event, set_up_logs
from tests.unit.telemetry.test_hostile_logs import event_types, filled

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "how-to" / "logs.md"
#: In every line; the last two while traces are on.
COMMON = {"event", "level", "timestamp", "trace_id", "span_id"}
#: Told without an event, where it happens.
ELSEWHERE = {"http.failed", "webhook.refused", "webhook.broken_instance", "log"}
JOB = Job(RawJob("id", "t", {b"name": b"x", b"data": b"{}"}), "message", None)
#: Events that are told in more ways than one.
OTHER_WAYS = (
    JobCompleted(JOB, 1.0, "its result is not JSON"),
    JobFailed(JOB, "no", None),
    JobFailed(JOB, "no", 1000),
    ConnectionChanged("org_1", "wa_1", "open", ""),
)


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Where the log goes; afterwards it goes where it went."""
    before, handlers = structlog.get_config(), list(logging.getLogger().handlers)
    stream = io.StringIO()
    set_up_logs("debug", "json", stream)
    yield stream
    structlog.configure(**before)
    logging.getLogger().handlers[:] = handlers


def lines(log: io.StringIO) -> list[dict[str, Any]]:
    """What stands in it."""
    return [json.loads(line) for line in log.getvalue().splitlines()]


def rows() -> dict[str, tuple[set[str], set[str]]]:
    """The page's table: of each line its levels and its fields."""
    found = re.findall(r"^\| `([a-z_.]+)` \| ([a-z, ]+) \| (.*?) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return {name: (set(levels.split(", ")), set(re.findall(r"`([^`]+)`", fields))) for name, levels, fields in found}


def test_every_event_has_its_line_and_the_page_tells_its_fields(log: io.StringIO) -> None:
    documented, seen = rows(), dict[str, set[str]]()
    events = [filled(kind, "x") for kind in event_types()]
    assert len(events) > 15

    for event in (*events, *OTHER_WAYS):
        log.truncate(log.seek(0))
        log_event(event)
        written = lines(log)
        assert written, f"{type(event).__name__} has no line in log_event"
        for line in written:
            # Counts are fields of their own, whatever is counted
            more = {"…"} if isinstance(event, CampaignEnded | WebhookTaken) else set[str]()
            fields = set(line) - COMMON - ({"count"} if more else set()) | more
            assert line["event"] in documented, (
                f"add to the table: | `{line['event']}` | {line['level']} | {fields} | |"
            )
            levels, told = documented[line["event"]]
            assert line["level"] in levels
            assert fields <= told, f"{line['event']} has fields that the page does not tell: {fields - told}"
            seen.setdefault(line["event"], set()).update(fields)

    assert seen.keys() | ELSEWHERE == documented.keys()
    assert {name: documented[name][1] for name in seen} == seen


def test_what_is_told_without_an_event_is_on_the_page_too() -> None:
    """The names of lines that stand elsewhere in the code."""
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "src" / "oxyq").rglob("*.py"))
    told = set(re.findall(r"get_logger\(\)\s*\.(?:debug|info|warning|error)\(\s*\"([a-z_.]+)\"", source))
    assert told | {"log"} == ELSEWHERE


def test_the_page_names_the_words_of_every_line() -> None:
    assert all(f"`{name}`" in PAGE.read_text(encoding="utf-8") for name in COMMON)


def test_a_line_about_an_attempt_names_its_trace(log: io.StringIO) -> None:
    """Though it is told after the attempt, and beside it."""
    job = Job(RawJob("id", "t", {b"name": b"x", b"data": b"{}"}), "message", None)
    job.trace = {"trace_id": "a" * 32, "span_id": "b" * 16}

    log_event(JobFailed(job, "no", 1000))

    [line] = lines(log)
    assert (line["trace_id"], line["span_id"]) == ("a" * 32, "b" * 16)


def test_what_a_library_logs_is_one_line_of_ours_without_the_words_of_an_error(log: io.StringIO) -> None:
    """Such as uvicorn about a request that broke, or the exporter of traces."""
    try:
        raise ValueError("to 5511987654321: the exam\nis on Monday")
    except ValueError:
        logging.getLogger("uvicorn.lifespan").exception("Exception for %s\nin ASGI application", "5511987654321")
    logging.getLogger("httpx").info("POST https://graph.facebook.com/5511987654321")

    [line] = lines(log)
    assert line["event"] == "log"
    assert (line["level"], line["name"], line["error"]) == ("error", "uvicorn.lifespan", "ValueError")
    assert re.fullmatch(r"test_log_catalogue.py:\d+ in test_\w+", line["where"])
    assert "5511987654321" not in log.getvalue()
    assert "Monday" not in log.getvalue()
