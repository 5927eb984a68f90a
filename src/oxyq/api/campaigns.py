"""The routes for campaigns: how far they are, what can be done with them, and who got what."""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import islice
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from oxyq.api.access import Access, tenant
from oxyq.api.body import CAMPAIGN_BODY_BYTES
from oxyq.api.campaign_acts import CampaignActs
from oxyq.api.campaign_lookup import CampaignLookup, CampaignView
from oxyq.api.campaign_recipients import LONGEST_SEARCH, searched_words
from oxyq.api.campaign_report import FORMATS, MEDIA_TYPES, report_file
from oxyq.api.cursor import Cursors
from oxyq.api.deadline import redis_deadline
from oxyq.api.intake import read_payload
from oxyq.api.masked import is_masked_for
from oxyq.api.openapi import ORGANIZATION_PARAMETER, error_answers, query_parameter, request_body
from oxyq.api.query import one_of, query_parameters, whole_number
from oxyq.app import App
from oxyq.campaigns.campaign import STATES, State
from oxyq.campaigns.catalogue import Catalogue
from oxyq.campaigns.overview import preview_json
from oxyq.campaigns.preview import SHOWN, Previewing
from oxyq.clock import now_ms
from oxyq.errors import InvalidPayload
from oxyq.jobs import CampaignRequest, MetaTemplate, parse_new
from oxyq.producer import check_start

LISTED, MOST_LISTED, MOST_SHOWN = 20, 100, 100
#: Recipients of a preview that are looked at in one go: a few ms of work, and one question to Redis.
ROWS_AT_ONCE: Final = 500
_LIMIT_PARAMETER: Final = query_parameter(
    "limit", "at most so many", {"type": "integer", "minimum": 1, "maximum": MOST_LISTED, "default": LISTED}
)
_SHOWN_PARAMETER: Final = query_parameter(
    "shown", "how many texts to show", {"type": "integer", "minimum": 0, "maximum": MOST_SHOWN, "default": SHOWN}
)
_LIST_PARAMETERS: Final = [
    query_parameter("state", "only these, with a comma between several", {"type": "string", "examples": [*STATES]}),
    query_parameter("q", "words of its id or its text", {"type": "string", "maxLength": LONGEST_SEARCH}),
    query_parameter("cursor", "`next` of the page before", {"type": "string"}),
    _LIMIT_PARAMETER,
    ORGANIZATION_PARAMETER,
]
_FORMAT_PARAMETER: Final = query_parameter(
    "format", "of the file", {"type": "string", "enum": list(FORMATS), "default": FORMATS[0]}
)


class _Wire(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class LatestCampaigns(_Wire):
    """Campaigns, the one that was made last first."""

    campaigns: list[CampaignView]
    next: str | None = Field(description="the cursor of the next page; null at the end")


class CampaignDetail(CampaignView):
    """A campaign with what it says."""

    template: str = Field(default="", examples=["Olá {{name}}, temos promoção hoje!"])
    variables: dict[str, str] = Field(default_factory=dict, description="for who has no values of their own")
    meta_template: MetaTemplate | None = None
    instance_id: str | None = Field(default=None, description="the number it goes out by; null: the first")


class LeftOut(_Wire):
    """A row of the recipients that nobody would get a message by."""

    number: str = Field(description="as it was written", examples=["11 9999"])
    reason: str = Field(examples=["invalid: must have 8 to 15 digits"])


class RenderedText(_Wire):
    """What one recipient would read."""

    number: str = Field(examples=["5511988888888"])
    text: str = Field(examples=["Olá Ana, temos promoção hoje!"])
    parameters: list[str] = Field(description="of metaTemplate; none without one", examples=[["Ana"]])


class PreviewView(_Wire):
    """What a campaign would do."""

    recipients: int = Field(description="who would get it")
    skipped: dict[str, int] = Field(description="rows that would be left out, by reason")
    left_out: list[LeftOut] = Field(description="the first of them")
    texts: list[RenderedText] = Field(description="of the first recipients")
    ends_at: int | None = Field(description="when it would be through; null when nobody can know")
    waits_for: str | None = Field(description="what would hold it up at its beginning")
    crosses_quiet_hours_at: int | None


class Campaigns:
    """Answers for the campaigns of the caller's organization."""

    def __init__(self, app: App, lookup: CampaignLookup, cursors: Cursors) -> None:
        self._store = app.campaigns
        self._catalogue = Catalogue(app.campaigns)
        self._cursors = cursors
        self._overview = app.campaign_overview
        self._contacts = app.contacts
        self._lookup = lookup
        self._acts = CampaignActs(app, lookup)

    def routes(self, access: Access) -> APIRouter:
        """GET /v1/campaigns, one campaign and its report; POST of a preview, and of what can be done with one."""
        router = APIRouter(prefix="/v1", tags=["campaigns"])
        one, looked = "/campaigns/{campaign_id}", error_answers(401, 404, 422, 503)
        router.add_api_route(
            "/campaigns", self.latest, methods=["GET"], dependencies=access.look(), responses=looked,
            openapi_extra={"parameters": _LIST_PARAMETERS},
        )  # fmt: skip
        router.add_api_route(
            "/campaigns/preview", self.preview, methods=["POST"], dependencies=access.look(),
            responses=error_answers(400, 401, 403, 404, 408, 413, 415, 422, 503),
            openapi_extra={"requestBody": request_body(CampaignRequest), "parameters": [_SHOWN_PARAMETER]},
        )  # fmt: skip
        router.add_api_route(
            one, self.show, methods=["GET"], dependencies=access.look(), responses=looked,
            openapi_extra={"parameters": [ORGANIZATION_PARAMETER]},
        )  # fmt: skip
        router.add_api_route(
            f"{one}/report", self.report, methods=["GET"], dependencies=access.look(),
            response_class=StreamingResponse,
            responses={
                200: {"content": {kind: {"schema": {"type": "string"}} for kind in MEDIA_TYPES.values()}},
                **looked, **error_answers(409),
            },
            openapi_extra={"parameters": [_FORMAT_PARAMETER, ORGANIZATION_PARAMETER]},
        )  # fmt: skip
        for name, act in self._acts.actions.items():
            router.add_api_route(
                f"{one}/{name}", self._doing(name), methods=["POST"], dependencies=access.deed(f"campaign.{name}"),
                responses={**looked, **error_answers(403, 409)}, name=name, description=act.__doc__,
                openapi_extra={"parameters": [ORGANIZATION_PARAMETER]},
            )  # fmt: skip
        return router

    async def latest(self, request: Request) -> LatestCampaigns:
        """The campaigns that were made last, all or those in some states, with some words.

        A page may hold fewer than `limit` where a search takes long; `next` goes on behind it.
        """
        parameters = query_parameters(request, "state", "q", "cursor", "limit", "organizationId")
        limit = whole_number(parameters, "limit", MOST_LISTED, least=1)
        organization_id = tenant(request, parameters)
        behind = self._cursors.read(parameters["cursor"]) if "cursor" in parameters else None
        states, words = wanted_states(parameters.get("state")), searched_words(parameters)
        async with redis_deadline():
            organization = await self._lookup.organization(organization_id)
            page = await self._catalogue.page(
                organization_id, states=states, words=words, behind=behind, limit=limit or LISTED
            )
            views = await self._lookup.views(page.campaigns, organization)
        return LatestCampaigns(campaigns=views, next=None if page.next is None else self._cursors.sign(page.next))

    async def show(self, request: Request, campaign_id: str) -> CampaignDetail:
        """One campaign: its state, its counts, what it waits for, when it will be through, and what it says."""
        organization_id = tenant(request, query_parameters(request, "organizationId"))
        async with redis_deadline():
            view, campaign = await self._lookup.show(organization_id, campaign_id)
        if campaign is None:
            return CampaignDetail(**view.model_dump())
        return CampaignDetail(
            **view.model_dump(),
            template=campaign.template,
            variables=dict(campaign.variables),
            meta_template=campaign.meta_template,
            instance_id=campaign.instance_id,
        )

    async def preview(self, request: Request) -> PreviewView:
        """Look at a campaign before it exists; nothing is written and nothing is sent."""
        shown = whole_number(query_parameters(request, "shown"), "shown", MOST_SHOWN)
        body = await read_payload(request, CampaignRequest, CAMPAIGN_BODY_BYTES)
        campaign = await asyncio.to_thread(parse_new, CampaignRequest, body.fields)
        now = now_ms()
        check_start(campaign.start_at, now)
        async with redis_deadline():
            organization = await self._lookup.organization(campaign.organization_id)
            pace = await self._overview.pace(organization, campaign.instance_id)
        previewing = Previewing(campaign, organization, self._contacts, shown=SHOWN if shown is None else shown)
        people = campaign.people()
        while rows := list(islice(people, ROWS_AT_ONCE)):
            async with redis_deadline():
                await previewing.add(rows)
        return PreviewView.model_validate(preview_json(previewing.finish(pace, now)))

    async def report(self, request: Request, campaign_id: str) -> StreamingResponse:
        """Who got it, who did not and why: one line per recipient, as a file."""
        parameters = query_parameters(request, "format", "organizationId")
        form = one_of(parameters, "format", *FORMATS)
        organization_id = tenant(request, parameters)
        async with redis_deadline():
            campaign = await self._lookup.taken_in(organization_id, campaign_id)
        return report_file(self._store, campaign, form, is_masked=is_masked_for(request))

    def _doing(self, action: str) -> Callable[[Request, str], Awaitable[CampaignView]]:
        """The endpoint that does this with a campaign."""

        async def endpoint(request: Request, campaign_id: str) -> CampaignView:
            organization_id = tenant(request, query_parameters(request, "organizationId"))
            campaign = await self._acts.do(action, organization_id, campaign_id)
            async with redis_deadline():
                return await self._lookup.view(campaign)

        return endpoint


def wanted_states(given: str | None) -> list[State]:
    """The states of these names, with a comma between them; InvalidPayload."""
    named = [] if given is None else given.split(",")
    if unknown := [name for name in named if name not in STATES]:
        raise InvalidPayload("state", f"{unknown[0][:40]!r} is none; use {', '.join(STATES)}")
    return [state for state in STATES if state in named]
