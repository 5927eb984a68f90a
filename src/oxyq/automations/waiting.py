"""The automations that wait for their time, as they lie in the queue, soonest first."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Final

from oxyq.automations.withdrawals import SCHEDULE_FIELD
from oxyq.engine.queue import DELAYED_SHIFT, Queue
from oxyq.errors import InvalidPayload
from oxyq.jobs import Automation, parse_stored
from oxyq.outcomes import JsonValue

#: The queue is one for all organizations and knows no order but time: looking further than this takes too long.
MOST_LOOKED_AT: Final = 10_000
#: Jobs per round trip: a few ms of our own work, in which nobody else is answered.
CHUNK: Final = 100


@dataclass(frozen=True, slots=True)
class WaitingAutomation:
    """An automation and when it is due (ms since 1970); `place`: where it stands in the queue, to go on from."""

    job_id: str
    due_ms: int
    place: int
    automation: Automation

    @property
    def schedule_id(self) -> str | None:
        """The schedule that it is a run of."""
        schedule_id = (self.automation.model_extra or {}).get(SCHEDULE_FIELD)
        return schedule_id if isinstance(schedule_id, str) else None

    @property
    def is_scheduled_run(self) -> bool:
        """Whether a scheduler, ours or Node's, made it: its time is the scheduler's to say."""
        return self.job_id.startswith("repeat:")


@dataclass(frozen=True, slots=True)
class Page:
    """Some of them; `next_place` to go on from, None when there are no more."""

    found: list[WaitingAutomation]
    next_place: int | None


class WaitingAutomations:
    """Looks into the queue `automation`, and takes out of it. All raise QueueUnavailable."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue

    async def page(
        self,
        organization_id: str,
        *,
        automation_id: str | None = None,
        after: int = -1,
        limit: int = MOST_LOOKED_AT,
        look_at: int = MOST_LOOKED_AT,
    ) -> Page:
        """At most `limit` of an organization's behind the place `after`, found among the next `look_at` jobs.

        With `automation_id` only those of this id.
        """
        ids = {"organizationId": organization_id}
        if automation_id is not None:
            ids["automationId"] = automation_id
        found, place, left = list[WaitingAutomation](), after, look_at
        while left > 0:
            count = min(left, CHUNK)
            places = await self._queue.delayed_ids(place, count)
            async for one in self._read(ids, places):
                found.append(one)
                if len(found) == limit:
                    return Page(found, one.place)
            if len(places) < count:
                return Page(found, None)
            place, left = places[-1][1], left - count
        return Page(found, place)

    async def take_out(self, waiting: WaitingAutomation) -> bool:
        """Remove it, as if it had never been added; False while it is sent, and for what a scheduler goes on from."""
        return await self._queue.forget(waiting.job_id)

    async def make_room(self, job_id: str) -> None:
        """Forget what was added under this id before, so that what is added next is new."""
        await self._queue.forget(job_id)

    async def _read(self, ids: Mapping[str, str], places: list[tuple[str, int]]) -> AsyncIterator[WaitingAutomation]:
        found = await self._queue.data([job_id for job_id, _ in places])
        for (job_id, place), data in zip(places, found, strict=True):
            automation = _automation(ids, data)
            if automation is not None:
                yield WaitingAutomation(job_id, place >> DELAYED_SHIFT, place, automation)


def _automation(ids: Mapping[str, str], data: JsonValue) -> Automation | None:
    """The automation, if it has these ids; looked at first, since most are others' and reading one takes longer."""
    if not isinstance(data, dict) or any(data.get(name) != value for name, value in ids.items()):
        return None
    try:
        return parse_stored(Automation, data)
    except InvalidPayload:
        return None  # the dead letters will tell what is wrong with it
