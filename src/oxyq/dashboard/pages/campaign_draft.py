"""Making a campaign, step by step: what it says, who gets it, a look at both, and only then it can be started."""

import re
from collections.abc import AsyncGenerator, Mapping
from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from oxyq.access.permissions import Permission
from oxyq.api.access import DoorKeeper, tell_audit
from oxyq.api.body import body_pieces, media_type
from oxyq.api.campaign_checks import CampaignChecks
from oxyq.api.campaign_lookup import CampaignLookup
from oxyq.api.deadline import redis_deadline
from oxyq.api.drafts import FILE_BYTES, FORMATS, Drafts, FileFormat
from oxyq.api.errors import ApiError, as_api_error
from oxyq.app import App
from oxyq.campaigns.campaign import Campaign
from oxyq.dashboard.campaign_form import CampaignForm, filled, form_problems, read_content
from oxyq.dashboard.campaign_story import campaign_page
from oxyq.dashboard.forms import read_form
from oxyq.dashboard.live import Topic
from oxyq.dashboard.organization import Chooser, named, told_in_its_time
from oxyq.dashboard.pages.campaign import CampaignPage
from oxyq.dashboard.problems import Problems
from oxyq.dashboard.rendering import Pages
from oxyq.dashboard.visit import Visit, visit
from oxyq.errors import IdConflict, InvalidPayload, NotAllowed, OxyqError
from oxyq.numbers import canonical_number
from oxyq.organizations import Organization

#: A list that is pasted into a form; longer ones are sent as a file, by the script.
PASTED_BYTES: Final = 2 * 1024 * 1024


class CampaignDraftPages:
    """The steps to a campaign; the last one is `CampaignPage`."""

    def __init__(self, app: App, pages: Pages, campaign: CampaignPage) -> None:
        self._app = app
        self._pages = pages
        self._campaign = campaign
        self._chooser = Chooser(app.organizations, pages)
        self._lookup = CampaignLookup(app)
        self._drafts = Drafts(app, self._lookup)
        self._checks = CampaignChecks(app, self._lookup, self._drafts)

    def routes(self, door: DoorKeeper) -> APIRouter:
        """GET and POST new-campaign and campaigns/{id}/edit; POST of a list, PUT of a file, POST of a look at it."""
        router, one = APIRouter(), "/campaigns/{campaign_id}"
        for path, endpoint, method, action in (
            ("/new-campaign", self.make, "POST", "campaign.make"),
            (f"{one}/edit", self.change, "POST", "campaign.change"),
            (f"{one}/list", self.paste, "POST", "campaign.fill"),
            (f"{one}/recipients", self.upload, "PUT", "campaign.fill"),
            (f"{one}/empty", self.empty, "POST", "campaign.empty"),
            (f"{one}/check", self.check, "POST", "campaign.check"),
        ):
            router.add_api_route(path, endpoint, methods=[method], dependencies=door.deed(action))
        router.add_api_route("/new-campaign", self.begin, methods=["GET"], dependencies=door.look(Permission.ACT))
        router.add_api_route(f"{one}/edit", self.edit, methods=["GET"], dependencies=door.look(Permission.ACT))
        return router

    def topics(self) -> Mapping[str, Topic]:
        """None: nobody wants a form to change under his hands."""
        return {}

    # --- what it says ---------------------------------------------------------------------------------------------

    async def begin(self, request: Request) -> Response:
        """An empty form."""
        organization = await self._chooser.organization(request)
        if organization is None:
            return await self._chooser.ask(request, "campaigns", "new-campaign")
        return self._form(visit(request), organization, CampaignForm({"when": "now"}))

    async def make(self, request: Request) -> Response:
        """A draft of what the form says."""
        organization = await self._chooser.needed(request)
        visited, form = visit(request), await read_form(request)
        try:
            content = read_content(form, organization)
            tell_audit(request, campaign=content.campaign_id)
            async with redis_deadline():
                await self._drafts.make(content)
        except (InvalidPayload, IdConflict) as error:
            return self._form(visited, organization, _refused(visited, form.filled(), error), status=422)
        return visited.redirect(campaign_page(content.campaign_id), organization=named(visited, organization))

    async def edit(self, request: Request, campaign_id: str) -> Response:
        """The form as it was filled in."""
        organization = await self._chooser.needed(request)
        async with redis_deadline():
            campaign = await self._draft(organization, campaign_id)
        return self._form(visit(request), organization, CampaignForm(filled(campaign, organization)), campaign)

    async def change(self, request: Request, campaign_id: str) -> Response:
        """Let the draft say what the form says, to the list that it has."""
        organization = await self._chooser.needed(request)
        visited, form = visit(request), await read_form(request)
        async with redis_deadline():
            campaign = await self._draft(organization, campaign_id)
        try:
            await self._checks.say(read_content(form, organization, campaign_id))
        except (InvalidPayload, IdConflict) as error:
            return self._form(visited, organization, _refused(visited, form.filled(), error), campaign, status=422)
        return visited.redirect(campaign_page(campaign_id), organization=named(visited, organization))

    # --- who gets it ----------------------------------------------------------------------------------------------

    async def paste(self, request: Request, campaign_id: str) -> Response:
        """Take a list that was pasted, and look at it."""
        organization = await self._chooser.needed(request)
        visited, rows = visit(request), ""
        try:
            rows = (await read_form(request, PASTED_BYTES)).optional("rows") or ""
            await self._take(organization, campaign_id, "csv", _pieces(_with_header(rows)))
        except (InvalidPayload, ApiError) as error:
            refusal = as_api_error(error)
            tell_audit(request, refused=refusal.code)
            problem = error.problem if isinstance(error, InvalidPayload) else refusal.message
            told = Problems(visited.say).told(problem)
            return await self._campaign.show_draft_again(request, campaign_id, told, rows)
        return visited.redirect(campaign_page(campaign_id), organization=named(visited, organization))

    async def upload(self, request: Request, campaign_id: str) -> Response:
        """Take a file of any size, as the script sends it, and look at it: 204, or what is wrong with it."""
        organization = await self._chooser.needed(request)
        try:
            form = FORMATS[media_type(request, *FORMATS)]
            await self._take(organization, campaign_id, form, body_pieces(request, FILE_BYTES))
        except (OxyqError, ApiError) as error:
            refusal = as_api_error(error)
            tell_audit(request, refused=refusal.code)
            problem = error.problem if isinstance(error, InvalidPayload) else refusal.message
            return JSONResponse({"problem": Problems(visit(request).say).told(problem)}, refusal.status)
        return Response(status_code=204)

    async def empty(self, request: Request, campaign_id: str) -> Response:
        """Take the list away, to hand in another one."""
        organization = await self._chooser.needed(request)
        visited = visit(request)
        await read_form(request)
        await self._drafts.let_go(organization.id, campaign_id)
        return visited.redirect(campaign_page(campaign_id), organization=named(visited, organization))

    async def check(self, request: Request, campaign_id: str) -> Response:
        """Look at all of the list."""
        organization = await self._chooser.needed(request)
        visited = visit(request)
        await read_form(request)
        async with redis_deadline():
            campaign = await self._lookup.taken_in(organization.id, campaign_id)
        await self._checks.look(campaign)
        return visited.redirect(campaign_page(campaign_id), organization=named(visited, organization))

    async def _take(
        self, organization: Organization, campaign_id: str, form: FileFormat, coming: AsyncGenerator[bytes, None]
    ) -> None:
        await self._checks.look(await self._drafts.take(organization.id, campaign_id, form, coming))

    async def _draft(self, organization: Organization, campaign_id: str) -> Campaign:
        campaign = await self._lookup.taken_in(organization.id, campaign_id)
        if campaign.state != "draft":
            raise NotAllowed(f"campaign {campaign_id} is {campaign.state}: only a draft can be changed")
        return campaign

    def _form(
        self, visited: Visit, organization: Organization, form: CampaignForm, campaign: Campaign | None = None,
        *, status: int = 200,
    ) -> Response:  # fmt: skip
        return self._pages.show(
            told_in_its_time(visited, organization), "campaign_form.html", status, form=form, campaign=campaign,
            organization=organization, named=named(visited, organization),
            page="new-campaign" if campaign is None else campaign_page(campaign.id, "edit"),
            back="campaigns" if campaign is None else campaign_page(campaign.id),
            instances=[(instance, instance) for instance in organization.instances],
        )  # fmt: skip


def _refused(visited: Visit, values: Mapping[str, str], error: InvalidPayload | IdConflict) -> CampaignForm:
    """The form with its values kept, and what is wrong at each field."""
    if isinstance(error, IdConflict):
        return CampaignForm(values, {"name": visited.say("campaigns.name_taken")})
    problems = Problems(visited.say)
    return CampaignForm(values, {name: problems.told(problem) for name, problem in reversed(form_problems(error))})


def _with_header(rows: str) -> str:
    """The list as it was pasted; a plain column of numbers needs no header."""
    first = next((line.strip() for line in rows.splitlines() if line.strip()), "")
    if re.search("[,;\t]", first):
        return rows
    try:
        canonical_number(first)
    except InvalidPayload:
        return rows
    return f"numero\n{rows}"


async def _pieces(text: str) -> AsyncGenerator[bytes, None]:
    yield text.encode()
