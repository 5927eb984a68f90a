"""Schedules as job schedulers of the queue `automation`: Node and the board see them, and whoever runs one goes on."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from oxyq.automations.schedule import Schedule
from oxyq.automations.withdrawals import SCHEDULE_FIELD, Withdrawals
from oxyq.clock import now_ms
from oxyq.engine.queue import Queue
from oxyq.engine.schedulers import StoredScheduler
from oxyq.errors import InvalidPayload, NotFound
from oxyq.jobs import Automation, parse_new, parse_stored, wire
from oxyq.organizations import Organization
from oxyq.outcomes import JsonValue
from oxyq.producer import AUTOMATION_JOB, Producer, job_options
from oxyq.queues import QueuePolicy

#: What the engine calls the fields.
_FIELDS: Final[Mapping[str, str]] = {
    "time_zone": "timeZone", "every_ms": "everySeconds", "ends_ms": "endsAt", "scheduler_id": "id",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class SavedSchedule:
    """A schedule, and when it runs next (ms since 1970); None when its last run has come."""

    schedule: Schedule
    next_ms: int | None


class AutomationSchedules:
    """The schedules of all organizations. All raise QueueUnavailable without Redis."""

    def __init__(self, queue: Queue, producer: Producer, withdrawals: Withdrawals, policy: QueuePolicy) -> None:
        self._queue = queue
        self._producer = producer
        self._withdrawals = withdrawals
        self._options = job_options(policy).stored()

    async def save(self, schedule: Schedule, organization: Organization) -> SavedSchedule:
        """Store it in place of what was there; cron goes by the organization's clock unless it names another.

        A run that waits for the end of quiet hours still goes out as it was. Raises InvalidPayload.
        """
        automation = parse_new(Automation, schedule.automation)  # once more by itself, for its size
        time_zone = (schedule.time_zone or organization.time_zone) if schedule.cron else None
        before = await self._queue.schedulers.get(_scheduler_id(schedule.organization_id, schedule.id))
        if before is not None and schedule.every_seconds and before.starts_ms != schedule.starts_at:
            # BullMQ keeps the pace of one that exists, and does not look at its beginning again.
            await self._queue.schedulers.remove(before.id)
        try:
            await self._queue.schedulers.upsert(
                _scheduler_id(schedule.organization_id, schedule.id),
                AUTOMATION_JOB,
                {**wire(automation), SCHEDULE_FIELD: schedule.id},
                every_ms=None if schedule.every_seconds is None else schedule.every_seconds * 1000,
                cron=schedule.cron,
                time_zone=time_zone,
                limit=schedule.limit,
                starts_ms=schedule.starts_at,
                ends_ms=schedule.ends_at,
                options=self._options,
            )
        except InvalidPayload as error:
            raise InvalidPayload(_FIELDS.get(error.field, error.field), error.problem) from None
        return await self.get(schedule.organization_id, schedule.id)

    async def get(self, organization_id: str, schedule_id: str) -> SavedSchedule:
        """One schedule; raises NotFound."""
        stored = await self._queue.schedulers.get(_scheduler_id(organization_id, schedule_id))
        if stored is None:
            raise NotFound(f"there is no schedule {schedule_id}; check its id")
        return _saved(organization_id, schedule_id, stored)

    async def list(self, organization_id: str) -> list[SavedSchedule]:
        """All that were saved for an organization, by id."""
        ids = await self._queue.schedulers.ids(_beginning(organization_id))
        stored = await asyncio.gather(*(self._queue.schedulers.get(scheduler_id) for scheduler_id in ids))
        found = [
            _saved(organization_id, schedule_id, one)
            for one in stored
            if one is not None and (schedule_id := _schedule_id(one)) is not None
        ]
        return sorted(found, key=lambda saved: saved.schedule.id)

    async def remove(self, organization_id: str, schedule_id: str) -> bool:
        """Send it no more, also what waits for the end of quiet hours; False when there is none."""
        is_removed = await self._queue.schedulers.remove(_scheduler_id(organization_id, schedule_id))
        await self._withdrawals.withdraw_schedule(organization_id, schedule_id)
        return is_removed

    async def run_now(self, organization_id: str, schedule_id: str) -> str:
        """Send it once besides its times, quiet hours respected; returns the job's id.

        Asked for again within a minute, as after a lost answer, it is one run. Raises NotFound.
        """
        saved = await self.get(organization_id, schedule_id)
        run_id = f"{_scheduler_id(organization_id, schedule_id)} {now_ms() // 60_000}"
        run = {**wire(saved.schedule.automation), SCHEDULE_FIELD: schedule_id, "automationId": run_id}
        return await self._producer.add_automation_as_read(parse_stored(Automation, run))


def _saved(organization_id: str, schedule_id: str, stored: StoredScheduler) -> SavedSchedule:
    automation = stored.data
    if isinstance(automation, dict):
        automation = {name: value for name, value in automation.items() if name != SCHEDULE_FIELD}
    fields: dict[str, JsonValue] = {
        "id": schedule_id,
        "organizationId": organization_id,
        "automation": automation,
        "cron": stored.cron,
        "everySeconds": None if stored.every_ms is None else stored.every_ms // 1000,
        "timeZone": stored.time_zone,
        "startsAt": stored.starts_ms,
        "endsAt": stored.ends_ms,
        "limit": stored.limit,
    }
    has_next = stored.next_ms > now_ms() and (stored.ends_ms is None or stored.next_ms <= stored.ends_ms)
    return SavedSchedule(parse_stored(Schedule, fields), stored.next_ms if has_next else None)


def _schedule_id(stored: StoredScheduler) -> str | None:
    schedule_id = stored.data.get(SCHEDULE_FIELD) if isinstance(stored.data, dict) else None
    return schedule_id if isinstance(schedule_id, str) else None


def _scheduler_id(organization_id: str, schedule_id: str) -> str:
    """What it is called among the schedulers of all: hashed, since tenants choose ids, and Node refuses some."""
    return f"{_beginning(organization_id)}{_hashed(schedule_id)}"


def _beginning(organization_id: str) -> str:
    return f"schedule-{_hashed(organization_id)}-"


def _hashed(fact: str) -> str:
    return blake2b(fact.encode(), digest_size=16).hexdigest()
