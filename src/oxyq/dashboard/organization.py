"""Whose things a page shows: those of the visitor's own organization, or of one that was chosen among all."""

from dataclasses import replace
from typing import Final
from zoneinfo import ZoneInfo

from fastapi import Request, Response

from oxyq.api.access import no_organization, tell_audit
from oxyq.api.deadline import redis_deadline
from oxyq.clock import now_ms
from oxyq.dashboard.formats import Formats
from oxyq.dashboard.rendering import Pages
from oxyq.dashboard.visit import Visit, visit
from oxyq.errors import NotFound
from oxyq.organizations import Organization, OrganizationStore

SHOWN: Final = 50


class Chooser:
    """Finds the organization of a request, `?organization=org_123`; who sees all and names none is asked."""

    def __init__(self, organizations: OrganizationStore, pages: Pages) -> None:
        self._organizations = organizations
        self._pages = pages

    async def organization(self, request: Request) -> Organization | None:
        """The one that is meant; None when it has to be chosen. Raises NotFound for another one's."""
        who, named = visit(request).who, request.query_params.get("organization")
        if named is not None and not who.may_see(named):
            raise no_organization(named)
        organization_id = named or who.org
        async with redis_deadline():
            if organization_id is None:
                ids = await self._organizations.ids()
                organization_id = ids[0] if len(ids) == 1 else None
            organization = None if organization_id is None else await self._organizations.get(organization_id)
        if organization_id is not None and organization is None:
            raise no_organization(organization_id)
        return organization

    async def needed(self, request: Request) -> Organization:
        """The same where there is nothing to choose any more: NotFound when none is named."""
        organization = await self.organization(request)
        if organization is None:
            raise NotFound("no organization is named; begin at a list, where one is chosen")
        if request.method not in ("GET", "HEAD"):
            tell_audit(request, organization_id=organization.id)
        return organization

    async def ask(self, request: Request, section: str, page: str) -> Response:
        """The page on which one is chosen, and that leads to `page` from there."""
        words = request.query_params.get("find", "").strip()[:100]
        async with redis_deadline():
            ids = [one for one in await self._organizations.ids() if words.casefold() in one.casefold()]
            found = await self._organizations.page(ids[:SHOWN])
        return self._pages.show(
            visit(request), "choose_organization.html",
            organizations=found, more=len(ids) - len(found), words=words, section=section, page=page,
        )  # fmt: skip


def told_in_its_time(visited: Visit, organization: Organization) -> Visit:
    """The same visit, with times as the organization's clock shows them."""
    formats = Formats(visited.language, ZoneInfo(organization.time_zone), now_ms)
    return replace(visited, formats=formats)


def named(visited: Visit, organization: Organization) -> str | None:
    """What links say of the organization: nothing where it goes without saying."""
    return None if visited.who.org == organization.id else organization.id
