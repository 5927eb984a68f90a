"""The routes for sessions on the board: who is there, and ending one."""

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from oxyq.access.permissions import Permission
from oxyq.access.sessions import Session, Sessions
from oxyq.api.access import Access, caller, tell_audit
from oxyq.api.deadline import redis_deadline
from oxyq.api.openapi import error_answers
from oxyq.api.query import query_parameters


class _Wire(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class SessionView(_Wire):
    """Somebody on the board; times in ms since 1970."""

    id: str = Field(description="names the session, and lets nobody in")
    by: str = Field(examples=["ana"])
    role: str = Field(examples=["owner"])
    organization_id: str | None = Field(description="the one organization that is seen; null: all")
    begun_at: int = Field(examples=[1795377084000])
    used_at: int
    ends_at: int = Field(description="at the latest; an hour after it was last used in any case")
    address: str = Field(examples=["198.51.100.7"])


class SessionList(_Wire):
    """The sessions that are open, the one used last first."""

    sessions: list[SessionView]


class SessionRoutes:
    """Answers who is on the board, among those whom the caller may see."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def routes(self, access: Access) -> APIRouter:
        """GET /v1/sessions, DELETE of one."""
        router = APIRouter(prefix="/v1", tags=["audit"])
        router.add_api_route(
            "/sessions", self.list, methods=["GET"], dependencies=access.look(Permission.AUDIT),
            responses=error_answers(401, 403, 422, 503),
        )  # fmt: skip
        router.add_api_route(
            "/sessions/{session_id}", self.end, methods=["DELETE"], status_code=204,
            dependencies=access.deed("session.end", Permission.SETTINGS),
            responses=error_answers(401, 403, 404, 422, 503),
        )  # fmt: skip
        return router

    async def list(self, request: Request) -> SessionList:
        """Who is on the board; at most the 1,000 that may stay longest."""
        query_parameters(request)
        async with redis_deadline():
            found = await self._sessions.list(caller(request).org)
        return SessionList(sessions=[_view(session) for session in found])

    async def end(self, request: Request, session_id: str) -> Response:
        """End a session: at its next click its browser has to log in again."""
        query_parameters(request)
        async with redis_deadline():
            ended = await self._sessions.end(session_id, caller(request))
        tell_audit(request, of=ended.principal.sub)
        return Response(status_code=204)


def _view(session: Session) -> SessionView:
    return SessionView(
        id=session.id,
        by=session.principal.sub,
        role=session.principal.role,
        organization_id=session.principal.org,
        begun_at=session.begun_ms,
        used_at=session.used_ms,
        ends_at=session.ends_ms,
        address=session.address,
    )
