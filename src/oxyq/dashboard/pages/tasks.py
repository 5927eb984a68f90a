"""The pages of bulk tasks: all of the last 7 days, and each with its progress."""

from collections.abc import Mapping
from hashlib import blake2b
from typing import Final

from fastapi import APIRouter, Request, Response

from oxyq.api.access import DoorKeeper, caller
from oxyq.api.deadline import redis_deadline
from oxyq.api.query import query_parameters
from oxyq.api.tasks import visible_task
from oxyq.app import App
from oxyq.dashboard.forms import read_form
from oxyq.dashboard.live import Topic
from oxyq.dashboard.rendering import Pages
from oxyq.dashboard.visit import visit
from oxyq.operating.bulk.task import Task
from oxyq.outcomes import JsonValue

LISTED: Final = 50


class TaskPages:
    """Shows tasks, and cancels them."""

    def __init__(self, app: App, pages: Pages) -> None:
        self._tasks = app.bulk
        self._sessions = app.sessions
        self._pages = pages

    def routes(self, door: DoorKeeper) -> APIRouter:
        """GET tasks and tasks/{task_id}, POST of its cancel."""
        router = APIRouter()
        one = "/tasks/{task_id}"
        router.add_api_route("/tasks", self.every, methods=["GET"], dependencies=door.look())
        router.add_api_route(one, self.show, methods=["GET"], dependencies=door.look())
        router.add_api_route(f"{one}/cancel", self.cancel, methods=["POST"], dependencies=door.deed("task.cancel"))
        return router

    def topics(self) -> Mapping[str, Topic]:
        """One task, `task:{task_id}`, and the first page of all."""
        return {"task": Topic(self._one, sends="value"), "tasks": Topic(self._first, sends="value")}

    async def every(self, request: Request) -> Response:
        """The tasks that were ordered last."""
        before = query_parameters(request, "before").get("before")
        async with redis_deadline():
            tasks = await self._tasks.list(caller(request).org, before=before, limit=LISTED)
        following = tasks[-1].id if len(tasks) == LISTED else None
        return self._pages.show(
            visit(request),
            "tasks.html",
            tasks=tasks,
            is_first=before is None,
            following=following,
            standing=_standing(*tasks),
        )

    async def show(self, request: Request, task_id: str) -> Response:
        """One task."""
        async with redis_deadline():
            task = visible_task(await self._tasks.get(task_id), caller(request).org)
        return self._pages.show(
            visit(request), "task.html", task=task, left_ms=_left_ms(task), standing=_standing(task)
        )

    async def cancel(self, request: Request, task_id: str) -> Response:
        """End a task after the chunk in hand."""
        form = await read_form(request)
        async with redis_deadline():
            visible_task(await self._tasks.get(task_id), caller(request).org)
            await self._tasks.cancel(task_id)
            await self._sessions.flash(request.state.session_secret, "tasks.will_end")
        return visit(request).back(form.optional("back"), f"tasks/{task_id}")

    async def _one(self, organization_id: str | None, argument: str) -> JsonValue:
        return _standing(visible_task(await self._tasks.get(argument), organization_id))

    async def _first(self, organization_id: str | None, argument: str) -> JsonValue:
        return _standing(*await self._tasks.list(organization_id, limit=LISTED))


def _standing(*tasks: Task) -> str:
    """How they stand: another text as soon as anything of it has changed."""
    stand = "\n".join(f"{one.id} {one.state} {one.total} {one.tally} {one.is_cancelled}" for one in tasks)
    return blake2b(stand.encode(), digest_size=8).hexdigest()


def _left_ms(task: Task) -> float | None:
    """How long it will take yet, by how fast it has been."""
    if task.has_ended or not task.per_second:
        return None
    return task.left / task.per_second * 1000
