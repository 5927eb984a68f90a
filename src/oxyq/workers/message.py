"""An incoming message: find out who writes, decide the answer, send it."""

from collections.abc import Awaitable, Callable

from oxyq.gateways.base import Gateway, OutboundText
from oxyq.jobs import InboundMessage
from oxyq.outcomes import Done, Outcome
from oxyq.replies import router
from oxyq.workers.runner import Task

StatusText = Callable[[], Awaitable[str]]


class MessageHandler:
    """Answers messages through `gateway`; `status` is what an owner gets who asks how things are."""

    def __init__(self, gateway: Gateway, status: StatusText) -> None:
        self._gateway = gateway
        self._status = status

    async def __call__(self, task: Task) -> Outcome:
        """Send the reply to one message."""
        message = task.payload
        assert isinstance(message, InboundMessage)  # noqa: S101 - the runner's table chose us by type
        reply = await router.answer(message, task.organization, self._status)
        receipt = await self._gateway.send(
            OutboundText(
                organization_id=task.organization.id,
                instance_id=message.instance_id,
                recipient=message.sender,
                text=reply.text,
                key=f"{message.job_id()}/0",
            )
        )
        return Done({"status": "sent", "route": reply.route, "providerId": receipt.provider_id})
