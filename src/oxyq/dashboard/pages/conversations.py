"""The chats of an organization: who wrote last, who waits for a person, and whom a person has."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from fastapi import APIRouter, Request, Response

from oxyq.access.tokens import signing_secret
from oxyq.api.access import DoorKeeper, no_organization
from oxyq.api.cursor import Cursors
from oxyq.api.deadline import redis_deadline
from oxyq.api.handles import Handles
from oxyq.api.opt_outs import place_cursor, read_place
from oxyq.app import App
from oxyq.conversations.store import Chat
from oxyq.conversations.transcript import ChatSummary
from oxyq.dashboard.live import Topic
from oxyq.dashboard.organization import Chooser, named, told_in_its_time
from oxyq.dashboard.problems import Problems
from oxyq.dashboard.rendering import Pages
from oxyq.dashboard.visit import visit
from oxyq.errors import InvalidPayload
from oxyq.organizations import Organization
from oxyq.outcomes import JsonValue

SHOWN: Final = 30
#: Chats that are looked through for those who wait; whoever waits has written within the last days.
LOOKED_THROUGH: Final = 1_000
LONGEST_SEARCH: Final = 64


@dataclass(frozen=True, slots=True)
class ChatRow:
    """A chat in the list, and the handle that stands in its address."""

    summary: ChatSummary
    handle: str

    @property
    def chat(self) -> Chat:
        """The chat itself."""
        return self.summary.chat


class ConversationsPage:
    """Shows the chats, the one first in which something was said last."""

    def __init__(self, app: App, pages: Pages) -> None:
        self._conversations = app.conversations
        self._transcripts = app.transcripts
        self._take_over = app.take_over
        self._chooser = Chooser(app.organizations, pages)
        secret = signing_secret(app.settings)
        self._cursors, self._handles = Cursors(secret), Handles(secret)
        self._pages = pages

    def routes(self, door: DoorKeeper) -> APIRouter:
        """GET conversations."""
        router = APIRouter()
        router.add_api_route("/conversations", self.show, methods=["GET"], dependencies=door.look())
        return router

    def topics(self) -> Mapping[str, Topic]:
        """Whether anything in the first page of the list changed."""
        return {"conversations": Topic(self._now, every=2)}

    async def show(self, request: Request) -> Response:
        """The list: all, those who wait, or the chats of one number."""
        organization = await self._chooser.organization(request)
        if organization is None:
            return await self._chooser.ask(request, "conversations", "conversations")
        visited, query = told_in_its_time(visit(request), organization), request.query_params
        words, only_waiting = query.get("q", "").strip()[:LONGEST_SEARCH], query.get("show") == "waiting"
        after, problem, more = read_place(self._cursors, query.get("after")), "", None
        async with redis_deadline():
            if words:
                try:
                    chats = await self._of_number(organization, words)
                except InvalidPayload as error:
                    chats, problem = [], Problems(visited.say).told(error.problem)
            else:
                most = LOOKED_THROUGH if only_waiting else SHOWN
                looked_at = await self._conversations.latest(organization.id, most + 1, after=after)
                chats = [chat for chat in looked_at[:most] if chat.waits_since_ms is not None or not only_waiting]
                last = (
                    chats[SHOWN - 1] if len(chats) > SHOWN else looked_at[most - 1] if len(looked_at) > most else None
                )
                more = None if last is None else place_cursor(self._cursors, last.last_ms, last.place.name)
            summaries = await self._transcripts.summaries(chats[:SHOWN])
        rows = [ChatRow(one, self._handles.of(organization.id, one.chat.place.name)) for one in summaries]
        return self._pages.show(
            visited, "conversations.html", rows=rows, organization=organization, named=named(visited, organization),
            show="waiting" if only_waiting else "all", words=words, problem=problem, after=more,
            is_first=after is None,
        )  # fmt: skip

    async def _of_number(self, organization: Organization, written: str) -> list[Chat]:
        """The chats with somebody, by all numbers of the organization."""
        found = list[Chat]()
        for instance_id in organization.instances[:SHOWN]:
            chat = await self._conversations.chat(await self._take_over.place(organization.id, instance_id, written))
            found += [] if chat is None else [chat]
        return found

    async def _now(self, organization_id: str | None, argument: str) -> JsonValue:
        whose = unquote(argument)
        if organization_id not in (None, whose):
            raise no_organization(whose)
        chats = await self._conversations.latest(whose, SHOWN)
        return [
            [chat.place.name, chat.last_ms, chat.waits_since_ms, chat.silent_until_ms, chat.is_being_answered]
            for chat in chats
        ]
