"""An incoming message: find out who writes, decide the answer, send it."""

from collections.abc import Awaitable, Callable

from oxyq.gateways.base import OutboundText
from oxyq.jobs import InboundMessage
from oxyq.outcomes import Done, Outcome
from oxyq.replies import router
from oxyq.sending.sender import Sender, sent_value
from oxyq.workers.runner import Task

StatusText = Callable[[], Awaitable[str]]


class MessageHandler:
    """Answers messages through `sender`; `status` is what an owner gets who asks how things are."""

    def __init__(self, sender: Sender, status: StatusText) -> None:
        self._sender = sender
        self._status = status

    async def __call__(self, task: Task) -> Outcome:
        """Send the reply to one message."""
        message = task.payload
        assert isinstance(message, InboundMessage)  # noqa: S101 - the runner's table chose us by type
        reply = await router.answer(message, task.organization, self._status)
        answer = OutboundText(
            organization_id=task.organization.id,
            instance_id=message.instance_id,
            recipient=message.sender,
            text=reply.text,
            key=f"{message.job_id()}/0",
        )
        sent = await self._sender.send(task.job, answer, if_unknown="once")
        return Done({**sent_value(sent), "route": reply.route})
