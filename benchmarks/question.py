"""What a question consists of; each is a file of its own, with `QUESTION` at its end."""

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.figures import Bar, Figure
from benchmarks.harness import Bench


@dataclass(frozen=True, slots=True)
class Question:
    """`measure` runs all rounds; `how` tells the reader of docs/performance.md what was done."""

    name: str
    title: str
    how: str
    figures: tuple[Figure, ...]
    bars: tuple[Bar, ...]
    measure: Callable[[Bench], None]
