"""A reminder or follow-up whose time has come: send it, unless it is not wanted any more or too late."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from oxyq.automations.last_wrote import LastWrote
from oxyq.automations.lateness import due_ms, late_ms, next_sending
from oxyq.automations.withdrawals import Withdrawals
from oxyq.contacts import ContactStore
from oxyq.engine.job import Job
from oxyq.engine.schedulers import ends_ms
from oxyq.gateways.base import InstanceHalted, NotReady
from oxyq.gateways.outbound import OutboundText
from oxyq.jobs import Automation
from oxyq.numbers import contact_key
from oxyq.organizations import Organization
from oxyq.outcomes import Done, Later, Outcome
from oxyq.sending.message_keys import automation_key
from oxyq.sending.sender import NotYet, Sender, sent_value
from oxyq.workers.outbound import text_or_template
from oxyq.workers.runner import Task

#: Types that ask again after silence: whoever wrote meanwhile is not asked.
FOLLOW_UPS: Final = frozenset(("follow_up", "follow-up"))


@dataclass(frozen=True, slots=True)
class _Run:
    """An automation in hand, and what time it is."""

    automation: Automation
    organization: Organization
    job: Job
    now_ms: int


class AutomationHandler:
    """Sends automations through `sender`; people who opted out of campaigns still get them: they asked for these."""

    def __init__(
        self,
        sender: Sender,
        contacts: ContactStore,
        withdrawals: Withdrawals,
        last_wrote: LastWrote,
        now_ms: Callable[[], int],
    ) -> None:
        self._sender = sender
        self._contacts = contacts
        self._withdrawals = withdrawals
        self._last_wrote = last_wrote
        self._now_ms = now_ms

    async def __call__(self, task: Task) -> Outcome:
        """Send one automation, put it off, or say why it is not sent."""
        automation = task.payload
        assert isinstance(automation, Automation)  # noqa: S101 - the runner's table chose us by type
        run = _Run(automation, task.organization, task.job, self._now_ms())
        # The first that says something ends it. What is not wanted is said first: it must not wait for the morning.
        return (
            _not_due_yet(run)
            or await self._withdrawn(run)
            or await self._answered(run)
            or _over(run)
            or _expired(run)
            or _quiet(run)
            or await self._send(run)
        )

    async def _withdrawn(self, run: _Run) -> Outcome | None:
        is_withdrawn = await self._withdrawals.is_withdrawn(run.automation, run.job.timestamp_ms)
        return Done({"status": "withdrawn"}) if is_withdrawn else None

    async def _answered(self, run: _Run) -> Outcome | None:
        if run.automation.type not in FOLLOW_UPS:
            return None
        wrote_ms = await self._last_wrote.at(run.organization.id, contact_key(run.automation.recipient_number))
        return Done({"status": "answered"}) if wrote_ms is not None and wrote_ms > run.job.timestamp_ms else None

    async def _send(self, run: _Run) -> Outcome:
        automation, organization, job = run.automation, run.organization, run.job
        message = OutboundText(
            organization_id=organization.id,
            instance_id=automation.instance_id,
            recipient=automation.recipient_number,
            text=automation.content,
            key=automation_key(automation, job.id, is_scheduled_run=job.scheduler_id is not None),
        )
        try:
            outbound = text_or_template(message, automation.meta_template)
            sent = await self._sender.send(job, outbound, organization, kind="automation")
        except NotYet as put_off:
            # A number that is offline puts off as limits do, but what it makes late is late.
            is_offline = isinstance(put_off.__cause__, NotReady | InstanceHalted)
            if is_offline and (expired := _expired(run, limits_count=True)):
                return expired
            raise
        await self._contacts.reached(organization.id, automation.recipient_number)
        return Done(sent_value(sent))


def _not_due_yet(run: _Run) -> Outcome | None:
    """A producer may have added it without a delay."""
    due = run.automation.scheduled_for
    if due is not None and due > run.now_ms and not run.job.options.get("delay"):
        return Later(due, "not due yet")
    return None


def _over(run: _Run) -> Outcome | None:
    """BullMQ queues a scheduler's next run when one starts, so the last lies behind the scheduler's end."""
    ends = ends_ms(run.job)
    return Done({"status": "over"}) if ends is not None and due_ms(run.automation, run.job) > ends else None


def _expired(run: _Run, *, limits_count: bool = False) -> Outcome | None:
    late = late_ms(run.automation, run.organization, run.job, run.now_ms, limits_count=limits_count)
    return None if late is None else Done({"status": "expired", "lateSeconds": late // 1000})


def _quiet(run: _Run) -> Outcome | None:
    opens = next_sending(run.automation, run.organization, run.now_ms)
    return Later(opens, "quiet hours") if opens > run.now_ms else None
