"""Replaying and purging many dead letters, as kinds of bulk tasks."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Final

from pydantic import BaseModel, Field, model_validator

from oxyq.dead_letters import PAGE, DeadLetter, DeadLetters, Filter
from oxyq.errors import InvalidPayload
from oxyq.jobs import WIRE_CONFIG, Id, parse_stored
from oxyq.operating.bulk.task import Tally, TaskOrder
from oxyq.operating.dead_letter_groups import DeadLetterGroups

REPLAY: Final = "replay"
PURGE: Final = "purge"
MOST_IDS: Final = 1_000


class Letters(BaseModel):
    """Which letters somebody means: these, or all that fit; `{"filter": {}}` are all there are."""

    model_config = WIRE_CONFIG

    ids: list[Id] | None = Field(default=None, min_length=1, max_length=MOST_IDS, description="these letters")
    filter: Filter | None = Field(default=None, description="or all that fit")

    @model_validator(mode="after")
    def _is_one_thing(self) -> "Letters":
        if (self.ids is None) == (self.filter is None):
            raise InvalidPayload("ids", "or filter must be given, and only one of them")
        return self


class _LetterTask:
    """What both kinds share: which letters are meant, and that they are read again before anything is done."""

    name: str
    newest_first = False

    def __init__(self, letters: DeadLetters, groups: DeadLetterGroups) -> None:
        self._letters = letters
        self._groups = groups

    def check(self, order: TaskOrder) -> None:
        """Raise InvalidPayload for an order that names no letters."""
        parse_stored(Letters, dict(order.selection))

    async def items(self, order: TaskOrder) -> AsyncIterator[Sequence[str]]:
        """The letters' ids, newest first: the oldest are dealt with first.

        They are found once, so that a job which fails again after its replay is not replayed again.
        """
        wanted = parse_stored(Letters, dict(order.selection))
        ids = await self._letters.ids() if wanted.ids is None else wanted.ids
        for start in range(len(ids), 0, -PAGE):
            chunk = ids[max(start - PAGE, 0) : start]
            yield [letter.id for letter in reversed(await self._meant(order, wanted, chunk))]

    async def _meant(self, order: TaskOrder, wanted: Letters, ids: Sequence[str]) -> list[DeadLetter]:
        """Those of these letters that the order is about, and that are there."""
        return [
            letter
            for letter in await self._letters.read(ids)
            if letter is not None
            and order.organization_id in (None, letter.organization_id)
            and (wanted.filter is None or wanted.filter.fits(letter))
        ]

    async def _in_chunks(
        self, order: TaskOrder, ids: Sequence[str], deal: Callable[[Sequence[DeadLetter]], Awaitable[Tally]]
    ) -> Tally:
        wanted, tally = parse_stored(Letters, dict(order.selection)), Tally()
        for start in range(0, len(ids), PAGE):
            chunk = ids[start : start + PAGE]
            # Read again: since they were found somebody may have dealt with them, or their jobs failed once more.
            letters = await self._meant(order, wanted, chunk)
            tally += Tally(skipped=len(chunk) - len(letters)) + await deal(letters)
        self._groups.changed()
        return tally


class ReplayLetters(_LetterTask):
    """Puts the jobs of letters back to work; one that cannot be read as a job fails."""

    name = REPLAY

    async def apply(self, order: TaskOrder, ids: Sequence[str]) -> Tally:
        """Replay some of them."""

        async def replay(letter: DeadLetter) -> Tally:
            try:
                return Tally(done=1) if await self._letters.replay(letter, by=order.by) else Tally(skipped=1)
            except InvalidPayload as error:
                return Tally(failed=1, problem=str(error))

        async def replay_all(letters: Sequence[DeadLetter]) -> Tally:
            return sum(await asyncio.gather(*map(replay, letters)), Tally())

        return await self._in_chunks(order, ids, replay_all)


class PurgeLetters(_LetterTask):
    """Throws letters away for good."""

    name = PURGE

    async def apply(self, order: TaskOrder, ids: Sequence[str]) -> Tally:
        """Purge some of them."""

        async def purge_all(letters: Sequence[DeadLetter]) -> Tally:
            purged = await self._letters.purge_all([letter.id for letter in letters])
            return Tally(done=purged, skipped=len(letters) - purged)

        return await self._in_chunks(order, ids, purge_all)
