"""The board's door: a session in a cookie, where the API has a token in a header."""

from typing import Final
from zoneinfo import ZoneInfo

from fastapi import Request, Response

from oxyq.access.sessions import Session, Sessions
from oxyq.api.access import DoorKeeper
from oxyq.api.deadline import redis_deadline
from oxyq.audit import AuditLog
from oxyq.clock import now_ms
from oxyq.dashboard.formats import Formats
from oxyq.dashboard.visit import Visit
from oxyq.dashboard.words import LANGUAGES, Language, preferred, speaker
from oxyq.organizations import Organization, RecentOrganizations

COOKIE: Final = "__Secure-oxyq"
#: Where people see the times of all organizations: in the zone that organizations have by default.
DEFAULT_ZONE: Final = ZoneInfo(str(Organization.model_fields["time_zone"].default))


class NotLoggedIn(Exception):
    """Nobody is logged in here, or not any more."""


class BoardDoor(DoorKeeper):
    """Lets those through who have a session, and makes their visit."""

    def __init__(
        self, sessions: Sessions, audit: AuditLog, organizations: RecentOrganizations, *, trusted_proxies: int = 0
    ) -> None:
        super().__init__("board", self.authenticated, audit, trusted_proxies=trusted_proxies)
        self._sessions = sessions
        self._organizations = organizations

    async def authenticated(self, request: Request) -> None:
        """Refuse a request without a session: NotLoggedIn."""
        secret = request.cookies.get(COOKIE)
        async with redis_deadline():
            session = await self._sessions.find(secret) if secret else None
            if secret is None or session is None:
                raise NotLoggedIn
            zone = await self._zone(session.principal.org)
        language = chosen_language(request, session)
        request.state.principal = session.principal
        request.state.session_secret = secret
        request.state.visit = Visit(request, session, language, speaker(language), Formats(language, zone, now_ms))

    async def _zone(self, organization_id: str | None) -> ZoneInfo:
        organization = None if organization_id is None else await self._organizations.get(organization_id)
        return DEFAULT_ZONE if organization is None else ZoneInfo(organization.time_zone)


def chosen_language(request: Request, session: Session | None) -> Language:
    """The language that was chosen, else the browser's."""
    for language in LANGUAGES:
        if session is not None and session.language == language:
            return language
    return preferred(request.headers.get("accept-language"))


def set_cookie(request: Request, response: Response, secret: str) -> None:
    """Keep the session in the browser: out of reach of scripts, of other sites, of plain connections."""
    # Browsers take localhost for a safe connection.
    response.set_cookie(COOKIE, secret, path=_cookie_path(request), secure=True, httponly=True, samesite="strict")


def clear_cookie(request: Request, response: Response) -> None:
    """Forget the session in the browser."""
    response.delete_cookie(COOKIE, path=_cookie_path(request), secure=True, httponly=True, samesite="strict")


def _cookie_path(request: Request) -> str:
    root: str = request.scope.get("root_path", "")
    return root.rpartition("/")[0] or "/"
