"""The routes for chats: which there are, what was said, who answers, and writing in them as a person."""

from collections.abc import Sequence
from typing import Final

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from oxyq.api.access import Access, caller, no_organization, tell_audit, tenant
from oxyq.api.body import BODY_BYTES, read_object
from oxyq.api.chat_views import ChatHistory, ChatsPage, NewReply, chat_history, chat_view
from oxyq.api.cursor import Cursors
from oxyq.api.deadline import carried_through, redis_deadline
from oxyq.api.handles import BEGINNING, Handles
from oxyq.api.masked import is_masked_for
from oxyq.api.openapi import ORGANIZATION_PARAMETER, error_answers, query_parameter, request_body
from oxyq.api.opt_outs import place_cursor, read_place
from oxyq.api.query import one_of, query_parameters, whole_number
from oxyq.app import App
from oxyq.conversations.store import Chat, place_named
from oxyq.errors import NotAllowed, NotFound
from oxyq.jobs import parse_new
from oxyq.organizations import Organization
from oxyq.sending.lanes import first_instance

LISTED, MOST_LISTED = 50, 500
#: Chats that are looked through in one request for those who wait.
LOOKED_THROUGH: Final = 2_000
_ERRORS: Final = error_answers(401, 404, 422, 503)
_CHANGED: Final = {**_ERRORS, **error_answers(403)}
_PARAMETERS: Final = [
    ORGANIZATION_PARAMETER,
    query_parameter(
        "limit", "at most so many", {"type": "integer", "minimum": 1, "maximum": MOST_LISTED, "default": LISTED}
    ),
    query_parameter("waiting", "only those who wait for a person", {"type": "boolean", "default": False}),
    query_parameter("cursor", "`next` of the page before", {"type": "string"}),
]
_INSTANCE_PARAMETER: Final = query_parameter(
    "instanceId", "the number that the chat is with; without it, the organization's first", {"type": "string"}
)


class ReplyAccepted(BaseModel):
    """Redis has the message; it goes out as soon as the limits let it."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

    job_id: str = Field(description="the job in the queue `message` that sends it")
    message_id: str = Field(description="the message in the chat's history, and in the ledger")


class Conversations:
    """Shows the chats of the caller's organization, and says who answers in them."""

    def __init__(self, app: App, cursors: Cursors, handles: Handles) -> None:
        self._organizations = app.organizations
        self._conversations = app.conversations
        self._transcripts = app.transcripts
        self._take_over = app.take_over
        self._replies = app.person_replies
        self._cursors = cursors
        self._handles = handles

    def routes(self, access: Access) -> APIRouter:
        """GET /v1/conversations[/{contact}], POST …/take-over, …/release and …/messages."""
        router = APIRouter(prefix="/v1/conversations", tags=["conversations"])
        one = {"parameters": [ORGANIZATION_PARAMETER, _INSTANCE_PARAMETER]}
        router.add_api_route(
            "", self.list, methods=["GET"], dependencies=access.look(), responses=_ERRORS,
            openapi_extra={"parameters": _PARAMETERS},
        )  # fmt: skip
        router.add_api_route(
            "/{contact}", self.show, methods=["GET"], dependencies=access.look(), responses=_ERRORS, openapi_extra=one
        )
        for name, endpoint in (("take-over", self.take_over), ("release", self.release)):
            router.add_api_route(
                f"/{{contact}}/{name}", endpoint, methods=["POST"], dependencies=access.deed(f"conversation.{name}"),
                responses=_CHANGED, openapi_extra=one,
            )  # fmt: skip
        router.add_api_route(
            "/{contact}/messages", self.reply, methods=["POST"], status_code=202,
            dependencies=access.deed("conversation.reply"),
            responses={**_CHANGED, **error_answers(400, 408, 409, 413, 415)},
            openapi_extra={**one, "requestBody": request_body(NewReply)},
        )  # fmt: skip
        return router

    async def list(self, request: Request) -> ChatsPage:
        """The chats in which something was said last, newest first.

        A page of those who wait may hold fewer than `limit`, even none; `next` goes on behind it.
        """
        parameters = query_parameters(request, "organizationId", "limit", "waiting", "cursor")
        organization_id, is_masked = tenant(request, parameters), is_masked_for(request)
        count = whole_number(parameters, "limit", MOST_LISTED, least=1) or LISTED
        only_waiting = one_of(parameters, "waiting", "false", "true") == "true"
        after = read_place(self._cursors, parameters.get("cursor"))
        async with redis_deadline():
            organization = await self._organization(organization_id)
            most = LOOKED_THROUGH if only_waiting else count
            looked_at = await self._conversations.latest(organization.id, most + 1, after=after)
            found = [chat for chat in looked_at[:most] if chat.waits_since_ms is not None or not only_waiting]
            shown = await self._transcripts.summaries(found[:count])
        last = _last_place(looked_at, found, most=most, count=count)
        return ChatsPage(
            conversations=[chat_view(summary, self._handles, is_masked=is_masked) for summary in shown],
            next=None if last is None else place_cursor(self._cursors, last.last_ms, last.place.name),
        )

    async def show(self, request: Request, contact: str) -> ChatHistory:
        """One chat, with what was said in it."""
        async with redis_deadline():
            organization, instance_id, contact = await self._named(request, contact)
            return await self._history(request, organization, instance_id, contact)

    async def take_over(self, request: Request, contact: str) -> ChatHistory:
        """A person answers from now on: we say nothing for as long as the organization has set."""
        async with redis_deadline():
            organization, instance_id, contact = await self._named(request, contact)
            await self._take_over.take_over(organization, instance_id, contact)
            return await self._history(request, organization, instance_id, contact)

    async def release(self, request: Request, contact: str) -> ChatHistory:
        """We answer again."""
        async with redis_deadline():
            organization, instance_id, contact = await self._named(request, contact)
            await self._take_over.release(organization.id, instance_id, contact)
            return await self._history(request, organization, instance_id, contact)

    async def reply(self, request: Request, contact: str) -> ReplyAccepted:
        """Write in a chat as a person, and take it over."""
        new = parse_new(NewReply, (await read_object(request, BODY_BYTES)).fields)
        async with redis_deadline():
            organization, instance_id, contact = await self._named(request, contact)
            job_id = await carried_through(
                self._replies.send(
                    organization, instance_id, contact, new.text, reply_id=new.id, by=caller(request).sub
                )
            )
        tell_audit(request, organization_id=organization.id, jobId=job_id)
        return ReplyAccepted(job_id=job_id, message_id=f"{job_id}/0")

    async def _named(self, request: Request, contact: str) -> tuple[Organization, str, str]:
        """Whose chat, by which number, with whom; the contact may be a handle, which names both."""
        parameters = query_parameters(request, "organizationId", "instanceId")
        organization = await self._organization(tenant(request, parameters))
        if contact.startswith(BEGINNING):
            place = place_named(organization.id, self._handles.read(organization.id, contact))
            return organization, place.instance_id, place.contact
        return organization, parameters.get("instanceId") or first_instance(organization), contact

    async def _organization(self, organization_id: str) -> Organization:
        organization = await self._organizations.get(organization_id)
        if organization is None:
            raise no_organization(organization_id)
        return organization

    async def _history(
        self, request: Request, organization: Organization, instance_id: str, contact: str
    ) -> ChatHistory:
        place = await self._take_over.place(organization.id, instance_id, contact)
        chat = await self._conversations.chat(place)
        if chat is None:
            raise NotFound(f"there is no chat with {contact} by {instance_id}; chats are known for 30 days")
        messages = await self._transcripts.of(chat)
        try:
            closes_at = await self._replies.closes_at(chat)
        except NotAllowed:
            closes_at = None  # the number is not set up: who writes is told then
        return chat_history(chat, messages, closes_at, self._handles, is_masked=is_masked_for(request))


def _last_place(looked_at: Sequence[Chat], found: Sequence[Chat], *, most: int, count: int) -> Chat | None:
    """Behind which chat the next page begins; None at the end."""
    if len(found) > count:
        return found[count - 1]
    return looked_at[most - 1] if len(looked_at) > most else None
