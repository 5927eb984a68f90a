"""Parsers of what lies in Redis, where anybody may have written it: jobs, their options, schedulers."""

from collections.abc import Mapping
from typing import Final

import msgpack

from oxyq.automations.scheduler_list import upcoming
from oxyq.engine.connection import Reply
from oxyq.engine.job import Job, MalformedJob
from oxyq.engine.json_text import decode_json
from oxyq.engine.record import JobRecord, read_record
from oxyq.engine.schedulers import StoredScheduler, read_scheduler
from oxyq.engine.scripts import pack
from oxyq.engine.settlement import RawJob
from oxyq.operating.search.job_filter import traits_of_record
from oxyq.operating.search.job_row import job_rows
from tests.fuzz.parser import Parser, text

_NOW_MS: Final = 1_795_377_084_000
_NUMBERS: Final = (b"timestamp", b"delay", b"priority", b"atm", b"ats", b"stc", b"processedOn", b"finishedOn")
_LISTS: Final = (b"stacktrace", b"history", b"replays", b"returnvalue", b"progress")
_TEXTS: Final = (b"failedReason", b"defa", b"rjk", b"pb", b"buried")
_OPTIONS: Final = (
    *(b'"attempts":', b'"delay":', b'"backoff":', b'"removeOnComplete":', b'"repeat":', b'"kl":', b'"jitter":', b"{"),
    *(b"}", b"[", b"]", b",", b"null", b"true", b"-1", b"1e30", b"1e999", b'"3"', b"Infinity", b"9" * 5000, b"\x81"),
)  # fmt: skip


def _options(raw: bytes) -> None:
    """Options of a job, which anybody may have stored: what every attempt asks for has bounds."""
    job = Job(RawJob("j", "t", {b"name": b"x", b"data": b"{}", b"opts": raw}), "message", None)
    assert job.attempts >= 1
    assert job.stored.delay_ms >= 0
    assert isinstance(job.is_last_attempt, bool)
    assert isinstance(job.options, dict)


def _fields(raw: bytes) -> None:
    """All other fields of a job's hash: junk in one of them spoils neither the attempt nor a look at the job."""
    junk = dict.fromkeys((*_NUMBERS, *_LISTS, *_TEXTS, b"unheard-of"), raw)
    job = Job(RawJob("j", "t", {b"name": raw, b"data": b"{}", **junk}), "message", None)
    for number in (job.attempt, job.attempts_started, job.timestamp_ms, job.priority, job.stalled_count):
        assert isinstance(number, int)
    for listed in (job.stack_traces, job.history, job.replays):
        assert isinstance(listed, list)
    assert isinstance(job.ready_ms, int | None)
    assert isinstance(job.deferred_failure, str) and isinstance(job.scheduler_id, str)
    assert job.is_last_attempt in (True, False)
    repr(job)


def _record(raw: bytes) -> None:
    """The same job as the board and the lists look at it: a row is shown, if need be as broken."""
    junk = dict.fromkeys((*_NUMBERS, *_LISTS, *_TEXTS), raw)
    for fields in ({b"name": raw, b"data": raw, b"opts": raw}, {b"name": raw, b"data": b"{}", **junk}, {b"x": raw}):
        record = read_record("j", [part for pair in fields.items() for part in pair])
        assert isinstance(record, JobRecord)
        traits_of_record(record)
        [row] = job_rows([record])
        for shown in (row.id, row.name, row.contact, row.text, row.reason, row.broken):
            assert isinstance(shown, str | None)


def _scheduler(raw: bytes) -> None:
    """The hash of a scheduler as lines of name=value: it is listed, and its next runs are told in no time."""
    pairs = (line.partition(b"=") for line in raw.split(b"\n"))
    fields = {name: value for name, _, value in pairs}
    reply: Reply = [part for pair in fields.items() for part in pair]
    scheduler = read_scheduler("s", _score(fields.get(b"score", b"1795377084000")), reply)
    assert isinstance(scheduler, StoredScheduler)
    runs = upcoming(scheduler, _NOW_MS)
    assert list(runs) == sorted(runs) and len(runs) <= 5 and all(run > _NOW_MS for run in runs)


def _score(written: bytes) -> bytes:
    """As Redis gives one: always a number, infinity included."""
    try:
        return repr(float(written)).encode() if float(written) == float(written) else b"inf"
    except ValueError:
        return b"-inf"


def _packed(raw: bytes) -> None:
    """What is packed for the scripts is read by them as it was, half characters included."""
    value = decode_json(raw)
    try:
        packed = pack({"opts": value, "id": text(raw)})
    except (ValueError, OverflowError):
        return  # a number beyond 64 bits, or too deep: refused before anything is sent
    assert msgpack.unpackb(packed, unicode_errors="surrogateescape", strict_map_key=False)["opts"] == value


_SCHEDULER: Final = (
    *(b"\n", b"=", b"every=", b"pattern=", b"tz=", b"endDate=", b"startDate=", b"limit=", b"data=", b"score="),
    *(b"0", b"-5", b"1", b"1e999", b"nan", b"inf", b"* * * * *", b"0 0 30 2 *", b"2026-01-01T00:00:00Z", b"9" * 30),
)  # fmt: skip

STORED_PARSERS: Final[Mapping[str, Parser]] = {
    "job-options": Parser(_options, (MalformedJob,), _OPTIONS),
    "job-fields": Parser(_fields, (MalformedJob,), _OPTIONS),
    "job-record": Parser(_record, (), _OPTIONS),
    "scheduler": Parser(_scheduler, (), _SCHEDULER),
    "packed-options": Parser(_packed, (ValueError, RecursionError), _OPTIONS),
}
