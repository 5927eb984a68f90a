"""What can be done with dead letters, by both doors: foresee a replay, replay, edit, purge."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from oxyq.dead_letters import DeadLetter, DeadLetters
from oxyq.errors import InvalidPayload, NotAllowed, NotFound
from oxyq.jobs import decode, wire
from oxyq.operating.bulk.task import PER_SECOND, Task, TaskOrder
from oxyq.operating.bulk.tasks import BulkTasks
from oxyq.operating.dead_letter_groups import DeadLetterGroups
from oxyq.operating.dead_letter_tasks import PURGE, REPLAY, Letters
from oxyq.operating.replay_forecast import Foreseen, ReplayForecast
from oxyq.outcomes import JsonValue
from oxyq.queues import DEAD_LETTER, POLICIES

#: Letters that a dry run looks at: about half a second of questions to Redis.
MOST_FORESEEN: Final = 500


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a replay would do to how many; `total` letters are meant, of which the newest were looked at."""

    counts: Mapping[Foreseen, int]
    looked_at: int
    total: int

    @property
    def is_complete(self) -> bool:
        """Whether all were looked at."""
        return self.looked_at >= self.total

    @property
    def would_send(self) -> int:
        """Messages that would go out."""
        return self.counts.get(Foreseen.SENDS, 0) + self.counts.get(Foreseen.TWICE, 0)


class DeadLetterActions:
    """Acts on dead letters; `organization_id` None: whose ever they are. All raise QueueUnavailable."""

    def __init__(
        self, letters: DeadLetters, groups: DeadLetterGroups, forecast: ReplayForecast, bulk: BulkTasks
    ) -> None:
        self._letters = letters
        self._groups = groups
        self._forecast = forecast
        self._bulk = bulk

    async def foresee_one(
        self, letter_id: str, organization_id: str | None = None, *, data: JsonValue = None
    ) -> Foreseen:
        """What a replay of one letter would do, with this `data` in place of the job's. Raises NotFound."""
        letter = await self._letters.get(letter_id, organization_id)
        if data is not None:
            check_data(letter, data, organization_id)
        return await self._forecast.of(letter, data)

    async def foresee(self, wanted: Letters, organization_id: str | None = None) -> Forecast:
        """What a replay of these letters would do; of many, of the newest 500."""
        if wanted.filter is None:
            found = await self._letters.read(list(dict.fromkeys(wanted.ids or ())))
            letters = [one for one in found if one is not None and organization_id in (None, one.organization_id)]
            total = len(letters)
        else:
            limits = {} if organization_id is None else {"organization_id": organization_id}
            page = await self._groups.page(wanted.filter.model_copy(update=limits), limit=MOST_FORESEEN)
            letters = page.letters
            total = page.count if page.next_place is not None else len(letters)
        letters = letters[:MOST_FORESEEN]
        counted = await self._forecast.of_all(letters)
        return Forecast({what: counted[what] for what in Foreseen if counted[what]}, len(letters), total)

    async def replay(
        self, letter_id: str, organization_id: str | None = None, *, by: str, data: JsonValue = None
    ) -> DeadLetter:
        """Put the job of one letter back to work, with this `data` in place of its own; returns the letter.

        Raises NotFound, InvalidPayload, and NotAllowed when the job waits or runs already.
        """
        letter = await self._letters.get(letter_id, organization_id)
        if data is not None:
            check_data(letter, data, organization_id)
        is_replayed = await self._letters.replay(letter, data=data, by=by)
        self._groups.changed()
        if not is_replayed:
            raise NotAllowed(f"the job of {letter_id} waits or runs again already; its letter was taken away")
        return letter

    async def purge(self, letter_id: str, organization_id: str | None = None) -> DeadLetter:
        """Throw one letter away for good; returns it. Raises NotFound."""
        letter = await self._letters.get(letter_id, organization_id)
        is_purged = await self._letters.purge(letter)
        self._groups.changed()
        if not is_purged:
            raise NotFound(f"there is no dead letter {letter_id!r} any more; somebody was faster")
        return letter

    async def replay_many(
        self,
        wanted: Letters,
        organization_id: str | None = None,
        *,
        by: str,
        per_second: int | None = None,
        key: str | None = None,
    ) -> Task:
        """Replay letters in the background, the oldest first, at most so many a second.

        Raises InvalidPayload, IdConflict when `key` was used for another order.
        """
        options = {} if per_second is None else {PER_SECOND: per_second}
        return await self._order(REPLAY, wanted, organization_id, options, by, key)

    async def purge_many(
        self, wanted: Letters, organization_id: str | None = None, *, by: str, key: str | None = None
    ) -> Task:
        """Throw letters away in the background; raises as `replay_many`."""
        return await self._order(PURGE, wanted, organization_id, {}, by, key)

    async def _order(
        self, kind: str, wanted: Letters, organization_id: str | None, options: Mapping[str, JsonValue], by: str,
        key: str | None,
    ) -> Task:  # fmt: skip
        return await self._bulk.start(
            TaskOrder(kind, DEAD_LETTER, wire(wanted), options, organization_id, by), key=key
        )  # fmt: skip


def check_data(letter: DeadLetter, data: JsonValue, organization_id: str | None = None) -> None:
    """Raise InvalidPayload unless this can be the data of a letter's job, for an organization of one of its own."""
    if not isinstance(data, dict):
        raise InvalidPayload("data", "must be a JSON object, the whole data of the job")
    if organization_id is not None and data.get("organizationId") != organization_id:
        raise InvalidPayload("data.organizationId", f"must be {organization_id}, your own organization")
    if letter.queue in POLICIES:
        try:
            decode(letter.queue, data)
        except InvalidPayload as error:
            problems = [(f"data.{field}", problem) for field, problem in error.problems]
            raise InvalidPayload(*problems[0], problems[1:]) from None
