"""How the run of a job ends, as values: what is written to Redis is decided by these and nothing else.

What is made once per job is not frozen: Python takes four times as long to make a frozen one.
"""

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Keep:
    """How many finished jobs stay, and how long; None is no limit, `count=0` removes at once."""

    count: int | None = None
    age_seconds: int | None = None


@dataclass(slots=True)
class RawJob:
    """A job as Redis handed it to us, locked with `token`."""

    id: str
    token: str
    fields: dict[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Fetched:
    """The answer to "what is next?": a job, or how long to wait for one.

    `limited_ms` is the time until the rate limit opens, `next_at_ms` when the first delayed job is due (0: none).
    """

    job: RawJob | None = None
    limited_ms: int = 0
    next_at_ms: int = 0


@dataclass(frozen=True, slots=True)
class Burial:
    """The dead letter that is written together with the last failure."""

    job_id: str
    data_json: str


@dataclass(slots=True)
class Completed:
    """The job is done."""

    job_id: str
    token: str
    value_json: str
    keep: Keep
    attempts: int


@dataclass(slots=True)
class FailedForGood:
    """The job failed and will not be tried again."""

    job_id: str
    token: str
    reason: str
    fields: tuple[str, ...]
    keep: Keep
    attempts: int
    burial: Burial | None = None
    #: What it says of its parent is no parent, and BullMQ's scripts would stop at it half done: it is forgotten first.
    has_broken_parent: bool = False


@dataclass(slots=True)
class Delayed:
    """The job runs again in `delay_ms`: after a failed attempt (`counts`), or because it asked to run later."""

    job_id: str
    token: str
    delay_ms: int
    counts: bool
    fields: tuple[str, ...] = ()


@dataclass(slots=True)
class Retried:
    """The attempt failed and the next one may start at once."""

    job_id: str
    token: str
    fields: tuple[str, ...]
    lifo: bool = False


@dataclass(slots=True)
class HandedBack:
    """The job goes back to the front of its queue, without using up an attempt: we stop, someone else may run it."""

    job_id: str
    token: str


@dataclass(slots=True)
class CanaryThrough:
    """A canary came through: nothing is left of it but the time, at the key `through`."""

    job_id: str
    token: str
    through: str


Settlement: TypeAlias = Completed | FailedForGood | Delayed | Retried | HandedBack | CanaryThrough


#: Why a settlement was refused (BullMQ's error codes).
REFUSALS = {
    -1: "the job is gone",
    -2: "its lock ran out",
    -3: "it is not active any more",
    -4: "it has children that are still running",
    -6: "another worker holds its lock",
    -9: "one of its children failed",
    -101: "its key holds something that is no job",
}
#: The job is not ours any more.
LOST = frozenset((-1, -2, -3, -6, -101))
