"""The routes for people: whether campaigns may reach them, and their wishes about it."""

from typing import Final

from fastapi import APIRouter, Depends, Request

from oxyq.api.access import Access, caller, may_add, tenant
from oxyq.api.body import BODY_BYTES, has_body, read_object
from oxyq.api.campaign_lookup import CampaignLookup
from oxyq.api.consent import ConsentRecord, Wish
from oxyq.api.deadline import redis_deadline
from oxyq.api.openapi import ORGANIZATION_PARAMETER, error_answers, request_body
from oxyq.api.query import query_parameters
from oxyq.app import App
from oxyq.jobs import parse_new
from oxyq.numbers import normalize_number

_ERRORS: Final = error_answers(401, 404, 422, 503)
_WISH_ERRORS: Final = {**_ERRORS, **error_answers(400, 403, 408, 413, 415)}


class Contacts:
    """Keeps the wishes of the people that the caller's organization writes to."""

    def __init__(self, app: App, lookup: CampaignLookup) -> None:
        self._contacts = app.contacts
        self._lookup = lookup

    def routes(self, access: Access) -> APIRouter:
        """GET /v1/contacts/{number}, and POST of what the person wants."""
        router = APIRouter(prefix="/v1", tags=["contacts"], dependencies=[Depends(access.authenticated)])
        parameters = [ORGANIZATION_PARAMETER]
        router.add_api_route(
            "/contacts/{number}", self.show, methods=["GET"], responses=_ERRORS,
            openapi_extra={"parameters": parameters},
        )  # fmt: skip
        for name, endpoint in (("opt-out", self.opt_out), ("opt-in", self.opt_in)):
            router.add_api_route(
                f"/contacts/{{number}}/{name}", endpoint, methods=["POST"], dependencies=[Depends(may_add)],
                responses=_WISH_ERRORS,
                openapi_extra={"requestBody": request_body(Wish, required=False), "parameters": parameters},
            )  # fmt: skip
        return router

    async def show(self, request: Request, number: str) -> ConsentRecord:
        """Whether campaigns may reach this person, since when, and how that came."""
        organization_id, number = tenant(request, query_parameters(request, "organizationId")), normalize_number(number)
        async with redis_deadline():
            await self._lookup.organization(organization_id)
            return await self._record(organization_id, number)

    async def opt_out(self, request: Request, number: str) -> ConsentRecord:
        """Send no more campaigns to this person, also none that is planned already."""
        return await self._note(request, number, is_out=True)

    async def opt_in(self, request: Request, number: str) -> ConsentRecord:
        """Let campaigns reach this person again."""
        return await self._note(request, number, is_out=False)

    async def _note(self, request: Request, written: str, *, is_out: bool) -> ConsentRecord:
        organization_id, number = (
            tenant(request, query_parameters(request, "organizationId")),
            normalize_number(written),
        )
        fields = (await read_object(request, BODY_BYTES)).fields if has_body(request) else {}
        words = parse_new(Wish, fields).words
        note = self._contacts.opt_out if is_out else self._contacts.opt_in
        async with redis_deadline():
            await self._lookup.organization(organization_id)
            await note(organization_id, number, source=f"api:{caller(request).sub}", words=words)
            return await self._record(organization_id, number)

    async def _record(self, organization_id: str, number: str) -> ConsentRecord:
        consent = await self._contacts.consent(organization_id, number)
        if consent is None:
            return ConsentRecord(number=number, is_out=False, at=None, source=None, words=None)
        return ConsentRecord(
            number=number, is_out=consent.is_out, at=consent.at_ms, source=consent.source, words=consent.words
        )
