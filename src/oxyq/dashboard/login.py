"""Logging in and out, and what a person chooses for this session: language, theme, showing what is masked."""

from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from oxyq.access.permissions import Permission, is_person
from oxyq.access.tokens import BadToken, Principal, Verifier
from oxyq.api.access import DoorKeeper, tell_audit
from oxyq.api.address import client_address
from oxyq.api.deadline import redis_deadline
from oxyq.app import App
from oxyq.audit import Deed
from oxyq.dashboard.entrance import COOKIE, chosen_language, clear_cookie, set_cookie
from oxyq.dashboard.forms import Form, read_form
from oxyq.dashboard.rendering import Pages
from oxyq.dashboard.visit import inside, relative, relative_root, visit
from oxyq.dashboard.words import LANGUAGES
from oxyq.errors import InvalidPayload

THEMES: Final = ("auto", "light", "dark")


class Login:
    """The pages before a session, and what is about the session itself."""

    def __init__(self, app: App, verifier: Verifier, pages: Pages) -> None:
        self._sessions = app.sessions
        self._links = app.login_links
        self._attempts = app.login_attempts
        self._revocations = app.revocations
        self._audit = app.audit
        self._trusted_proxies = app.settings.trusted_proxies
        self._verifier = verifier
        self._pages = pages

    def open_routes(self) -> APIRouter:
        """GET and POST login: nobody is logged in yet."""
        router = APIRouter()
        router.add_api_route("/login", self.ask, methods=["GET"])
        router.add_api_route("/login", self.log_in, methods=["POST"])
        return router

    def routes(self, door: DoorKeeper) -> APIRouter:
        """POST logout, choose, reveal and hide."""
        router = APIRouter()
        # Neither changes anything of anybody else's, so neither is in the audit; looking behind a mask is.
        router.add_api_route(
            "/logout", self.log_out, methods=["POST"], dependencies=door.deed("session.logout", Permission.LOOK)
        )
        router.add_api_route("/choose", self.choose, methods=["POST"], dependencies=door.look())
        router.add_api_route(
            "/reveal", self.reveal, methods=["POST"], dependencies=door.deed("board.reveal", Permission.REVEAL)
        )
        return router

    async def ask(self, request: Request) -> Response:
        """The form."""
        if COOKIE in request.cookies:
            async with redis_deadline():
                if await self._sessions.find(request.cookies[COOKIE]) is not None:
                    return RedirectResponse(relative_root(request), 303)
        return self._form(request, request.query_params.get("next"))

    async def log_in(self, request: Request) -> Response:
        """Open a session for a token, or for the link that is good once."""
        address = client_address(request, self._trusted_proxies)
        form = await read_form(request)
        next_page = inside(form.optional("next"))
        async with redis_deadline():
            try:
                async with self._attempts.attempt(address):
                    principal = await self._proved(form)
            except BadToken:
                return self._form(request, next_page, is_wrong=True)
            secret = await self._sessions.open(principal, principal.ends_s, address)
            deed = Deed("session.login", "", principal.sub, principal.role, "board", principal.org, address)
            await self._audit.end(await self._audit.begin(deed), "done")
        response = RedirectResponse(relative_root(request) + next_page, 303)
        set_cookie(request, response, secret)
        return response

    async def _proved(self, form: Form) -> Principal:
        """Who it is; raises BadToken for everything that lets nobody in."""
        link = form.optional("link")
        if link is None:
            principal = self._verifier.verify((form.optional("token") or "").strip())
        else:
            used = await self._links.use(link.strip().rpartition("link=")[2])
            if used is None:
                raise BadToken
            principal = used
        if not is_person(principal.role) or await self._revocations.is_revoked(principal):
            raise BadToken
        return principal

    def _form(self, request: Request, next_page: str | None, *, is_wrong: bool = False) -> Response:
        return self._pages.show_to_stranger(
            request, chosen_language(request, None), "login.html", 401 if is_wrong else 200,
            next_page=inside(next_page), is_wrong=is_wrong,
        )  # fmt: skip

    async def log_out(self, request: Request) -> Response:
        """End this session."""
        async with redis_deadline():
            await self._sessions.close(request.state.session_secret)
        response = RedirectResponse(relative(request, "login"), 303)
        clear_cookie(request, response)
        return response

    async def choose(self, request: Request) -> Response:
        """Take another language or theme for this session."""
        form = await read_form(request)
        language, theme = form.optional("language"), form.optional("theme")
        if language not in (None, *LANGUAGES):
            raise InvalidPayload("language", f"must be {' or '.join(LANGUAGES)}")
        if theme not in (None, *THEMES):
            raise InvalidPayload("theme", f"must be {' or '.join(THEMES)}")
        async with redis_deadline():
            await self._sessions.choose(request.state.session_secret, language=language, theme=theme)
        return visit(request).back(form.optional("back"))

    async def reveal(self, request: Request) -> Response:
        """Show what is masked on one page, for ten minutes."""
        form = await read_form(request)
        back = inside(form.optional("back"))
        page = back.partition("?")[0]
        tell_audit(request, page=page)
        async with redis_deadline():
            await self._sessions.reveal(request.state.session_secret, page)
        return visit(request).back(back)
