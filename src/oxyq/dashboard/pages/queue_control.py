"""What concerns a queue as a whole: pause and resume it, its limits, and throwing away what is old."""

from collections.abc import Mapping
from typing import Final

from fastapi import APIRouter, Request, Response

from oxyq.access.permissions import Permission
from oxyq.api.access import DoorKeeper, caller, tell_audit, whole_installation
from oxyq.api.deadline import redis_deadline
from oxyq.api.query import one_of, query_parameters
from oxyq.app import App
from oxyq.dashboard.forms import read_form
from oxyq.dashboard.live import Topic
from oxyq.dashboard.rendering import Pages
from oxyq.dashboard.visit import visit
from oxyq.errors import InvalidPayload, NotFound
from oxyq.operating.queue_limits import MOST_CONCURRENCY, MOST_RATE
from oxyq.operating.search.states import SHOWN

_HOUR_MS: Final = 3600 * 1000
#: How old what is thrown away may be chosen to be; the first is offered.
AGES: Final[Mapping[str, int]] = {
    "7d": 7 * 24 * _HOUR_MS, "30d": 30 * 24 * _HOUR_MS, "24h": 24 * _HOUR_MS, "1h": _HOUR_MS, "all": 0,
}  # fmt: skip
#: The states that can be cleaned, the usual ones first.
CLEANED: Final = ("completed", "failed", *(state for state in SHOWN if state not in ("completed", "failed")))


class QueueControlPages:
    """Pauses, limits and cleans queues."""

    def __init__(self, app: App, pages: Pages) -> None:
        self._queues = {name: app.queues[name] for name in app.settings.policies}
        self._limits = app.limits
        self._cleaning = app.cleaning
        self._sessions = app.sessions
        self._pages = pages

    def routes(self, door: DoorKeeper) -> APIRouter:
        """POST queue/{queue}/pause and resume; GET and POST of limits and clean."""
        router = APIRouter()
        one = "/queue/{queue}"
        for name, endpoint in (("pause", self.pause), ("resume", self.resume)):
            router.add_api_route(f"{one}/{name}", endpoint, methods=["POST"], dependencies=door.deed(f"queue.{name}"))
        router.add_api_route(f"{one}/limits", self.show_limits, methods=["GET"], dependencies=door.look())
        router.add_api_route(
            f"{one}/limits", self.change_limits, methods=["POST"],
            dependencies=door.deed("queue.limits", Permission.SETTINGS),
        )  # fmt: skip
        router.add_api_route(f"{one}/clean", self.count, methods=["GET"], dependencies=door.look(Permission.ACT))
        router.add_api_route(f"{one}/clean", self.clean, methods=["POST"], dependencies=door.deed("queue.clean"))
        return router

    def topics(self) -> Mapping[str, Topic]:
        """None of its own."""
        return {}

    async def pause(self, request: Request, queue: str) -> Response:
        """Tell all workers to take no more jobs."""
        return await self._told(request, queue, is_paused=True)

    async def resume(self, request: Request, queue: str) -> Response:
        """Let all workers go on."""
        return await self._told(request, queue, is_paused=False)

    async def show_limits(self, request: Request, queue: str) -> Response:
        """What holds for all workers together, and what each is set to."""
        self._known(queue)
        whole_installation(request)
        async with redis_deadline():
            limits = await self._limits.get(queue)
        given = {"concurrency": limits.concurrency or "", "rate": limits.rate or ""}
        return self._pages.show(
            visit(request), "queue_limits.html", queue=queue, limits=limits, given=given, problem=None
        )

    async def change_limits(self, request: Request, queue: str) -> Response:
        """Lay down both; what is left empty is lifted."""
        self._known(queue)
        whole_installation(request)
        form, visited = await read_form(request), visit(request)
        try:
            concurrency = form.number("concurrency", least=1, most=MOST_CONCURRENCY)
            rate = form.number("rate", least=1, most=MOST_RATE)
        except InvalidPayload as problem:
            async with redis_deadline():
                limits = await self._limits.get(queue)
            return self._pages.show(
                visited, "queue_limits.html", 422, queue=queue, limits=limits,
                given={"concurrency": "", "rate": "", **form.filled()}, problem=problem,
            )  # fmt: skip
        tell_audit(request, concurrency=concurrency, rate=rate)
        async with redis_deadline():
            await self._limits.change(queue, concurrency, rate)
            await self._sessions.flash(request.state.session_secret, "queue.limits_changed")
        return visited.redirect(f"queue/{queue}/limits")

    async def count(self, request: Request, queue: str) -> Response:
        """How many jobs would be thrown away."""
        self._known(queue)
        parameters = query_parameters(request, "state", "age")
        state, age = one_of(parameters, "state", *CLEANED), one_of(parameters, "age", *AGES)
        async with redis_deadline():
            counted = await self._cleaning.count(queue, state, AGES[age], caller(request).org)
        return self._pages.show(
            visit(request), "queue_clean.html", queue=queue, state=state, age=age, states=CLEANED, ages=[*AGES],
            counted=counted,
        )  # fmt: skip

    async def clean(self, request: Request, queue: str) -> Response:
        """Throw them away in the background, and show how far that is."""
        self._known(queue)
        given, who = (await read_form(request)).filled(), caller(request)
        state, age = one_of(given, "state", *CLEANED), one_of(given, "age", *AGES)
        async with redis_deadline():
            task = await self._cleaning.start(queue, state, AGES[age], who.org, by=who.sub)
        tell_audit(request, task=task.id, state=state, olderThanMs=AGES[age])
        return visit(request).redirect(f"tasks/{task.id}")

    async def _told(self, request: Request, queue: str, *, is_paused: bool) -> Response:
        self._known(queue)
        whole_installation(request)
        form = await read_form(request)
        async with redis_deadline():
            await (self._queues[queue].pause() if is_paused else self._queues[queue].resume())
            await self._sessions.flash(request.state.session_secret, "queue.paused" if is_paused else "queue.resumed")
        return visit(request).back(form.optional("back"), f"queue/{queue}")

    def _known(self, queue: str) -> None:
        if queue not in self._queues:
            raise NotFound(f"there is no such queue; there are {', '.join(self._queues)}")
