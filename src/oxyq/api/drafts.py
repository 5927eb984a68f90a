"""Campaigns that are made by hand: a draft first, then its recipients as a file of any size."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Final, Literal, TypeAlias

from fastapi import APIRouter, Request

from oxyq.api.access import Access, tenant
from oxyq.api.body import body_pieces, media_type
from oxyq.api.campaign_lookup import CampaignLookup, CampaignView
from oxyq.api.deadline import redis_deadline
from oxyq.api.errors import ApiError
from oxyq.api.openapi import ORGANIZATION_PARAMETER, error_answers, file_body
from oxyq.api.query import query_parameters
from oxyq.app import App
from oxyq.campaigns.campaign import Campaign
from oxyq.campaigns.intake import CampaignIntake, Filling
from oxyq.campaigns.planning import content_of
from oxyq.campaigns.recipient_files import RecipientReader, Row, recipient_reader
from oxyq.campaigns.recipient_row import add_rows
from oxyq.clock import now_ms
from oxyq.errors import IdConflict, NotAllowed
from oxyq.jobs import CampaignContent, wire
from oxyq.producer import check_start

#: A million recipients with some variables each.
FILE_BYTES: Final = 256 * 1024 * 1024
#: What is read at once takes the process a few ms, in which nobody else is answered.
SLICE_BYTES: Final = 32 * 1024

FileFormat: TypeAlias = Literal["csv", "ndjson"]
FORMATS: Final[Mapping[str, FileFormat]] = {"text/csv": "csv", "application/x-ndjson": "ndjson"}
_EXAMPLES: Final[Mapping[str, str]] = {
    "text/csv": "number,name\n5511988888888,Ana\n5511977777777,Rui\n",
    "application/x-ndjson": '{"number": "5511988888888", "variables": {"name": "Ana"}}\n"5511977777777"\n',
}


class Drafts:
    """Makes drafts and fills them."""

    def __init__(self, app: App, lookup: CampaignLookup) -> None:
        self._store = app.campaigns
        self._control = app.campaign_control
        self._intake = CampaignIntake(app.campaigns, app.admission)
        self._lookup = lookup

    def routes(self, access: Access) -> APIRouter:
        """PUT and DELETE /v1/campaigns/{campaign_id}/recipients."""
        router = APIRouter(prefix="/v1", tags=["campaigns"])
        router.add_api_route(
            "/campaigns/{campaign_id}/recipients", self.fill, methods=["PUT"],
            dependencies=access.intake("campaign.fill"),
            responses=error_answers(400, 401, 403, 404, 408, 409, 413, 415, 422, 503),
            openapi_extra={"requestBody": file_body(_EXAMPLES), "parameters": [ORGANIZATION_PARAMETER]},
        )  # fmt: skip
        router.add_api_route(
            "/campaigns/{campaign_id}/recipients", self.empty, methods=["DELETE"],
            dependencies=access.deed("campaign.empty"), responses=error_answers(401, 403, 404, 409, 422, 503),
            openapi_extra={"parameters": [ORGANIZATION_PARAMETER]},
        )  # fmt: skip
        return router

    async def make(self, content: CampaignContent) -> CampaignView:
        """A draft, anew while it has no recipients; IdConflict when the id belongs to another campaign."""
        await self._lookup.organization(content.organization_id)
        there = await self._store.get(content.organization_id, content.campaign_id)
        if there is None or not there.is_uploaded:
            check_start(content.start_at, now_ms())
            if await self._lookup.is_accepted(content):
                raise IdConflict(content.job_id())
            await self._intake.open(content)
        made = await self._control.find(content.organization_id, content.campaign_id)
        if wire(content_of(made)) != wire(content):
            raise IdConflict(content.job_id())
        return await self._lookup.view(made)

    async def fill(self, request: Request, campaign_id: str) -> CampaignView:
        """Hand in the recipients of a draft, all of them: CSV with a header, or NDJSON; up to 1,000,000 and 256 MiB.

        Nothing is sent before it is started. After a mistake, or when the upload broke off, send the whole file again.
        """
        organization_id = tenant(request, query_parameters(request, "organizationId"))
        form = FORMATS[media_type(request, *FORMATS)]
        filled = await self.take(organization_id, campaign_id, form, body_pieces(request, FILE_BYTES))
        async with redis_deadline():
            return await self._lookup.view(filled)

    async def take(
        self, organization_id: str, campaign_id: str, form: FileFormat, coming: AsyncGenerator[bytes, None]
    ) -> Campaign:
        """The draft with the recipients of this file, whose pieces are `coming`; ApiError 409 when it has others."""
        reader = recipient_reader(form)
        async with redis_deadline():
            _, campaign = await asyncio.gather(
                self._lookup.organization(organization_id), self._lookup.taken_in(organization_id, campaign_id)
            )
            if campaign.state != "draft" and not campaign.is_uploaded:
                raise NotAllowed(f"campaign {campaign_id} is {campaign.state}; make the draft again, or another one")
            filling = await self._intake.open(content_of(campaign))
        try:
            return await _fill(coming, reader, filling)
        except IdConflict:
            raise ApiError(
                409, "id_conflict", f"campaign {campaign_id} has other recipients already, or another upload of them "
                "began after this one; use another campaignId for other recipients, or DELETE these first",
            ) from None  # fmt: skip

    async def empty(self, request: Request, campaign_id: str) -> CampaignView:
        """Take the recipients of a draft away, so that others can be handed in."""
        organization_id = tenant(request, query_parameters(request, "organizationId"))
        return await self.let_go(organization_id, campaign_id)

    async def let_go(self, organization_id: str, campaign_id: str) -> CampaignView:
        """A draft without its recipients; NotAllowed when it is none."""
        async with redis_deadline():
            campaign = await self._lookup.taken_in(organization_id, campaign_id)
            if not await self._store.empty(campaign):
                raise NotAllowed(f"campaign {campaign_id} is {campaign.state}: only a draft lets its recipients go")
            return await self._lookup.view(await self._control.find(organization_id, campaign_id))


async def _fill(coming: AsyncGenerator[bytes, None], reader: RecipientReader, filling: Filling) -> Campaign:
    async with aclosing(coming):
        async for piece in coming:
            for start in range(0, len(piece), SLICE_BYTES):
                await _add(filling, reader.feed(piece[start : start + SLICE_BYTES]))
    await _add(filling, reader.finish())
    async with redis_deadline():
        return await filling.finish()


async def _add(filling: Filling, rows: list[Row]) -> None:
    async with redis_deadline():
        await add_rows(rows, filling.add)
