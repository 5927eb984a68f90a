"""What a run leaves behind, as the checker reads it: times in ms since 1970, messages by their key in the ledger."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from tests.chaos.schedule import BY_NAME, Fault, Strike

#: What was on its way when Redis was killed may arrive so much later.
SLOWEST_SEND_MS: Final = 5_000

Ending: TypeAlias = Literal["done", "dead-letter", "unconfirmed", "cancelled", "open"]
"""`open` is none: the job still waits or runs."""


@dataclass(frozen=True, slots=True)
class Send:
    """One message as the gateway took it; `is_answered`: it said so, as far as it knows."""

    at: int
    key: str
    is_answered: bool = True


@dataclass(frozen=True, slots=True)
class Struck:
    """A fault as it came: from when to when, and what became of the work."""

    strike: Strike
    began: int
    ended: int
    in_hand: frozenset[str] = frozenset()
    """Jobs that somebody was running in that moment."""
    resumed: int | None = None
    """When the last of them had ended, or was in the hands of somebody who lives; None: never."""
    flowing: int | None = None
    """When a message that came in after it was answered; None: never."""

    @property
    def fault(self) -> Fault:
        """What it was."""
        return BY_NAME[self.strike.fault]


@dataclass(frozen=True, slots=True)
class Warmth:
    """One look at a worker process: its tasks, and its memory in MiB."""

    at: int
    tasks: int
    memory: float


@dataclass(frozen=True, slots=True)
class Ended:
    """How a process of ours ended; `code` is None when it was asked to stop, did not, and had to be killed."""

    process: str
    code: int | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that was written down."""

    wanted: Mapping[str, str]
    """Message -> the job that sends it, of all orders that were acknowledged."""
    at_most_once: frozenset[str] = frozenset()
    """Those of them that belong to a campaign."""
    refused: Sequence[str] = ()
    """Good orders that were not taken."""
    never_acknowledged: Sequence[str] = ()
    acknowledged: Mapping[str, int] = field(default_factory=dict)
    """Message -> when its order was."""
    unwritten: Sequence[tuple[int, int]] = ()
    """From when to when a Redis that was killed may not have written down what it acknowledged (see rig.py)."""
    sends: Sequence[Send] = ()
    endings: Mapping[str, frozenset[Ending]] = field(default_factory=dict)
    marked: frozenset[str] = frozenset()
    """Messages of which the ledger says that they may have gone out twice."""
    active: Sequence[str] = ()
    """Jobs that are still active at the end."""
    unknown_keys: Sequence[str] = ()
    """Keys of Redis that are none of ours, have no end where they should, or one too far away."""
    kept_keys: int = 0
    """Keys without an end at the end, beyond those that were there before."""
    recovered: int = 0
    """Jobs that were taken from a worker that showed no sign of life."""
    ran_again: Sequence[str] = ()
    """Jobs whose handler came to its end more than once."""
    struck: Sequence[Struck] = ()
    stopped: Sequence[Ended] = ()
    """Processes that were asked to stop."""
    ended_by_themselves: Sequence[Ended] = ()
    warmth: Mapping[str, Sequence[Warmth]] = field(default_factory=dict)
    """Worker process -> looks at it, for those that lived to the end."""
    idle_tasks: int = 0
    """Tasks of a worker that has never done anything."""

    def forgotten(self) -> frozenset[str]:
        """The messages of which Redis may have forgotten the order, or that they were sent."""
        ordered = [key for key, at in self.acknowledged.items() if self._was_unwritten(at, 0)]
        return frozenset(ordered) | {send.key for send in self.sends if self._was_unwritten(send.at, SLOWEST_SEND_MS)}

    def _was_unwritten(self, at: int, late: int) -> bool:
        return any(since <= at <= until + late for since, until in self.unwritten)
