"""Removing finished jobs that are old, in batches too small for anybody to notice."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from oxyq.engine.queue import Queue

WEEK_SECONDS = 7 * 24 * 3600
DEFAULT_STATES = ("completed", "failed")


@dataclass(frozen=True, slots=True)
class Cleaned:
    """How many jobs of a state were removed so far."""

    queue: str
    state: str
    removed: int


async def clean(
    queue: Queue, states: Sequence[str] = DEFAULT_STATES, *, older_than_seconds: float = WEEK_SECONDS, limit: int = 0
) -> AsyncIterator[Cleaned]:
    """Remove jobs of these states that are older, `limit` at most per state (0: all); tells after each batch."""
    for state in states:
        removed = 0
        async for number in queue.clean(state, older_than_ms=round(older_than_seconds * 1000), limit=limit):
            removed += number
            yield Cleaned(queue.name, state, removed)
        if not removed:
            yield Cleaned(queue.name, state, 0)


async def drain(queue: Queue, *, delayed: bool = False) -> AsyncIterator[Cleaned]:
    """Remove everything that waits; delayed jobs too if asked. Running and finished jobs stay."""
    states = ("wait", "prioritized", "delayed") if delayed else ("wait", "prioritized")
    async for cleaned in clean(queue, states, older_than_seconds=0):
        yield cleaned
