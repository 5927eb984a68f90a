"""The recipients of one campaign: who got it, who did not and why, by page, by group, and by search."""

from typing import Final

from fastapi import APIRouter, Request, Response

from oxyq.access.tokens import signing_secret
from oxyq.api.access import DoorKeeper
from oxyq.api.campaign_lookup import CampaignLookup
from oxyq.api.campaign_recipients import LONGEST_SEARCH, wanted_group
from oxyq.api.cursor import Cursors
from oxyq.api.deadline import redis_deadline
from oxyq.app import App
from oxyq.campaigns.progress import Progress
from oxyq.campaigns.recipient import masked
from oxyq.campaigns.recipient_search import Group, Search
from oxyq.campaigns.recipients import Page, Recipients
from oxyq.campaigns.row_streams import Mark
from oxyq.clock import now_ms
from oxyq.dashboard.campaign_story import CampaignStory
from oxyq.dashboard.live import Topic
from oxyq.dashboard.organization import Chooser, named, told_in_its_time
from oxyq.dashboard.problems import Problems
from oxyq.dashboard.rendering import Pages
from oxyq.dashboard.visit import visit
from oxyq.errors import InvalidPayload

SHOWN: Final = 50
#: Tabs that are there also when nobody is in them.
_ALWAYS: Final = ("sent", "failed", "skipped", "waiting")
_TABS: Final[tuple[Group, ...]] = (
    "waiting", "sent", "delivered", "read", "failed", "unconfirmed", "skipped", "cancelled",
)  # fmt: skip


class CampaignRecipientsPage:
    """Shows the recipients of a campaign in the order of the list."""

    def __init__(self, app: App, pages: Pages) -> None:
        self._chooser = Chooser(app.organizations, pages)
        self._lookup = CampaignLookup(app)
        self._recipients = Recipients(app.campaigns)
        self._cursors = Cursors(signing_secret(app.settings))
        self._pages = pages

    def routes(self, door: DoorKeeper) -> APIRouter:
        """GET campaigns/{campaign_id}/recipients."""
        router = APIRouter()
        router.add_api_route(
            "/campaigns/{campaign_id}/recipients", self.show, methods=["GET"], dependencies=door.look()
        )
        return router

    def topics(self) -> dict[str, Topic]:
        """None: a table that somebody reads does not move."""
        return {}

    async def show(self, request: Request, campaign_id: str) -> Response:
        """One page of them."""
        organization = await self._chooser.needed(request)
        visited, query = told_in_its_time(visit(request), organization), request.query_params
        words, group = query.get("q", "").strip()[:LONGEST_SEARCH], wanted_group(query.get("state") or None)
        mark = Mark.read(self._cursors.read(query["cursor"])) if "cursor" in query else Mark()
        try:
            search, problem = Search(words, is_masked=not visited.is_revealed), ""
        except InvalidPayload:
            search, problem = None, visited.say("campaigns.search_masked")
        async with redis_deadline():
            campaign = await self._lookup.taken_in(organization.id, campaign_id)
            page = Page([], None, 0) if search is None else await self._recipients.page(
                campaign, search, mark, group=group, limit=SHOWN
            )  # fmt: skip
        story = CampaignStory(campaign, organization, None, now_ms(), visited.say, visited.formats)
        return self._pages.show(
            visited, "campaign_recipients.html", 200 if search else 422, story=story,
            named=named(visited, organization), group=group, words=words, problem=problem,
            recipients=page.recipients if visited.is_revealed else [masked(one) for one in page.recipients],
            tabs_=_tabs(story.counts, group), looked=page.looked, is_first="cursor" not in query,
            after=None if page.next is None else self._cursors.sign(str(page.next)),
            problems=Problems(visited.say),
        )  # fmt: skip


def _tabs(counts: Progress, group: Group | None) -> list[tuple[Group, int]]:
    """The groups that somebody is in, and how many."""
    sizes: dict[Group, int] = {
        "waiting": counts.waiting, "sent": counts.sent, "delivered": counts.delivered, "read": counts.read,
        "failed": counts.failed, "unconfirmed": counts.unconfirmed, "skipped": sum(counts.skipped.values()),
        "cancelled": counts.cancelled,
    }  # fmt: skip
    return [(tab, sizes[tab]) for tab in _TABS if sizes[tab] or tab in _ALWAYS or tab == group]
