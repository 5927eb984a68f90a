"""The routes for chats: which there are, what was said, and who answers: we, or a person."""

from typing import Final

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from oxyq.api.access import Access, may_add, no_organization, tenant
from oxyq.api.deadline import redis_deadline
from oxyq.api.openapi import ORGANIZATION_PARAMETER, error_answers, query_parameter
from oxyq.api.query import one_of, query_parameters, whole_number
from oxyq.app import App
from oxyq.conversations.entry import HistoryLine
from oxyq.conversations.store import Chat
from oxyq.errors import NotFound
from oxyq.organizations import Organization
from oxyq.replies.router import Route
from oxyq.replies.turn import Author
from oxyq.sending.lanes import first_instance

MOST_CHATS: Final = 500
_ERRORS: Final = error_answers(401, 404, 422, 503)
_INSTANCE_PARAMETER: Final = query_parameter(
    "instanceId", "the number that the chat is with; without it, the organization's first", {"type": "string"}
)


class _View(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class ChatView(_View):
    """One chat; times are ms since 1970."""

    instance_id: str
    contact: str = Field(description="the person's number, or the id that hides it", examples=["5511999990001"])
    last_at: int = Field(description="when something was said in it last")
    silent_until: int | None = Field(description="until when a person has it, and we say nothing")
    waits_since: int | None = Field(description="since when somebody waits for a person")
    is_being_answered: bool


class MessageView(_View):
    """One message of a chat."""

    author: Author = Field(description="`them`, `us`, or a `person` of the organization, on the phone")
    text: str
    at: int
    id: str = Field(description="WhatsApp's id of theirs, our key of ours")
    route: Route | None = Field(description="who answered, of us")


class ChatHistory(ChatView):
    """One chat with what was said in it, oldest first."""

    messages: list[MessageView]


class Conversations:
    """Shows the chats of the caller's organization, and says who answers in them."""

    def __init__(self, app: App) -> None:
        self._organizations = app.organizations
        self._conversations = app.conversations
        self._take_over = app.take_over

    def routes(self, access: Access) -> APIRouter:
        """GET /v1/conversations[/{contact}], POST …/take-over and …/release."""
        router = APIRouter(
            prefix="/v1/conversations", tags=["conversations"], dependencies=[Depends(access.authenticated)]
        )
        limit = query_parameter("limit", "how many at most", {"type": "integer", "minimum": 1, "maximum": MOST_CHATS})
        waiting = query_parameter("waiting", "only those who wait for a person", {"type": "boolean", "default": False})
        one = {"parameters": [ORGANIZATION_PARAMETER, _INSTANCE_PARAMETER]}
        router.add_api_route(
            "", self.list, methods=["GET"], responses=_ERRORS,
            openapi_extra={"parameters": [ORGANIZATION_PARAMETER, limit, waiting]},
        )  # fmt: skip
        router.add_api_route("/{contact}", self.show, methods=["GET"], responses=_ERRORS, openapi_extra=one)
        for name, endpoint in (("take-over", self.take_over), ("release", self.release)):
            router.add_api_route(
                f"/{{contact}}/{name}", endpoint, methods=["POST"], dependencies=[Depends(may_add)],
                responses={**_ERRORS, **error_answers(403)}, openapi_extra=one,
            )  # fmt: skip
        return router

    async def list(self, request: Request) -> list[ChatView]:
        """The chats in which something was said last, newest first."""
        parameters = query_parameters(request, "organizationId", "limit", "waiting")
        organization_id = tenant(request, parameters)
        count = whole_number(parameters, "limit", MOST_CHATS, least=1) or 100
        only_waiting = one_of(parameters, "waiting", "false", "true") == "true"
        async with redis_deadline():
            organization = await self._organization(organization_id)
            chats = await self._conversations.latest(organization.id, MOST_CHATS if only_waiting else count)
        shown = [chat for chat in chats if chat.waits_since_ms is not None or not only_waiting]
        return [_chat(chat) for chat in shown[:count]]

    async def show(self, request: Request, contact: str) -> ChatHistory:
        """One chat, with what was said in it."""
        async with redis_deadline():
            organization, instance_id = await self._named(request)
            return await self._history(organization, instance_id, contact)

    async def take_over(self, request: Request, contact: str) -> ChatHistory:
        """A person answers from now on: we say nothing for as long as the organization has set."""
        async with redis_deadline():
            organization, instance_id = await self._named(request)
            await self._take_over.take_over(organization, instance_id, contact)
            return await self._history(organization, instance_id, contact)

    async def release(self, request: Request, contact: str) -> ChatHistory:
        """We answer again."""
        async with redis_deadline():
            organization, instance_id = await self._named(request)
            await self._take_over.release(organization.id, instance_id, contact)
            return await self._history(organization, instance_id, contact)

    async def _named(self, request: Request) -> tuple[Organization, str]:
        parameters = query_parameters(request, "organizationId", "instanceId")
        organization = await self._organization(tenant(request, parameters))
        return organization, parameters.get("instanceId") or first_instance(organization)

    async def _organization(self, organization_id: str) -> Organization:
        organization = await self._organizations.get(organization_id)
        if organization is None:
            raise no_organization(organization_id)
        return organization

    async def _history(self, organization: Organization, instance_id: str, contact: str) -> ChatHistory:
        place = await self._take_over.place(organization.id, instance_id, contact)
        chat = await self._conversations.chat(place)
        if chat is None:
            raise NotFound(f"there is no chat with {contact} by {instance_id}; chats are known for 30 days")
        messages = [_message(line) for line in await self._conversations.history(place)]
        return ChatHistory(**_chat(chat).model_dump(), messages=messages)


def _chat(chat: Chat) -> ChatView:
    return ChatView(
        instance_id=chat.place.instance_id,
        contact=chat.place.contact,
        last_at=chat.last_ms,
        silent_until=chat.silent_until_ms,
        waits_since=chat.waits_since_ms,
        is_being_answered=chat.is_being_answered,
    )


def _message(line: HistoryLine) -> MessageView:
    return MessageView(author=line.author, text=line.text, at=line.at, id=line.id, route=line.route)
