"""What a process must get on with, so that somebody outside can see whether it does."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Duty:
    """Something that goes round and round.

    owes: whether there is something to do now, and nothing to wait for but an answer that has a deadline.
    rounds: how often it went round. One that owes for long, and goes round no more, is stuck.
    """

    name: str
    owes: bool
    rounds: int
