"""How a job is to be run, as its producer says it."""

import json
from dataclasses import dataclass, field
from functools import lru_cache

from oxyq.engine.backoff import Backoff
from oxyq.engine.settlement import Keep
from oxyq.errors import InvalidPayload
from oxyq.outcomes import JsonValue

#: BullMQ's bound on priorities (2^21), where 0 is "none" and runs before all others.
LOWEST_PRIORITY = 2_097_152
MOST_ATTEMPTS = 100
LONGEST_DELAY_MS = 366 * 24 * 3600 * 1000


@dataclass(frozen=True, slots=True)
class JobOptions:
    """How a job is to be run; checked when made, since BullMQ takes anything and trips over it later."""

    delay_ms: int = 0
    priority: int = 0
    attempts: int = 1
    backoff: Backoff | None = None
    lifo: bool = False
    keep_completed: Keep | None = None
    keep_failed: Keep | None = None

    def __post_init__(self) -> None:
        _check_int("attempts", self.attempts, 1, MOST_ATTEMPTS)
        _check_int("delay_ms", self.delay_ms, 0, LONGEST_DELAY_MS)
        _check_int("priority", self.priority, 0, LOWEST_PRIORITY)
        if not isinstance(self.lifo, bool):
            raise InvalidPayload("lifo", "must be True or False")
        if self.backoff is not None:
            if not isinstance(self.backoff, Backoff):
                raise InvalidPayload("backoff", "must be a Backoff(kind, delay_ms, jitter)")
            _check_int("backoff.delay_ms", self.backoff.delay_ms, 0, LONGEST_DELAY_MS)
            if not 0 <= self.backoff.jitter <= 1:
                raise InvalidPayload("backoff.jitter", f"{self.backoff.jitter} must be from 0 to 1")

    def stored(self) -> dict[str, object]:
        """In BullMQ's words."""
        options: dict[str, object] = {"attempts": self.attempts}
        if self.delay_ms:
            options["delay"] = self.delay_ms
        if self.priority:
            options["priority"] = self.priority
        if self.lifo:
            options["lifo"] = True
        if self.backoff is not None:
            options["backoff"] = self.backoff.option()
        for name, keep in (("removeOnComplete", self.keep_completed), ("removeOnFail", self.keep_failed)):
            if keep is not None:
                options[name] = _stored_keep(keep)
        return options


@lru_cache(1024)
def stored_form(options: JobOptions) -> tuple[dict[str, object], str]:
    """`options.stored()` and its JSON, made once for all jobs that share them; never change what it returns."""
    stored = options.stored()
    return stored, json.dumps(stored, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Entry:
    """One job for `add_many`."""

    name: str
    data: JsonValue
    job_id: str | None = None
    options: JobOptions = field(default_factory=JobOptions)


def _stored_keep(keep: Keep) -> dict[str, int]:
    stored = {"count": -1 if keep.count is None else keep.count}
    if keep.age_seconds is not None:
        stored["age"] = keep.age_seconds
    return stored


def _check_int(name: str, value: object, lowest: int, highest: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidPayload(name, f"{value!r} must be a whole number")
    if not lowest <= value <= highest:
        raise InvalidPayload(name, f"{value} must be from {lowest} to {highest}")
