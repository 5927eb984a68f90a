"""Automations that are not wanted any more: marks that are looked at in the moment before one goes out.

A mark holds a time. What was added up to then is withdrawn, wherever it waits and whoever added it; what is added
later is wanted. So the clocks of all who add must be in step.
"""

import asyncio
from typing import Final

import redis.asyncio

from oxyq import redis_keys
from oxyq.automations.forward import set_forward
from oxyq.automations.selection import Selection, names_of
from oxyq.clock import now_ms
from oxyq.engine.options import LONGEST_DELAY_MS
from oxyq.jobs import Automation
from oxyq.redis_connection import as_unavailable

SCHEDULE_FIELD: Final = "scheduleId"
"""What a run carries besides the automation itself: the id of its schedule."""
#: A day more than the longest that anything waits.
WITHDRAWN_SECONDS: Final = LONGEST_DELAY_MS // 1000 + 24 * 3600


class Withdrawals:
    """The marks of all organizations; all raise QueueUnavailable without Redis."""

    def __init__(self, client: redis.asyncio.Redis, *, prefix: str = "bull") -> None:
        self._client = client
        self._prefix = prefix

    async def withdraw(self, organization_id: str, selection: Selection) -> None:
        """What fits and was added until now is not wanted; what is added once this returns is."""
        await self.withdraw_until(organization_id, selection, now_ms())
        await next_millisecond()

    async def withdraw_until(self, organization_id: str, selection: Selection, at_ms: int) -> None:
        """What fits and was added up to `at_ms` (ms since 1970) is not wanted."""
        await self._mark(organization_id, selection.name(), at_ms)

    async def withdraw_schedule(self, organization_id: str, schedule_id: str) -> None:
        """As `withdraw`, for the runs of a schedule."""
        await self._mark(organization_id, _schedule(schedule_id), now_ms())
        await next_millisecond()

    async def is_withdrawn(self, automation: Automation, added_ms: int) -> bool:
        """Whether this automation, added at `added_ms`, is not wanted any more; one round trip."""
        names = list(names_of(automation))
        schedule_id = (automation.model_extra or {}).get(SCHEDULE_FIELD)
        if isinstance(schedule_id, str):
            names.append(_schedule(schedule_id))
        with as_unavailable("automations"):
            marks = await self._client.mget([self._key(automation.organization_id, name) for name in names])
        return any(mark is not None and added_ms <= int(mark) for mark in marks)

    async def _mark(self, organization_id: str, name: str, at_ms: int) -> None:
        with as_unavailable("automations"):
            await set_forward(self._client, self._key(organization_id, name), at_ms, seconds=WITHDRAWN_SECONDS)

    def _key(self, organization_id: str, name: str) -> str:
        return redis_keys.withdrawn(organization_id, name, prefix=self._prefix)


async def next_millisecond() -> None:
    """Return in another millisecond: jobs carry the one they were added in, and a mark ends with its own."""
    await asyncio.sleep(0.002)


def _schedule(schedule_id: str) -> str:
    # With a space, which no hash has: it is the name of no selection.
    return f"schedule {schedule_id}"
