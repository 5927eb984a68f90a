"""A reminder or follow-up whose time has come: send it."""

from collections.abc import Callable

from oxyq.contacts import ContactStore
from oxyq.gateways.outbound import OutboundText
from oxyq.jobs import Automation
from oxyq.outcomes import Done, Later, Outcome
from oxyq.sending.sender import Sender, sent_value
from oxyq.workers.runner import Task


class AutomationHandler:
    """Sends automations through `sender`; people who opted out of campaigns still get them: they asked for these."""

    def __init__(self, sender: Sender, contacts: ContactStore, now_ms: Callable[[], int]) -> None:
        self._sender = sender
        self._contacts = contacts
        self._now_ms = now_ms

    async def __call__(self, task: Task) -> Outcome:
        """Send one automation, or put it off until it is due (a producer may have added it without a delay)."""
        automation = task.payload
        assert isinstance(automation, Automation)  # noqa: S101 - the runner's table chose us by type
        due = automation.scheduled_for
        if due is not None and due > self._now_ms() and not task.job.options.get("delay"):
            return Later(due, "not due yet")
        message = OutboundText(
            organization_id=task.organization.id,
            instance_id=automation.instance_id,
            recipient=automation.recipient_number,
            text=automation.content,
            key=f"{automation.job_id()}/0",
        )
        sent = await self._sender.send(task.job, message, task.organization, kind="automation")
        await self._contacts.reached(task.organization.id, automation.recipient_number)
        return Done(sent_value(sent))
