"""A job as its handler sees it, and reading one from what Redis holds."""

import json
from typing import Protocol

from oxyq.engine.settlement import RawJob
from oxyq.errors import PermanentError
from oxyq.outcomes import JsonValue

#: Log lines kept per job unless the job says otherwise (`keepLogs`); BullMQ keeps all, for ever.
KEEP_LOGS = 100


class Unrecoverable(PermanentError):
    """Raised by a handler: this job will never work, do not try it again."""


class MalformedJob(PermanentError):
    """What Redis holds under a job's key cannot be read as a job; the message says why."""


class JobNotes(Protocol):
    """Where a running job's logs and progress go."""

    async def update_progress(self, job_id: str, value_json: str) -> bool:
        """Store progress; False when the job is gone."""

    async def add_log(self, job_id: str, line: str, keep: int) -> int:
        """Append a log line, keeping the last `keep`."""


class Job:
    """A job in hand: `data` is its JSON, `attempt` counts from 1 up to `attempts`."""

    __slots__ = (
        "_notes", "attempt", "attempts", "attempts_started", "data", "deferred_failure", "history", "id", "name",
        "options", "priority", "queue", "replays", "scheduler_id", "stack_traces", "stalled_count", "timestamp_ms",
        "token",
    )  # fmt: skip

    def __init__(self, raw: RawJob, queue: str, notes: JobNotes | None) -> None:
        fields = raw.fields
        self.id, self.token, self.queue = raw.id, raw.token, queue
        self._notes = notes
        self.name = _text(fields, b"name")
        self.data: JsonValue = _json(fields, b"data")
        self.options = _object(fields, b"opts")
        self.attempt = _number(fields, b"atm") + 1
        self.attempts = max(as_int(self.options.get("attempts")) or 1, 1)
        self.attempts_started = _number(fields, b"ats")
        self.timestamp_ms = _number(fields, b"timestamp")
        self.priority = _number(fields, b"priority")
        self.stalled_count = _number(fields, b"stc")
        self.deferred_failure = fields[b"defa"].decode("utf-8", "replace") if b"defa" in fields else None
        self.scheduler_id = fields[b"rjk"].decode("utf-8", "replace") if b"rjk" in fields else None
        self.stack_traces = _strings(fields.get(b"stacktrace"))
        self.history = _list(fields.get(b"history"))
        self.replays = _list(fields.get(b"replays"))

    @property
    def is_last_attempt(self) -> bool:
        """Whether a failure now is final."""
        return self.attempt >= self.attempts

    async def log(self, text: str) -> int:
        """Append a line to the job's log, shown on the board; returns how many lines are kept."""
        if self._notes is None:
            return 0  # a job that is only looked at
        return await self._notes.add_log(self.id, sendable(text), as_int(self.options.get("kl")) or KEEP_LOGS)

    async def update_progress(self, value: JsonValue) -> None:
        """Store how far the job is: a number from 0 to 100, or any JSON."""
        if self._notes is not None:
            await self._notes.update_progress(self.id, encode_json(value))

    def __repr__(self) -> str:
        return f"<Job {self.queue}/{self.id} {self.name} attempt {self.attempt}/{self.attempts}>"


def _no_json(word: str) -> None:
    raise ValueError(f"{word} is no JSON")  # Python would read NaN and Infinity, and nobody could write them again


# Made once: json.dumps and json.loads make a new one per call as soon as an option is given, which is a tenth of a job.
_PLAIN = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False)
_ESCAPED = json.JSONEncoder(separators=(",", ":"), allow_nan=False)
_DECODER = json.JSONDecoder(parse_constant=_no_json)


def encode_json(value: object) -> str:
    """Compact JSON as Node writes it; raises TypeError or ValueError for what JSON cannot carry.

    Half a character (a lone surrogate, from a text that was cut inside an emoji) is escaped, as Node does.
    """
    text = _PLAIN.encode(value)
    try:
        text.encode()
    except UnicodeEncodeError:
        return _ESCAPED.encode(value)
    return text


def sendable(text: str) -> str:
    """The text with what is no valid Unicode replaced, so that it can be written anywhere."""
    return text.encode("utf-8", "replace").decode()


def as_int(value: object) -> int | None:
    """A whole number, also from text or a float, as other producers write options; None when it is none."""
    if isinstance(value, bool):
        return None
    try:
        return int(value) if isinstance(value, int | float | str | bytes) else None
    except (ValueError, OverflowError):
        return None


def _text(fields: dict[bytes, bytes], name: bytes) -> str:
    if name not in fields:
        raise MalformedJob(f"it has no {name.decode()!r}: something else removed or overwrote the job")
    return fields[name].decode("utf-8", "replace")


def _json(fields: dict[bytes, bytes], name: bytes) -> JsonValue:
    if name not in fields:
        raise MalformedJob(f"it has no {name.decode()!r}: something else removed or overwrote the job")
    try:
        value: JsonValue = _DECODER.decode(fields[name].decode())
    except (ValueError, RecursionError) as error:
        raise MalformedJob(f"its {name.decode()!r} is not JSON: {error}") from None
    return value


def _object(fields: dict[bytes, bytes], name: bytes) -> dict[str, JsonValue]:
    value = _json(fields, name) if name in fields else {}
    if not isinstance(value, dict):
        raise MalformedJob(f"its {name.decode()!r} is not a JSON object")
    return value


def _number(fields: dict[bytes, bytes], name: bytes) -> int:
    return as_int(fields.get(name)) or 0


def _list(raw: bytes | None) -> list[JsonValue]:
    try:
        value = json.loads(raw) if raw else []
    except ValueError:
        return []
    return value if isinstance(value, list) else []


def _strings(raw: bytes | None) -> list[str]:
    return [line for line in _list(raw) if isinstance(line, str)]
