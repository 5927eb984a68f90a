"""How a job ends is a value: the four endings that a handler may return."""

from dataclasses import dataclass
from typing import TypeAlias

JsonValue: TypeAlias = "bool | int | float | str | list[JsonValue] | dict[str, JsonValue] | None"
"""What JSON can carry; all that a job's data and result may be."""


@dataclass(frozen=True, slots=True)
class Done:
    """The work is finished; `value` is kept as the job's result."""

    value: JsonValue = None


@dataclass(frozen=True, slots=True)
class Later:
    """Not now: run the job again at `at_ms` (ms since 1970), without using up an attempt."""

    at_ms: int
    reason: str


@dataclass(frozen=True, slots=True)
class Failed:
    """This attempt failed; the queue's policy decides about the next one."""

    reason: str


@dataclass(frozen=True, slots=True)
class Discard:
    """Never try again: the job goes to the dead letters with this reason."""

    reason: str


Outcome: TypeAlias = Done | Later | Failed | Discard
