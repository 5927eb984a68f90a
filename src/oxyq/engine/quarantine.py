"""What to do with things in a queue that are no jobs: to the dead letters, with the reason, out of everybody's way."""

from collections.abc import Callable

from oxyq.clock import now_ms
from oxyq.engine.attempt import Rules, dead_letter_id
from oxyq.engine.events import EngineEvent, JobQuarantined, WorkerTrouble
from oxyq.engine.job import MalformedJob, has_sound_parent
from oxyq.engine.json_text import encode_json
from oxyq.engine.scripts import NewJob, QueueScripts
from oxyq.engine.settlement import Burial, FailedForGood, RawJob
from oxyq.errors import QueueUnavailable
from oxyq.outcomes import JsonValue

#: Characters of an unreadable body that a dead letter keeps.
LONGEST_RAW = 64 * 1024


def malformed(raw: RawJob, queue: str, error: MalformedJob, rules: Rules) -> FailedForGood:
    """The last failure of a job that cannot be read, with what there was of it in the dead letter."""
    reason = f"malformed: {error}"
    letter = unreadable_letter(raw, queue, reason)
    burial = Burial(dead_letter_id(queue, raw.id), encode_json(letter)) if rules.dead_letter_queue else None
    fields, is_broken = ("failedReason", reason), not has_sound_parent(raw.fields)
    return FailedForGood(raw.id, raw.token, reason, fields, rules.keep_failed, 1, burial, has_broken_parent=is_broken)


def unreadable_letter(raw: RawJob, queue: str, reason: str) -> dict[str, JsonValue]:
    """The dead letter of something that is no job: its text instead of its data."""
    fields: dict[str, JsonValue] = {
        _text(name): _text(value)[:LONGEST_RAW] for name, value in raw.fields.items() if name in (b"data", b"opts")
    }
    return _letter(queue, raw.id, reason, _text(raw.fields.get(b"name", b"")), fields)


async def write_foreign(scripts: QueueScripts, tell: Callable[[EngineEvent], None]) -> bool:
    """Expel from active what is no hash, and bury each; the foreign key itself is left as it was found.

    Returns whether there was any.
    """
    try:
        found = await scripts.expel_foreign()
        await bury_foreign(scripts, found, tell)
    except QueueUnavailable as error:
        tell(WorkerTrouble(scripts.keys.name, f"quarantine: {error}"))
        return False
    return bool(found)


async def bury_foreign(
    scripts: QueueScripts, found: list[tuple[str, str]], tell: Callable[[EngineEvent], None]
) -> None:
    """Write a dead letter for each (job id, type of what its key holds)."""
    queue, grave = scripts.keys.name, scripts.dead_letters
    for job_id, kind in found:
        reason = f"malformed: the key of this job holds a {kind}, not a job; something else overwrote it"
        if grave is not None:
            letter_id = dead_letter_id(queue, job_id)
            body = encode_json(_letter(queue, job_id, reason, "", {}))
            letter = NewJob(letter_id, "failed-job", body, {"attempts": 1}, now_ms())
            await QueueScripts(grave, scripts.connection).add(letter)
        tell(JobQuarantined(queue, job_id, reason))


def _letter(queue: str, job_id: str, reason: str, name: str, raw: dict[str, JsonValue]) -> dict[str, JsonValue]:
    return {
        "originalQueue": queue,
        "originalJobId": _text(job_id.encode("utf-8", "surrogateescape")),
        "originalJobName": name,
        "organizationId": None,
        "data": None,
        "raw": raw,
        "failedReason": reason,
        "kind": "malformed",
        "attemptsMade": 0,
        "attempts": [],
        "replays": [],
        "failedAt": now_ms(),
    }


def _text(value: bytes) -> str:
    return value.decode("utf-8", "backslashreplace")
