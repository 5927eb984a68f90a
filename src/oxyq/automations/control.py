"""What can be done with automations that wait: withdraw them, or move them to another time."""

from typing import Final

from oxyq.automations.selection import Selection
from oxyq.automations.waiting import WaitingAutomation, WaitingAutomations
from oxyq.automations.withdrawals import Withdrawals, next_millisecond
from oxyq.clock import now_ms
from oxyq.errors import InvalidPayload, NotFound
from oxyq.jobs import Automation, parse_new
from oxyq.producer import LATE_MS, Producer

#: Jobs that are looked at to take withdrawn ones out of the queue at once; the marks withdraw the others.
LOOKED_AT_TO_REMOVE: Final = 1_000


class AutomationControl:
    """Withdraws and moves automations. All raise InvalidPayload and QueueUnavailable."""

    def __init__(self, waiting: WaitingAutomations, withdrawals: Withdrawals, producer: Producer) -> None:
        self._waiting = waiting
        self._withdrawals = withdrawals
        self._producer = producer

    async def withdraw(self, organization_id: str, selection: Selection) -> int:
        """Send none of those that fit and were added until now, whoever added them.

        Returns how many could be taken out of the queue at once: the others are not sent either, and are recorded as
        withdrawn when their time comes. Once this has returned, the same may be added again.
        """
        await self._withdrawals.withdraw(organization_id, selection)
        page = await self._waiting.page(
            organization_id, automation_id=selection.automation_id, look_at=LOOKED_AT_TO_REMOVE
        )
        fitting = [one for one in page.found if selection.fits(one.automation)]
        return sum([await self._waiting.take_out(one) for one in fitting])

    async def reschedule(
        self,
        organization_id: str,
        automation_id: str,
        at_ms: int,
        *,
        recipient_number: str | None = None,
        automation: Automation | None = None,
    ) -> list[str]:
        """Send an automation at `at_ms` (ms since 1970) instead of when it was to be sent; returns the new jobs' ids.

        What it says is found among those that wait, for each of its recipients or one of them. `automation` says it
        anew, also of one that does not wait any more. Asked twice for the same, it is moved once.
        Raises NotFound when none is given and none waits.
        """
        now = now_ms()
        if at_ms < now - LATE_MS:
            raise InvalidPayload("scheduledFor", "is in the past; give a time to come")
        selection = Selection(automation_id=automation_id, recipient_number=recipient_number)
        page = await self._waiting.page(organization_id, automation_id=automation_id)
        before = [one for one in page.found if selection.fits(one.automation) and not one.is_scheduled_run]
        wanted = [one.automation for one in before] if automation is None else [parse_new(Automation, automation)]
        if not wanted:
            raise NotFound(
                f"no automation {automation_id} waits for its time; if it was sent already, give all of it to send it "
                "again"
            )
        # What is added now is newer than the marks. They are set last: whatever breaks off, none is lost.
        await next_millisecond()
        return [await self._move(one, at_ms, before, now) for one in wanted]

    async def _move(self, automation: Automation, at_ms: int, before: list[WaitingAutomation], now: int) -> str:
        """Add it for its new time, then withdraw what was added up to `now`."""
        moved = automation.model_copy(update={"scheduled_for": at_ms})
        job_id = moved.job_id()
        this = Selection(automation_id=moved.automation_id, recipient_number=moved.recipient_number)
        await self._waiting.make_room(job_id)
        await self._producer.add_automation_as_read(moved)
        await self._withdrawals.withdraw_until(moved.organization_id, this, now)
        for one in before:
            if one.job_id != job_id and this.fits(one.automation):
                await self._waiting.take_out(one)
        return job_id
