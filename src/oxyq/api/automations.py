"""The routes for automations that wait: looked at, withdrawn, moved."""

import re
from typing import Any, Final

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, JsonValue
from pydantic.alias_generators import to_camel

from oxyq.api.access import Access, tenant
from oxyq.api.body import BODY_BYTES, read_object
from oxyq.api.campaign_lookup import CampaignLookup
from oxyq.api.deadline import carried_through, redis_deadline
from oxyq.api.openapi import ORGANIZATION_PARAMETER, error_answers, query_parameter
from oxyq.api.query import query_parameters, whole_number
from oxyq.automations.control import AutomationControl
from oxyq.automations.selection import Selection
from oxyq.automations.waiting import WaitingAutomation, WaitingAutomations
from oxyq.errors import InvalidPayload
from oxyq.jobs import WIRE_CONFIG, Automation, Milliseconds, Number, parse_new

LISTED, MOST_LISTED = 20, 100
_LIMIT_PARAMETER: Final = query_parameter(
    "limit", "at most so many", {"type": "integer", "minimum": 1, "maximum": MOST_LISTED, "default": LISTED}
)
_AFTER_PARAMETER: Final = query_parameter("after", "`next` of the answer before", {"type": "string"})
_PLACE: Final = re.compile(r"[0-9]{1,16}", re.ASCII)


class _Wire(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class WaitingView(_Wire):
    """An automation that waits for its time, without what it says; times are ms since 1970."""

    job_id: str = Field(examples=["auto-0b1ca9dd8a3a4ab0cbb1b9a0bd30cc4f"])
    automation_id: str = Field(examples=["auto_001"])
    type: str = Field(examples=["reminder"])
    recipient_number: str = Field(examples=["5511999999999"])
    due_at: int = Field(description="when it is looked at next; quiet hours may put it off", examples=[1795380684000])
    scheduled_for: int | None
    metadata: dict[str, JsonValue] | None
    schedule_id: str | None = Field(description="the schedule that it is a run of")


class WaitingPage(_Wire):
    """Automations that wait, soonest first."""

    automations: list[WaitingView]
    complete: bool = Field(description="whether there are no more")
    next: str | None = Field(description="what to give as `after` to see more")


class Withdrawn(_Wire):
    """What was withdrawn."""

    removed: int = Field(description="taken out of the queue at once; others that fit are recorded at their time")


class Move(BaseModel):
    """When to send an automation instead; with `automation` also what, and whether or not it still waits."""

    model_config = WIRE_CONFIG

    scheduled_for: Milliseconds = Field(description="when to send it, in ms since 1970")
    recipient_number: Number | None = Field(default=None, description="only to this one of its recipients")
    automation: Automation | None = Field(default=None, description="all of it anew, without its id and time")


class Moved(_Wire):
    """The jobs that an automation became, one for each recipient."""

    ids: list[str] = Field(examples=[["auto-0b1ca9dd8a3a4ab0cbb1b9a0bd30cc4f"]])


class Automations:
    """Answers for the automations of the caller's organization."""

    def __init__(self, waiting: WaitingAutomations, control: AutomationControl, lookup: CampaignLookup) -> None:
        self._waiting = waiting
        self._control = control
        self._lookup = lookup

    def routes(self, access: Access) -> APIRouter:
        """GET /v1/automations, and POST of what can be done with those that wait."""
        router = APIRouter(prefix="/v1", tags=["automations"])
        looked = error_answers(401, 404, 422, 503)
        given = {**looked, **error_answers(400, 403, 408, 413, 415)}
        whose = {"parameters": [ORGANIZATION_PARAMETER]}
        router.add_api_route(
            "/automations", self.list, methods=["GET"], dependencies=access.look(), responses=looked,
            openapi_extra={"parameters": [_LIMIT_PARAMETER, _AFTER_PARAMETER, ORGANIZATION_PARAMETER]},
        )  # fmt: skip
        router.add_api_route(
            "/automations/withdraw", self.withdraw, methods=["POST"],
            dependencies=access.deed("automation.withdraw"), responses=given,
            openapi_extra={**whose, "requestBody": shown_body(Selection, _SELECTION)},
        )  # fmt: skip
        router.add_api_route(
            "/automations/{automation_id}/reschedule", self.reschedule, methods=["POST"],
            dependencies=access.deed("automation.reschedule"), responses={**given, **error_answers(409)},
            openapi_extra={**whose, "requestBody": shown_body(Move, _MOVE)},
        )  # fmt: skip
        return router

    async def list(self, request: Request) -> WaitingPage:
        """The automations that wait for their time, soonest first; never what they say."""
        parameters = query_parameters(request, "limit", "after", "organizationId")
        limit = whole_number(parameters, "limit", MOST_LISTED, least=1)
        after = parameters.get("after", "0")
        if not _PLACE.fullmatch(after):
            raise InvalidPayload("after", "must be `next` of the answer before; leave it out to begin")
        organization_id = tenant(request, parameters)
        async with redis_deadline():
            await self._lookup.organization(organization_id)
            page = await self._waiting.page(organization_id, after=int(after), limit=LISTED if limit is None else limit)
        return WaitingPage(
            automations=[_waiting_view(one) for one in page.found],
            complete=page.next_place is None,
            next=None if page.next_place is None else str(page.next_place),
        )

    async def withdraw(self, request: Request) -> Withdrawn:
        """Send none of the automations that fit and were added until now; the same may be added again afterwards."""
        organization_id = tenant(request, query_parameters(request, "organizationId"))
        selection = parse_new(Selection, (await read_object(request, BODY_BYTES)).fields)
        async with redis_deadline():
            await self._lookup.organization(organization_id)
            return Withdrawn(removed=await carried_through(self._control.withdraw(organization_id, selection)))

    async def reschedule(self, request: Request, automation_id: str) -> Moved:
        """Send an automation at another time, to each of its recipients or one of them."""
        organization_id = tenant(request, query_parameters(request, "organizationId"))
        fields = (await read_object(request, BODY_BYTES)).fields
        if isinstance(anew := fields.get("automation"), dict):
            ids = {"automationId": automation_id, "organizationId": organization_id}
            fields = {**fields, "automation": completed(anew, ids, "automation.")}
        move = parse_new(Move, fields)
        if move.automation is not None and move.recipient_number is not None:
            raise InvalidPayload("recipientNumber", "is said by the automation already; leave it out here")
        async with redis_deadline():
            await self._lookup.organization(organization_id)
            moving = self._control.reschedule(
                organization_id,
                automation_id,
                move.scheduled_for,
                recipient_number=move.recipient_number,
                automation=move.automation,
            )
            return Moved(ids=await carried_through(moving))


def completed(fields: dict[str, Any], known: dict[str, str], path: str = "") -> dict[str, Any]:
    """The fields with those that the address and the token say; saying others is a mistake."""
    for name, value in known.items():
        if fields.get(name, value) != value:
            raise InvalidPayload(f"{path}{name}", "is another than the address or the token says; leave it out")
    return {**fields, **known}


def _waiting_view(one: WaitingAutomation) -> WaitingView:
    automation = one.automation
    return WaitingView(
        job_id=one.job_id,
        automation_id=automation.automation_id,
        type=automation.type,
        recipient_number=automation.recipient_number,
        due_at=one.due_ms,
        scheduled_for=automation.scheduled_for,
        metadata=automation.metadata,
        schedule_id=one.schedule_id,
    )


def shown_body(
    model: type[BaseModel], example: dict[str, object], *, without: tuple[str, ...] = ()
) -> dict[str, object]:
    """The `requestBody` of a route that takes this model; `without` fields that the address says."""
    schema = model.model_json_schema(by_alias=True, ref_template="#/components/schemas/{model}")
    shown = {
        **schema,
        "properties": {name: shape for name, shape in schema["properties"].items() if name not in without},
        "required": [name for name in schema.get("required", ()) if name not in without],
        "additionalProperties": False,
    }
    shown.pop("$defs", None)  # the models of jobs are shown for all routes
    return {"required": True, "content": {"application/json": {"schema": shown, "example": example}}}


_SELECTION: Final[dict[str, object]] = {"metadata": {"bookingId": "booking_123"}}
_MOVE: Final[dict[str, object]] = {"scheduledFor": 1795467084000}
