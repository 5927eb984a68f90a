"""Where in Redis something about a person may lie, kind of key by kind of key, and what erasing does with it: a table.

`tests/unit/privacy/test_inventory.py` wants a row here for each function of `redis_keys.py`.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple
from urllib.parse import unquote

from oxyq.engine.keys import RESERVED


class DataClass(StrEnum):
    """What people are told that something is."""

    JOBS = "jobs"
    DEAD_LETTERS = "dead letters"
    SCHEDULES = "schedules"
    EVENTS = "queue events and marks"
    CHATS = "chats"
    CAMPAIGNS = "campaigns"
    LEDGER = "sent messages"
    CONSENT = "wishes about campaigns"
    IDENTITY = "identity and addresses"
    PACING = "sending limits"
    AUDIT = "audit and tasks"
    SETTINGS = "settings"


class Treatment(StrEnum):
    """What becomes of what mentions a person who is erased, where the key itself is not theirs."""

    DELETE = "the key goes"
    REMOVE = "the element goes: a field, a member, an entry"
    REDACT = "the number is blanked, the rest stays"
    ROWS = "the row is blanked, and stays where it is"
    JOB = "the job goes if it is about them; else the number is blanked"
    SCHEDULE = "the schedule goes if it is for them; else the number is blanked"
    KEEP = "it stays, and is reported"


class Whose(StrEnum):
    """How a key says which organization it belongs to."""

    KEY = "by its name"
    INSTANCE = "its first part is a WhatsApp number of the organization's"
    FIELD = "its field org"
    LINKED = "by the job or message that it names"
    NOBODY = "it holds nothing of an organization's contacts"


class Family(NamedTuple):
    """One kind of key.

    `person_part`: which part of the name, behind the kind, is a person; such a key is theirs and goes as a whole.
    `link_part`: which part names a job or message, with which it goes.     `links`: its value names one.
    """

    data_class: DataClass
    mentioned: Treatment
    whose: Whose = Whose.KEY
    person_part: int | None = None
    link_part: int | None = None
    links: bool = False


_D, _T, _W = DataClass, Treatment, Whose
_NOTHING: Final = Family(_D.SETTINGS, _T.KEEP, _W.NOBODY)
_NUMBERS_ONLY: Final = Family(_D.SETTINGS, _T.KEEP)

FAMILIES: Final[Mapping[str, Family]] = {
    # What people are told, by whom, and what they said
    "conversation": Family(_D.CHATS, _T.REDACT, person_part=1),
    "conversation-inbox": Family(_D.CHATS, _T.REDACT, person_part=1),
    "conversation-history": Family(_D.CHATS, _T.REDACT, person_part=1),
    "conversation-seen": Family(_D.CHATS, _T.REMOVE, person_part=1),
    "conversations": Family(_D.CHATS, _T.REMOVE),
    "last-wrote": Family(_D.CHATS, _T.DELETE, person_part=0),
    "owner-pending": Family(_D.CHATS, _T.DELETE, person_part=0),
    "alias": Family(_D.IDENTITY, _T.DELETE, person_part=0),
    "contact": Family(_D.CONSENT, _T.REDACT, person_part=0),
    "opted-out": Family(_D.CONSENT, _T.REMOVE),
    "reached": Family(_D.PACING, _T.DELETE, person_part=0),
    "campaign-messages": Family(_D.PACING, _T.DELETE, person_part=0),
    "pacing-pair": Family(_D.PACING, _T.DELETE, person_part=1),
    # What was sent
    "message": Family(_D.LEDGER, _T.DELETE, link_part=0),
    "provider-message": Family(_D.LEDGER, _T.DELETE, links=True),
    "bridge-sent": Family(_D.LEDGER, _T.DELETE, _W.INSTANCE, link_part=1),
    # Campaigns
    "campaign": Family(_D.CAMPAIGNS, _T.REDACT),
    "campaign-recipients": Family(_D.CAMPAIGNS, _T.REMOVE),
    "campaign-upload": Family(_D.CAMPAIGNS, _T.ROWS),
    "campaign-rows": Family(_D.CAMPAIGNS, _T.ROWS),
    "campaign-skipped": Family(_D.CAMPAIGNS, _T.ROWS),
    "campaign-exceptions": Family(_D.CAMPAIGNS, _T.REMOVE),
    "campaign-check": Family(_D.CAMPAIGNS, _T.DELETE),
    # What waits, or is not wanted
    "withdrawn": Family(_D.SCHEDULES, _T.DELETE),
    "held": Family(_D.EVENTS, _T.REMOVE),
    "newer-job": Family(_D.EVENTS, _T.DELETE, _W.LINKED, link_part=1),
    "tasks": _NUMBERS_ONLY,
    "task": Family(_D.AUDIT, _T.REDACT, _W.FIELD),
    "task-items": Family(_D.AUDIT, _T.REMOVE, _W.LINKED),
    "audit": _NUMBERS_ONLY,
    "audit-entry": Family(_D.AUDIT, _T.REDACT, _W.FIELD),
    # The bridge's: sessions with a person's phones, and the address that WhatsApp knows them by
    "bridge-auth": Family(_D.IDENTITY, _T.REMOVE, _W.INSTANCE),
    "bridge-address": Family(_D.IDENTITY, _T.DELETE, _W.INSTANCE, person_part=1),
    "instance-state": Family(_D.SETTINGS, _T.REDACT, _W.INSTANCE),
    # The organization's own: settings, counts, times and ids; what mentions a person there was put there by hand
    "organization": _NUMBERS_ONLY,
    "quota": _NUMBERS_ONLY,
    "campaigns": _NUMBERS_ONLY,
    "campaign-open": _NUMBERS_ONLY,
    "campaign-returned": _NUMBERS_ONLY,
    "silence": _NUMBERS_ONLY,
    "ai-usage": _NUMBERS_ONLY,
    "pacing": _NUMBERS_ONLY,
    "pacing-number": _NUMBERS_ONLY,
    "suppressed": _NUMBERS_ONLY,
    "text-key": _NUMBERS_ONLY,
    # The installation's: who works, who is logged in, what is set, what is wrong with it
    "alerts": _NOTHING,
    "alert-silences": _NOTHING,
    "alert-lease": _NOTHING,
    "numbers-away": _NOTHING,
    "campaigns-stopped": _NOTHING,
    "shards": _NOTHING,
    "shards-away": _NOTHING,
    "shard-move": _NOTHING,
    # While a snapshot is imported: what it holds is looked through when it is at its own place
    "snapshot-import": _NOTHING,
    "snapshot-part": _NOTHING,
    "erasing": _NOTHING,
    "organizations": _NOTHING,
    "weights": _NOTHING,
    "instances": _NOTHING,
    "instance-secrets": _NOTHING,
    "bridge-lease": _NOTHING,
    "bridge-fence": _NOTHING,
    "holding": _NOTHING,
    "doctor": _NOTHING,
    "sessions": _NOTHING,
    "session": _NOTHING,
    "login-link": _NOTHING,
    "login-attempts": _NOTHING,
    "revoked-token": _NOTHING,
    "revoked-person": _NOTHING,
    "open-tasks": _NOTHING,
    "task-lease": _NOTHING,
    "statistics": _NOTHING,
    "statistics-organizations": _NOTHING,
    "workers": _NOTHING,
    "worker": _NOTHING,
}
"""The kinds of `redis_keys.py`, under the word that their keys have for them."""

QUEUE_FAMILIES: Final[Mapping[str, Family]] = {
    "job": Family(_D.JOBS, _T.JOB, _W.FIELD),
    "logs": Family(_D.JOBS, _T.REDACT, _W.LINKED, link_part=0),
    "processed": Family(_D.JOBS, _T.REDACT, _W.LINKED, link_part=0),
    "failed": Family(_D.JOBS, _T.REDACT, _W.LINKED, link_part=0),
    "repeat": Family(_D.SCHEDULES, _T.SCHEDULE, _W.FIELD),
    "events": Family(_D.EVENTS, _T.REMOVE, _W.LINKED),
    "accepted": Family(_D.EVENTS, _T.DELETE, _W.LINKED),
    "de": Family(_D.EVENTS, _T.DELETE, _W.LINKED),
}
"""The same for BullMQ's keys of one queue; all others hold ids of jobs, counts and times."""


class PlacedKey(NamedTuple):
    """A key, its kind, and the parts of its name behind that; `queue` is set for BullMQ's, `organization_id` for a
    tenant's."""

    name: str
    family_name: str
    family: Family
    parts: tuple[str, ...]
    queue: str | None = None
    organization_id: str | None = None

    @property
    def job_key(self) -> str | None:
        """The job that what lies beside it belongs to; None where there is none."""
        match self.family_name:
            case "accepted":
                return self.name.replace(":accepted:", ":", 1)
            case "logs" | "processed" | "failed":
                return self.name.removesuffix(f":{self.family_name}")
            case _:
                return None


def place(name: str, prefix: str, queues: frozenset[str]) -> PlacedKey | None:
    """What a key is; None for what is not ours, or holds nothing that a table names."""
    if name.startswith(f"oxyq:{prefix}:"):
        return _ours(name, name.removeprefix(f"oxyq:{prefix}:").split(":"))
    queue, _, rest = name.removeprefix(f"{prefix}:").partition(":")
    if name.startswith(f"{prefix}:") and queue in queues and rest:
        return _bullmqs(name, queue, rest)
    return None


def _ours(name: str, quoted: list[str]) -> PlacedKey | None:
    parts, organization_id = [unquote(part) for part in quoted], None
    if parts[0] == "org" and len(parts) > 2:
        organization_id, parts = parts[1], parts[2:]
    family = FAMILIES.get(parts[0])
    if family is None:
        return None
    return PlacedKey(name, parts[0], family, tuple(parts[1:]), organization_id=organization_id)


def _bullmqs(name: str, queue: str, rest: str) -> PlacedKey | None:
    first, _, behind = rest.partition(":")
    if first in ("accepted", "de") and behind:
        return PlacedKey(name, first, QUEUE_FAMILIES[first], (behind,), queue)
    if first == "repeat":
        # "repeat:{scheduler}" is the scheduler, "repeat:{scheduler}:{time}" a job of it, with keys of its own.
        job_id, _, ending = rest.rpartition(":")
        if ending in QUEUE_FAMILIES and job_id.rpartition(":")[2].isdecimal():
            return PlacedKey(name, ending, QUEUE_FAMILIES[ending], (job_id,), queue)
        if behind and not ending.isdecimal():
            return PlacedKey(name, "repeat", QUEUE_FAMILIES["repeat"], (behind,), queue)
        return PlacedKey(name, "job", QUEUE_FAMILIES["job"], (rest,), queue) if behind else None
    if rest == "events":
        return PlacedKey(name, "events", QUEUE_FAMILIES["events"], (), queue)
    if first in RESERVED:
        return None
    if not behind:
        return PlacedKey(name, "job", QUEUE_FAMILIES["job"], (first,), queue)
    return PlacedKey(name, behind, QUEUE_FAMILIES[behind], (first,), queue) if behind in _OF_A_JOB else None


_OF_A_JOB: Final = frozenset(("logs", "processed", "failed"))
