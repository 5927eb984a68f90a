"""Dead letters: looking through them, putting their jobs back to work, throwing them away."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from pydantic import BaseModel, Field

from oxyq.clock import now_ms
from oxyq.engine.connection import RedisReplyError
from oxyq.engine.hub import Hub
from oxyq.engine.json_text import as_int, decode_json, encode_json
from oxyq.engine.keys import check_job_id
from oxyq.engine.lua_runner import Script, ScriptRunner
from oxyq.engine.queue import Queue
from oxyq.engine.scripts import NewJob, as_text
from oxyq.errors import InvalidPayload, NotFound
from oxyq.jobs import WIRE_CONFIG, Id, Milliseconds, OrganizationId
from oxyq.operating.error_classes import KnownError, known_error
from oxyq.outcomes import JsonValue
from oxyq.queues import DEAD_LETTER

#: Letters read in one round trip: a few ms of our own work.
PAGE: Final = 100
#: Letters purged in one call: of 100,000 letters, 3 ms.
PURGED_AT_ONCE: Final = 25
#: How often a job may be replayed in its dead letter's memory.
KEEP_REPLAYS: Final = 20


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

    @property
    def error(self) -> KnownError:
        """What is known of its last error."""
        return known_error(self.kind, self.reason)

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


class Filter(BaseModel):
    """Which dead letters are meant; everything that is given must fit."""

    model_config = WIRE_CONFIG

    queue: Id | None = Field(default=None, description="only of jobs of this queue")
    organization_id: OrganizationId | None = None
    kind: Id | None = Field(default=None, description='only so given up, such as "exhausted"')
    error_class: Id | None = Field(default=None, description='only of this class of errors, such as "connection"')
    fingerprint: Id | None = Field(default=None, description="only of this group")
    reason: str | None = Field(default=None, max_length=200, description="only with this text in the reason")
    since: Milliseconds | None = Field(default=None, description="only what failed at this time or later, in ms")
    until: Milliseconds | None = Field(default=None, description="only what failed until this time, in ms since 1970")

    def fits(self, letter: DeadLetter) -> bool:
        """Whether a letter is meant."""
        return (
            self.fits_group(letter.queue, letter.organization_id, letter.kind, letter.error)
            and self.fits_time(letter.failed_ms)
            and (self.reason is None or self.reason.casefold() in letter.reason.casefold())
        )

    def fits_group(self, queue: str, organization_id: str | None, kind: str, error: KnownError) -> bool:
        """Whether letters that have these in common may be meant."""
        return (
            self.queue in (None, queue)
            and self.organization_id in (None, organization_id)
            and self.kind in (None, kind)
            and self.error_class in (None, error.error_class.name)
            and self.fingerprint in (None, error.fingerprint)
        )

    def fits_time(self, failed_ms: int) -> bool:
        """Whether what failed then may be meant."""
        return (self.since is None or self.since <= failed_ms) and (self.until is None or failed_ms <= self.until)


class DeadLetters:
    """The dead-letter queue of one installation."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._queue = Queue(DEAD_LETTER, hub=hub)
        self._runner = ScriptRunner(hub.commands)

    async def count(self) -> int:
        """How many there are."""
        return (await self._queue.counts())["waiting"]

    async def ids(self) -> list[str]:
        """The ids of all there are at this moment, oldest first (a million take some 50 MB)."""
        return await self._queue.all_ids("wait")

    async def find(self, wanted: Filter) -> AsyncIterator[DeadLetter]:
        """Every letter that fits, oldest first, read page by page."""
        # The ids as they are now: letters that are replayed or purged on the way must not shift the pages.
        ids = await self.ids()
        for start in range(0, len(ids), PAGE):
            for letter in await self.read(ids[start : start + PAGE]):
                if letter is not None and wanted.fits(letter):
                    yield letter

    async def latest(self, most: int) -> AsyncIterator[DeadLetter]:
        """The letters that were buried last, newest first, read page by page as far as they are asked for."""
        for start in range(0, most, PAGE):
            ids = await self._queue.ids("wait", start, min(start + PAGE, most) - 1, newest_first=True)
            for letter in await self.read(ids):
                if letter is not None:
                    yield letter
            if len(ids) < PAGE:
                return

    async def read(self, ids: Sequence[str]) -> list[DeadLetter | None]:
        """Letters by id, in one round trip; None where there is none, or can be none."""
        await self._hub.commands.ready(self._queue.patience_seconds)
        # "wait" or "meta" would be read as a letter, and are the queue itself.
        keys = [self._queue.keys.job(one if _can_be_an_id(one) else "no-letter") for one in ids]
        replies = await asyncio.gather(
            *(self._hub.commands.call("HMGET", key, "data", "timestamp") for key in keys), return_exceptions=True
        )
        return [_letter(letter_id, reply) for letter_id, reply in zip(ids, replies, strict=True)]

    async def get(self, letter_id: str, organization_id: str | None = None) -> DeadLetter:
        """One letter, for an organization only its own; raises NotFound."""
        [letter] = await self.read([letter_id])
        if letter is None or organization_id not in (None, letter.organization_id):
            raise NotFound(f"there is no dead letter {letter_id[:200]!r}; list them with: oxyq dlq list")
        return letter

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
        return await self.purge_all([letter.id]) == 1

    async def purge_all(self, ids: Sequence[str]) -> int:
        """Throw letters (the oldest first) away for good; returns how many were still there."""
        others = list[str]()
        for start in range(0, len(ids), PURGED_AT_ONCE):
            others += await self._purge(ids[start : start + PURGED_AT_ONCE])
        purged = len(ids) - len(others)
        for letter_id in others:
            # Alone, or lying elsewhere than where we put letters: somebody delayed, ran or removed it.
            purged += not await self._purge([letter_id]) or await self._queue.remove(letter_id)
        return purged

    async def _purge(self, ids: Sequence[str]) -> list[str]:
        keys = self._queue.keys
        await self._hub.commands.ready(self._queue.patience_seconds)
        others = await self._runner.run(_PURGE, [keys.wait, keys.events, *map(keys.job, ids)], list(ids))
        return [as_text(one) for one in others] if isinstance(others, list) else []


def _letter(letter_id: str, reply: object) -> DeadLetter | None:
    broken: str | None = None
    data, timestamp = reply if isinstance(reply, list) else (None, None)
    body: JsonValue = None
    if isinstance(reply, RedisReplyError):
        broken = reply.text
    elif isinstance(reply, BaseException):
        raise reply
    elif data is None and timestamp is None:
        return None
    else:
        try:
            body = decode_json(data or b"")
        except (ValueError, RecursionError) as error:
            broken = f"cannot be read: {error}"
    return _from_body(letter_id, body if isinstance(body, dict) else {}, as_int(timestamp) or 0, broken)


def _from_body(letter_id: str, body: Mapping[str, JsonValue], added_ms: int, broken: str | None) -> DeadLetter:
    queue, job_id = _named(letter_id, body)
    attempts, replays, options = body.get("attempts"), body.get("replays"), body.get("opts")
    return DeadLetter(
        id=letter_id,
        queue=queue,
        job_id=job_id,
        job_name=str(body.get("originalJobName") or ""),
        organization_id=_text(body.get("organizationId")),
        kind=_text(body.get("kind")) or "unknown",
        reason=_text(body.get("failedReason")) or broken or "",
        failed_ms=as_int(body.get("failedAt")) or added_ms,
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


def _can_be_an_id(letter_id: str) -> bool:
    # Node may have added letters without an id, and those have numbers.
    try:
        return (letter_id.isdecimal() and letter_id.isascii()) or bool(check_job_id(letter_id))
    except InvalidPayload:
        return False


def when(ms: int) -> str:
    """A time in words for tables."""
    return datetime.fromtimestamp(ms / 1000, tz=UTC).strftime("%Y-%m-%d %H:%M:%S") if ms else "–"


_PURGE: Final = Script.build(
    "purge_letters",
    (Path(__file__).parent / "operating" / "lua" / "purge_letters.lua").read_text(encoding="utf-8"),
    allow_oom=True,  # to empty a full Redis
)
