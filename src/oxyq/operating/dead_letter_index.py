"""Which dead letters there are, by what they have in common, as one look through all of them found it."""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from oxyq.dead_letters import DeadLetter, Filter
from oxyq.operating.error_classes import KnownError

Place: TypeAlias = tuple[int, str]
"""When a letter's job failed (ms since 1970), and the letter's id: the order in which letters are shown."""


@dataclass(slots=True)
class Shelf:
    """Letters that have queue, organization, kind and error in common; newest first."""

    queue: str
    organization_id: str | None
    kind: str
    error: KnownError
    places: list[Place] = field(default_factory=list)


@dataclass(slots=True)
class DeadLetterIndex:
    """Some 200 bytes a letter. While a look goes on it holds what was found so far, the newest letters first."""

    as_of_ms: int
    total: int
    looked_at: int = 0
    is_complete: bool = False
    _shelves: dict[tuple[str, str | None, str, str], Shelf] = field(default_factory=dict)

    def add(self, letter: DeadLetter) -> None:
        """Put a letter where it belongs."""
        error = letter.error
        key = (letter.queue, letter.organization_id, letter.kind, error.fingerprint)
        shelf = self._shelves.get(key)
        if shelf is None:
            shelf = self._shelves[key] = Shelf(letter.queue, letter.organization_id, letter.kind, error)
        shelf.places.append((letter.failed_ms, letter.id))

    def complete(self) -> None:
        """Nothing more will be added."""
        for shelf in self._shelves.values():
            shelf.places.sort(reverse=True)  # they lie in the order in which they were buried, which is nearly this
        self.is_complete = True

    def shelves(self, wanted: Filter) -> Iterator[Shelf]:
        """Where letters lie that may be meant."""
        for shelf in self._shelves.values():
            if wanted.fits_group(shelf.queue, shelf.organization_id, shelf.kind, shelf.error):
                yield shelf

    def places(self, wanted: Filter, before: Place | None = None) -> Iterator[Place]:
        """The letters that may be meant, newest first, from behind `before` on."""

        def of(shelf: Shelf) -> Iterator[Place]:
            return (one for one in shelf.places if (before is None or one < before) and wanted.fits_time(one[0]))

        return heapq.merge(*(of(shelf) for shelf in self.shelves(wanted)), reverse=True)
