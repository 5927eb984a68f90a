"""The routes for schedules: the same message to one person again and again."""

from typing import Final

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from oxyq.access.permissions import Permission
from oxyq.api.access import Access, tenant
from oxyq.api.automations import completed, shown_body
from oxyq.api.body import BODY_BYTES, read_object
from oxyq.api.campaign_lookup import CampaignLookup
from oxyq.api.deadline import carried_through, redis_deadline
from oxyq.api.openapi import ORGANIZATION_PARAMETER, error_answers
from oxyq.api.query import query_parameters
from oxyq.automations.schedule import Schedule
from oxyq.automations.schedules import AutomationSchedules, SavedSchedule
from oxyq.errors import NotFound
from oxyq.jobs import parse_new, wire

_EXAMPLE: Final[dict[str, object]] = {
    "automation": {
        "type": "reminder", "recipientNumber": "5511999999999", "content": "Bom dia! Hoje tem banho com desconto.",
    },
    "cron": "0 9 * * 1-5",
    "timeZone": "America/Sao_Paulo",
}  # fmt: skip


class _Wire(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class ScheduleView(Schedule):
    """A schedule as it is saved."""

    next_at: int | None = Field(default=None, description="when it runs next; null when its last run has come")


class ScheduleList(_Wire):
    """Schedules, by id."""

    schedules: list[ScheduleView]


class Run(_Wire):
    """The job of a run."""

    id: str


class Schedules:
    """Keeps the schedules of the caller's organization."""

    def __init__(self, schedules: AutomationSchedules, lookup: CampaignLookup) -> None:
        self._schedules = schedules
        self._lookup = lookup

    def routes(self, access: Access) -> APIRouter:
        """/v1/automation-schedules: all of them, and GET, PUT, DELETE and run of one."""
        router = APIRouter(prefix="/v1", tags=["automations"])
        looked = error_answers(401, 404, 422, 503)
        acted = {**looked, **error_answers(403)}
        given = {**acted, **error_answers(400, 408, 413, 415)}
        whose = {"parameters": [ORGANIZATION_PARAMETER]}
        one = "/automation-schedules/{schedule_id}"
        for path, look in (("/automation-schedules", self.list), (one, self.show)):
            router.add_api_route(
                path, look, methods=["GET"], dependencies=access.look(), responses=looked, openapi_extra=whose
            )
        router.add_api_route(
            one, self.save, methods=["PUT"], dependencies=access.deed("schedule.save", Permission.SETTINGS),
            responses=given,
            openapi_extra={**whose, "requestBody": shown_body(Schedule, _EXAMPLE, without=("id", "organizationId"))},
        )  # fmt: skip
        router.add_api_route(
            one, self.remove, methods=["DELETE"], dependencies=access.deed("schedule.remove", Permission.SETTINGS),
            status_code=204, responses=acted, openapi_extra=whose,
        )  # fmt: skip
        router.add_api_route(
            f"{one}/run", self.run, methods=["POST"], dependencies=access.deed("schedule.run"), status_code=202,
            responses=acted, openapi_extra=whose,
        )  # fmt: skip
        return router

    async def list(self, request: Request) -> ScheduleList:
        """All schedules."""
        organization_id = tenant(request, query_parameters(request, "organizationId"))
        async with redis_deadline():
            await self._lookup.organization(organization_id)
            saved = await self._schedules.list(organization_id)
        return ScheduleList(schedules=[_view(one) for one in saved])

    async def show(self, request: Request, schedule_id: str) -> ScheduleView:
        """One schedule."""
        organization_id = tenant(request, query_parameters(request, "organizationId"))
        async with redis_deadline():
            await self._lookup.organization(organization_id)
            return _view(await self._schedules.get(organization_id, schedule_id))

    async def save(self, request: Request, schedule_id: str) -> ScheduleView:
        """Store a schedule, in place of what was there."""
        organization_id = tenant(request, query_parameters(request, "organizationId"))
        fields = (await read_object(request, BODY_BYTES)).fields
        schedule = parse_new(Schedule, completed(fields, {"id": schedule_id, "organizationId": organization_id}))
        async with redis_deadline():
            organization = await self._lookup.organization(organization_id)
            return _view(await carried_through(self._schedules.save(schedule, organization)))

    async def remove(self, request: Request, schedule_id: str) -> None:
        """Send it no more, also what waits for the end of quiet hours."""
        organization_id = tenant(request, query_parameters(request, "organizationId"))
        async with redis_deadline():
            await self._lookup.organization(organization_id)
            if not await carried_through(self._schedules.remove(organization_id, schedule_id)):
                raise NotFound(f"there is no schedule {schedule_id}; check its id")

    async def run(self, request: Request, schedule_id: str) -> Run:
        """Send it once besides its times; asked for twice within a minute, it is one run."""
        organization_id = tenant(request, query_parameters(request, "organizationId"))
        async with redis_deadline():
            await self._lookup.organization(organization_id)
            return Run(id=await self._schedules.run_now(organization_id, schedule_id))


def _view(saved: SavedSchedule) -> ScheduleView:
    return ScheduleView.model_validate({**wire(saved.schedule), "nextAt": saved.next_ms})
