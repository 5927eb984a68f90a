"""Dead letters for people: grouped by error, with what is best done about each, and listed page by page.

All letters are looked through in chunks, in this process, and what was found is kept for a while: nothing is written,
so that Node and the command line may bury, replay and purge as they like. What is shown is read anew each time.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Final

from oxyq.clock import now_ms
from oxyq.dead_letters import PAGE, DeadLetter, DeadLetters, Filter
from oxyq.operating.dead_letter_index import DeadLetterIndex, Place, Shelf
from oxyq.operating.error_classes import KnownError

#: The newest that are looked through: some 40 MB of this process. More than that is read by nobody one by one.
MOST_INDEXED: Final = 200_000
#: A look through 100,000 letters takes some seconds of this process, so it is good for this many times as long.
FRESH_TIMES: Final = 20
#: One that takes no longer is made each time.
CHEAP_SECONDS: Final = 0.1
#: How long a caller waits for a look to end; after that it is told how far it is.
PATIENCE_SECONDS: Final = 0.4
#: Letters read for one page, where only reading tells whether they fit.
MOST_READ: Final = 2_000


@dataclass(frozen=True, slots=True)
class Group:
    """Letters with the same error; times are ms since 1970."""

    error: KnownError
    count: int
    first_ms: int
    last_ms: int
    queues: Mapping[str, int]
    organizations: Mapping[str, int]
    """How many are of which; those of none are left out."""
    example_id: str
    """The newest."""


@dataclass(frozen=True, slots=True)
class Groups:
    """The groups, biggest first; while a look goes on, of the newest letters so far."""

    groups: list[Group]
    looked_at: int
    total: int
    as_of_ms: int
    is_complete: bool


@dataclass(frozen=True, slots=True)
class LetterPage:
    """Letters, newest first; `next_place` to go on behind, None at the end. `count`: how many may fit in all."""

    letters: list[DeadLetter]
    next_place: Place | None
    count: int
    is_complete: bool


class DeadLetterGroups:
    """The dead letters of one installation, looked through while somebody asks. All raise QueueUnavailable."""

    def __init__(self, letters: DeadLetters) -> None:
        self._letters = letters
        self._found: DeadLetterIndex | None = None
        self._fresh_until = 0.0
        self._changes = 0
        self._growing: DeadLetterIndex | None = None
        self._look: asyncio.Task[None] | None = None

    async def groups(self, wanted: Filter) -> Groups:
        """The groups of the letters that fit; a text in the reason is not asked for here."""
        index = await self._index()
        by_error = dict[str, list[Shelf]]()
        for shelf in index.shelves(wanted):
            by_error.setdefault(shelf.error.fingerprint, []).append(shelf)
        groups = [group for shelves in by_error.values() if (group := _group(shelves, wanted)) is not None]
        groups.sort(key=lambda group: (group.count, group.last_ms), reverse=True)
        return Groups(groups, index.looked_at, index.total, index.as_of_ms, index.is_complete)

    async def page(self, wanted: Filter, *, before: Place | None = None, limit: int = 50) -> LetterPage:
        """Letters that fit, as they are now, newest first."""
        index = await self._index()
        count = sum(sum(map(wanted.fits_time, (ms for ms, _ in shelf.places))) for shelf in index.shelves(wanted))
        places, found, looked_at = index.places(wanted, before), list[DeadLetter](), 0
        while chunk := list(islice(places, PAGE)):
            for place, letter in zip(chunk, await self._letters.read([one for _, one in chunk]), strict=True):
                before, looked_at = place, looked_at + 1
                if letter is not None and wanted.fits(letter):
                    found.append(letter)
                if len(found) == limit or looked_at == MOST_READ:
                    is_last = next(places, None) is None and place == chunk[-1]
                    return LetterPage(found, None if is_last else before, count, index.is_complete)
        return LetterPage(found, None, count, index.is_complete)

    def changed(self) -> None:
        """Look anew when somebody asks next: letters were replayed or purged."""
        self._changes += 1
        self._fresh_until = 0.0

    async def close(self) -> None:
        """End a look that goes on."""
        if self._look is not None:
            self._look.cancel()
            await asyncio.gather(self._look, return_exceptions=True)

    async def _index(self) -> DeadLetterIndex:
        clock = asyncio.get_running_loop().time
        if self._found is not None and clock() < self._fresh_until:
            return self._found
        if self._look is None or self._look.done():
            self._look = asyncio.get_running_loop().create_task(self._look_through(), name="dead letters")
            self._look.add_done_callback(_retrieve)
        look = self._look
        await asyncio.wait([look], timeout=PATIENCE_SECONDS)
        if look.done():
            look.result()
        # What was found before is whole, what is being found is newer.
        found = self._found or self._growing
        assert found is not None  # noqa: S101 - a look that goes on has begun with it
        return found

    async def _look_through(self) -> None:
        clock = asyncio.get_running_loop().time
        began, changes = clock(), self._changes
        self._growing = index = DeadLetterIndex(now_ms(), 0)
        ids = await self._letters.ids()
        ids.reverse()
        index.total = len(ids)
        for start in range(0, min(len(ids), MOST_INDEXED), PAGE):
            for letter in await self._letters.read(ids[start : start + PAGE]):
                if letter is not None:
                    index.add(letter)
                index.looked_at += 1
        index.complete()
        self._found, self._growing = index, None
        took = clock() - began
        if changes == self._changes and took > CHEAP_SECONDS:
            self._fresh_until = clock() + took * FRESH_TIMES


def _retrieve(look: asyncio.Task[None]) -> None:
    """Whoever asks next looks again; perhaps nobody is left to hear why this look failed."""
    if not look.cancelled():
        look.exception()


def _group(shelves: list[Shelf], wanted: Filter) -> Group | None:
    queues, organizations = Counter[str](), Counter[str]()
    places = list[Place]()
    for shelf in shelves:
        fitting = [one for one in shelf.places if wanted.fits_time(one[0])]
        if fitting:
            queues[shelf.queue] += len(fitting)
            places += (fitting[0], fitting[-1])
            if shelf.organization_id is not None:
                organizations[shelf.organization_id] += len(fitting)
    if not places:
        return None
    (first_ms, _), (last_ms, newest_id) = min(places), max(places)
    return Group(
        shelves[0].error, queues.total(), first_ms, last_ms, dict(queues.most_common()),
        dict(organizations.most_common()), newest_id,
    )  # fmt: skip
