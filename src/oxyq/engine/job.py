"""A job as its handler sees it, and reading one from what Redis holds."""

from collections.abc import Mapping
from typing import Protocol

from oxyq.engine.json_text import as_int, decode_json, encode_json, sendable
from oxyq.engine.settlement import RawJob
from oxyq.engine.stored_options import options_object, read_options
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

    # What every attempt needs is read when the job is made, the rest when somebody asks.
    __slots__ = ("_fields", "_notes", "_options", "attempt", "data", "id", "name", "queue", "stored", "token", "trace")

    def __init__(self, raw: RawJob, queue: str, notes: JobNotes | None) -> None:
        self._fields = fields = raw.fields
        self._notes = notes
        self._options: dict[str, JsonValue] | None = None
        #: The ids by which lines of the log find this attempt's trace, once it runs and is followed.
        self.trace: Mapping[str, str] | None = None
        self.id, self.token, self.queue = raw.id, raw.token, queue
        try:
            self.name = fields[b"name"].decode("utf-8", "replace")
            self.data = decode_json(fields[b"data"])
        except KeyError as missing:
            name = missing.args[0].decode()
            raise MalformedJob(f"it has no {name!r}: something else removed or overwrote the job") from None
        except (ValueError, RecursionError) as error:
            raise MalformedJob(f"its 'data' is not JSON: {error}") from None
        if not has_sound_parent(fields):
            raise MalformedJob("its 'parentKey' or 'parent' names no job")
        try:
            self.stored = read_options(fields.get(b"opts", b"{}"))
        except ValueError as error:
            raise MalformedJob(f"its 'opts' is {error}") from None
        self.attempt = _number(fields, b"atm") + 1 if b"atm" in fields else 1

    @property
    def options(self) -> dict[str, JsonValue]:
        """Its options in BullMQ's words."""
        if self._options is None:
            self._options = options_object(self._fields.get(b"opts", b"{}"))
        return self._options

    @property
    def attempts(self) -> int:
        """How many attempts it has in all."""
        return self.stored.attempts

    @property
    def attempts_started(self) -> int:
        """How often it was taken, this time included; more than `attempt` when workers died or it asked to wait."""
        return _number(self._fields, b"ats")

    @property
    def timestamp_ms(self) -> int:
        """When it was added."""
        return _number(self._fields, b"timestamp")

    @property
    def ready_ms(self) -> int | None:
        """When it could first run (ms since 1970); None when it ran before, since nobody notes when it could again."""
        # A retry by hand takes `ats` away; `pb`, whoever ran it last, stays.
        if self._fields.get(b"ats", b"1") != b"1" or b"pb" in self._fields:
            return None
        try:
            # Asked for every job, so without the detours of `timestamp_ms`.
            return int(self._fields[b"timestamp"]) + self.stored.delay_ms
        except (KeyError, ValueError):
            return None

    @property
    def priority(self) -> int:
        """Its priority; 1 is the most urgent, 0 goes before all."""
        return _number(self._fields, b"priority")

    @property
    def stalled_count(self) -> int:
        """How often its worker died or froze."""
        return _number(self._fields, b"stc")

    @property
    def deferred_failure(self) -> str | None:
        """Why it is to fail without being run, when BullMQ decided so."""
        reason = self._fields.get(b"defa")
        return None if reason is None else reason.decode("utf-8", "replace")

    @property
    def scheduler_id(self) -> str | None:
        """The scheduler it comes from."""
        scheduler = self._fields.get(b"rjk")
        return None if scheduler is None else scheduler.decode("utf-8", "replace")

    @property
    def stack_traces(self) -> list[str]:
        """Of the attempts that failed."""
        return [line for line in _list(self._fields.get(b"stacktrace")) if isinstance(line, str)]

    @property
    def history(self) -> list[JsonValue]:
        """The attempts that failed: number, time, error."""
        return _list(self._fields.get(b"history"))

    @property
    def replays(self) -> list[JsonValue]:
        """Its returns from the dead letters."""
        return _list(self._fields.get(b"replays"))

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


def has_sound_parent(fields: dict[bytes, bytes]) -> bool:
    """Whether it has no parent, or one that BullMQ's scripts can read: they have no way to say that they cannot."""
    if b"parentKey" not in fields:
        return True
    try:
        parent = decode_json(fields[b"parent"])
    except (KeyError, ValueError, RecursionError):
        return False
    return (
        fields[b"parentKey"].count(b":") >= 2
        and isinstance(parent, dict)
        and all(isinstance(parent.get(name), str) for name in ("id", "queueKey"))
    )


def _number(fields: dict[bytes, bytes], name: bytes) -> int:
    return as_int(fields.get(name)) or 0


def _list(raw: bytes | None) -> list[JsonValue]:
    try:
        value = decode_json(raw) if raw else []
    except (ValueError, RecursionError):
        return []
    return value if isinstance(value, list) else []
