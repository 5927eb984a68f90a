"""The routes for campaigns: how far they are, what can be done with them, and who got what."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from itertools import islice
from typing import Final, TypeAlias, get_args
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from oxyq.api.access import Access, may_add, tenant
from oxyq.api.body import CAMPAIGN_BODY_BYTES
from oxyq.api.campaign_lookup import CampaignLookup, CampaignView
from oxyq.api.deadline import carried_through, redis_deadline
from oxyq.api.intake import read_payload
from oxyq.api.openapi import ORGANIZATION_PARAMETER, error_answers, query_parameter, request_body
from oxyq.api.query import one_of, query_parameters, whole_number
from oxyq.app import App
from oxyq.campaigns.campaign import Campaign
from oxyq.campaigns.overview import preview_json
from oxyq.campaigns.preview import SHOWN, Previewing
from oxyq.campaigns.report import Format, report
from oxyq.engine.scripts import now_ms
from oxyq.jobs import CampaignRequest, parse_new
from oxyq.producer import check_start

LISTED, MOST_LISTED, MOST_SHOWN = 20, 100, 100
#: Recipients of a preview that are looked at in one go: a few ms of work, and one question to Redis.
ROWS_AT_ONCE: Final = 500
FORMATS: Final[tuple[Format, ...]] = get_args(Format)

_MEDIA_TYPES: Final[dict[Format, str]] = {"csv": "text/csv; charset=utf-8", "ndjson": "application/x-ndjson"}
_LIMIT_PARAMETER: Final = query_parameter(
    "limit", "at most so many", {"type": "integer", "minimum": 1, "maximum": MOST_LISTED, "default": LISTED}
)
_SHOWN_PARAMETER: Final = query_parameter(
    "shown", "how many texts to show", {"type": "integer", "minimum": 0, "maximum": MOST_SHOWN, "default": SHOWN}
)
_FORMAT_PARAMETER: Final = query_parameter(
    "format", "of the file", {"type": "string", "enum": list(FORMATS), "default": FORMATS[0]}
)

_Act: TypeAlias = Callable[[str, str], Coroutine[None, None, Campaign]]


class _Wire(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class LatestCampaigns(_Wire):
    """Campaigns, the one that was made last first."""

    campaigns: list[CampaignView]


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

    def __init__(self, app: App, lookup: CampaignLookup) -> None:
        self._store = app.campaigns
        self._overview = app.campaign_overview
        self._contacts = app.contacts
        self._lookup = lookup
        control = app.campaign_control
        self._acts: dict[str, _Act] = {
            "start": control.start,
            "pause": control.pause,
            "resume": control.resume,
            "cancel": control.cancel,
            "resend-failed": control.resend_failed,
        }

    def routes(self, access: Access) -> APIRouter:
        """GET /v1/campaigns, one campaign and its report; POST of a preview, and of what can be done with one."""
        router = APIRouter(prefix="/v1", tags=["campaigns"], dependencies=[Depends(access.authenticated)])
        one, looked = "/campaigns/{campaign_id}", error_answers(401, 404, 422, 503)
        router.add_api_route(
            "/campaigns", self.latest, methods=["GET"], responses=looked,
            openapi_extra={"parameters": [_LIMIT_PARAMETER, ORGANIZATION_PARAMETER]},
        )  # fmt: skip
        router.add_api_route(
            "/campaigns/preview", self.preview, methods=["POST"],
            responses=error_answers(400, 401, 403, 404, 408, 413, 415, 422, 503),
            openapi_extra={"requestBody": request_body(CampaignRequest), "parameters": [_SHOWN_PARAMETER]},
        )  # fmt: skip
        router.add_api_route(
            one, self.show, methods=["GET"], responses=looked, openapi_extra={"parameters": [ORGANIZATION_PARAMETER]}
        )
        router.add_api_route(
            f"{one}/report", self.report, methods=["GET"], response_class=StreamingResponse,
            responses={
                200: {"content": {kind: {"schema": {"type": "string"}} for kind in _MEDIA_TYPES.values()}},
                **looked, **error_answers(409),
            },
            openapi_extra={"parameters": [_FORMAT_PARAMETER, ORGANIZATION_PARAMETER]},
        )  # fmt: skip
        for name, act in self._acts.items():
            router.add_api_route(
                f"{one}/{name}", self._doing(act), methods=["POST"], dependencies=[Depends(may_add)],
                responses={**looked, **error_answers(403, 409)}, name=name, description=act.__doc__,
                openapi_extra={"parameters": [ORGANIZATION_PARAMETER]},
            )  # fmt: skip
        return router

    async def latest(self, request: Request) -> LatestCampaigns:
        """The campaigns that were made last."""
        parameters = query_parameters(request, "limit", "organizationId")
        limit = whole_number(parameters, "limit", MOST_LISTED, least=1)
        organization_id = tenant(request, parameters)
        async with redis_deadline():
            campaigns = await self._lookup.latest(organization_id, LISTED if limit is None else limit)
        return LatestCampaigns(campaigns=campaigns)

    async def show(self, request: Request, campaign_id: str) -> CampaignView:
        """One campaign: its state, its counts, what it waits for, when it will be through."""
        organization_id = tenant(request, query_parameters(request, "organizationId"))
        async with redis_deadline():
            return await self._lookup.show(organization_id, campaign_id)

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
        return StreamingResponse(
            _in_time(report(self._store, campaign, form)), media_type=_MEDIA_TYPES[form],
            headers={"Content-Disposition": _attachment(f"campaign-{campaign_id}", form)},
        )  # fmt: skip

    def _doing(self, act: _Act) -> Callable[[Request, str], Awaitable[CampaignView]]:
        """The endpoint that does this with a campaign."""

        async def endpoint(request: Request, campaign_id: str) -> CampaignView:
            organization_id = tenant(request, query_parameters(request, "organizationId"))
            async with redis_deadline():
                await self._lookup.organization(organization_id)
                await self._lookup.taken_in(organization_id, campaign_id)
                return await self._lookup.view(await carried_through(act(organization_id, campaign_id)))

        return endpoint


async def _in_time(pieces: AsyncIterator[str]) -> AsyncIterator[str]:
    """The same, with a deadline for each; when it passes the answer breaks off, so that nobody takes it for whole."""
    while True:
        async with redis_deadline():
            piece = await anext(pieces, None)
        if piece is None:
            return
        yield piece


def _attachment(name: str, form: Format) -> str:
    """A file's name for browsers (RFC 6266): in letters that all of them can read, and as it is."""
    plain = re.sub(r"[^A-Za-z0-9._-]", "_", name)
    return f"attachment; filename=\"{plain}.{form}\"; filename*=UTF-8''{quote(f'{name}.{form}', safe='')}"
