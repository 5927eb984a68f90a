"""The routes by which a draft is looked at, and changed, before it is started."""

from fastapi import APIRouter, Request

from oxyq.api.access import Access, tell_audit, tenant
from oxyq.api.body import CAMPAIGN_BODY_BYTES
from oxyq.api.campaign_lookup import CampaignLookup, CampaignView
from oxyq.api.campaigns import PreviewView
from oxyq.api.deadline import redis_deadline
from oxyq.api.drafts import Drafts
from oxyq.api.intake import read_payload
from oxyq.api.masked import is_masked_for
from oxyq.api.openapi import ORGANIZATION_PARAMETER, error_answers, request_body
from oxyq.api.query import query_parameters
from oxyq.app import App
from oxyq.campaigns.campaign import Campaign
from oxyq.campaigns.overview import preview_json
from oxyq.campaigns.preview import Preview, masked_preview
from oxyq.errors import InvalidPayload, NotFound
from oxyq.jobs import CampaignContent, parse_new


class CampaignChecks:
    """Looks at drafts of the caller's organization, and lets them say something else."""

    def __init__(self, app: App, lookup: CampaignLookup, drafts: Drafts) -> None:
        self._checks = app.draft_checks
        self._overview = app.campaign_overview
        self._lookup = lookup
        self._drafts = drafts

    def routes(self, access: Access) -> APIRouter:
        """GET and POST /v1/campaigns/{campaign_id}/check, PUT /v1/campaigns/{campaign_id}."""
        router = APIRouter(prefix="/v1", tags=["campaigns"])
        one, shown = "/campaigns/{campaign_id}", {"parameters": [ORGANIZATION_PARAMETER]}
        router.add_api_route(
            f"{one}/check", self.last, methods=["GET"], dependencies=access.look(),
            responses=error_answers(401, 404, 409, 422, 503), openapi_extra=shown,
        )  # fmt: skip
        router.add_api_route(
            f"{one}/check", self.check, methods=["POST"], dependencies=access.deed("campaign.check"),
            responses=error_answers(401, 403, 404, 409, 422, 503), openapi_extra=shown,
        )  # fmt: skip
        router.add_api_route(
            one, self.change, methods=["PUT"], dependencies=access.deed("campaign.change"),
            responses=error_answers(400, 401, 403, 404, 408, 409, 413, 415, 422, 503),
            openapi_extra={**shown, "requestBody": request_body(CampaignContent)},
        )  # fmt: skip
        return router

    async def last(self, request: Request, campaign_id: str) -> PreviewView:
        """What the last look at a draft found; 404 when nobody looked since it was made or changed."""
        organization_id = tenant(request, query_parameters(request, "organizationId"))
        async with redis_deadline():
            organization = await self._lookup.organization(organization_id)
            campaign = await self._lookup.taken_in(organization_id, campaign_id)
            pace = await self._overview.pace(organization, campaign.instance_id)
            preview = await self._checks.last(campaign, organization, pace)
        if preview is None:
            raise NotFound(f"nobody looked at campaign {campaign_id} yet; POST to this address does")
        return _view(request, preview)

    async def check(self, request: Request, campaign_id: str) -> PreviewView:
        """Look at all recipients of a draft: who would get it, who is left out and why, what some would read."""
        organization_id = tenant(request, query_parameters(request, "organizationId"))
        async with redis_deadline():
            campaign = await self._lookup.taken_in(organization_id, campaign_id)
        preview = await self.look(campaign)
        tell_audit(request, recipients=preview.recipients)
        return _view(request, preview)

    async def change(self, request: Request, campaign_id: str) -> CampaignView:
        """Let a draft say something else, to the recipients it has; nothing changes where one of them cannot get it."""
        organization_id = tenant(request, query_parameters(request, "organizationId"))
        body = await read_payload(request, CampaignContent, CAMPAIGN_BODY_BYTES)
        content = parse_new(CampaignContent, body.fields)
        for field, given, meant in (
            ("campaignId", content.campaign_id, campaign_id),
            ("organizationId", content.organization_id, organization_id),
        ):
            if given != meant:
                raise InvalidPayload(field, f"is not {meant}, which the address names; say the same in both")
        return await self.say(content)

    async def say(self, content: CampaignContent) -> CampaignView:
        """A draft of this content: made, made anew, or changed with the recipients that it has."""
        async with redis_deadline():
            await self._lookup.organization(content.organization_id)
            campaign = await self._lookup.taken_in(content.organization_id, content.campaign_id)
            if not campaign.is_uploaded:
                return await self._drafts.make(content)
        await self.look(campaign, content)
        async with redis_deadline():
            return (await self._lookup.show(content.organization_id, content.campaign_id))[0]

    async def look(self, campaign: Campaign, content: CampaignContent | None = None) -> Preview:
        """A look at all rows; `content` is what the draft says from now on, when that is sound for all of them."""
        async with redis_deadline():
            organization = await self._lookup.organization(campaign.organization_id)
            check = self._checks.begin(campaign, organization, content)
        is_more = True
        while is_more:
            async with redis_deadline():
                is_more = await check.step()
        async with redis_deadline():
            instance_id = campaign.instance_id if content is None else content.instance_id
            return await check.finish(await self._overview.pace(organization, instance_id))


def _view(request: Request, preview: Preview) -> PreviewView:
    return PreviewView.model_validate(preview_json(masked_preview(preview) if is_masked_for(request) else preview))
