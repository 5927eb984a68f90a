"""One chat: what was said, by whom, what became of it; and writing in it as a person."""

import secrets
from collections.abc import Mapping
from hashlib import blake2b
from typing import Final
from urllib.parse import unquote

from fastapi import APIRouter, Request, Response

from oxyq.access.tokens import signing_secret
from oxyq.api.access import DoorKeeper, no_organization, tell_audit
from oxyq.api.deadline import carried_through, redis_deadline
from oxyq.api.handles import BEGINNING, Handles
from oxyq.api.json_answer import JsonAnswer
from oxyq.app import App
from oxyq.clock import now_ms
from oxyq.conversations.store import Chat, Place, place_named
from oxyq.conversations.transcript import Message
from oxyq.dashboard.forms import read_form
from oxyq.dashboard.live import Topic
from oxyq.dashboard.organization import Chooser, named, told_in_its_time
from oxyq.dashboard.problems import Problems
from oxyq.dashboard.rendering import Pages
from oxyq.dashboard.visit import visit
from oxyq.errors import InvalidPayload, NotAllowed, NotFound
from oxyq.jobs import wire
from oxyq.organizations import Organization
from oxyq.outcomes import JsonValue
from oxyq.sending.lanes import first_instance

#: The last so many messages are on the page; who looks further back asks for all of them.
SHOWN: Final = 100
#: How long somebody waits for jobs that run, when they erase a person.
ERASE_SECONDS: Final = 20.0


class ConversationPage:
    """Shows a chat, and lets people take part in it."""

    def __init__(self, app: App, pages: Pages) -> None:
        self._sessions = app.sessions
        self._conversations = app.conversations
        self._transcripts = app.transcripts
        self._take_over = app.take_over
        self._replies = app.person_replies
        self._erasure = app.erasure
        self._chooser = Chooser(app.organizations, pages)
        self._handles = Handles(signing_secret(app.settings))
        self._pages = pages

    def routes(self, door: DoorKeeper) -> APIRouter:
        """GET a chat; POST to take it over, give it back, write in it, and erase whose it is."""
        router, one = APIRouter(), "/conversations/{chat}"
        router.add_api_route(one, self.show, methods=["GET"], dependencies=door.look())
        for name, act in (("take-over", self.take_over), ("release", self.release), ("reply", self.reply)):
            router.add_api_route(f"{one}/{name}", act, methods=["POST"], dependencies=door.deed(f"conversation.{name}"))
        router.add_api_route(f"{one}/erase", self.erase, methods=["POST"], dependencies=door.deed("contact.erase"))
        return router

    def topics(self) -> Mapping[str, Topic]:
        """Whether anything in a chat changed."""
        return {"conversation": Topic(self._now, every=2)}

    async def show(self, request: Request, chat: str) -> Response:
        """The chat; by a number or hidden id too, from where one is led to the address that does not name it."""
        if chat.startswith(BEGINNING):
            return await self._page(request, chat)
        organization, visited = await self._chooser.needed(request), visit(request)
        instance_id = request.query_params.get("instance") or first_instance(organization)
        async with redis_deadline():
            place = await self._take_over.place(organization.id, instance_id, chat)
        handle = self._handles.of(organization.id, place.name)
        return visited.redirect(f"conversations/{handle}", organization=named(visited, organization))

    async def take_over(self, request: Request, chat: str) -> Response:
        """A person answers from now on."""
        organization = await self._chooser.needed(request)
        await read_form(request)
        place = self._place(organization, chat)
        async with redis_deadline():
            await self._take_over.take_over(organization, place.instance_id, place.contact)
        return await self._done(request, organization, chat, "conversations.taken_over")

    async def release(self, request: Request, chat: str) -> Response:
        """We answer again."""
        organization = await self._chooser.needed(request)
        await read_form(request)
        place = self._place(organization, chat)
        async with redis_deadline():
            await self._take_over.release(organization.id, place.instance_id, place.contact)
        return await self._done(request, organization, chat, "conversations.released")

    async def reply(self, request: Request, chat: str) -> Response:
        """Write as a person."""
        organization = await self._chooser.needed(request)
        form = await read_form(request)
        place = self._place(organization, chat)
        try:
            async with redis_deadline():
                job_id = await carried_through(
                    self._replies.send(
                        organization, place.instance_id, place.contact, form.text("text"),
                        reply_id=form.text("reply_id"), by=visit(request).who.sub,
                    )
                )  # fmt: skip
        except (InvalidPayload, NotAllowed) as error:
            problem = error.problem if isinstance(error, InvalidPayload) else str(error)
            return await self._page(request, chat, text=form.optional("text") or "", problem=problem)
        tell_audit(request, jobId=job_id)
        return await self._done(request, organization, chat, "conversations.sent")

    async def erase(self, request: Request, chat: str) -> Response:
        """Erase the person from everything; the answer is the receipt, as a file."""
        organization, who = await self._chooser.needed(request), visit(request).who
        await read_form(request)
        place = self._place(organization, chat)
        receipt = await self._erasure.erase(
            organization.id, place.contact, by=who.sub, door="board", sees_all=who.org is None,
            patience_seconds=ERASE_SECONDS,
        )  # fmt: skip
        tell_audit(request, organization_id=organization.id, person=receipt.person, complete=receipt.is_complete)
        return JsonAnswer(wire(receipt), headers={"Content-Disposition": 'attachment; filename="receipt.json"'})

    async def _page(self, request: Request, handle: str, *, text: str = "", problem: str = "") -> Response:
        organization = await self._chooser.needed(request)
        visited = told_in_its_time(visit(request), organization)
        async with redis_deadline():
            chat = await self._found(organization, handle)
            messages = await self._transcripts.of(chat)
            try:
                closes_at = await self._replies.closes_at(chat)
            except NotAllowed as error:
                closes_at, problem = None, problem or str(error)
        is_whole = request.query_params.get("show") == "all"
        shown = messages if is_whole else messages[-SHOWN:]
        return self._pages.show(
            visited, "conversation.html", 422 if problem and text else 200,
            chat=chat, handle=handle, organization=organization, named=named(visited, organization),
            messages=shown, hidden=len(messages) - len(shown), window=_window(closes_at), closes_at=closes_at,
            reply_id=secrets.token_urlsafe(12), text=text,
            problem=Problems(visited.say).told(problem) if problem else "",
        )  # fmt: skip

    async def _done(self, request: Request, organization: Organization, handle: str, key: str) -> Response:
        await self._sessions.flash(request.state.session_secret, key)
        visited = visit(request)
        return visited.redirect(f"conversations/{handle}", organization=named(visited, organization))

    async def _found(self, organization: Organization, handle: str) -> Chat:
        chat = await self._conversations.chat(self._place(organization, handle))
        if chat is None:
            raise NotFound("there is no such chat; chats are known for 30 days after their last message")
        return chat

    def _place(self, organization: Organization, handle: str) -> Place:
        return place_named(organization.id, self._handles.read(organization.id, handle))

    async def _now(self, organization_id: str | None, argument: str) -> JsonValue:
        whose, _, handle = unquote(argument).rpartition("/")
        if organization_id not in (None, whose):
            raise no_organization(whose)
        place = place_named(whose, self._handles.read(whose, handle))
        chat = await self._conversations.chat(place)
        if chat is None:
            return None
        return [chat.silent_until_ms, chat.waits_since_ms, _digest(await self._transcripts.of(chat))]


def _window(closes_at: int | None) -> str:
    """Whether texts may go to the person: "free" without limit, "open", "closed", or "never" wrote."""
    if closes_at is None:
        return "free"
    if closes_at == 0:
        return "never"
    return "open" if closes_at > now_ms() else "closed"


def _digest(messages: list[Message]) -> str:
    told = "\n".join(f"{message.id} {message.status}" for message in messages)
    return blake2b(told.encode(errors="surrogatepass"), digest_size=12).hexdigest()
