"""One campaign: how far it is, when it will be through, what can be done with it, and its report as a file."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final
from urllib.parse import quote, unquote

from fastapi import APIRouter, Request, Response

from oxyq.access.permissions import Permission
from oxyq.api.access import DoorKeeper, no_organization, tell_audit
from oxyq.api.campaign_acts import CampaignActs
from oxyq.api.campaign_lookup import CampaignLookup
from oxyq.api.campaign_report import FORMATS, report_file
from oxyq.api.deadline import redis_deadline
from oxyq.api.masked import is_masked_for
from oxyq.app import App
from oxyq.campaigns.campaign import Campaign
from oxyq.campaigns.eta import Pace
from oxyq.campaigns.preview import Preview, Shown
from oxyq.campaigns.progress import expected_end
from oxyq.campaigns.recipient_search import Search
from oxyq.campaigns.recipients import Recipients
from oxyq.campaigns.row_streams import Mark
from oxyq.clock import now_ms
from oxyq.dashboard.campaign_story import CampaignStory, campaign_page, moment
from oxyq.dashboard.forms import read_form
from oxyq.dashboard.live import Topic
from oxyq.dashboard.organization import Chooser, named, told_in_its_time
from oxyq.dashboard.problems import Problems
from oxyq.dashboard.rendering import Pages
from oxyq.dashboard.visit import Visit, visit
from oxyq.errors import NotFound
from oxyq.organizations import Organization
from oxyq.outcomes import JsonValue
from oxyq.templates import placeholders, render

#: Texts that are shown as examples of what people get.
EXAMPLES: Final = 3
_NOT_STARTED: Final = frozenset(("unlisted", "draft", "scheduled"))


class CampaignPage:
    """Shows one campaign; one that was not started yet is shown with what it would do."""

    def __init__(self, app: App, pages: Pages) -> None:
        self._app = app
        self._pages = pages
        self._chooser = Chooser(app.organizations, pages)
        self._lookup = CampaignLookup(app)
        self._acts = CampaignActs(app, self._lookup)
        self._recipients = Recipients(app.campaigns)

    def routes(self, door: DoorKeeper) -> APIRouter:
        """GET campaigns/{campaign_id} and its report, POST of what can be done with it."""
        router, one = APIRouter(), "/campaigns/{campaign_id}"
        router.add_api_route(one, self.show, methods=["GET"], dependencies=door.look())
        # For owners it holds every number, and those who see numbers are in the audit.
        router.add_api_route(
            f"{one}/report", self.report, methods=["GET"], dependencies=door.deed("campaign.export", Permission.LOOK)
        )
        for action in self._acts.actions:
            router.add_api_route(
                f"{one}/{action}", self._doing(action), methods=["POST"], dependencies=door.deed(f"campaign.{action}")
            )
        return router

    def topics(self) -> Mapping[str, Topic]:
        """Whether anything about it changed: `campaign:{organization}/{id}`."""
        return {"campaign": Topic(self._now)}

    async def show(self, request: Request, campaign_id: str) -> Response:
        """The page."""
        organization = await self._chooser.needed(request)
        visited = told_in_its_time(visit(request), organization)
        async with redis_deadline():
            view, campaign = await self._lookup.show(organization.id, campaign_id)
            if campaign is None:
                return self._pages.show(
                    visited, "campaign_waits.html", id=view.campaign_id, named=named(visited, organization)
                )
            story, pace = await self._story(visited, campaign, organization)
            if story.stage in _NOT_STARTED:
                return await self._show_draft(visited, story, pace)
            return self._pages.show(
                visited, "campaign.html", story=story, named=named(visited, organization), pace=pace,
                example=example_of(campaign), examples=await self._examples(visited, campaign),
                topic=topic_of(campaign),
            )  # fmt: skip

    async def show_draft_again(self, request: Request, campaign_id: str, problem: str, rows: str) -> Response:
        """The page of a draft with the list that was refused, and why."""
        organization = await self._chooser.needed(request)
        visited = told_in_its_time(visit(request), organization)
        async with redis_deadline():
            campaign = await self._lookup.taken_in(organization.id, campaign_id)
            story, pace = await self._story(visited, campaign, organization)
            return await self._show_draft(visited, story, pace, problem, rows)

    async def _show_draft(
        self, visited: Visit, story: CampaignStory, pace: Pace, problem: str = "", rows: str = ""
    ) -> Response:
        campaign = story.campaign
        check = await self._app.draft_checks.last(campaign, story.organization, pace) if campaign.is_uploaded else None
        return self._pages.show(
            visited, "campaign_draft.html", 422 if problem else 200, story=story,
            named=named(visited, story.organization), check=check, problem=problem, rows=rows,
            when=[] if check is None else _expectations(visited, story, check),
            needed=needed_columns(campaign), example=example_of(campaign),
            problems=Problems(visited.say), topic=topic_of(campaign),
        )  # fmt: skip

    async def report(self, request: Request, campaign_id: str) -> Response:
        """Who got it, who did not and why: one line per recipient, with the numbers for owners."""
        organization = await self._chooser.needed(request)
        form = next((form for form in FORMATS if form == request.query_params.get("format")), FORMATS[0])
        async with redis_deadline():
            campaign = await self._lookup.taken_in(organization.id, campaign_id)
        tell_audit(request, organization_id=organization.id, format=form)
        return report_file(self._app.campaigns, campaign, form, is_masked=is_masked_for(request))

    def _doing(self, action: str) -> Callable[[Request, str], Awaitable[Response]]:
        async def endpoint(request: Request, campaign_id: str) -> Response:
            organization = await self._chooser.needed(request)
            form = await read_form(request)
            campaign = await self._acts.do(action, organization.id, campaign_id)
            done = "schedule" if campaign.state == "scheduled" else action.replace("-", "_")
            visited = visit(request)
            async with redis_deadline():
                await self._app.sessions.flash(request.state.session_secret, f"campaigns.done_{done}")
            return visited.back(form.optional("back"), campaign_page(campaign_id))

        return endpoint

    async def _story(
        self, visited: Visit, campaign: Campaign, organization: Organization
    ) -> tuple[CampaignStory, Pace]:
        now = now_ms()
        pace = await self._app.campaign_overview.pace(organization, campaign.instance_id)
        end = expected_end(campaign, organization, pace, now)
        return CampaignStory(campaign, organization, end, now, visited.say, visited.formats), pace

    async def _examples(self, visited: Visit, campaign: Campaign) -> list[Shown]:
        """What the first people get, for who may see that."""
        if not visited.is_revealed:
            return []
        page = await self._recipients.page(campaign, Search("", is_masked=False), Mark(), limit=4 * EXAMPLES)
        texts = {one.number: Shown(one.number, one.text) for one in page.recipients if one.text}
        return list(texts.values())[:EXAMPLES]

    async def _now(self, organization_id: str | None, argument: str) -> JsonValue:
        whose, campaign_id = (unquote(part) for part in argument.split("/", 1))
        if organization_id not in (None, whose):
            raise no_organization(whose)
        campaign = await self._app.campaigns.get(whose, campaign_id)
        if campaign is None:
            raise NotFound(f"there is no campaign {campaign_id}")
        return [
            campaign.state, campaign.waits, campaign.uploaded, campaign.planned_rows, *campaign.statuses.values(),
        ]  # fmt: skip


def topic_of(campaign: Campaign) -> str:
    """What its pages hear of."""
    return f"campaign:{quote(campaign.organization_id, safe='')}/{quote(campaign.id, safe='')}"


def needed_columns(campaign: Campaign) -> list[str]:
    """The variables that the list has to bring, because nobody else has a value for them."""
    texts = [campaign.template, *(campaign.meta_template.parameters if campaign.meta_template else ())]
    needed = dict.fromkeys(name for text in texts for name in placeholders(text))
    return [name for name in needed if name not in campaign.variables]


def example_of(campaign: Campaign) -> str:
    """The text as it arrives, with dots for what is each person's own."""
    masks = dict.fromkeys(needed_columns(campaign), "•••")
    return render(campaign.template, masks, campaign.variables, seed=campaign.id)


def _expectations(visited: Visit, story: CampaignStory, check: Preview) -> list[str]:
    """When it would begin, stop for the night, and be through, a sentence each."""
    say, estimate, now = visited.say, check.estimate, story.now_ms
    starts = story.campaign.start_at

    def told(ms: int | None) -> str:
        return moment(say, visited.formats, ms, now)

    sentences = [
        say("campaigns.check_starts_at", time=told(starts))
        if starts is not None and starts > now
        else say("campaigns.check_starts_now")
    ]
    if estimate is None or not check.recipients:
        return sentences
    if estimate.waits == "quiet hours":
        sentences.append(say("campaigns.check_quiet"))
    elif estimate.crosses_quiet_hours_at_ms is not None:
        sentences.append(say("campaigns.check_crosses", time=told(estimate.crosses_quiet_hours_at_ms)))
    if estimate.waits == "daily budget":
        sentences.append(say("campaigns.check_budget"))
    if estimate.ends_at_ms is not None:
        sentences.append(say("campaigns.check_ends", time=told(estimate.ends_at_ms)))
    else:
        sentences.append(say("campaigns.check_ends_fast"))
    return sentences
