"""The Redis keys of one BullMQ queue, as BullMQ 5 and 6 lay them out."""

from oxyq.errors import InvalidPayload

#: The one canary of a queue (canary.py).
CANARY_ID = "oxyq-canary"
#: For how long it is known when something last got through: an outage of a day can still be told by its beginning.
THROUGH_MS = 24 * 3600 * 1000
#: The names BullMQ keeps under `prefix:queue:`; a job with such an id would overwrite the queue itself
#: (`"active"` stops it for good, `"meta"` is dropped in silence).
RESERVED = frozenset(
    "active wait waiting-children paused completed failed delayed repeat stalled limiter prioritized id "
    "stalled-check meta pc events marker de metrics accepted turns through "
    f"{CANARY_ID}".split()
)
#: States that BullMQ keeps as lists; the others are sorted sets.
LISTS = frozenset(("wait", "active", "paused"))
JOB_ID_CHARACTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.@+=~")
LONGEST_JOB_ID = 200
LONGEST_QUEUE_NAME = 100


class QueueKeys:
    """Key names of the queue `name` under `prefix`, all computed once."""

    __slots__ = (
        "accepted", "active", "base", "completed", "delayed", "events", "failed", "id", "limiter", "marker", "meta",
        "metrics_completed", "metrics_failed", "name", "paused", "pc", "prefix", "prioritized", "repeat", "stalled",
        "stalled_check", "through", "turns", "wait", "waiting_children",
    )  # fmt: skip

    def __init__(self, name: str, prefix: str = "bull") -> None:
        check_queue_name(name)
        self.name, self.prefix = name, prefix
        base = self.base = f"{prefix}:{name}:"
        self.wait, self.active, self.paused = base + "wait", base + "active", base + "paused"
        self.prioritized, self.delayed = base + "prioritized", base + "delayed"
        self.completed, self.failed = base + "completed", base + "failed"
        self.waiting_children, self.repeat = base + "waiting-children", base + "repeat"
        self.stalled, self.stalled_check = base + "stalled", base + "stalled-check"
        self.limiter, self.meta, self.events = base + "limiter", base + "meta", base + "events"
        self.marker, self.id, self.pc = base + "marker", base + "id", base + "pc"
        self.metrics_completed, self.metrics_failed = base + "metrics:completed", base + "metrics:failed"
        self.accepted = base + "accepted:"
        #: Hash: when each organization may have its next turn (lua/turns.lua). TTL 7 days. No job of Node's has an id
        #: with ":", so this key cannot be one.
        self.turns = base + "turns:next"
        #: String: when work last got through the queue, or had a reason not to (ms by Redis's clock). TTL 1 day.
        self.through = base + "through:last"

    def job(self, job_id: str) -> str:
        """The hash of one job."""
        return self.base + job_id

    def lock(self, job_id: str) -> str:
        """The lock of one running job: its value is the token of who runs it, its TTL the lock time."""
        return f"{self.base}{job_id}:lock"

    def logs(self, job_id: str) -> str:
        """The log lines of one job."""
        return f"{self.base}{job_id}:logs"

    def accepted_key(self, job_id: str) -> str:
        """Remembers that a job id was taken, and with which body, for as long as the producer asked (a TTL)."""
        return self.accepted + job_id


def check_queue_name(name: str) -> str:
    """Return `name` if BullMQ takes it as a queue name; raises InvalidPayload."""
    if not name or len(name) > LONGEST_QUEUE_NAME or ":" in name or not name.isprintable():
        raise InvalidPayload("queue", f"{name[:40]!r} is no queue name; use 1-{LONGEST_QUEUE_NAME} printable "
                             "characters without ':'")  # fmt: skip
    return name


def check_job_id(job_id: str) -> str:
    """Return `job_id` if it can name a job without harm; raises InvalidPayload.

    BullMQ numbers jobs 1, 2, 3 ... and keeps its own keys beside the jobs, so integers, ':' and its key names are
    refused (Node refuses the first two; the Python package accepts all of them and then loses jobs).
    """
    if not job_id:
        raise InvalidPayload("job_id", "must be a non-empty string")
    shown = job_id[:40]
    if len(job_id) > LONGEST_JOB_ID:
        raise InvalidPayload("job_id", f"{shown!r}… is longer than {LONGEST_JOB_ID} characters; hash it")
    if not JOB_ID_CHARACTERS.issuperset(job_id):
        raise InvalidPayload("job_id", f"{shown!r} has a character other than A-Z a-z 0-9 _ - . @ + = ~; hash it")
    if job_id.isdigit():
        raise InvalidPayload(
            "job_id", f"{shown!r} is an integer, which BullMQ gives out itself; put a letter before it"
        )
    if job_id in RESERVED:
        raise InvalidPayload("job_id", f"{shown!r} is a key of the queue itself; put a prefix before it")
    return job_id
