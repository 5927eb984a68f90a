"""What somebody of the organization writes in a chat: it goes out like an answer of ours."""

from oxyq.conversations.take_over import TakeOver
from oxyq.gateways.outbound import OutboundText
from oxyq.jobs import PersonReply
from oxyq.outcomes import Done, Outcome
from oxyq.sending.sender import Sender, sent_value
from oxyq.workers.runner import Task


class PersonHandler:
    """Sends replies of people through `sender`."""

    def __init__(self, sender: Sender, take_over: TakeOver) -> None:
        self._sender = sender
        self._take_over = take_over

    async def __call__(self, task: Task) -> Outcome:
        """Send one reply."""
        reply = task.payload
        assert isinstance(reply, PersonReply)  # noqa: S101 - the runner's table chose us by type
        # Told when it was asked for, too; whoever asked may have died before.
        await self._take_over.person_replied(task.organization, reply, task.job.timestamp_ms)
        message = OutboundText(
            organization_id=reply.organization_id,
            instance_id=reply.instance_id,
            recipient=reply.recipient,
            text=reply.text,
            key=reply.message_key(),
        )
        return Done(sent_value(await self._sender.send(task.job, message, task.organization, kind="message")))
