"""The routes for bulk tasks: order one, see how far it is, cancel it."""

from typing import Final, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from oxyq.api.access import Access, caller, tell_audit
from oxyq.api.body import BODY_BYTES, read_object
from oxyq.api.cursor import Cursors
from oxyq.api.deadline import redis_deadline
from oxyq.api.idempotency import IDEMPOTENCY_PARAMETER, idempotency_key
from oxyq.api.job_filters import checked_filter
from oxyq.api.masked import is_masked_for
from oxyq.api.openapi import error_answers, query_parameter, request_body
from oxyq.api.query import query_parameters, whole_number
from oxyq.app import App
from oxyq.errors import InvalidPayload, NotFound
from oxyq.jobs import parse_new
from oxyq.masking import mask_numbers_in
from oxyq.operating.bulk.task import PER_SECOND, Task, TaskOrder
from oxyq.operating.job_tasks.orders import JobOrder

LISTED, MOST_LISTED = 50, 200
_LIMIT: Final = query_parameter(
    "limit", "at most so many", {"type": "integer", "minimum": 1, "maximum": MOST_LISTED, "default": LISTED}
)
_CURSOR: Final = query_parameter("cursor", "`next` of the page before", {"type": "string"})


class TaskView(BaseModel):
    """A bulk task as it stands; times are ms since 1970."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

    task_id: str
    kind: str = Field(examples=["retry"])
    queue: str
    organization_id: str | None = Field(description="whose jobs it is about; null: all organizations'")
    by: str
    state: Literal["waiting", "collecting", "running", "done", "cancelled", "failed"]
    is_cancelled: bool = Field(description="somebody wants it to end; it does after the chunk in hand")
    total: int = Field(description="jobs that are meant; grows while they are being collected")
    done: int
    skipped: int = Field(description="not what was meant any more: retried by somebody else, running, gone")
    failed: int
    left: int = Field(description="not touched; of a task that has ended, they stay as they were")
    per_second: float
    problem: str = Field(description="why the last one failed, or all of it")
    created_at: int
    started_at: int | None
    ended_at: int | None

    @classmethod
    def of(cls, task: Task) -> "TaskView":
        """The view of a task."""
        order, tally = task.order, task.tally
        return cls(
            task_id=task.id, kind=order.kind, queue=order.queue, organization_id=order.organization_id, by=order.by,
            state=task.state.value, is_cancelled=task.is_cancelled, total=task.total, done=tally.done,
            skipped=tally.skipped, failed=tally.failed, left=task.left, per_second=round(task.per_second, 1),
            problem=mask_numbers_in(tally.problem), created_at=task.created_ms, started_at=task.started_ms,
            ended_at=task.ended_ms,
        )  # fmt: skip


class TaskPage(BaseModel):
    """Tasks, the one that was ordered last first."""

    tasks: list[TaskView]
    next: str | None = Field(description="give it as cursor for the page behind this one")


class TaskRoutes:
    """Answers for the tasks of the caller's organization, or of all."""

    def __init__(self, app: App, cursors: Cursors) -> None:
        self._tasks = app.bulk
        self._cursors = cursors

    def routes(self, access: Access) -> APIRouter:
        """POST and GET /v1/tasks, GET of one, POST of its cancel."""
        router = APIRouter(prefix="/v1", tags=["tasks"])
        looked, one = error_answers(401, 404, 422, 503), "/tasks/{task_id}"
        router.add_api_route(
            "/tasks", self.start, methods=["POST"], dependencies=access.deed("task.start"), status_code=202,
            responses={**looked, **error_answers(400, 403, 408, 409, 413, 415)},
            openapi_extra={"requestBody": request_body(JobOrder), "parameters": [IDEMPOTENCY_PARAMETER]},
        )  # fmt: skip
        router.add_api_route(
            "/tasks", self.latest, methods=["GET"], dependencies=access.look(), responses=looked,
            openapi_extra={"parameters": [_LIMIT, _CURSOR]},
        )  # fmt: skip
        router.add_api_route(one, self.show, methods=["GET"], dependencies=access.look(), responses=looked)
        router.add_api_route(
            f"{one}/cancel", self.cancel, methods=["POST"], dependencies=access.deed("task.cancel"),
            responses={**looked, **error_answers(403, 409)},
        )  # fmt: skip
        return router

    async def start(self, request: Request) -> TaskView:
        """Order something to be done to many jobs, in the background: these, or all of a state that fit a filter."""
        query_parameters(request)
        order = parse_new(JobOrder, (await read_object(request, BODY_BYTES)).fields)
        who = caller(request)
        # Only to be checked: the order itself keeps what was asked for, and whose it is.
        checked_filter(order.filter or {}, who, is_masked=is_masked_for(request))
        options = {} if order.per_second is None else {PER_SECOND: order.per_second}
        async with redis_deadline():
            task = await self._tasks.start(
                TaskOrder(order.kind, order.queue, order.selection(), options, who.org, who.sub),
                key=idempotency_key(request),
            )
        tell_audit(request, task=task.id, kind=order.kind, queue=order.queue, state=order.state)
        return TaskView.of(task)

    async def latest(self, request: Request) -> TaskPage:
        """The tasks of the last 7 days, the one that was ordered last first."""
        parameters = query_parameters(request, "limit", "cursor")
        limit = whole_number(parameters, "limit", MOST_LISTED, least=1) or LISTED
        before = self._before(parameters.get("cursor"))
        async with redis_deadline():
            tasks = await self._tasks.list(caller(request).org, before=before, limit=limit)
        more = self._cursors.sign(f"tasks {tasks[-1].id}") if len(tasks) == limit else None
        return TaskPage(tasks=[TaskView.of(task) for task in tasks], next=more)

    async def show(self, request: Request, task_id: str) -> TaskView:
        """One task: what was ordered, and how far it is."""
        query_parameters(request)
        async with redis_deadline():
            return TaskView.of(await self._seen(request, task_id))

    async def cancel(self, request: Request, task_id: str) -> TaskView:
        """End a task after the chunk in hand; what it has not touched stays as it is."""
        query_parameters(request)
        async with redis_deadline():
            await self._seen(request, task_id)
            return TaskView.of(await self._tasks.cancel(task_id))

    def _before(self, cursor: str | None) -> str | None:
        if cursor is None:
            return None
        what, _, task_id = self._cursors.read(cursor).partition(" ")
        if what != "tasks":
            raise InvalidPayload("cursor", "is of another list; take it from the page before")
        return task_id

    async def _seen(self, request: Request, task_id: str) -> Task:
        return visible_task(await self._tasks.get(task_id), caller(request).org)


def visible_task(task: Task, organization_id: str | None) -> Task:
    """The task, for who sees this organization only (None: all); raises NotFound."""
    if organization_id not in (None, task.order.organization_id):
        raise NotFound(f"there is no task {task.id}; tasks are kept for 7 days")
    return task
