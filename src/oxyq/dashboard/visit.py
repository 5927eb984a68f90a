"""One request to the board: who looks, in which language, from which page."""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlencode

from fastapi import Request
from fastapi.responses import RedirectResponse

from oxyq.access.permissions import Permission, is_granted
from oxyq.access.sessions import Session
from oxyq.access.tokens import Principal
from oxyq.dashboard.formats import Formats
from oxyq.dashboard.words import Language, Say

#: What may stand in an address on the board that a form sends back: no scheme, no host, no way up.
_INSIDE: Final = re.compile(r"(?!/)(?!.*//)(?!.*\.\.)[A-Za-z0-9_./~@+=,:%-]*(\?[^\s<>\"\\]*)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Visit:
    """Who is here, and how to write for them."""

    request: Request
    session: Session
    language: Language
    say: Say
    formats: Formats

    @property
    def who(self) -> Principal:
        """Name, role and organization."""
        return self.session.principal

    def may(self, permission: str) -> bool:
        """Whether their role allows it: "act", "settings", "reveal" or "audit"."""
        return is_granted(self.who.role, Permission(permission))

    @property
    def page(self) -> str:
        """This page's address beneath the board, without its query; the same page is revealed as a whole."""
        return page_of(self.request)

    @property
    def address(self) -> str:
        """This page's address beneath the board, with its query."""
        query = self.request.url.query
        return f"{self.page}?{query}" if query else self.page

    @property
    def is_revealed(self) -> bool:
        """Whether numbers and texts are shown on this page now."""
        return self.may("reveal") and self.page in self.session.revealed

    @property
    def shards(self) -> dict[str, bool]:
        """The Redis servers to choose from, for who sees all organizations; and which one this page is of."""
        found: dict[str, bool] = getattr(self.request.state, "shards", {})
        return found if self.who.org is None else {}

    def link(self, page: str = "", /, **query: object) -> str:
        """The relative address of a page beneath the board, such as `link("queue/message", state="failed")`.

        Relative, so that it is right under any mount path. What is None is left out of the query.
        """
        return relative(self.request, page, **query)

    def redirect(self, page: str, /, **query: object) -> RedirectResponse:
        """Go on to this page, after a form was sent."""
        return RedirectResponse(self.link(page, **query), 303)

    def back(self, given: str | None, otherwise: str = "") -> RedirectResponse:
        """Go back to the page that a form came from, if it is one of ours."""
        return RedirectResponse(relative_root(self.request) + inside(given, otherwise), 303)


def visit(request: Request) -> Visit:
    """The visit that this request is, on every route that was made with the board's door."""
    found: Visit = request.state.visit
    return found


def page_of(request: Request) -> str:
    """The address of the page beneath the board."""
    path: str = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
    return quote(path.lstrip("/"), safe="/~@+=,:.-_")


def relative_root(request: Request) -> str:
    """The way from this page to the board's first one."""
    return "../" * page_of(request).count("/") or "./"


def relative(request: Request, page: str, **query: object) -> str:
    """The way from this page to another one beneath the board."""
    given = [(name, str(value)) for name, value in query.items() if value is not None]
    return relative_root(request) + page + (f"?{urlencode(given)}" if given else "")


def inside(given: str | None, otherwise: str = "") -> str:
    """This address if it is one beneath the board, else another."""
    return given if given is not None and _INSIDE.fullmatch(given) else otherwise
