"""A bulk task as it stands: what was ordered, by whom, and how far it is."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from oxyq.engine.json_text import as_int, decode_json
from oxyq.errors import InvalidPayload
from oxyq.outcomes import JsonValue

#: Items a task may be told to do per second; without it, as fast as it goes.
PER_SECOND: Final = "perSecond"
MOST_PER_SECOND: Final = 1000


@dataclass(frozen=True, slots=True)
class TaskOrder:
    """What is to be done to which items of a queue; a kind says what it reads in `selection` and `options`.

    The option `perSecond` (1 to 1000) holds for every kind. `organization_id` None: it concerns all organizations.
    """

    kind: str
    queue: str
    selection: Mapping[str, JsonValue]
    options: Mapping[str, JsonValue] = field(default_factory=dict)
    organization_id: str | None = None
    by: str = ""

    @property
    def per_second(self) -> int | None:
        """How many items a second at most; raises InvalidPayload."""
        value = self.options.get(PER_SECOND)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MOST_PER_SECOND:
            raise InvalidPayload(f"options.{PER_SECOND}", f"must be a whole number from 1 to {MOST_PER_SECOND}")
        return value


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of some items; `problem` is the last reason why one failed."""

    done: int = 0
    skipped: int = 0
    """They were not any more what the order is about: retried by somebody else, running, gone."""
    failed: int = 0
    problem: str = ""

    @property
    def all(self) -> int:
        """Items that were looked at."""
        return self.done + self.skipped + self.failed

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.done + other.done,
            self.skipped + other.skipped,
            self.failed + other.failed,
            other.problem or self.problem,
        )


class TaskState(StrEnum):
    """Where a task is in its life."""

    WAITING = "waiting"
    COLLECTING = "collecting"
    """Finding out which items are meant; none is touched yet."""
    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"
    """It could not be gone through with; the reason is its `problem`."""


ENDED: Final = frozenset((TaskState.DONE, TaskState.CANCELLED, TaskState.FAILED))


@dataclass(frozen=True, slots=True)
class Task:
    """A task at one moment; times are ms since 1970, None what has not come."""

    id: str
    order: TaskOrder
    state: TaskState
    tally: Tally
    total: int
    """Items that were found; grows while it is collecting."""
    created_ms: int
    started_ms: int | None = None
    """When the first item was touched."""
    progressed_ms: int | None = None
    ended_ms: int | None = None
    is_cancelled: bool = False
    """Somebody wants it to end; until it has, it is being cancelled."""

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will happen."""
        return self.state in ENDED

    @property
    def left(self) -> int:
        """Items that are not touched yet; of a task that ended, those that never will be."""
        return max(self.total - self.tally.all, 0)

    @property
    def per_second(self) -> float:
        """Items per second since it started; 0 while nobody can tell."""
        if self.started_ms is None or self.progressed_ms is None or self.progressed_ms <= self.started_ms:
            return 0.0
        so_far = self.tally.all * 1000 / (self.progressed_ms - self.started_ms)
        # The first chunk is done in no time.
        return min(so_far, self.order.per_second or so_far)

    @property
    def share(self) -> float:
        """How far it is, from 0 to 1."""
        if self.state is TaskState.DONE:
            return 1.0
        return min(self.tally.all / self.total, 1.0) if self.total else 0.0


def read_task(task_id: str, fields: Mapping[str, str]) -> Task | None:
    """A task from its hash in Redis; None when there is none."""
    if "kind" not in fields:
        return None

    def number(name: str) -> int:
        return as_int(fields.get(name)) or 0

    def time(name: str) -> int | None:
        return as_int(fields.get(name))

    order = TaskOrder(
        kind=fields["kind"],
        queue=fields.get("queue", ""),
        selection=_object(fields.get("selection", "{}")),
        options=_object(fields.get("options", "{}")),
        organization_id=fields.get("org") or None,
        by=fields.get("by", ""),
    )
    return Task(
        id=task_id,
        order=order,
        state=TaskState(fields.get("state", TaskState.WAITING)),
        tally=Tally(number("done"), number("skipped"), number("failed"), fields.get("problem", "")),
        total=number("total"),
        created_ms=number("created"),
        started_ms=time("started"),
        progressed_ms=time("progressed"),
        ended_ms=time("ended"),
        is_cancelled="cancel" in fields,
    )


def _object(text: str) -> dict[str, JsonValue]:
    value = decode_json(text.encode())
    return value if isinstance(value, dict) else {}
