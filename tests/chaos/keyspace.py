"""The keys that a run may leave in Redis, and how long each may live: what is not in this table has leaked."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from oxyq import redis_keys
from oxyq.queues import REMEMBER_SECONDS
from oxyq.statistics.heartbeats import DEAD_AFTER_SECONDS

#: BullMQ's prefix of a run.
PREFIX: Final = "chaos"
_HOUR: Final = 3600
_DAY: Final = 24 * _HOUR
#: What turns.lua, the interrupts and the limits leave behind for so long is said where they are made.
_TURNS_SECONDS: Final = 7 * _DAY
#: After the last row of a string, which covers 15 days (statistics/rows.py).
_STATISTICS_SECONDS: Final = redis_keys.STATISTICS_SECONDS + 15 * _DAY


@dataclass(frozen=True, slots=True)
class Row:
    """Keys of one kind; `longest` is how many seconds they may live from now on, None for ever."""

    pattern: str
    longest: float | None


_ORG: Final = r"org:[^:]+:"
#: Locks are not in it, nor the lists and sets of jobs that wait or run: when all is done there are none.
_OURS: Final = (
    Row(r"organizations|weights|instances|instance-(secrets|state):[^:]+|sessions|open-tasks", None),
    Row(r"workers|worker:.+", DEAD_AFTER_SECONDS),
    Row(r"audit|audit-entry:[^:]+", redis_keys.AUDIT_SECONDS),
    Row(r"statistics(-organizations)?(:.+)?", _STATISTICS_SECONDS),
    Row(_ORG + r"(organization|contact:[^:]+|opted-out)", None),
    Row(_ORG + r"audit", redis_keys.AUDIT_SECONDS),
    Row(_ORG + r"statistics:.+", _STATISTICS_SECONDS),
    Row(_ORG + r"(message|provider-message):.+", redis_keys.MESSAGE_SECONDS),
    Row(_ORG + r"alias:[^:]+", redis_keys.ALIAS_SECONDS),
    Row(_ORG + r"conversation(-inbox|-history|-seen)?:.+|" + _ORG + "conversations", redis_keys.CONVERSATION_SECONDS),
    Row(_ORG + r"last-wrote:[^:]+", 30 * _DAY),
    Row(_ORG + r"(reached|campaign-messages):[^:]+", redis_keys.REACHED_SECONDS),
    Row(_ORG + r"campaigns|" + _ORG + r"campaign(-[a-z]+)?:.+", redis_keys.CAMPAIGN_SECONDS),
    Row(_ORG + r"pacing(-number|-pair)?:.+", 2 * _DAY),
)
_BULLMQ: Final = (
    Row(r"[a-z-]+:(meta|id|pc|marker|events|completed|failed|stalled|repeat|metrics:(completed|failed)(:data)?)", None),
    Row(r"dead-letter:wait", None),
    # Kept by count and age, which is the engine's retention and not a TTL.
    Row(r"[a-z-]+:(msg|auto|camp|run|send|reply|dlq)-[^:]+(:logs)?", None),
    Row(r"[a-z-]+:accepted:[^:]+", REMEMBER_SECONDS + 60),
    Row(r"[a-z-]+:turns:next", _TURNS_SECONDS),
    Row(r"[a-z-]+:(limiter|stalled-check)", _HOUR),
    Row(r"[a-z-]+:through:last", _DAY),
    Row(r"oxyq-interrupt:.+", 60),
)
_TABLE: Final = tuple(
    (re.compile(f"(?:{beginning}{re.escape(PREFIX)}:)(?:{row.pattern})"), row.longest)
    for beginning, rows in (("oxyq:", _OURS), ("", _BULLMQ))
    for row in rows
)


def leaked(keys: Iterable[tuple[str, float | None]]) -> Iterator[str]:
    """Of keys and the seconds they live on (None: for ever), those that are not in the table or outlive their row."""
    for key, seconds in keys:
        longest = [row for pattern, row in _TABLE if pattern.fullmatch(key)]
        if not longest:
            yield f"{key} is none of ours"
        elif longest[0] is None and seconds is None:
            continue
        elif longest[0] is not None and (seconds is None or seconds > longest[0]):
            lives = "for ever" if seconds is None else f"{seconds:.0f} s"
            yield f"{key} lives {lives}, and at most {longest[0]:.0f} s were said"
