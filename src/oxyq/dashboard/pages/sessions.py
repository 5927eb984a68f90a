"""Who is on the board, and ending a session; people without more rights see and end their own."""

from collections.abc import Mapping
from typing import Final

from fastapi import APIRouter, Request, Response

from oxyq.access.permissions import Permission, is_granted
from oxyq.access.sessions import Session
from oxyq.access.tokens import Principal
from oxyq.api.access import DoorKeeper, caller, tell_audit
from oxyq.api.deadline import redis_deadline
from oxyq.api.query import query_parameters
from oxyq.app import App
from oxyq.dashboard.forms import read_form
from oxyq.dashboard.live import Topic
from oxyq.dashboard.rendering import Pages
from oxyq.dashboard.visit import visit
from oxyq.errors import NotFound

_PAGE: Final = "sessions"


class SessionsPage:
    """Shows the sessions that the visitor may see."""

    def __init__(self, app: App, pages: Pages) -> None:
        self._sessions = app.sessions
        self._pages = pages

    def routes(self, door: DoorKeeper) -> APIRouter:
        """GET sessions, POST of the end of one."""
        router = APIRouter()
        router.add_api_route(f"/{_PAGE}", self.show, methods=["GET"], dependencies=door.look())
        # Everybody may end what is their own; the rest is refused below.
        router.add_api_route(
            f"/{_PAGE}/{{session_id}}/end", self.end, methods=["POST"],
            dependencies=door.deed("session.end", Permission.LOOK),
        )  # fmt: skip
        return router

    def topics(self) -> Mapping[str, Topic]:
        """None: who comes and goes is seen at the next look."""
        return {}

    async def show(self, request: Request) -> Response:
        """Who is here, the one who did something last first."""
        query_parameters(request)
        who = caller(request)
        async with redis_deadline():
            found = await self._sessions.list(who.org)
        return self._pages.show(
            visit(request), "sessions.html",
            sessions=[session for session in found if _may_see(who, session)],
            may_end=[session.id for session in found if _may_end(who, session)],
        )  # fmt: skip

    async def end(self, request: Request, session_id: str) -> Response:
        """End a session."""
        form, who = await read_form(request), caller(request)
        async with redis_deadline():
            session = await self._sessions.get(session_id)
            if session is None or not _may_end(who, session):
                raise NotFound("there is no such session; it may have ended by itself")
            await self._sessions.end(session_id, who)
            tell_audit(request, of=session.principal.sub)
            await self._sessions.flash(request.state.session_secret, "sessions.ended", name=session.principal.sub)
        return visit(request).back(form.optional("back"), _PAGE)


def _may_see(who: Principal, session: Session) -> bool:
    return session.principal == who or (is_granted(who.role, Permission.AUDIT) and who.may_see(session.principal.org))


def _may_end(who: Principal, session: Session) -> bool:
    is_seen = who.may_see(session.principal.org)
    return session.principal == who or (is_granted(who.role, Permission.SETTINGS) and is_seen)
