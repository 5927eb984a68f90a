"""An incoming message: find out who writes, decide the answer, send it."""

from collections.abc import Awaitable, Callable

from oxyq.contacts import ContactStore
from oxyq.gateways.outbound import OutboundText
from oxyq.jobs import InboundMessage
from oxyq.organizations import Organization
from oxyq.outcomes import Done, Outcome
from oxyq.replies import opt_out, router
from oxyq.replies.router import Reply
from oxyq.sending.sender import Sender, sent_value
from oxyq.workers.runner import Task

StatusText = Callable[[], Awaitable[str]]


class MessageHandler:
    """Answers messages through `sender`; `status` is what an owner gets who asks how things are."""

    def __init__(self, sender: Sender, contacts: ContactStore, status: StatusText) -> None:
        self._sender = sender
        self._contacts = contacts
        self._status = status

    async def __call__(self, task: Task) -> Outcome:
        """Send the reply to one message."""
        message = task.payload
        assert isinstance(message, InboundMessage)  # noqa: S101 - the runner's table chose us by type
        # Before all else: who wants to be left alone is no customer with a question, and no owner with a command.
        wish = opt_out.read_wish(message.content)
        text = None if wish is None else await self._heed(wish, message, task.organization)
        if text == "":
            return Done({"status": "silent", "route": "opt_out"})
        reply = Reply(text, "opt_out") if text else await router.answer(message, task.organization, self._status)
        answer = OutboundText(
            organization_id=task.organization.id,
            instance_id=message.instance_id,
            recipient=message.sender,
            text=reply.text,
            key=f"{message.job_id()}/0",
        )
        sent = await self._sender.send(task.job, answer, task.organization, kind="message")
        return Done({**sent_value(sent), "route": reply.route})

    async def _heed(self, wish: opt_out.Wish, message: InboundMessage, organization: Organization) -> str | None:
        """Do what a person wishes about campaigns; the answer, "" for silence, None when it was no such wish."""
        who, said = (organization.id, message.sender), {"source": message.job_id(), "words": message.content}
        if wish == "in":
            return opt_out.CONFIRMED_IN if await self._contacts.opt_in(*who, **said) else None
        if wish == "perhaps_out" and not await self._contacts.was_reached(*who):
            return opt_out.WHICH_ONE
        # Confirmed once; who says it again has been heard.
        return opt_out.CONFIRMED_OUT if await self._contacts.opt_out(*who, **said) else ""
