"""A job as it stands in Redis, for looking at."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from oxyq.engine.connection import RedisReplyError
from oxyq.engine.json_text import as_int, decode_json
from oxyq.engine.scripts import as_text
from oxyq.outcomes import JsonValue


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A job as it stands in Redis, for looking at; `broken` says why it cannot be read, and the rest is empty then."""

    id: str
    name: str = ""
    data: JsonValue = None
    options: Mapping[str, JsonValue] = field(default_factory=dict)
    timestamp_ms: int = 0
    delay_ms: int = 0
    priority: int = 0
    attempts_made: int = 0
    attempts_started: int = 0
    stalled_count: int = 0
    processed_ms: int | None = None
    finished_ms: int | None = None
    failed_reason: str | None = None
    result: JsonValue = None
    progress: JsonValue = 0
    stack_traces: Sequence[JsonValue] = ()
    history: Sequence[JsonValue] = ()
    replays: Sequence[JsonValue] = ()
    broken: str | None = None


def read_record(job_id: str, reply: object) -> JobRecord | None:
    if isinstance(reply, RedisReplyError):
        return JobRecord(job_id, broken=reply.text)
    if isinstance(reply, BaseException):
        raise reply
    if not isinstance(reply, list) or not reply:
        return None
    items = iter(reply)
    fields: dict[bytes, bytes] = dict(zip(items, items, strict=True))
    try:
        return _read_record(job_id, fields)
    except (ValueError, KeyError, RecursionError) as error:
        return JobRecord(job_id, name=as_text(fields.get(b"name", b"")), broken=f"cannot be read: {error!r}")


def _read_record(job_id: str, fields: dict[bytes, bytes]) -> JobRecord:
    def load(name: bytes, default: JsonValue) -> JsonValue:
        return decode_json(fields[name]) if name in fields else default

    def load_list(name: bytes) -> Sequence[JsonValue]:
        value = load(name, [])
        return value if isinstance(value, list) else ()

    def number(name: bytes) -> int:
        return as_int(fields.get(name)) or 0

    options = load(b"opts", {})
    reason = fields.get(b"failedReason")
    return JobRecord(
        id=job_id,
        name=as_text(fields[b"name"]),
        data=decode_json(fields[b"data"]),
        options=options if isinstance(options, dict) else {},
        timestamp_ms=number(b"timestamp"),
        delay_ms=number(b"delay"),
        priority=number(b"priority"),
        attempts_made=number(b"atm"),
        attempts_started=number(b"ats"),
        stalled_count=number(b"stc"),
        processed_ms=as_int(fields.get(b"processedOn")),
        finished_ms=as_int(fields.get(b"finishedOn")),
        failed_reason=None if reason is None else reason.decode("utf-8", "replace"),
        result=load(b"returnvalue", None),
        progress=load(b"progress", 0),
        stack_traces=load_list(b"stacktrace"),
        history=load_list(b"history"),
        replays=load_list(b"replays"),
    )
