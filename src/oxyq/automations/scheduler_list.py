"""Every scheduler of the queue `automation`, the next to run first: schedules of ours, and what Node made."""

import asyncio
from dataclasses import dataclass
from typing import Final

from oxyq.automations.schedules import AutomationSchedules
from oxyq.automations.withdrawals import SCHEDULE_FIELD
from oxyq.clock import now_ms
from oxyq.engine.queue import Queue
from oxyq.engine.schedulers import StoredScheduler, next_cron_ms
from oxyq.engine.scripts import as_text
from oxyq.errors import InvalidPayload, NotAllowed, NotFound
from oxyq.jobs import Automation, parse_stored, wire
from oxyq.producer import Producer

#: Runs that are told beforehand.
UPCOMING: Final = 5
#: Schedulers read per round trip, and at most for one page: the queue has one list for all organizations.
CHUNK: Final = 100
MOST_READ: Final = 1_000


@dataclass(frozen=True, slots=True)
class ListedScheduler:
    """A scheduler as it stands: what it sends to whom, where that can be read, and when (ms since 1970)."""

    stored: StoredScheduler
    organization_id: str | None
    schedule_id: str | None
    """Our id of it; None for one that Node made."""
    automation: Automation | None
    upcoming: tuple[int, ...]
    """Its next runs; empty when its last has come."""

    @property
    def id(self) -> str:
        """What it is called among the schedulers of all."""
        return self.stored.id


@dataclass(frozen=True, slots=True)
class SchedulerPage:
    """Some of them; `next_start` to go on from, None when there are no more."""

    found: list[ListedScheduler]
    next_start: int | None


class SchedulerList:
    """Looks at schedulers, runs and removes them; `organization_id` None: whose ever. All raise QueueUnavailable."""

    def __init__(self, queue: Queue, schedules: AutomationSchedules, producer: Producer) -> None:
        self._queue = queue
        self._schedules = schedules
        self._producer = producer

    async def page(self, organization_id: str | None, *, start: int = 0, limit: int = 50) -> SchedulerPage:
        """Some that belong to an organization, from the `start`-th of all on."""
        found, place = list[ListedScheduler](), start
        while place < start + MOST_READ:
            ids = await self._ids(place, CHUNK)
            for stored in await asyncio.gather(*map(self._queue.schedulers.get, ids)):
                place += 1
                one = None if stored is None else _listed(stored)
                if one is not None and organization_id in (None, one.organization_id):
                    found.append(one)
                    if len(found) == limit:
                        return SchedulerPage(found, place)
            if len(ids) < CHUNK:
                return SchedulerPage(found, None)
        return SchedulerPage(found, place)

    async def get(self, scheduler_id: str, organization_id: str | None = None) -> ListedScheduler:
        """One of them; raises NotFound."""
        stored = await self._queue.schedulers.get(scheduler_id)
        one = None if stored is None else _listed(stored)
        if one is None or organization_id not in (None, one.organization_id):
            raise NotFound(f"there is no scheduler {scheduler_id[:200]}; check its id")
        return one

    async def run_now(self, scheduler_id: str, organization_id: str | None = None) -> str:
        """Send it once besides its times, quiet hours respected; returns the job's id.

        Asked for again within a minute it is one run. Raises NotFound, NotAllowed when it sends nothing we can read.
        """
        one = await self.get(scheduler_id, organization_id)
        if one.schedule_id is not None and one.organization_id is not None:
            return await self._schedules.run_now(one.organization_id, one.schedule_id)
        if one.automation is None:
            raise NotAllowed(f"{scheduler_id} was made elsewhere, and what it adds is no automation that can be read")
        # Under a name of its own: the runs of a scheduler share their data, and this is no run of it.
        run_id = f"{one.automation.automation_id[:100]} {now_ms() // 60_000}"
        run = {**wire(one.automation), "automationId": run_id}
        return await self._producer.add_automation_as_read(parse_stored(Automation, run))

    async def remove(self, scheduler_id: str, organization_id: str | None = None) -> None:
        """Send it no more. Raises NotFound."""
        one = await self.get(scheduler_id, organization_id)
        if one.schedule_id is not None and one.organization_id is not None:
            await self._schedules.remove(one.organization_id, one.schedule_id)
        else:
            await self._queue.schedulers.remove(scheduler_id)

    async def _ids(self, start: int, count: int) -> list[str]:
        connection = self._queue.scripts.connection
        await connection.ready(self._queue.patience_seconds)
        reply = await connection.call("ZRANGE", self._queue.keys.repeat, start, start + count - 1)
        return [as_text(one) for one in reply] if isinstance(reply, list) else []


def _listed(stored: StoredScheduler) -> ListedScheduler:
    data = stored.data if isinstance(stored.data, dict) else {}
    organization_id, schedule_id = data.get("organizationId"), data.get(SCHEDULE_FIELD)
    try:
        automation = parse_stored(Automation, data)
    except InvalidPayload:
        automation = None  # its jobs will tell in the dead letters
    return ListedScheduler(
        stored,
        organization_id if isinstance(organization_id, str) else None,
        schedule_id if isinstance(schedule_id, str) else None,
        automation,
        upcoming(stored, now_ms()),
    )


def upcoming(stored: StoredScheduler, at_ms: int, most: int = UPCOMING) -> tuple[int, ...]:
    """The next runs of a scheduler after `at_ms` (ms since 1970), as far as its end; its limit is not counted."""
    runs, next_ms = list[int](), stored.next_ms
    while len(runs) < most and (stored.ends_ms is None or next_ms <= stored.ends_ms):
        if next_ms > at_ms:
            runs.append(next_ms)
        elif stored.every_ms is None and stored.cron is None:
            break
        following = _following(stored, max(next_ms, at_ms))
        if following is None:
            break
        next_ms = following
    return tuple(runs)


def _following(stored: StoredScheduler, after_ms: int) -> int | None:
    if stored.every_ms:
        return stored.next_ms + ((after_ms - stored.next_ms) // stored.every_ms + 1) * stored.every_ms
    try:
        return None if stored.cron is None else next_cron_ms(stored.cron, after_ms, stored.time_zone)
    except InvalidPayload:
        return None  # Node reads lines that we do not
