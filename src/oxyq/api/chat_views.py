"""Chats and their messages as the API shows them; numbers, names and texts masked where they are to be."""

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from oxyq.api.handles import Handles
from oxyq.conversations.store import Chat
from oxyq.conversations.transcript import ChatSummary, Message, Status
from oxyq.jobs import WIRE_CONFIG, Id, Text
from oxyq.masking import mask_number, mask_numbers_in, mask_text
from oxyq.replies.router import Route
from oxyq.replies.turn import Author


class _View(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class MessageView(_View):
    """One message of a chat."""

    author: Author = Field(description="`them`, `us`, or a `person` of the organization, by phone or through us")
    text: str
    at: int
    id: str = Field(description="WhatsApp's id of theirs, our key of ours")
    route: Route | None = Field(description="who answered, of us")
    by: str | None = Field(description="who of the organization wrote it through us")
    job_id: str | None = Field(
        description="the job that brought it, or sends it; of a reminder in the queue `automation`, else in `message`"
    )
    status: Status | None = Field(
        description="of ours, as in the ledger (planned, sending, sent, delivered, read, failed, refused, unconfirmed, "
        "skipped), `unknown` where it was forgotten; of theirs `unanswered` or null"
    )
    reason: str | None = Field(description="why it failed")


class ChatView(_View):
    """One chat; times are ms since 1970."""

    id: str = Field(description="its handle, which may stand for the contact in addresses and names the instance too")
    instance_id: str
    contact: str = Field(description="the person's number, or the id that hides it", examples=["5511999990001"])
    name: str | None = Field(description="what the person calls themselves")
    last_at: int = Field(description="when something was said in it last")
    last: MessageView | None = Field(description="what was said last; its status is not looked up")
    silent_until: int | None = Field(description="until when a person has it, and we say nothing")
    waits_since: int | None = Field(description="since when somebody waits for a person")
    is_being_answered: bool


class ChatsPage(_View):
    """Chats, the one first in which something was said last."""

    conversations: list[ChatView]
    next: str | None = Field(description="the cursor of the next page; null at the end")


class ChatHistory(ChatView):
    """One chat with what was said in it, oldest first."""

    messages: list[MessageView]
    window_closes_at: int | None = Field(
        description="until when texts may go to this person; 0: not until they write; null: there is no such limit"
    )


class NewReply(BaseModel):
    """What a person writes in a chat."""

    model_config = WIRE_CONFIG

    id: Id = Field(description="your id of it; sent again with the same id and text it is the same message")
    text: Text = Field(description="the text to send")


def chat_view(summary: ChatSummary, handles: Handles, *, is_masked: bool) -> ChatView:
    """One chat in a list."""
    chat, last = summary.chat, summary.last
    contact, name = chat.place.contact, chat.name
    return ChatView(
        id=handles.of(chat.place.organization_id, chat.place.name),
        instance_id=chat.place.instance_id,
        contact=mask_number(contact) if is_masked else contact,
        name=mask_text(name) if name and is_masked else name,
        last_at=chat.last_ms,
        last=None if last is None else message_view(last, is_masked=is_masked),
        silent_until=chat.silent_until_ms,
        waits_since=chat.waits_since_ms,
        is_being_answered=chat.is_being_answered,
    )


def chat_history(
    chat: Chat, messages: list[Message], closes_at: int | None, handles: Handles, *, is_masked: bool
) -> ChatHistory:
    """One chat with what was said in it."""
    view = chat_view(ChatSummary(chat, messages[-1] if messages else None), handles, is_masked=is_masked)
    return ChatHistory(
        **view.model_dump(),
        messages=[message_view(message, is_masked=is_masked) for message in messages],
        window_closes_at=closes_at,
    )


def message_view(message: Message, *, is_masked: bool) -> MessageView:
    """One message."""
    return MessageView(
        author=message.author,
        text=mask_text(message.text) if is_masked else message.text,
        at=message.at_ms,
        id=message.id,
        route=message.route,
        by=message.by,
        job_id=message.job_id,
        status=message.status,
        reason=(mask_numbers_in(message.reason) if is_masked else message.reason) or None,
    )
