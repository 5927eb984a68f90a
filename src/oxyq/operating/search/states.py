"""Where jobs can be, in the words that people read, and in which order they are shown: a table."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from oxyq.errors import InvalidPayload


@dataclass(frozen=True, slots=True)
class ShownState:
    """A state as it is shown; `stored` are BullMQ's names of it, in the order in which its jobs are taken."""

    name: str
    stored: tuple[str, ...]
    newest_first: bool
    """What has ended is shown newest first, what is to come in the order in which it will run."""

    def is_reversed(self, stored: str) -> bool:
        """Whether the order in which it is shown is from the end of what Redis holds."""
        # BullMQ takes the next job from the right end of a list; a sorted set begins with the oldest, or next.
        return self.newest_first or stored in ("wait", "active")


#: BullMQ keeps what is ready to run in two places, and takes from `wait` first.
SHOWN: Final[Mapping[str, ShownState]] = MappingProxyType(
    {
        state.name: state
        for state in (
            ShownState("active", ("active",), False),
            ShownState("waiting", ("wait", "prioritized"), False),
            ShownState("delayed", ("delayed",), False),
            ShownState("completed", ("completed",), True),
            ShownState("failed", ("failed",), True),
            ShownState("waiting-children", ("waiting-children",), False),
        )
    }
)


def shown_state(name: str) -> ShownState:
    """The state of this name; raises InvalidPayload("state")."""
    if name not in SHOWN:
        raise InvalidPayload("state", f"must be one of {', '.join(SHOWN)}")
    return SHOWN[name]
