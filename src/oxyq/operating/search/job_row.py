"""A job as one line of a list tells it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from oxyq.engine.record import JobRecord
from oxyq.operating.search.job_filter import CAMPAIGN, CONTACTS, ORGANIZATION, error_class
from oxyq.outcomes import JsonValue

#: Fields of the payloads that hold what a person reads, in the order in which they are looked for.
_TEXTS: Final = ("content", "text", "template")
LONGEST_TEXT: Final = 160
LONGEST_REASON: Final = 300


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job in short; texts are "" and times None where there are none. Numbers and texts are not masked."""

    id: str
    name: str
    organization_id: str
    campaign_id: str
    contact: str
    """Whom it is about, as its data says it."""
    text: str
    """The beginning of what a person reads or wrote."""
    added_ms: int
    runs_ms: int | None
    """When it is to run, as long as it was told to wait."""
    processed_ms: int | None
    finished_ms: int | None
    attempts_made: int
    attempts_allowed: int
    reason: str
    """The last error."""
    error: str
    """Its class."""
    broken: str
    """Why it cannot be read as a job."""


def job_rows(records: Sequence[JobRecord]) -> list[JobRow]:
    """The lines of a list."""
    return [_row(record) for record in records]


def _row(record: JobRecord) -> JobRow:
    data = record.data if isinstance(record.data, dict) else {}
    reason = (record.failed_reason or "")[:LONGEST_REASON]
    attempts = record.options.get("attempts", 1)
    return JobRow(
        id=record.id,
        name=record.name,
        organization_id=_text(data, ORGANIZATION),
        campaign_id=_text(data, CAMPAIGN),
        contact=_text(data, *CONTACTS),
        text=_text(data, *_TEXTS)[:LONGEST_TEXT],
        added_ms=record.timestamp_ms,
        runs_ms=record.timestamp_ms + record.delay_ms if record.delay_ms and record.finished_ms is None else None,
        processed_ms=record.processed_ms,
        finished_ms=record.finished_ms,
        attempts_made=record.attempts_made,
        attempts_allowed=attempts if isinstance(attempts, int) else 1,
        reason=reason,
        error=error_class(reason) if reason else "",
        broken=record.broken or "",
    )


def _text(data: dict[str, JsonValue], *names: str) -> str:
    return next((value for name in names if isinstance(value := data.get(name), str) and value), "")
