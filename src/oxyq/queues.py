"""The policy table: what each queue promises, one row each, changeable by environment."""

import dataclasses
import difflib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from oxyq.errors import ConfigurationError

DEAD_LETTER: Final = "dead-letter"

_DAY_SECONDS: Final = 24 * 3600
#: How long a job's id is remembered, beyond the job itself: WhatsApp repeats a webhook for up to 7 days, and one day
#: more closes the window.
REMEMBER_SECONDS: Final = 8 * _DAY_SECONDS


@dataclass(frozen=True, slots=True)
class QueuePolicy:
    """How one queue is worked: whose turn, how fast, how often again, how long kept."""

    name: str
    priority: int
    """1 is first; BullMQ's own scale."""
    concurrency: int
    """Jobs in hand at once, per worker process."""
    rate_max: int
    """At most this many jobs start …"""
    rate_seconds: float
    """… in each window of this length, over all workers together."""
    timeout_seconds: float
    """A run that takes longer is cancelled and counts as a failed attempt."""
    target_p95_seconds: float
    """95 of 100 jobs should be done this soon after they were ready."""
    attempts: int = 3
    """Runs in all, the first one included."""
    backoff_seconds: float = 2.0
    """Wait before the second attempt; doubled for each further one."""
    backoff_jitter: float = 0.2
    """Each wait is shortened by a random share of up to this part, so that retries do not come in a wave."""
    keep_completed_count: int = 100
    keep_completed_seconds: int = _DAY_SECONDS
    keep_failed_count: int = 500
    keep_failed_seconds: int = 7 * _DAY_SECONDS


POLICIES: Final[Mapping[str, QueuePolicy]] = MappingProxyType(
    {
        policy.name: policy
        for policy in (
            QueuePolicy(
                name="message",
                priority=1,
                concurrency=5,
                rate_max=10,
                rate_seconds=1.0,
                timeout_seconds=60.0,
                target_p95_seconds=5.0,
            ),
            QueuePolicy(
                name="automation",
                priority=3,
                concurrency=5,
                rate_max=20,
                rate_seconds=1.0,
                timeout_seconds=60.0,
                target_p95_seconds=10.0,
            ),
            QueuePolicy(
                name="campaign",
                priority=5,
                concurrency=3,
                rate_max=100,
                rate_seconds=60.0,
                timeout_seconds=120.0,
                target_p95_seconds=60.0,
            ),
        )
    }
)


@dataclass(frozen=True, slots=True)
class Override:
    """One column of the table that the environment may change: `OXYQ_<QUEUE>_<suffix>`."""

    suffix: str
    field: str
    lowest: float
    highest: float
    whole: bool
    meaning: str


_YEAR_SECONDS: Final = 365 * _DAY_SECONDS

OVERRIDES: Final = (
    Override("PRIORITY", "priority", 1, 10, True, "priority inside the queue, 1 is first"),
    Override("CONCURRENCY", "concurrency", 1, 1000, True, "jobs in hand at once, per worker process"),
    Override("RATE", "rate_max", 1, 1_000_000, True, "jobs / seconds, over all workers together"),
    Override("ATTEMPTS", "attempts", 1, 25, True, "runs in all, the first one included"),
    Override("BACKOFF_SECONDS", "backoff_seconds", 0.001, _DAY_SECONDS, False, "wait before the second attempt"),
    Override("BACKOFF_JITTER", "backoff_jitter", 0, 1, False, "random part of each wait, 0 to 1"),
    Override("TIMEOUT_SECONDS", "timeout_seconds", 0.1, _DAY_SECONDS, False, "longest run of one job"),
    Override("TARGET_P95_SECONDS", "target_p95_seconds", 0.001, _DAY_SECONDS, False, "95 of 100 done this soon"),
    Override("KEEP_COMPLETED_COUNT", "keep_completed_count", 0, 1_000_000, True, "completed jobs kept"),
    Override("KEEP_COMPLETED_SECONDS", "keep_completed_seconds", 1, _YEAR_SECONDS, True, "and for how long"),
    Override("KEEP_FAILED_COUNT", "keep_failed_count", 0, 1_000_000, True, "failed jobs kept"),
    Override("KEEP_FAILED_SECONDS", "keep_failed_seconds", 1, _YEAR_SECONDS, True, "and for how long"),
)

_LONGEST_RATE_SECONDS: Final = _DAY_SECONDS


def override_name(queue: str, suffix: str) -> str:
    """The environment variable that changes one column of one queue."""
    return f"OXYQ_{queue.upper()}_{suffix}"


OVERRIDE_NAMES: Final[Mapping[str, tuple[str, Override]]] = MappingProxyType(
    {override_name(queue, row.suffix): (queue, row) for queue in POLICIES for row in OVERRIDES}
)
"""Every such variable, and the queue and column it changes."""


def policies(overrides: Mapping[str, str] | None = None) -> dict[str, QueuePolicy]:
    """The table with these changes, by queue name.

    `overrides` maps variables to text, such as `{"OXYQ_CAMPAIGN_RATE": "100/60"}`.
    ConfigurationError lists every variable that is unknown or out of bounds.
    """
    changes: dict[str, dict[str, float]] = {queue: {} for queue in POLICIES}
    problems: list[str] = []
    for name, text in (overrides or {}).items():
        try:
            queue, fields = _parse_override(name, text)
            changes[queue].update(fields)
        except ConfigurationError as error:
            problems += error.problems
    if problems:
        raise ConfigurationError(*problems)
    # Each column was read as its kind of number: `_parse_override`.
    return {queue: dataclasses.replace(POLICIES[queue], **changes[queue]) for queue in POLICIES}  # type: ignore[arg-type]


def _parse_override(name: str, text: str) -> tuple[str, dict[str, float]]:
    if name not in OVERRIDE_NAMES:
        near = difflib.get_close_matches(name, OVERRIDE_NAMES, n=1)
        hint = f"did you mean {near[0]}?" if near else "remove it"
        raise ConfigurationError(f"{name}: there is no such setting; {hint}")
    queue, row = OVERRIDE_NAMES[name]
    if row.suffix == "RATE":
        return queue, _parse_rate(name, text)
    return queue, {row.field: _parse_number(name, text, row.lowest, row.highest, row.whole)}


def _parse_rate(name: str, text: str) -> dict[str, float]:
    jobs, slash, seconds = text.partition("/")
    if not slash:
        raise ConfigurationError(f'{name}: must be "jobs/seconds", such as 100/60 for 100 jobs in a minute')
    return {
        "rate_max": _parse_number(name, jobs, 1, 1_000_000, whole=True),
        "rate_seconds": _parse_number(name, seconds, 0.001, _LONGEST_RATE_SECONDS, whole=False),
    }


def _parse_number(name: str, text: str, lowest: float, highest: float, whole: bool) -> float:
    pattern = r"-?[0-9]{1,15}" if whole else r"-?[0-9]{1,15}(\.[0-9]{1,9})?"
    value = float(text) if re.fullmatch(pattern, text.strip()) else math.nan
    if not lowest <= value <= highest:
        kind = "whole number" if whole else "number"
        raise ConfigurationError(f"{name}: must be a {kind} from {lowest:g} to {highest:g}")
    return int(value) if whole else value
