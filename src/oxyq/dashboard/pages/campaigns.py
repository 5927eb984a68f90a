"""The campaigns of an organization: how far each is, and what it is doing."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote

from fastapi import APIRouter, Request, Response

from oxyq.api.access import DoorKeeper, no_organization
from oxyq.api.deadline import redis_deadline
from oxyq.app import App
from oxyq.campaigns.campaign import Campaign, State
from oxyq.campaigns.catalogue import Catalogue
from oxyq.clock import now_ms
from oxyq.dashboard.campaign_story import CampaignStory
from oxyq.dashboard.live import Topic
from oxyq.dashboard.organization import Chooser, named, told_in_its_time
from oxyq.dashboard.rendering import Pages
from oxyq.dashboard.visit import Visit, visit
from oxyq.organizations import Organization
from oxyq.outcomes import JsonValue

SHOWN: Final = 20
LONGEST_SEARCH: Final = 200
#: The tabs, and the states that each shows.
TABS: Final[Mapping[str, tuple[State, ...]]] = {
    "all": (),
    "running": ("planning", "running"),
    "paused": ("paused",),
    "scheduled": ("scheduled",),
    "drafts": ("draft",),
    "ended": ("completed", "cancelled"),
}


class CampaignsPage:
    """Shows all campaigns, newest first."""

    def __init__(self, app: App, pages: Pages) -> None:
        self._store = app.campaigns
        self._catalogue = Catalogue(app.campaigns)
        self._overview = app.campaign_overview
        self._chooser = Chooser(app.organizations, pages)
        self._pages = pages

    def routes(self, door: DoorKeeper) -> APIRouter:
        """GET campaigns."""
        router = APIRouter()
        router.add_api_route("/campaigns", self.show, methods=["GET"], dependencies=door.look())
        return router

    def topics(self) -> Mapping[str, Topic]:
        """Whether anything in the list changed."""
        return {"campaigns": Topic(self._now, every=3)}

    async def show(self, request: Request) -> Response:
        """The list, all of it or what is looked for."""
        organization = await self._chooser.organization(request)
        if organization is None:
            return await self._chooser.ask(request, "campaigns", "campaigns")
        visited, query = told_in_its_time(visit(request), organization), request.query_params
        tab = query.get("show") if query.get("show") in TABS else "all"
        words = query.get("q", "").strip()[:LONGEST_SEARCH]
        async with redis_deadline():
            page = await self._catalogue.page(
                organization.id, states=TABS[tab or "all"], words=words, behind=query.get("after"), limit=SHOWN
            )
            stories = [await self._story(visited, campaign, organization) for campaign in page.campaigns]
        return self._pages.show(
            visited, "campaigns.html", stories=stories, organization=organization, named=named(visited, organization),
            tabs_=list(TABS), tab=tab, words=words, after=page.next, is_first="after" not in query,
        )  # fmt: skip

    async def _story(self, visited: Visit, campaign: Campaign, organization: Organization) -> CampaignStory:
        now = now_ms()
        end = await self._overview.end(campaign, organization, now)
        return CampaignStory(campaign, organization, end, now, visited.say, visited.formats)

    async def _now(self, organization_id: str | None, argument: str) -> JsonValue:
        whose = unquote(argument)
        if organization_id not in (None, whose):
            raise no_organization(whose)
        campaigns = await self._store.latest(whose, SHOWN)
        return [[campaign.id, campaign.state, campaign.waits, *_counts(campaign)] for campaign in campaigns]


def _counts(campaign: Campaign) -> list[int]:
    return [campaign.uploaded, campaign.planned_rows, *campaign.statuses.values()]
