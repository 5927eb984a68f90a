"""A person takes a chat over by writing in it, or because somebody says so; later we answer again."""

from typing import Protocol

from oxyq.clock import now_ms
from oxyq.conversations.entry import HistoryLine
from oxyq.conversations.identity import Identities, addresses
from oxyq.conversations.store import ConversationStore, Place
from oxyq.gateways.news import PersonWrote
from oxyq.jobs import PersonReply
from oxyq.organizations import Organization


class Organizations(Protocol):
    """Where organizations are looked up."""

    async def get(self, organization_id: str) -> Organization | None:
        """The organization, or None."""


class TakeOver:
    """Takes chats over and gives them back; raises QueueUnavailable without Redis."""

    def __init__(self, conversations: ConversationStore, identities: Identities, organizations: Organizations) -> None:
        self._conversations = conversations
        self._identities = identities
        self._organizations = organizations

    async def person_wrote(self, organization_id: str, instance_id: str, news: PersonWrote) -> None:
        """Somebody of the organization answered by phone: be silent in that chat for as long as it is set."""
        organization = await self._organizations.get(organization_id)
        if organization is None:
            return
        settings = organization.conversation
        contact = await self._identities.contact(organization_id, addresses(news.contact, news.lid))
        line = HistoryLine(author="person", text=news.text, at=news.at_ms, id=news.message_id)
        # From when it was written: what is heard late of yesterday silences nobody today.
        until_ms = news.at_ms + settings.person_minutes * 60_000
        await self._conversations.take_over(Place(organization_id, instance_id, contact), settings, until_ms, line)

    async def person_replied(self, organization: Organization, reply: PersonReply, at_ms: int) -> None:
        """Somebody of the organization answers through us: as if by phone. Heard once, however often it is told."""
        line = HistoryLine(
            author="person", text=reply.text, at=at_ms, id=reply.message_key(), job_id=reply.job_id(), by=reply.by
        )
        place = await self.place(organization.id, reply.instance_id, reply.recipient)
        until_ms = at_ms + organization.conversation.person_minutes * 60_000
        await self._conversations.take_over(place, organization.conversation, until_ms, line)

    async def take_over(self, organization: Organization, instance_id: str, address: str) -> Place:
        """Be silent in a chat from now on, for as long as the organization has set."""
        place = await self.place(organization.id, instance_id, address)
        until_ms = now_ms() + organization.conversation.person_minutes * 60_000
        await self._conversations.take_over(place, organization.conversation, until_ms)
        return place

    async def release(self, organization_id: str, instance_id: str, address: str) -> bool:
        """Answer again in a chat; False when nobody had taken it over."""
        return await self._conversations.release(await self.place(organization_id, instance_id, address))

    async def place(self, organization_id: str, instance_id: str, address: str) -> Place:
        """The chat of whoever has this number or hidden id; InvalidPayload when it is neither."""
        return Place(organization_id, instance_id, await self._identities.contact(organization_id, addresses(address)))
