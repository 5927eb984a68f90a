"""The page of a queue: its jobs by state, filtered, and what can be done to many of them at once."""

from collections.abc import Mapping
from hashlib import blake2b
from typing import Final
from urllib.parse import parse_qsl, unquote, urlencode

from fastapi import APIRouter, Request, Response

from oxyq.api.access import DoorKeeper, caller, tell_audit
from oxyq.api.deadline import redis_deadline
from oxyq.api.query import query_parameters, whole_number
from oxyq.app import App
from oxyq.dashboard.forms import read_form
from oxyq.dashboard.job_list import FIELDS, OFFERED, Asked, asked, refused
from oxyq.dashboard.live import Topic
from oxyq.dashboard.rendering import Pages
from oxyq.dashboard.visit import visit
from oxyq.errors import InvalidPayload, NotAllowed, NotFound
from oxyq.operating.bulk.task import MOST_PER_SECOND, PER_SECOND, TaskOrder
from oxyq.operating.error_classes import CLASSES
from oxyq.operating.job_tasks.selection import MOST_IDS
from oxyq.operating.search.job_filter import read_filter
from oxyq.operating.search.job_row import job_rows
from oxyq.operating.search.job_search import Facets, JobPage
from oxyq.operating.search.states import SHOWN, shown_state
from oxyq.outcomes import JsonValue

LISTED: Final = 50
LAST_PLACE: Final = 10**9
#: In a state of so many jobs values to choose from are told without being asked for: some 50 ms.
SMALL: Final = 2_000
#: As long as the stream of events takes it.
_LONGEST_TOPIC: Final = 380


class QueuePage:
    """Shows lists of jobs, and orders tasks that work on them."""

    def __init__(self, app: App, pages: Pages) -> None:
        self._queues = {name: app.queues[name] for name in app.settings.policies}
        self._view = app.queue_view
        self._search = app.search
        self._tasks = app.bulk
        self._pages = pages

    def routes(self, door: DoorKeeper) -> APIRouter:
        """GET queue/{queue}, POST queue/{queue}/tasks."""
        router = APIRouter()
        router.add_api_route("/queue/{queue}", self.show, methods=["GET"], dependencies=door.look())
        router.add_api_route("/queue/{queue}/tasks", self.order, methods=["POST"], dependencies=door.deed("task.start"))
        return router

    def topics(self) -> Mapping[str, Topic]:
        """Counts by state, whether a list has changed, and how far looking for something is."""
        return {
            "queue": Topic(self._counts, sends="value", every=2),
            "queue-jobs": Topic(self._head, sends="value", every=2),
            "queue-search": Topic(self._looked, sends="value", every=2),
        }

    async def show(self, request: Request, queue: str) -> Response:
        """One page of the jobs of a state."""
        self._known(queue)
        visited = visit(request)
        parameters = query_parameters(request, "state", *FIELDS, "start", "stop")
        start = whole_number(parameters, "start", LAST_PLACE) or 0
        problem: InvalidPayload | None = None
        try:
            found = asked(visited, parameters)
        except InvalidPayload as error:
            if error.field not in FIELDS:
                raise
            problem, found = error, refused(parameters)
        async with redis_deadline():
            now = await self._view.look(queue, visited.who.org)
            page = JobPage((), 0, False, 0) if problem else await self._page(queue, found, start, "stop" in parameters)
            facets = await self._facets(queue, found, page, visited.who.org)
            standing = _how_far(page) if page.search else await self._standing(queue, found.state)
        return self._pages.show(
            visited, "queue.html", 422 if problem else 200,
            queue=queue, now=now, states=[*SHOWN], asked=found, page=page, rows=job_rows(page.jobs), start=start,
            before=max(start - LISTED, 0) if start else None, after=start + LISTED if page.has_more else None,
            facets={} if facets is None else facets.values, classes=[one.name for one in CLASSES],
            kinds=OFFERED[found.state] if visited.may("act") else (), problem=problem,
            is_stopped="stop" in parameters, search_topic=_search_topic(queue, found, page),
            most_per_second=MOST_PER_SECOND,
            standing=standing,
        )  # fmt: skip

    async def order(self, request: Request, queue: str) -> Response:
        """Order something to be done to the rows that are ticked, or to all that fit, and show how far that is."""
        self._known(queue)
        form, visited, who = await read_form(request), visit(request), caller(request)
        found = asked(visited, form.filled())
        kind = form.text("kind")
        if kind not in OFFERED[found.state]:
            raise InvalidPayload("kind", f"must be one of {', '.join(OFFERED[found.state])}")
        selection: dict[str, JsonValue] = {"state": found.state}
        if form.flag("all"):
            selection["filter"] = found.wanted.to_json()
        elif ids := form.several("ids"):
            selection["ids"] = list[JsonValue](ids[:MOST_IDS])
        else:
            raise NotAllowed(visited.say("queue.nothing_chosen"))
        per_second = form.number("per_second", least=1, most=MOST_PER_SECOND)
        options: dict[str, JsonValue] = {} if per_second is None else {PER_SECOND: per_second}
        async with redis_deadline():
            task = await self._tasks.start(TaskOrder(kind, queue, selection, options, who.org, who.sub))
        tell_audit(request, task=task.id, kind=kind, queue=queue, state=found.state)
        return visited.redirect(f"tasks/{task.id}")

    async def _page(self, queue: str, found: Asked, start: int, is_stopped: bool) -> JobPage:
        look = self._search.stopped if is_stopped and not found.wanted.is_empty else self._search.page
        return await look(queue, found.state, found.wanted, start, LISTED)

    async def _facets(self, queue: str, found: Asked, page: JobPage, organization_id: str | None) -> Facets | None:
        """What can be chosen from; not where a million jobs would have to be read for it."""
        if found.wanted.is_empty and page.count > SMALL:
            return None
        return await self._search.facets(queue, found.state, organization_id)

    # --- live -------------------------------------------------------------------------------------------------

    async def _counts(self, organization_id: str | None, argument: str) -> JsonValue:
        self._known(argument)
        now = await self._view.look(argument, organization_id)
        return {state.replace("-", "_"): count for state, count in now.counts.items()}

    async def _head(self, organization_id: str | None, argument: str) -> JsonValue:
        queue, _, state = argument.partition("/")
        self._known(queue)
        return await self._standing(queue, state)

    async def _standing(self, queue: str, state: str) -> str:
        """How the beginning of a list stands: another text when jobs came or went. Says nothing else to anybody."""
        shown = shown_state(state)
        lengths = await self._queues[queue].lengths(shown.stored)
        first = await self._queues[queue].ids(shown.stored[0], 0, 0, newest_first=shown.newest_first)
        return blake2b(repr((lengths, first)).encode(errors="replace"), digest_size=8).hexdigest()

    async def _looked(self, organization_id: str | None, argument: str) -> JsonValue:
        place, _, query = unquote(argument).partition("?")
        queue, _, state = place.partition("/")
        self._known(queue)
        wanted = read_filter(dict(parse_qsl(query))).within(organization_id)
        page = await self._search.page(queue, state, wanted, 0, 0)
        return _how_far(page)

    def _known(self, queue: str) -> None:
        if queue not in self._queues:
            raise NotFound(f"there is no such queue; there are {', '.join(self._queues)}")


def _how_far(page: JobPage) -> str:
    return "" if page.search is None else f"{page.search.looked} {page.search.is_complete}"


def _search_topic(queue: str, found: Asked, page: JobPage) -> str:
    """What is asked about while looking goes on; "" when it does not, or the page has to be asked for again by hand."""
    if page.search is None or page.search.is_complete:
        return ""
    topic = f"{queue}/{found.state}?{urlencode(found.wanted.to_json())}"
    return topic if len(urlencode({"": topic})) <= _LONGEST_TOPIC else ""
