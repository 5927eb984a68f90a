"""Which keys there are, and how each goes into a snapshot: the one table of all that is written into Redis.

A key family is named by the part of its keys that never changes: `campaign` is `oxyq:{prefix}:org:{org}:campaign:{id}`.
`tests/unit/snapshot/test_inventory.py` fails when a function of redis_keys.py has no row here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final
from urllib.parse import quote, unquote_to_bytes


class How(StrEnum):
    """How a key is exported, and what becomes of it where there is such a key already."""

    WHOLE = "whole"
    """All of it; what is there already stays."""
    MEMBERS = "members"
    """Member by member; each that is there already stays. For what is shared, and for indexes."""
    HIGHEST = "highest"
    """A counter; the higher one stays."""
    JOBS = "jobs"
    """Not as a key: its jobs and schedulers are read and made one by one."""
    NEVER = "never"
    """Not at all; `why` says why it is not missed."""


class Owner(StrEnum):
    """By what a key, or each member of one, is known to belong to an organization."""

    ORGANIZATION = "organization"
    INSTANCE = "instance"
    AUDIT_ENTRY = "audit entry"
    TASK = "task"
    ALL = "all"
    """It belongs to all of them, and goes with none."""


@dataclass(frozen=True, slots=True)
class Family:
    """One kind of key."""

    name: str
    how: How
    why: str = ""
    """Why it is never exported."""
    owner: Owner = Owner.ALL
    leader: str = ""
    """The family with whose key of the same name this one is read."""
    type: str = ""
    """What type its keys are; said for those that are read at one moment."""
    is_last: bool = False
    """Read after all others: what it says must never be older than they are (reading.py)."""


def _whole(*names: str, owner: Owner = Owner.ALL, is_last: bool = False) -> list[Family]:
    return [Family(name, How.WHOLE, owner=owner, is_last=is_last) for name in names]


def _together(leader: str, *names: str, **types: str) -> list[Family]:
    """A leader, and those that are read with it: `types` as of one moment, which takes knowing what they are."""
    followers = [Family(name, How.WHOLE, leader=leader) for name in names]
    for name, kind in types.items():
        followers.append(Family(name.replace("_", "-"), How.WHOLE, leader=leader, type=kind))
    return [Family(leader, How.WHOLE, type="hash"), *followers]


def _members(*names: str, owner: Owner = Owner.ALL) -> list[Family]:
    return [Family(name, How.MEMBERS, owner=owner) for name in names]


def _never(name: str, why: str) -> Family:
    return Family(name, How.NEVER, why)


def _by_name(families: list[Family]) -> Mapping[str, Family]:
    return MappingProxyType({family.name: family for family in families})


#: `oxyq:{prefix}:org:{organization}:{family}…`
OF_ORGANIZATIONS: Final = _by_name([
    *_whole("organization", "quota", "contact", "reached", "alias", "silence", "owner-pending", "withdrawn",
            "last-wrote", "ai-usage", "campaign-messages", "statistics", "pacing", "pacing-number", "pacing-pair",
            "erasing", "text-key"),
    *_together("campaign", "campaign-recipients", "campaign-upload", "campaign-rows", "campaign-skipped",
               "campaign-exceptions", "campaign-check", campaign_open="hash", campaign_returned="list"),
    *_together("conversation", conversation_inbox="list", conversation_history="list", conversation_seen="zset"),
    *_members("campaigns", "conversations", "opted-out", "suppressed", "held", "audit", "tasks"),
    *_whole("message", "provider-message", is_last=True),
])  # fmt: skip

#: `oxyq:{prefix}:{family}…`
OF_ALL: Final = _by_name([
    *_members("organizations", "weights", "holding", "statistics-organizations", owner=Owner.ORGANIZATION),
    *_members("instances", owner=Owner.INSTANCE),
    *_whole("instance-secrets", "instance-state", "bridge-auth", "bridge-sent", "bridge-address", owner=Owner.INSTANCE),
    Family("bridge-fence", How.HIGHEST, owner=Owner.INSTANCE),
    *_members("audit", owner=Owner.AUDIT_ENTRY),
    *_whole("audit-entry", owner=Owner.AUDIT_ENTRY),
    *_members("tasks", "open-tasks", owner=Owner.TASK),
    *_whole("task", "task-items", owner=Owner.TASK),
    *_whole("revoked-token", "revoked-person", "statistics", "shards", "shards-away"),
    *_members("alert-silences"),
    _never("alerts", "whoever looks for alerts finds what is wrong on the target"),
    _never("alert-lease", "belongs to a process of the source"),
    _never("numbers-away", "is found anew by those who look for alerts"),
    _never("campaigns-stopped", "is found anew by those who look for alerts"),
    _never("shard-move", "belongs to a process that moves the organization; whoever goes on takes it"),
    _never("bridge-lease", "a bridge takes it anew within 20 seconds; a copy would say that one has the number"),
    _never("task-lease", "whoever goes on with a task takes it; a copy would keep all from it"),
    _never("worker", "heartbeats of processes that work on the source"),
    _never("workers", "heartbeats of processes that work on the source"),
    _never("newer-job", "a worker that meets such a job writes it anew"),
    _never("doctor", "what the doctor tries lives for a minute"),
    _never("session", "people log in again: a copy of who is logged in would be a copy of their rights"),
    _never("sessions", "goes with the sessions"),
    _never("login-link", "is good for 15 minutes, once"),
    _never("login-attempts", "counts for 15 minutes"),
    _never("snapshot-import", "says that an import is under way here"),
    _never("snapshot-part", "a piece of a key that is being imported here"),
])  # fmt: skip

#: `{prefix}:{queue}:{family}…`, BullMQ's and ours beside them (engine/keys.py)
OF_QUEUES: Final = _by_name([
    *(Family(name, How.JOBS) for name in ("wait", "active", "paused", "prioritized", "delayed", "completed", "failed",
                                          "waiting-children", "repeat", "job")),
    *_whole("accepted", "de", "dn", "metrics"),
    *_whole("logs", "dependencies", "processed", "unsuccessful", "failed children"),
    *_members("meta"),
    Family("id", How.HIGHEST),
    Family("pc", How.HIGHEST),
    _never("events", "tells listeners what happened; nobody on the target listened"),
    _never("marker", "is made anew with the jobs"),
    _never("turns", "is made anew: whoever fetches sorts the waiting jobs into turns"),
    _never("lock", "belongs to a worker of the source"),
    _never("stalled", "the check for lost jobs fills it"),
    _never("stalled-check", "lives as long as one check"),
    _never("limiter", "counts for one window of the queue's limit"),
    _never("through", "a sign of life, of workers of the source"),
    _never("canary", "a tiny job that shows whether work gets through; workers send their own"),
    _never("oxyq-interrupt", "wakes one process of the source"),
])  # fmt: skip

#: What stands beside a job, under `{job}:{part}`.
_PARTS_OF_JOBS: Final = {
    b"lock": "lock", b"logs": "logs", b"dependencies": "dependencies", b"processed": "processed",
    b"unsuccessful": "unsuccessful", b"failed": "failed children",
}  # fmt: skip
_QUEUE_NAMES: Final = OF_QUEUES.keys() - {"job", "canary", "oxyq-interrupt", "lock", *_PARTS_OF_JOBS.values()}


@dataclass(frozen=True, slots=True)
class OurKey:
    """One of our keys: what follows `oxyq:{prefix}:`, and what it says."""

    rest: bytes
    family: Family
    organization_id: str | None = None
    of: str = ""
    """What stands behind the family's name first, such as the instance's id."""

    def sibling(self, family: str, *more: bytes) -> bytes:
        """The key of another family that is about the same campaign or chat."""
        scope, organization, name, *ids = self.rest.split(b":")
        leader = self.family.leader or name.decode()
        return b":".join((scope, organization, family.encode(), *ids[: _IDS[leader]], *more))


#: How many parts behind a leader's name say which one it is: the campaign; the number and the person.
_IDS: Final = {"campaign": 1, "conversation": 2}

#: What is read together with a leader, at one moment, by its family.
FOLLOWERS: Final = MappingProxyType({
    leader: tuple(family for family in OF_ORGANIZATIONS.values() if family.leader == leader and family.type)
    for leader in _IDS
})  # fmt: skip


def our_key(rest: bytes) -> OurKey:
    """What a key is of which this follows `oxyq:{prefix}:`; what nobody knows (a newer release's) is taken whole."""
    parts = rest.split(b":")
    if parts[0] == b"org" and len(parts) > 2:
        name = parts[2].decode("utf-8", "replace")
        return OurKey(
            rest, OF_ORGANIZATIONS.get(name) or Family(name, How.WHOLE), _plain(parts[1]), _plain(*parts[3:4])
        )
    name = parts[0].decode("utf-8", "replace")
    return OurKey(rest, OF_ALL.get(name) or Family(name, How.WHOLE), None, _plain(*parts[1:2]))


def queue_family(rest: bytes) -> Family:
    """What a key is of which this follows `{prefix}:{queue}:`."""
    head, colon, tail = rest.partition(b":")
    if head == b"oxyq-canary":
        return OF_QUEUES["canary"]
    name = head.decode("utf-8", "replace")
    if name in _QUEUE_NAMES:
        # `repeat:{scheduler}:{time}` is a job, and has parts as others have.
        part = _PARTS_OF_JOBS.get(tail.rpartition(b":")[2]) if name == "repeat" and colon else None
        return OF_QUEUES[part or name]
    return OF_QUEUES[_PARTS_OF_JOBS.get(tail, "job") if colon else "job"]


def quoted(part: bytes) -> bytes:
    """A part of one of our keys as it stands there."""
    return quote(part, safe="").encode()


def _plain(part: bytes = b"") -> str:
    return unquote_to_bytes(part).decode("utf-8", "surrogatepass")
