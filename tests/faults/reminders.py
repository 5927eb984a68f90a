"""Reminders: the plainest jobs that send, what is going on with them, and what became of them."""

import asyncio
import time
from collections.abc import Awaitable, Collection, Sequence
from typing import cast

from oxyq.app import App
from oxyq.engine.keys import QueueKeys
from oxyq.engine.record import JobRecord
from oxyq.jobs import Automation, parse_new
from oxyq.sending.message_keys import automation_key
from tests.journeys.conftest import ORGANIZATION

QUEUE = "automation"


def people(count: int, ending: str = "0000", first: int = 10) -> list[str]:
    """So many numbers with this ending, which says what the simulator does with them."""
    return [f"551196{first + number:03}{ending}" for number in range(count)]


async def remind(
    app: App, numbers: Collection[str], *, due_ms: int | None = None, instance_id: str | None = None
) -> list[str]:
    """Add a reminder for each of these people, now or for later (ms since 1970); returns the ids of the jobs."""
    return [
        await app.producer.add_automation_job(
            automation_id="reminder", organization_id=ORGANIZATION, type="reminder", recipient_number=number,
            content="Amanhã às 10h!", transactional=True, scheduled_for=due_ms, instance_id=instance_id,
        )
        for number in numbers
    ]  # fmt: skip


async def ended(app: App, job_ids: Sequence[str], seconds: float = 20.0) -> list[JobRecord]:
    """Wait until each of these jobs is completed or failed, and return them in their order."""
    deadline = time.monotonic() + seconds
    while True:
        records = [record for record in await app.queues[QUEUE].records(job_ids) if record is not None]
        assert len(records) == len(job_ids), "a job is gone"
        if all(record.finished_ms for record in records):
            return records
        assert time.monotonic() < deadline, [record for record in records if not record.finished_ms][:3]
        await asyncio.sleep(0.02)


async def in_hand(app: App, count: int, seconds: float = 20.0) -> list[str]:
    """Wait until workers have so many reminders in hand, and return their ids."""
    deadline = time.monotonic() + seconds
    while len(job_ids := await app.queues[QUEUE].all_ids("active")) < count:
        assert time.monotonic() < deadline, f"{len(job_ids)} of {count} are in hand"
        await asyncio.sleep(0.01)
    return job_ids


async def are_in_hand(app: App, job_ids: Collection[str], seconds: float = 20.0) -> None:
    """Wait until workers have all of these jobs in hand, at the same time."""
    deadline = time.monotonic() + seconds
    while missing := set(job_ids) - set(await app.queues[QUEUE].all_ids("active")):
        assert time.monotonic() < deadline, f"{len(missing)} of {len(job_ids)} are not in hand"
        await asyncio.sleep(0.01)


async def owners_of(app: App, job_ids: list[str]) -> dict[str, int]:
    """The process that ran each job last; 0 for none."""
    keys, owners = QueueKeys(QUEUE, app.settings.redis_prefix), {}
    for job_id in job_ids:
        worker = await cast("Awaitable[str | None]", app.redis.hget(keys.job(job_id), "pb"))
        owners[job_id] = int(worker.rpartition("-")[2]) if worker else 0
    return owners


def key_of(number: str, due_ms: int | None = None) -> str:
    """Under what the ledger knows the reminder to this person."""
    automation = parse_new(
        Automation, automation_id="reminder", organization_id=ORGANIZATION, type="reminder", recipient_number=number,
        content="Amanhã às 10h!", scheduled_for=due_ms,
    )  # fmt: skip
    return automation_key(automation, automation.job_id(), is_scheduled_run=False)
