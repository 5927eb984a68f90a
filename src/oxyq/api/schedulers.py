"""The routes for all schedulers of automations, also those that Node made: looked at, run, removed."""

from typing import Final

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from oxyq.access.permissions import Permission
from oxyq.api.access import Access, caller, no_organization
from oxyq.api.cursor import Cursors
from oxyq.api.deadline import carried_through, redis_deadline
from oxyq.api.masked import is_masked_for
from oxyq.api.openapi import error_answers, query_parameter
from oxyq.api.query import query_parameters, whole_number
from oxyq.app import App
from oxyq.automations.scheduler_list import ListedScheduler
from oxyq.errors import InvalidPayload
from oxyq.masking import mask_number

LISTED, MOST_LISTED = 50, 200
_PARAMETERS: Final = [
    query_parameter("organizationId", "only those of this organization", {"type": "string"}),
    query_parameter(
        "limit", "at most so many", {"type": "integer", "minimum": 1, "maximum": MOST_LISTED, "default": LISTED}
    ),
    query_parameter("cursor", "`next` of the page before", {"type": "string"}),
]


class _Wire(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class SchedulerView(_Wire):
    """What is sent again and again, without what it says; times are ms since 1970."""

    id: str = Field(description="its id among the schedulers of all")
    schedule_id: str | None = Field(description="your id of it; null for one that was made elsewhere, as by Node")
    organization_id: str | None
    name: str = Field(description="of its jobs", examples=["automation"])
    type: str | None = Field(description="null where what it sends is no automation", examples=["reminder"])
    recipient_number: str | None
    cron: str | None = Field(examples=["0 9 * * 1-5"])
    every_seconds: int | None
    time_zone: str | None
    starts_at: int | None
    ends_at: int | None
    limit: int | None
    upcoming: list[int] = Field(description="its next five runs; quiet hours may put each off")

    @classmethod
    def of(cls, one: ListedScheduler, *, is_masked: bool) -> "SchedulerView":
        """A scheduler as it is told."""
        stored, automation = one.stored, one.automation
        number = None if automation is None else automation.recipient_number
        return cls(
            id=stored.id,
            schedule_id=one.schedule_id,
            organization_id=one.organization_id,
            name=stored.name,
            type=None if automation is None else automation.type,
            recipient_number=mask_number(number) if number is not None and is_masked else number,
            cron=stored.cron,
            every_seconds=None if stored.every_ms is None else stored.every_ms // 1000,
            time_zone=stored.time_zone,
            starts_at=stored.starts_ms,
            ends_at=stored.ends_ms,
            limit=stored.limit,
            upcoming=list(one.upcoming),
        )


class SchedulerPageView(_Wire):
    """Schedulers, the next to run first."""

    schedulers: list[SchedulerView]
    next: str | None = Field(description="the cursor of the next page; null at the end")


class RunView(_Wire):
    """The job of a run."""

    id: str


class SchedulerRoutes:
    """Answers for the schedulers of the caller's organization, or of all."""

    def __init__(self, app: App, cursors: Cursors) -> None:
        self._schedulers = app.scheduler_list
        self._cursors = cursors

    def routes(self, access: Access) -> APIRouter:
        """/v1/schedulers: the list, and run and DELETE of one."""
        router = APIRouter(prefix="/v1", tags=["automations"])
        looked, one = error_answers(401, 404, 422, 503), "/schedulers/{scheduler_id}"
        router.add_api_route(
            "/schedulers", self.list, methods=["GET"], dependencies=access.look(), responses=looked,
            openapi_extra={"parameters": _PARAMETERS},
        )  # fmt: skip
        router.add_api_route(one, self.show, methods=["GET"], dependencies=access.look(), responses=looked)
        router.add_api_route(
            f"{one}/run", self.run, methods=["POST"], dependencies=access.deed("schedule.run"), status_code=202,
            responses={**looked, **error_answers(403, 409)},
        )  # fmt: skip
        router.add_api_route(
            one, self.remove, methods=["DELETE"], dependencies=access.deed("schedule.remove", Permission.SETTINGS),
            status_code=204, responses={**looked, **error_answers(403)},
        )  # fmt: skip
        return router

    async def list(self, request: Request) -> SchedulerPageView:
        """All schedulers of automations, the next to run first. A page may hold fewer than `limit`."""
        parameters, principal = query_parameters(request, "organizationId", "limit", "cursor"), caller(request)
        organization_id = parameters.get("organizationId", principal.org)
        if organization_id is not None and not principal.may_see(organization_id):
            raise no_organization(organization_id)
        limit = whole_number(parameters, "limit", MOST_LISTED, least=1) or LISTED
        start = self._start(parameters["cursor"]) if "cursor" in parameters else 0
        async with redis_deadline():
            page = await self._schedulers.page(organization_id, start=start, limit=limit)
        return SchedulerPageView(
            schedulers=[SchedulerView.of(one, is_masked=is_masked_for(request)) for one in page.found],
            next=None if page.next_start is None else self._cursors.sign(str(page.next_start)),
        )

    async def show(self, request: Request, scheduler_id: str) -> SchedulerView:
        """One scheduler."""
        query_parameters(request)
        async with redis_deadline():
            one = await self._schedulers.get(scheduler_id, caller(request).org)
        return SchedulerView.of(one, is_masked=is_masked_for(request))

    async def run(self, request: Request, scheduler_id: str) -> RunView:
        """Send it once besides its times; asked for twice within a minute, it is one run."""
        query_parameters(request)
        async with redis_deadline():
            return RunView(id=await carried_through(self._schedulers.run_now(scheduler_id, caller(request).org)))

    async def remove(self, request: Request, scheduler_id: str) -> None:
        """Send it no more."""
        query_parameters(request)
        async with redis_deadline():
            await carried_through(self._schedulers.remove(scheduler_id, caller(request).org))

    def _start(self, cursor: str) -> int:
        place = self._cursors.read(cursor)
        if not place.isdecimal():
            raise InvalidPayload("cursor", "is of another list; take it from the page before")
        return int(place)
