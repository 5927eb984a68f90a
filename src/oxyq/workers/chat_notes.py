"""What reminders and follow-ups said stands in the chat too: whoever answers them is understood."""

from oxyq.clock import now_ms
from oxyq.conversations.entry import HistoryLine
from oxyq.conversations.identity import Identities, addresses
from oxyq.conversations.store import ConversationStore, Place
from oxyq.jobs import Automation
from oxyq.outcomes import Done, Outcome
from oxyq.sending.lanes import first_instance
from oxyq.sending.message_keys import automation_key
from oxyq.workers.runner import Handle, Task


class NotedInChat:
    """Runs automations by `handle`, and writes what went out into the history of its chat, once.

    Campaigns are left out: their texts would be kept a second time for each recipient.
    """

    def __init__(self, handle: Handle, conversations: ConversationStore, identities: Identities) -> None:
        self._handle = handle
        self._conversations = conversations
        self._identities = identities

    async def __call__(self, task: Task) -> Outcome:
        """Run one; without Redis the attempt fails, and the next one finds that it was sent."""
        outcome = await self._handle(task)
        match task.payload, outcome:
            case Automation() as automation, Done({"status": "sent"}):
                await self._note(task, automation)
        return outcome

    async def _note(self, task: Task, automation: Automation) -> None:
        organization = task.organization
        instance_id = automation.instance_id or first_instance(organization)
        contact = await self._identities.contact(organization.id, addresses(automation.recipient_number))
        line = HistoryLine(
            author="us",
            text=automation.content,
            at=now_ms(),
            id=automation_key(automation, task.job.id, is_scheduled_run=task.job.scheduler_id is not None),
            route="automation",
            job_id=task.job.id,
        )
        await self._conversations.note(Place(organization.id, instance_id, contact), line, organization.conversation)
