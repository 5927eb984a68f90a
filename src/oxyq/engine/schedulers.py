"""Job schedulers (cron and every): creating them, and queueing the next job when one starts."""

import asyncio
import contextlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from oxyq.clock import now_ms
from oxyq.engine.connection import RedisReplyError, Reply
from oxyq.engine.job import Job
from oxyq.engine.json_text import as_int, decode_json, encode_json
from oxyq.engine.scripts import QueueScripts, as_text
from oxyq.errors import InvalidPayload
from oxyq.outcomes import JsonValue

#: Seconds an operation waits for Redis before it says that it cannot be reached.
PATIENCE_SECONDS = 5.0
_SHOWN_CHARACTERS = 200
#: Twice as long as the longest there is.
_LONGEST_ZONE = 64


@dataclass(frozen=True, slots=True)
class StoredScheduler:
    """A scheduler as it stands in Redis; times are ms since 1970, and `next_ms` is the time of its latest job."""

    id: str
    name: str
    next_ms: int
    data: JsonValue
    every_ms: int | None
    cron: str | None
    time_zone: str | None
    limit: int | None
    starts_ms: int | None
    ends_ms: int | None


class Schedulers:
    """The schedulers of one queue, stored as Node BullMQ stores them."""

    def __init__(self, scripts: QueueScripts) -> None:
        self._scripts = scripts

    async def upsert(
        self,
        scheduler_id: str,
        name: str,
        data: JsonValue,
        *,
        every_ms: int | None = None,
        cron: str | None = None,
        time_zone: str | None = None,
        limit: int | None = None,
        starts_ms: int | None = None,
        ends_ms: int | None = None,
        options: dict[str, object] | None = None,
    ) -> str:
        """Create or change a scheduler: a job every `every_ms`, or at the times of `cron` in `time_zone`.

        At most `limit` jobs, counted anew when it is changed, from `starts_ms` to `ends_ms` (ms since 1970); as in
        Node, `every_ms` makes one more that is due after the end.
        Returns the id of the next job. Raises InvalidPayload.
        """
        if (every_ms is None) == (cron is None):
            raise InvalidPayload("cron", "give either cron or every_ms, not both")
        if every_ms is not None and every_ms < 1:
            raise InvalidPayload("every_ms", f"{every_ms} must be at least 1")
        await self._scripts.connection.ready(PATIENCE_SECONDS)
        now = now_ms()
        begins_ms = max(now, starts_ms or 0)
        # Cron names the times after another, and the beginning itself may be one.
        next_ms = begins_ms if cron is None else next_cron_ms(cron, max(now, begins_ms - 1), time_zone)
        if ends_ms is not None and next_ms > ends_ms:
            raise InvalidPayload("ends_ms", "is before the first time; give a later one")
        given = {
            "every": every_ms, "pattern": cron, "tz": time_zone or None,
            "limit": limit, "startDate": starts_ms, "endDate": ends_ms,
        }  # fmt: skip
        repeat: dict[str, object] = {name: value for name, value in given.items() if value is not None}
        template = dict(options or {})
        job_options = _next_job_options(template, scheduler_id, repeat, next_ms, 1)
        reply = await self._scripts.upsert_scheduler(
            scheduler_id, next_ms, encode_json(data), template, {"name": name, **repeat}, job_options
        )
        if not isinstance(reply, list):
            raise InvalidPayload("scheduler_id", f"{scheduler_id!r}: its next job exists already (code {reply!r})")
        return as_text(reply[0])

    async def advance(self, job: Job) -> None:
        """Queue the next job of the scheduler that made `job`; the end date and the limit are honoured."""
        repeat = job.options.get("repeat")
        if job.scheduler_id is None or not isinstance(repeat, dict):
            return
        count = (as_int(repeat.get("count")) or 0) + 1
        limit, end_ms = as_int(repeat.get("limit")), ends_ms(job)
        now = max(now_ms(), as_int(job.options.get("prevMillis")) or 0)
        if (limit is not None and count > limit) or (end_ms is not None and now_ms() > end_ms):
            return
        cron, time_zone = repeat.get("pattern"), repeat.get("tz")
        next_ms = now
        if isinstance(cron, str) and cron:
            next_ms = max(next_cron_ms(cron, now, time_zone if isinstance(time_zone, str) else None), now)
            if end_ms is not None and next_ms > end_ms:
                return  # as Node; with `every` it makes one more, and so do we
        options = _next_job_options(dict(job.options), job.scheduler_id, dict(repeat), next_ms, count)
        await self._scripts.advance_scheduler(job.scheduler_id, next_ms, encode_json(job.data), options, job.id)

    async def get(self, scheduler_id: str) -> StoredScheduler | None:
        """One scheduler as it stands, whoever made it; None when there is none."""
        keys, call = self._scripts.keys, self._scripts.connection.call
        await self._scripts.connection.ready(PATIENCE_SECONDS)
        next_ms, fields = await asyncio.gather(call("ZSCORE", keys.repeat, scheduler_id), self._fields(scheduler_id))
        return None if next_ms is None else read_scheduler(scheduler_id, next_ms, fields)

    async def _fields(self, scheduler_id: str) -> Reply:
        try:
            return await self._scripts.connection.call("HGETALL", f"{self._scripts.keys.repeat}:{scheduler_id}")
        except RedisReplyError as error:
            if error.code != "WRONGTYPE":
                raise
            return []  # something else has its key: one that says nothing, and does not hide all others

    async def ids(self, beginning: str) -> list[str]:
        """The ids that begin so (without signs of a pattern, as `*`), in their order; finding them reads all ids."""
        await self._scripts.connection.ready(PATIENCE_SECONDS)
        found, cursor = set[str](), "0"
        while True:
            reply = await self._scripts.connection.call(
                "ZSCAN", self._scripts.keys.repeat, cursor, "MATCH", f"{beginning}*", "COUNT", 1000
            )
            position, pairs = reply if isinstance(reply, list) else (b"0", None)
            found.update(as_text(member) for member in (pairs[::2] if isinstance(pairs, list) else ()))
            cursor = as_text(position)
            if cursor == "0":
                return sorted(found)

    async def remove(self, scheduler_id: str) -> bool:
        """Remove a scheduler and its waiting job; False when there is none."""
        await self._scripts.connection.ready(PATIENCE_SECONDS)
        return await self._scripts.remove_scheduler(scheduler_id)


def ends_ms(job: Job) -> int | None:
    """When the scheduler that made this job ends (ms since 1970); None when it does not."""
    repeat = job.options.get("repeat")
    return _date_ms(repeat.get("endDate")) if isinstance(repeat, dict) else None


def next_cron_ms(cron: str, after_ms: int, time_zone: str | None) -> int:
    """The first time after `after_ms` that `cron` (5 fields, or 6 with seconds first) names; raises InvalidPayload."""
    from croniter.croniter import CroniterError  # heavy, and most processes schedule nothing

    zone = _zone(time_zone)
    after = datetime.fromtimestamp(after_ms / 1000, tz=zone)
    wall = after.replace(tzinfo=None)
    try:
        found = _next_on_the_wall(cron, wall, after_ms, zone)
        if _runs_every_hour(cron) and _clock_changes_near(after_ms, zone):
            # An hour that comes twice in autumn counts twice for "every few minutes", once for "at half past one".
            found = min(found, _next_on_the_wall(cron, wall - timedelta(hours=1), after_ms, zone))
    except (CroniterError, ValueError) as error:
        # croniter repeats the line as it is, with whatever stands in it.
        why = ascii(str(error)[:_SHOWN_CHARACTERS])[1:-1]
        raise InvalidPayload("cron", f"{cron[:_SHOWN_CHARACTERS]!r} cannot be read: {why}") from None
    return found


def _next_on_the_wall(cron: str, wall: datetime, after_ms: int, zone: tzinfo) -> int:
    """Walk on the clock on the wall and put the zone on afterwards, as Node's cron-parser does.

    croniter with a zone goes wrong when summer time begins or ends, and even names times that have passed.
    """
    from croniter import croniter

    times = croniter(cron, wall, second_at_beginning=True)
    while True:
        wall = times.get_next(datetime)
        for fold in (0, 1):
            ms = int(wall.replace(tzinfo=zone, fold=fold).timestamp() * 1000)
            if ms > after_ms:
                return ms


def _clock_changes_near(ms: int, zone: tzinfo) -> bool:
    moments = (datetime.fromtimestamp(ms / 1000 + hours * 3600, tz=zone) for hours in (-2, 0, 2))
    return len({moment.utcoffset() for moment in moments}) > 1


def _runs_every_hour(cron: str) -> bool:
    fields = cron.split()
    return cron == "@hourly" or (len(fields) >= 5 and fields[-4].startswith("*"))


def zone_named(name: str) -> ZoneInfo:
    """The time zone of this name in IANA's table; raises ValueError when there is none."""
    # Python looks for a zone as for a package: one of a thousand dots exhausts its stack.
    if len(name) <= _LONGEST_ZONE:
        with contextlib.suppress(ZoneInfoNotFoundError, ValueError, OSError):  # also a path, or a folder of zone files
            return ZoneInfo(name)
    raise ValueError("is no time zone")


def _zone(name: str | None) -> tzinfo:
    try:
        return zone_named(name) if name else UTC
    except ValueError:
        shown = (name or "")[:_LONGEST_ZONE]
        raise InvalidPayload("time_zone", f"{shown!r} is unknown; write one like America/Sao_Paulo") from None


def _next_job_options(
    options: dict[str, object], scheduler_id: str, repeat: dict[str, object], next_ms: int, count: int
) -> dict[str, object]:
    """The options of a scheduler's next job, with the fields Node reads when it advances the scheduler itself."""
    now = now_ms()
    offset = as_int(repeat.get("offset")) if repeat.get("every") else None
    merged = {**repeat, "count": count, **({"offset": offset} if offset else {})}
    return {
        **options,
        "jobId": f"repeat:{scheduler_id}:{next_ms}",
        "delay": max(next_ms + (offset or 0) - now, 0),
        "timestamp": now,
        "prevMillis": next_ms,
        "repeatJobKey": scheduler_id,
        "repeat": merged,
    }


def _score_ms(score: Reply) -> int:
    """A score as a time; 0 for infinity, which is one for Redis and none for a clock."""
    return as_int(float(as_text(score))) or 0


def _date_ms(value: JsonValue) -> int | None:
    if isinstance(value, str) and not value.isdigit():
        try:
            return int(datetime.fromisoformat(value.replace("Z", "+00:00")).timestamp() * 1000)
        except ValueError:
            return None
    return as_int(value)


def read_scheduler(scheduler_id: str, next_ms: Reply, reply: Reply) -> StoredScheduler:
    """A scheduler from its score and its hash in Redis, whoever wrote them."""
    flat = iter(reply if isinstance(reply, list) else ())
    fields = {as_text(name): as_text(value) for name, value in zip(flat, flat, strict=True)}
    try:
        data = decode_json(fields.get("data", "{}").encode())
    except (ValueError, RecursionError):
        data = None  # Node wrote it, and whoever wants it says what is wrong
    return StoredScheduler(
        id=scheduler_id,
        name=fields.get("name", ""),
        next_ms=_score_ms(next_ms),
        data=data,
        # Going on by none, or backwards, nobody would ever come to the next run.
        every_ms=every_ms if (every_ms := as_int(fields.get("every"))) and every_ms > 0 else None,
        cron=fields.get("pattern"),
        time_zone=fields.get("tz"),
        limit=as_int(fields.get("limit")),
        starts_ms=_date_ms(fields.get("startDate")),
        ends_ms=_date_ms(fields.get("endDate")),
    )
