"""The routes for people: whether campaigns may reach them, and their wishes about it."""

from typing import Final

from fastapi import APIRouter, Request

from oxyq.api.access import Access, caller, tenant
from oxyq.api.body import BODY_BYTES, has_body, read_object
from oxyq.api.campaign_lookup import CampaignLookup
from oxyq.api.consent import ConsentRecord, Wish
from oxyq.api.deadline import redis_deadline
from oxyq.api.handles import BEGINNING, Handles
from oxyq.api.masked import is_masked_for
from oxyq.api.openapi import ORGANIZATION_PARAMETER, error_answers, request_body
from oxyq.api.query import query_parameters
from oxyq.app import App
from oxyq.jobs import parse_new
from oxyq.masking import mask_number, mask_text
from oxyq.numbers import normalize_number

_ERRORS: Final = error_answers(401, 404, 422, 503)
_WISH_ERRORS: Final = {**_ERRORS, **error_answers(400, 403, 408, 413, 415)}


class Contacts:
    """Keeps the wishes of the people that the caller's organization writes to."""

    def __init__(self, app: App, lookup: CampaignLookup, handles: Handles) -> None:
        self._contacts = app.contacts
        self._lookup = lookup
        self._handles = handles

    def routes(self, access: Access) -> APIRouter:
        """GET /v1/contacts/{number}, and POST of what the person wants."""
        router = APIRouter(prefix="/v1", tags=["contacts"])
        parameters = [ORGANIZATION_PARAMETER]
        router.add_api_route(
            "/contacts/{number}", self.show, methods=["GET"], dependencies=access.look(), responses=_ERRORS,
            openapi_extra={"parameters": parameters},
        )  # fmt: skip
        for name, endpoint in (("opt-out", self.opt_out), ("opt-in", self.opt_in)):
            router.add_api_route(
                f"/contacts/{{number}}/{name}", endpoint, methods=["POST"],
                dependencies=access.deed(f"contact.{name}"), responses=_WISH_ERRORS,
                openapi_extra={"requestBody": request_body(Wish, required=False), "parameters": parameters},
            )  # fmt: skip
        return router

    async def show(self, request: Request, number: str) -> ConsentRecord:
        """Whether campaigns may reach this person, since when, and how that came."""
        organization_id, number = self._named(request, number)
        async with redis_deadline():
            await self._lookup.organization(organization_id)
            return await self._record(request, organization_id, number)

    async def opt_out(self, request: Request, number: str) -> ConsentRecord:
        """Send no more campaigns to this person, also none that is planned already."""
        return await self._note(request, number, is_out=True)

    async def opt_in(self, request: Request, number: str) -> ConsentRecord:
        """Let campaigns reach this person again."""
        return await self._note(request, number, is_out=False)

    async def _note(self, request: Request, written: str, *, is_out: bool) -> ConsentRecord:
        organization_id, number = self._named(request, written)
        fields = (await read_object(request, BODY_BYTES)).fields if has_body(request) else {}
        words = parse_new(Wish, fields).words
        note = self._contacts.opt_out if is_out else self._contacts.opt_in
        async with redis_deadline():
            await self._lookup.organization(organization_id)
            await note(organization_id, number, source=f"api:{caller(request).sub}", words=words)
            return await self._record(request, organization_id, number)

    def _named(self, request: Request, written: str) -> tuple[str, str]:
        """Whose contact, and who it is; a handle may stand for the number."""
        organization_id = tenant(request, query_parameters(request, "organizationId"))
        if written.startswith(BEGINNING):
            return organization_id, self._handles.read(organization_id, written)
        return organization_id, normalize_number(written)

    async def _record(self, request: Request, organization_id: str, number: str) -> ConsentRecord:
        consent, is_masked = await self._contacts.consent(organization_id, number), is_masked_for(request)
        shown = mask_number(number) if is_masked else number
        if consent is None:
            return ConsentRecord(number=shown, is_out=False, at=None, source=None, words=None)
        words = mask_text(consent.words) if is_masked else consent.words
        return ConsentRecord(number=shown, is_out=consent.is_out, at=consent.at_ms, source=consent.source, words=words)
