"""Dead letters: looking through them, putting their jobs back to work, throwing them away."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from oxyq.engine.hub import Hub
from oxyq.engine.json_text import as_int, encode_json
from oxyq.engine.queue import Queue
from oxyq.engine.record import JobRecord
from oxyq.engine.scripts import NewJob, now_ms
from oxyq.errors import InvalidPayload, NotFound
from oxyq.outcomes import JsonValue
from oxyq.queues import DEAD_LETTER

PAGE = 200
#: How often a job may be replayed in its dead letter's memory.
KEEP_REPLAYS = 20


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A job that was given up, as it was, and how it came to that."""

    id: str
    queue: str
    job_id: str
    job_name: str
    organization_id: str | None
    kind: str
    reason: str
    failed_ms: int
    attempts_made: int
    data: JsonValue
    options: Mapping[str, JsonValue] = field(default_factory=dict)
    attempts: tuple[JsonValue, ...] = ()
    replays: tuple[JsonValue, ...] = ()
    raw: JsonValue = None

    @property
    def is_readable(self) -> bool:
        """Whether there is a job to put back: what was no JSON cannot run again without new data."""
        return self.raw is None

    def to_json(self) -> dict[str, JsonValue]:
        """For machines to read."""
        return {
            "id": self.id,
            "originalQueue": self.queue,
            "originalJobId": self.job_id,
            "originalJobName": self.job_name,
            "organizationId": self.organization_id,
            "kind": self.kind,
            "failedReason": self.reason,
            "failedAt": self.failed_ms,
            "attemptsMade": self.attempts_made,
            "attempts": list(self.attempts),
            "replays": list(self.replays),
            "data": self.data if self.is_readable else self.raw,
        }


@dataclass(frozen=True, slots=True)
class Filter:
    """Which dead letters are meant; everything that is given must fit."""

    queue: str | None = None
    organization_id: str | None = None
    kind: str | None = None
    reason: str | None = None
    older_than_seconds: float | None = None

    def fits(self, letter: DeadLetter) -> bool:
        """Whether a letter is meant."""
        age_ms = now_ms() - letter.failed_ms
        return (
            self.queue in (None, letter.queue)
            and self.organization_id in (None, letter.organization_id)
            and self.kind in (None, letter.kind)
            and (self.reason is None or self.reason.casefold() in letter.reason.casefold())
            and (self.older_than_seconds is None or age_ms >= self.older_than_seconds * 1000)
        )


class DeadLetters:
    """The dead-letter queue of one installation."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._queue = Queue(DEAD_LETTER, hub=hub)

    async def count(self) -> int:
        """How many there are."""
        return (await self._queue.counts())["waiting"]

    async def find(self, wanted: Filter) -> AsyncIterator[DeadLetter]:
        """Every letter that fits, oldest first, read page by page."""
        # The ids as they are now: letters that are replayed or purged on the way must not shift the pages.
        ids = await self._queue.all_ids("wait")
        for start in range(0, len(ids), PAGE):
            for record in await self._queue.records(ids[start : start + PAGE]):
                if record is not None and wanted.fits(letter := _letter(record)):
                    yield letter

    async def get(self, letter_id: str) -> DeadLetter:
        """One letter; raises NotFound."""
        record = await self._queue.job(letter_id)
        if record is None:
            raise NotFound(f"there is no dead letter {letter_id!r}; list them with: oxyq dlq list")
        return _letter(record)

    async def replay(self, letter: DeadLetter, *, data: JsonValue = None, by: str = "") -> bool:
        """Put the job of a letter back into its queue under its old id, with all its attempts.

        `data` replaces the job's data. The letter is gone afterwards; the replay is noted in the job. Returns False
        when somebody else replayed it, or the job is already waiting or running again. Raises InvalidPayload when
        the letter holds nothing that can run.
        """
        if data is None and not letter.is_readable:
            raise InvalidPayload("data", f"{letter.id} could not be read as a job; give its data anew to replay it")
        body = letter.data if data is None else data
        note: JsonValue = {"at": now_ms(), "by": by, "edited": data is not None}
        replays = encode_json([*letter.replays, note][-KEEP_REPLAYS:])
        options = {name: value for name, value in letter.options.items() if name not in ("delay", "repeat", "jobId")}
        job = NewJob(letter.job_id, letter.job_name or "job", encode_json(body), dict(options), now_ms())
        queue = Queue(letter.queue, hub=self._hub)
        await self._hub.commands.ready(queue.patience_seconds)
        return await queue.scripts.replay(job, letter.id, replays, edited=data is not None) > 0

    async def purge(self, letter: DeadLetter) -> bool:
        """Throw a letter away for good; False when it is gone already."""
        return await self._queue.remove(letter.id)


def _letter(record: JobRecord) -> DeadLetter:
    body = record.data if isinstance(record.data, dict) else {}
    queue, job_id = _named(record.id, body)
    attempts, replays, options = body.get("attempts"), body.get("replays"), body.get("opts")
    return DeadLetter(
        id=record.id,
        queue=queue,
        job_id=job_id,
        job_name=str(body.get("originalJobName") or ""),
        organization_id=_text(body.get("organizationId")),
        kind=_text(body.get("kind")) or "unknown",
        reason=_text(body.get("failedReason")) or record.broken or "",
        failed_ms=as_int(body.get("failedAt")) or record.timestamp_ms,
        attempts_made=as_int(body.get("attemptsMade")) or 0,
        data=body.get("data"),
        options=options if isinstance(options, dict) else {},
        attempts=tuple(attempts) if isinstance(attempts, list) else (),
        replays=tuple(replays) if isinstance(replays, list) else (),
        raw=body.get("raw"),
    )


def _named(letter_id: str, body: Mapping[str, JsonValue]) -> tuple[str, str]:
    """The queue and job a letter is about, from its body or else (the Node original's letters) from its id."""
    queue, job_id = _text(body.get("originalQueue")), _text(body.get("originalJobId"))
    if queue and job_id:
        return queue, job_id
    _, _, rest = letter_id.partition("-")
    found_queue, _, found_id = rest.partition("-")
    return queue or found_queue, job_id or found_id


def _text(value: JsonValue) -> str | None:
    return value if isinstance(value, str) else None


def when(ms: int) -> str:
    """A time in words for tables."""
    return datetime.fromtimestamp(ms / 1000, tz=UTC).strftime("%Y-%m-%d %H:%M:%S") if ms else "–"
