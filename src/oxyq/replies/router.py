"""Decides who answers a message: the owner's commands, the list of questions, or a person."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from oxyq.jobs import InboundMessage
from oxyq.organizations import Organization
from oxyq.replies import faq, owner

Route: TypeAlias = Literal["opt_out", "owner", "faq", "hand_off"]


@dataclass(frozen=True, slots=True)
class Reply:
    """What to answer, and who decided it."""

    text: str
    route: Route


async def answer(message: InboundMessage, organization: Organization, status: Callable[[], Awaitable[str]]) -> Reply:
    """The reply to one message; `status` is asked only when an owner wants to know how the queues are."""
    if organization.is_owner(message.sender):
        return Reply(await status() if owner.asks_for_status(message.content) else owner.HELP, "owner")
    found = faq.best_answer(organization.faq, message.content)
    return Reply(found[0], "faq") if found else Reply(organization.hand_off, "hand_off")
