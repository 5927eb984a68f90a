"""The route that tells what an organization uses of what it may, and how it fares."""

from typing import Final

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from oxyq.api.access import Access
from oxyq.api.cursor import Cursors
from oxyq.api.deadline import redis_deadline
from oxyq.api.openapi import error_answers, query_parameter
from oxyq.api.organizations import own_organization
from oxyq.api.query import query_parameters, whole_number
from oxyq.app import App
from oxyq.operating.organizations import OrganizationControl
from oxyq.pacing.usage import DayUse, LimitUse, NumberUse

LISTED, MOST_LISTED = 20, 100
_PARAMETERS: Final = [
    query_parameter(
        "limit", "at most so many numbers", {"type": "integer", "minimum": 1, "maximum": MOST_LISTED, "default": LISTED}
    ),
    query_parameter("cursor", "`next` of the page before, for the numbers that follow", {"type": "string"}),
]


class _Wire(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class LimitView(_Wire):
    """`used` of `most` messages in the last `perSeconds`."""

    used: int
    most: int
    per_seconds: float


class DayView(_Wire):
    """Campaigns and reminders of today that went, or have their time, of `most`."""

    used: int
    most: int
    ends_at: int = Field(description="when the day is over, in ms since 1970")


class NumberView(_Wire):
    """The limits of one number; null for those that it has not."""

    instance_id: str
    rate: LimitView | None
    day: DayView | None
    gap_seconds: tuple[float, float] | None = Field(description="the shortest and longest pause between campaigns'")
    slowed_until: int | None = Field(description="WhatsApp asked for quiet until then")
    problem: str | None = Field(description="why nobody can say: the number is not set up as it must be")


class UsageView(_Wire):
    """How an organization stands now."""

    rate: LimitView | None = Field(description="the limit of all its numbers together")
    numbers: list[NumberView]
    next: str | None = Field(description="the cursor of the numbers that follow; null at the end")
    tokens_today: int = Field(description="of language models, since its midnight")
    tokens_a_day: int | None = Field(description="beyond so many, people answer; null: any number")
    opted_out: int = Field(description="people who want no campaigns")
    dead_letters: int = Field(description="jobs that were given up and are kept")
    is_complete: bool = Field(description="false while `deadLetters` are still being looked through")
    done: int | None = Field(description="jobs of the last 24 hours; null where it is not counted by itself")
    failed: int | None = Field(description="that failed for good, in the last 24 hours")


class OrganizationUsageRoutes:
    """Answers for what organizations use."""

    def __init__(self, app: App, cursors: Cursors) -> None:
        self._usage = app.organization_usage
        self._control = OrganizationControl(app.organizations)
        self._cursors = cursors

    def routes(self, access: Access) -> APIRouter:
        """GET /v1/organizations/{organization_id}/usage."""
        router = APIRouter(prefix="/v1/organizations", tags=["organizations"])
        router.add_api_route(
            "/{organization_id}/usage", self.show, methods=["GET"], dependencies=access.look(),
            responses=error_answers(401, 404, 422, 503), openapi_extra={"parameters": _PARAMETERS},
        )  # fmt: skip
        return router

    async def show(self, request: Request, organization_id: str) -> UsageView:
        """The limits of an organization and its numbers, what is used of them, and what failed."""
        parameters = query_parameters(request, "limit", "cursor")
        own_organization(request, organization_id)
        limit = whole_number(parameters, "limit", MOST_LISTED, least=1) or LISTED
        after = self._cursors.read(parameters["cursor"]) if "cursor" in parameters else None
        async with redis_deadline():
            organization = await self._control.find(organization_id)
            known = organization.instances
            start = known.index(after) + 1 if after in known else 0
            shown = known[start : start + limit]
            usage = await self._usage.of(organization, shown)
        more = self._cursors.sign(shown[-1]) if start + limit < len(known) else None
        return UsageView(
            rate=_limit(usage.pacing.rate),
            numbers=[_number(one) for one in usage.numbers],
            next=more,
            tokens_today=usage.tokens_today,
            tokens_a_day=None if organization.ai is None else organization.ai.daily_tokens,
            opted_out=usage.opted_out,
            dead_letters=usage.dead_letters,
            is_complete=usage.dead_letters_are_complete,
            done=usage.done,
            failed=usage.failed,
        )


def _number(use: NumberUse) -> NumberView:
    return NumberView(
        instance_id=use.instance_id,
        rate=_limit(use.rate),
        day=_day(use.day),
        gap_seconds=None if use.gap_ms is None else (use.gap_ms[0] / 1000, use.gap_ms[1] / 1000),
        slowed_until=use.slowed_until_ms,
        problem=use.problem or None,
    )


def _limit(use: LimitUse | None) -> LimitView | None:
    return None if use is None else LimitView(used=use.used, most=use.most, per_seconds=use.window_ms / 1000)


def _day(use: DayUse | None) -> DayView | None:
    return None if use is None else DayView(used=use.used, most=use.most, ends_at=use.ends_ms)
