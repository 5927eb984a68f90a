"""All organizations; who is bound to one is led to that."""

from collections.abc import Mapping
from typing import Final

from fastapi import APIRouter, Request, Response

from oxyq.access.tokens import signing_secret
from oxyq.api.access import DoorKeeper
from oxyq.api.cursor import Cursors
from oxyq.api.deadline import redis_deadline
from oxyq.app import App
from oxyq.dashboard.live import Topic
from oxyq.dashboard.organization_frame import address_of
from oxyq.dashboard.rendering import Pages
from oxyq.dashboard.visit import visit

SHOWN: Final = 50
LONGEST_SEARCH: Final = 100


class OrganizationsPage:
    """Lists organizations by id."""

    def __init__(self, app: App, pages: Pages) -> None:
        self._organizations = app.organizations
        self._cursors = Cursors(signing_secret(app.settings))
        self._pages = pages

    def routes(self, door: DoorKeeper) -> APIRouter:
        """GET organizations."""
        router = APIRouter()
        router.add_api_route("/organizations", self.show, methods=["GET"], dependencies=door.look())
        return router

    def topics(self) -> Mapping[str, Topic]:
        """Nothing of it is live."""
        return {}

    async def show(self, request: Request) -> Response:
        """A page of them, or those whose id holds what is looked for."""
        visited, query = visit(request), request.query_params
        if visited.who.org is not None:
            return visited.redirect(address_of(visited.who.org))
        words = query.get("q", "").strip()[:LONGEST_SEARCH]
        after = self._cursors.read(query["after"]) if "after" in query else ""
        async with redis_deadline():
            ids = [one for one in await self._organizations.ids() if words.casefold() in one.casefold()]
            left = [one for one in ids if one > after]
            shown = await self._organizations.page(left[:SHOWN])
        return self._pages.show(
            visited, "organizations.html",
            organizations=[(one, address_of(one.id)) for one in shown], total=len(ids), words=words,
            after=self._cursors.sign(left[SHOWN - 1]) if len(left) > SHOWN else None, is_first=not after,
        )  # fmt: skip
