"""A person of the organization writes in a chat through us."""

from typing import Final

from oxyq.clock import now_ms
from oxyq.conversations.store import Chat, ConversationStore
from oxyq.conversations.take_over import TakeOver
from oxyq.errors import ConfigurationError, NotAllowed, NotFound
from oxyq.gateways.base import NeverWill
from oxyq.gateways.by_instance import Gateways
from oxyq.jobs import PersonReply, parse_new
from oxyq.organizations import Organization
from oxyq.producer import Producer

#: Meta's customer service window: for so long after somebody wrote, texts may go to them (page "Send messages").
WINDOW_MS: Final = 24 * 3_600_000


class PersonReplies:
    """Takes what people write as jobs, so that it goes out once, however processes end. Raises QueueUnavailable."""

    def __init__(
        self, conversations: ConversationStore, take_over: TakeOver, gateways: Gateways, producer: Producer
    ) -> None:
        self._conversations = conversations
        self._take_over = take_over
        self._gateways = gateways
        self._producer = producer

    async def send(
        self, organization: Organization, instance_id: str, address: str, text: str, *, reply_id: str, by: str
    ) -> str:
        """Write to whoever has this number or hidden id, and take the chat over; returns the id of the job.

        The same `reply_id` again is the same message. Raises NotFound for a chat that there is not, NotAllowed while
        nothing may go out there, InvalidPayload, IdConflict.
        """
        place = await self._take_over.place(organization.id, instance_id, address)
        chat = await self._conversations.chat(place)
        if chat is None:
            raise NotFound(f"there is no chat with {address} by {instance_id}; chats are known for 30 days")
        if organization.is_paused:
            raise NotAllowed(f"organization {organization.id} is paused; resume it to write")
        closed_ms = await self.closes_at(chat)
        if closed_ms is not None and closed_ms <= now_ms():
            raise NotAllowed(
                "the person has not written for 24 hours, so Meta takes only an approved template to them; send one "
                "with POST /v1/automations and metaTemplate, or wait until they write"
            )
        recipient = chat.address or place.contact
        reply = parse_new(
            PersonReply, reply_id=reply_id, organization_id=organization.id, instance_id=instance_id,
            recipient=recipient, text=text, by=by,
        )  # fmt: skip
        job_id = await self._producer.add_person_reply(reply)
        await self._take_over.person_replied(organization, reply, now_ms())
        return job_id

    async def closes_at(self, chat: Chat) -> int | None:
        """Until when texts may go to this person (ms since 1970; 0 when they never wrote); None: always.

        Raises NotAllowed when the number cannot send as it is set up.
        """
        place = chat.place
        try:
            gateway = await self._gateways.for_organization(place.organization_id, place.instance_id)
        except (ConfigurationError, NeverWill) as error:
            raise NotAllowed(str(error)) from error
        if "window" not in gateway.capabilities:
            return None
        return 0 if chat.last_in_ms is None else chat.last_in_ms + WINDOW_MS
