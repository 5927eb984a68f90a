"""The routes for one job: all that is known of it, and everything that can be done with it."""

from collections.abc import Callable, Coroutine
from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from oxyq.api.access import Access, caller, tell_audit
from oxyq.api.body import BODY_BYTES, has_body, read_object
from oxyq.api.deadline import carried_through, redis_deadline
from oxyq.api.job_details import JobDetails, LogLines, job_details, log_lines
from oxyq.api.masked import is_masked_for
from oxyq.api.openapi import error_answers, query_parameter
from oxyq.api.query import query_parameters, whole_number
from oxyq.app import App
from oxyq.engine.job_control import LOWEST_PRIORITY
from oxyq.jobs import Milliseconds, parse_new
from oxyq.operating.found_job import FoundJob, JobPlace

LISTED, MOST_LISTED = 100, 1000
#: Fields that the audit names.
MOST_NAMED: Final = 20
_LAST_LINE: Final = 10**12

_START: Final = query_parameter("start", "of which line on; 0 is the oldest", {"type": "integer", "default": 0})
_LIMIT: Final = query_parameter(
    "limit", "at most so many lines", {"type": "integer", "minimum": 1, "maximum": MOST_LISTED, "default": LISTED}
)
_LOOKED: Final = error_answers(401, 404, 422, 503)
_DONE: Final = {**_LOOKED, **error_answers(403, 409)}
_WRITTEN: Final = {**_DONE, **error_answers(400, 408, 413, 415)}


class _Body(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")


class NewTime(_Body):
    """When a delayed job is to run."""

    at: Milliseconds = Field(description="in ms since 1970")


class NewPriority(_Body):
    """How urgent a job is from now on."""

    priority: int = Field(
        description="1 is the most urgent; 0 goes before all. Less than its queue's own goes before all turns",
        json_schema_extra={"minimum": 0, "maximum": LOWEST_PRIORITY},
    )


class NewJob(BaseModel):
    """Where the new job is."""

    id: str
    queue: str


class JobActionRoutes:
    """Answers for one job of the caller's organization."""

    def __init__(self, app: App) -> None:
        self._jobs = app.jobs
        self._viewer = app.job_viewer
        self._actions = app.job_actions

    def routes(self, access: Access) -> APIRouter:
        """GET /v1/queues/{queue}/jobs/{job_id}[/logs]; POST, PATCH and DELETE of what can be done with it."""
        router = APIRouter(prefix="/v1/queues/{queue}/jobs/{job_id}", tags=["jobs"])
        router.add_api_route("", self.show, methods=["GET"], dependencies=access.look(), responses=_LOOKED)
        router.add_api_route(
            "/logs", self.logs, methods=["GET"], dependencies=access.look(), responses=_LOOKED,
            openapi_extra={"parameters": [_START, _LIMIT]},
        )  # fmt: skip
        router.add_api_route(
            "", self.remove, methods=["DELETE"], dependencies=access.deed("job.remove"), status_code=204,
            response_class=Response, responses=_DONE,
        )  # fmt: skip
        for name, endpoint in (("retry", self.retry), ("promote", self.promote), ("fail", self.fail)):
            router.add_api_route(
                f"/{name}", endpoint, methods=["POST"], dependencies=access.deed(f"job.{name}"), responses=_DONE
            )
        for name, endpoint, body in (
            ("reschedule", self.reschedule, _body(NewTime, {"at": 1795380684000})),
            ("priority", self.change_priority, _body(NewPriority, {"priority": 1})),
        ):
            router.add_api_route(
                f"/{name}", endpoint, methods=["POST"], dependencies=access.deed(f"job.{name}"), responses=_WRITTEN,
                openapi_extra={"requestBody": body},
            )  # fmt: skip
        router.add_api_route(
            "/data", self.change_data, methods=["PATCH"], dependencies=access.deed("job.edit"), responses=_WRITTEN,
            openapi_extra={"requestBody": _fields_body({"content": "Olá! Seu horário é às 10h."}, required=True)},
        )  # fmt: skip
        router.add_api_route(
            "/duplicate", self.duplicate, methods=["POST"], dependencies=access.deed("job.duplicate"), status_code=201,
            response_model=NewJob, responses={**_WRITTEN, **error_answers(429)},
            openapi_extra={"requestBody": _fields_body({"recipientNumber": "5511977777777"}, required=False)},
        )  # fmt: skip
        return router

    async def show(self, request: Request, queue: str, job_id: str) -> JobDetails:
        """One job with all that is known of it: its life so far, its attempts, what it carries and sent."""
        query_parameters(request)
        return await self._show(request, JobPlace(queue, job_id))

    async def logs(self, request: Request, queue: str, job_id: str) -> LogLines:
        """The log of a job, page by page, oldest line first; ask again from `start` = lines seen to hear the news."""
        parameters = query_parameters(request, "start", "limit")
        start = whole_number(parameters, "start", _LAST_LINE) or 0
        limit = whole_number(parameters, "limit", MOST_LISTED, least=1) or LISTED
        async with redis_deadline():
            job = await self._jobs.find(JobPlace(queue, job_id), caller(request).org)
            lines, total = await job.queue.control.log_lines(job_id, start, limit)
        return log_lines(lines, start, total, masked=is_masked_for(request))

    async def retry(self, request: Request, queue: str, job_id: str) -> JobDetails:
        """Run a failed or completed job again with all its attempts; what went out before is not sent again."""
        return await self._do(request, queue, job_id, lambda job: self._actions.retry(job, by=caller(request).sub))

    async def promote(self, request: Request, queue: str, job_id: str) -> JobDetails:
        """Let a delayed job run now."""
        return await self._do(request, queue, job_id, self._actions.promote)

    async def fail(self, request: Request, queue: str, job_id: str) -> JobDetails:
        """Take a job that hangs away from its worker: it has failed, and is a dead letter.

        What the worker says of it later is refused. What is at the gateway in this moment may still go out.
        """
        return await self._do(request, queue, job_id, lambda job: self._actions.fail(job, by=caller(request).sub))

    async def reschedule(self, request: Request, queue: str, job_id: str) -> JobDetails:
        """Let a delayed job run at another time."""
        new = parse_new(NewTime, (await read_object(request, BODY_BYTES)).fields)
        tell_audit(request, at=new.at)
        return await self._do(request, queue, job_id, lambda job: self._actions.reschedule(job, new.at))

    async def change_priority(self, request: Request, queue: str, job_id: str) -> JobDetails:
        """Give a job that has not run yet another priority."""
        new = parse_new(NewPriority, (await read_object(request, BODY_BYTES)).fields)
        tell_audit(request, priority=new.priority)
        return await self._do(request, queue, job_id, lambda job: self._actions.change_priority(job, new.priority))

    async def change_data(self, request: Request, queue: str, job_id: str) -> JobDetails:
        """Change some fields of what a job carries, while nobody runs it; null takes a field out (RFC 7396).

        The fields are checked as for a new job. Those by which the job is known elsewhere cannot be changed.
        """
        fields = (await read_object(request, BODY_BYTES)).fields
        tell_audit(request, fields=[*sorted(fields)[:MOST_NAMED]])
        return await self._do(request, queue, job_id, lambda job: self._actions.patch_data(job, fields))

    async def duplicate(self, request: Request, queue: str, job_id: str) -> Response:
        """Add a job that says the same, but for the fields in the body, as a new fact: it is sent again."""
        query_parameters(request)
        fields = (await read_object(request, BODY_BYTES)).fields if has_body(request) else {}
        async with redis_deadline():
            new = await self._actions.duplicate(await self._find(request, queue, job_id), fields)
        tell_audit(request, new=new.job_id)
        location = f"/v1/queues/{new.queue}/jobs/{new.job_id}"
        return JSONResponse(NewJob(id=new.job_id, queue=new.queue).model_dump(), 201, {"Location": location})

    async def remove(self, request: Request, queue: str, job_id: str) -> Response:
        """Remove a job that is not running, with its children; its id stays taken, as long as any job's does."""
        query_parameters(request)
        async with redis_deadline():
            job = await self._find(request, queue, job_id)
            await self._actions.remove(job, sees_all=caller(request).org is None)
        return Response(status_code=204)

    async def _do(
        self, request: Request, queue: str, job_id: str, action: Callable[[FoundJob], Coroutine[None, None, None]]
    ) -> JobDetails:
        """Do it to its end, and tell how the job stands then."""
        query_parameters(request)
        async with redis_deadline():
            await carried_through(action(await self._find(request, queue, job_id)))
        return await self._show(request, JobPlace(queue, job_id))

    async def _find(self, request: Request, queue: str, job_id: str) -> FoundJob:
        job = await self._jobs.find(JobPlace(queue, job_id), caller(request).org)
        tell_audit(request, organization_id=job.organization_id)
        return job

    async def _show(self, request: Request, place: JobPlace) -> JobDetails:
        async with redis_deadline():
            view = await self._viewer.view(await self._jobs.find(place, caller(request).org))
        return job_details(view, masked=is_masked_for(request))


def _body(model: type[BaseModel], example: dict[str, object]) -> dict[str, object]:
    content = {"schema": model.model_json_schema(by_alias=True), "example": example}
    return {"required": True, "content": {"application/json": content}}


def _fields_body(example: dict[str, object], *, required: bool) -> dict[str, object]:
    content = {"schema": {"type": "object", "additionalProperties": True}, "example": example}
    return {"required": required, "content": {"application/json": content}}
