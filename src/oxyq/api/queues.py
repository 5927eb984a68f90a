"""The routes for queues: counts, lists of jobs and what they can be filtered by, pause, limits, clean."""

from typing import Final

from fastapi import APIRouter, Request, Response

from oxyq.access.permissions import Permission
from oxyq.api.access import Access, caller, tell_audit, whole_installation
from oxyq.api.body import BODY_BYTES, read_object
from oxyq.api.cursor import Cursors
from oxyq.api.deadline import redis_deadline
from oxyq.api.idempotency import IDEMPOTENCY_PARAMETER, idempotency_key
from oxyq.api.job_filters import DESCRIBED, checked_filter
from oxyq.api.masked import is_masked_for
from oxyq.api.openapi import error_answers, query_parameter, request_body
from oxyq.api.query import query_parameters, whole_number
from oxyq.api.queue_views import (
    CleanOrder,
    FacetsView,
    JobList,
    LimitsOrder,
    LimitsView,
    QueueList,
    QueueView,
    ToClean,
)
from oxyq.api.tasks import TaskView
from oxyq.app import App
from oxyq.errors import InvalidPayload, NotFound
from oxyq.jobs import parse_new
from oxyq.operating.search.states import SHOWN

LISTED, MOST_LISTED = 50, 200
_STATE: Final = query_parameter("state", "of these jobs; needed", {"type": "string", "enum": list(SHOWN)})
_LIMIT: Final = query_parameter(
    "limit", "at most so many", {"type": "integer", "minimum": 1, "maximum": MOST_LISTED, "default": LISTED}
)
_CURSOR: Final = query_parameter("cursor", "`next` of the page before", {"type": "string"})
_FILTERS: Final = [query_parameter(name, *described) for name, described in DESCRIBED.items()]
_LOOKED: Final = error_answers(401, 404, 422, 503)
_DONE: Final = {**_LOOKED, **error_answers(403)}
_WRITTEN: Final = {**_DONE, **error_answers(400, 408, 409, 413, 415)}


class QueueRoutes:
    """Answers for the queues of the installation, with the jobs that the caller may see."""

    def __init__(self, app: App, cursors: Cursors) -> None:
        self._queues = {name: app.queues[name] for name in app.settings.policies}
        self._view = app.queue_view
        self._search = app.search
        self._limits = app.limits
        self._cleaning = app.cleaning
        self._cursors = cursors

    def routes(self, access: Access) -> APIRouter:
        """GET /v1/queues and what lies beneath; POST of pause, resume and clean, PUT of limits."""
        router = APIRouter(prefix="/v1/queues", tags=["queues"])
        look = access.look()
        router.add_api_route("", self.every, methods=["GET"], dependencies=look, responses=_LOOKED)
        router.add_api_route(
            "/{queue}/jobs", self.jobs, methods=["GET"], dependencies=look, responses=_LOOKED,
            openapi_extra={"parameters": [_STATE, *_FILTERS, _LIMIT, _CURSOR]},
        )  # fmt: skip
        router.add_api_route(
            "/{queue}/facets", self.facets, methods=["GET"], dependencies=look, responses=_LOOKED,
            openapi_extra={"parameters": [_STATE, _FILTERS[0]]},
        )  # fmt: skip
        router.add_api_route(
            "/{queue}/pause", self.pause, methods=["POST"], dependencies=access.deed("queue.pause"), responses=_DONE
        )
        router.add_api_route(
            "/{queue}/resume", self.resume, methods=["POST"], dependencies=access.deed("queue.resume"), responses=_DONE
        )
        router.add_api_route(
            "/{queue}/limits", self.change_limits, methods=["PUT"],
            dependencies=access.deed("queue.limits", Permission.SETTINGS), responses=_WRITTEN,
            openapi_extra={"requestBody": request_body(LimitsOrder)},
        )  # fmt: skip
        router.add_api_route(
            "/{queue}/clean", self.clean, methods=["POST"], dependencies=access.deed("queue.clean"), status_code=202,
            responses={200: {"model": ToClean, "description": "of a dry run"}, **_WRITTEN},
            response_model=TaskView | ToClean,
            openapi_extra={"requestBody": request_body(CleanOrder), "parameters": [IDEMPOTENCY_PARAMETER]},
        )  # fmt: skip
        return router

    async def every(self, request: Request) -> QueueList:
        """Every queue: how many jobs are in each state, whether it is paused, its limits."""
        query_parameters(request)
        async with redis_deadline():
            return QueueList(
                queues=[QueueView.of(await self._view.look(name, caller(request).org)) for name in self._queues]
            )

    async def jobs(self, request: Request, queue: str) -> JobList:
        """The jobs of one state: what has ended newest first, what is to come in the order in which it will run.

        With a filter a big state is looked through in the background, as long as somebody asks: until
        `search.isComplete`, what was found so far is answered, and asking again finds more.
        """
        self._known(queue)
        parameters = query_parameters(request, "state", *DESCRIBED, "limit", "cursor")
        limit = whole_number(parameters, "limit", MOST_LISTED, least=1) or LISTED
        start = self._start(parameters.get("cursor"))
        state = _state(parameters)
        is_masked = is_masked_for(request)
        given = {name: value for name, value in parameters.items() if name in DESCRIBED}
        wanted = checked_filter(given, caller(request), is_masked=is_masked)
        async with redis_deadline():
            page = await self._search.page(queue, state, wanted, start, limit)
        more = self._cursors.sign(f"jobs {start + limit}") if page.has_more else None
        return JobList.of(page, state, more, is_masked=is_masked)

    async def facets(self, request: Request, queue: str) -> FacetsView:
        """What the jobs of a state can be filtered by, and how many there are of each."""
        self._known(queue)
        parameters = query_parameters(request, "state", "organizationId")
        state = _state(parameters)
        wanted = checked_filter(
            {"organizationId": parameters.get("organizationId")}, caller(request), is_masked=is_masked_for(request)
        )
        async with redis_deadline():
            return FacetsView.of(await self._search.facets(queue, state, wanted.organization_id))

    async def pause(self, request: Request, queue: str) -> QueueView:
        """Tell all workers, Node's too, to take no more jobs; those in hand are finished."""
        return await self._told(request, queue, is_paused=True)

    async def resume(self, request: Request, queue: str) -> QueueView:
        """Let all workers go on."""
        return await self._told(request, queue, is_paused=False)

    async def change_limits(self, request: Request, queue: str) -> LimitsView:
        """Lay down how many jobs all workers together may run at once and may start, from the next job on."""
        self._known(queue)
        query_parameters(request)
        whole_installation(request)
        order = parse_new(LimitsOrder, (await read_object(request, BODY_BYTES)).fields)
        tell_audit(request, concurrency=order.concurrency, rate=order.rate)
        async with redis_deadline():
            return LimitsView.of(await self._limits.change(queue, order.concurrency, order.rate))

    async def clean(self, request: Request, response: Response) -> TaskView | ToClean:
        """Remove jobs of a state that are older, in the background; or only count them."""
        queue = request.path_params["queue"]
        self._known(queue)
        query_parameters(request)
        order = parse_new(CleanOrder, (await read_object(request, BODY_BYTES)).fields)
        who = caller(request)
        async with redis_deadline():
            if order.dry_run:
                tell_audit(request, dryRun=True)
                response.status_code = 200
                return ToClean.of(await self._cleaning.count(queue, order.state, order.older_than_ms, who.org))
            task = await self._cleaning.start(
                queue, order.state, order.older_than_ms, who.org, by=who.sub, key=idempotency_key(request)
            )
        tell_audit(request, task=task.id, state=order.state, olderThanMs=order.older_than_ms)
        return TaskView.of(task)

    async def _told(self, request: Request, queue: str, *, is_paused: bool) -> QueueView:
        self._known(queue)
        query_parameters(request)
        whole_installation(request)
        async with redis_deadline():
            await (self._queues[queue].pause() if is_paused else self._queues[queue].resume())
            return QueueView.of(await self._view.look(queue, None))

    def _known(self, queue: str) -> None:
        if queue not in self._queues:
            raise NotFound(f"there is no such queue; there are {', '.join(self._queues)}")

    def _start(self, cursor: str | None) -> int:
        if cursor is None:
            return 0
        what, _, start = self._cursors.read(cursor).partition(" ")
        if what != "jobs" or not start.isdecimal():
            raise InvalidPayload("cursor", "is of another list; take it from the page before")
        return int(start)


def _state(parameters: dict[str, str]) -> str:
    state = parameters.get("state", "")
    if state not in SHOWN:
        raise InvalidPayload("state", f"must be one of {', '.join(SHOWN)}")
    return state
