"""Whose turn it is in a queue that several share: one field of the jobs' data says for whom a job is."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from oxyq.engine.connection import Argument
from oxyq.errors import ConfigurationError

#: Priorities from here on are those of sorted jobs (lua/turns.lua).
TURNS_FROM: Final = 2**20
#: One that has a hundred jobs in a row, or waits for a hundred rounds, is hardly a matter of turns.
LEAST_WEIGHT, MOST_WEIGHT = 0.01, 100.0


@dataclass(frozen=True, slots=True)
class Turns:
    """Jobs are taken in fair turns of those they are for, whoever has how many waiting.

    by: the field of the data that says whose a job is ("organizationId"); those without it are one group.
    priority: the queue's own, BullMQ's scale; a job with a lower one (but not 0) is urgent and goes before all turns.
    weights: how many jobs in a round those have who have not one; read at each fetch, so the mapping may change, and
    sent with each, so it should be short. Raises ConfigurationError.
    """

    by: str
    priority: int = 0
    weights: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        if not re.fullmatch(r"\w+", self.by, re.ASCII):
            raise ConfigurationError(f"turns by {self.by[:40]!r}: must be the name of a field of letters and digits")
        if not 0 <= self.priority < TURNS_FROM:
            raise ConfigurationError(f"turns with priority {self.priority}: must be from 0 to {TURNS_FROM - 1}")
        for name, weight in self.weights.items():
            if not (math.isfinite(weight) and LEAST_WEIGHT <= weight <= MOST_WEIGHT):
                raise ConfigurationError(
                    f"weight {weight} of {name[:40]!r}: must be from {LEAST_WEIGHT:g} to {MOST_WEIGHT:g}"
                )

    def arguments(self, hurry: bool) -> list[Argument]:
        """The last arguments of `lua/settle_and_fetch.lua`."""
        arguments: list[Argument] = [self.by, self.priority << 32, "1" if hurry else ""]
        for name, weight in self.weights.items():
            arguments += (name, min(max(weight, LEAST_WEIGHT), MOST_WEIGHT))
        return arguments
