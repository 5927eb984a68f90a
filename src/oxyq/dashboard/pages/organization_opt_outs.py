"""Who wants no campaigns: looking somebody up, and taking a wish down."""

from collections.abc import Mapping
from typing import Final

from fastapi import APIRouter, Request, Response

from oxyq.access.tokens import signing_secret
from oxyq.api.access import DoorKeeper
from oxyq.api.cursor import Cursors
from oxyq.api.deadline import redis_deadline
from oxyq.api.handles import Handles
from oxyq.api.opt_outs import place_cursor, read_place
from oxyq.app import App
from oxyq.contacts import Consent
from oxyq.dashboard.forms import read_form
from oxyq.dashboard.live import Topic
from oxyq.dashboard.organization_frame import OrganizationFrame, Wrong
from oxyq.dashboard.problems import Problems
from oxyq.dashboard.rendering import Pages
from oxyq.dashboard.visit import visit
from oxyq.errors import InvalidPayload
from oxyq.numbers import canonical_number
from oxyq.organizations import Organization

SHOWN: Final = 50
LONGEST_SEARCH: Final = 64


class OrganizationOptOutsPage:
    """Lists who is out, adds and removes."""

    def __init__(self, app: App, pages: Pages) -> None:
        self._contacts = app.contacts
        self._frame = OrganizationFrame(app, pages)
        secret = signing_secret(app.settings)
        self._cursors, self._handles = Cursors(secret), Handles(secret)

    def routes(self, door: DoorKeeper) -> APIRouter:
        """GET the list; POST to add somebody, and to bring somebody back."""
        router, all_of_them = APIRouter(), "/organizations/{organization_id}/opt-outs"
        router.add_api_route(all_of_them, self.show, methods=["GET"], dependencies=door.look())
        router.add_api_route(all_of_them, self.add, methods=["POST"], dependencies=door.deed("contact.opt-out"))
        router.add_api_route(
            f"{all_of_them}/back", self.bring_back, methods=["POST"], dependencies=door.deed("contact.opt-in")
        )
        return router

    def topics(self) -> Mapping[str, Topic]:
        """Nothing of it is live."""
        return {}

    async def show(self, request: Request, organization_id: str) -> Response:
        """The list, or one person."""
        return await self._page(request, await self._frame.organization(request, organization_id))

    async def add(self, request: Request, organization_id: str) -> Response:
        """Take somebody out of the campaigns."""
        organization = await self._frame.organization(request, organization_id)
        form = await read_form(request)
        try:
            number = canonical_number(form.text("number"))
            async with redis_deadline():
                await self._contacts.opt_out(
                    organization.id, number, source=f"board:{visit(request).who.sub}",
                    words=form.optional("words") or "",
                )  # fmt: skip
        except InvalidPayload as error:
            problem = Problems(visit(request).say).told(error.problem)
            return await self._page(request, organization, form.filled(), Wrong({"number": problem}))
        return await self._frame.saved(request, organization.id, "/opt-outs", "organization_page.is_out_now")

    async def bring_back(self, request: Request, organization_id: str) -> Response:
        """Let campaigns reach somebody again."""
        organization = await self._frame.organization(request, organization_id)
        contact = self._handles.read(organization.id, (await read_form(request)).text("handle"))
        async with redis_deadline():
            await self._contacts.opt_in(organization.id, contact, source=f"board:{visit(request).who.sub}")
        return await self._frame.saved(request, organization.id, "/opt-outs", "organization_page.is_back_now")

    async def _page(
        self, request: Request, organization: Organization, filled: Mapping[str, str] | None = None,
        wrong: Wrong | None = None,
    ) -> Response:  # fmt: skip
        query, more = request.query_params, None
        words = query.get("q", "").strip()[:LONGEST_SEARCH]
        async with redis_deadline():
            total = await self._contacts.out_count(organization.id)
            if words:
                found, problem = await self._of_number(request, organization, words)
            else:
                after, problem = read_place(self._cursors, query.get("after")), ""
                found = await self._contacts.latest_out(organization.id, SHOWN + 1, after=after)
                if len(found) > SHOWN:
                    found = found[:SHOWN]
                    more = place_cursor(self._cursors, found[-1][1].at_ms, found[-1][0])
        people = [(self._handles.of(organization.id, contact), contact, consent) for contact, consent in found]
        return self._frame.show(
            request, organization, "organization_opt_outs.html", "opt_outs", wrong=wrong, people=people, total=total,
            words=words, problem=problem, after=more, is_first="after" not in query, filled=filled or {},
        )  # fmt: skip

    async def _of_number(
        self, request: Request, organization: Organization, written: str
    ) -> tuple[list[tuple[str, Consent]], str]:
        """Whether somebody is out, and what is wrong with the number."""
        try:
            number = canonical_number(written)
            consent = await self._contacts.consent(organization.id, number)
        except InvalidPayload as error:
            return [], Problems(visit(request).say).told(error.problem)
        return ([(number, consent)] if consent is not None and consent.is_out else []), ""
