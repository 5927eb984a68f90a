"""The route that tells what was done: series for charts, and how long jobs took."""

from typing import Final, Self, get_args

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from oxyq.api.access import Access, caller, no_organization
from oxyq.api.deadline import redis_deadline
from oxyq.api.openapi import error_answers, query_parameter
from oxyq.api.query import one_of, query_parameters
from oxyq.app import App
from oxyq.statistics.reading import Percentiles, SpanName, Times

SPAN_NAMES: Final[tuple[SpanName, ...]] = get_args(SpanName)
ALL: Final = "all"


class _Wire(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class PointView(_Wire):
    """What ended within one point of the series."""

    at: int = Field(description="when it begins")
    completed: int
    failed: int = Field(description="for good")
    retried: int = Field(description="attempts that failed and are tried again")


class TimesView(_Wire):
    """How long half, 95 % and 99 % took at most; off by a fifth at most. Null when nothing was measured."""

    count: int
    p50_seconds: float | None
    p95_seconds: float | None
    p99_seconds: float | None

    @classmethod
    def of(cls, times: Times) -> Self:
        """The times on the wire."""
        return cls(
            count=times.count,
            p50_seconds=_rounded(times.p50),
            p95_seconds=_rounded(times.p95),
            p99_seconds=_rounded(times.p99),
        )


class StatisticsView(_Wire):
    """What our workers did within a time up to now."""

    span: SpanName
    queue: str | None = Field(description="null: all")
    organization_id: str | None = Field(description="null: all")
    is_counted: bool = Field(description="false: there are too many organizations, and this one is not counted")
    point_seconds: int
    points: list[PointView] = Field(description="oldest first; the last goes on")
    wait: TimesView | None = Field(description="from ready to first run; null for one organization")
    run: TimesView | None = Field(description="of each attempt; null for one organization")


class StatisticsRoutes:
    """Answers what was done."""

    def __init__(self, app: App) -> None:
        self._statistics = app.statistics
        self._queues = tuple(app.settings.policies)

    def routes(self, access: Access) -> APIRouter:
        """GET /v1/statistics."""
        router = APIRouter(prefix="/v1", tags=["overview"])
        parameters = [
            query_parameter("span", "a time up to now", {"type": "string", "enum": SPAN_NAMES, "default": "1h"}),
            query_parameter("queue", "one of them", {"type": "string", "enum": [ALL, *self._queues], "default": ALL}),
            query_parameter("organizationId", "whose jobs; without it everybody's", {"type": "string"}),
        ]
        router.add_api_route(
            "/statistics", self.statistics, methods=["GET"], dependencies=access.look(),
            responses=error_answers(401, 404, 422, 503), openapi_extra={"parameters": parameters},
        )  # fmt: skip
        return router

    async def statistics(self, request: Request) -> StatisticsView:
        """Jobs that our workers ended, by time, and how long they waited and ran; Node's workers are not counted."""
        parameters = query_parameters(request, "span", "queue", "organizationId")
        span, chosen = one_of(parameters, "span", *SPAN_NAMES), one_of(parameters, "queue", ALL, *self._queues)
        principal = caller(request)
        organization_id = parameters.get("organizationId", principal.org)
        if organization_id is not None and not principal.may_see(organization_id):
            raise no_organization(organization_id)
        queue = None if chosen == ALL else chosen
        percentiles: Percentiles | None = None
        async with redis_deadline():
            series = await self._statistics.throughput(queue, span, organization_id)
            if organization_id is None:
                percentiles = await self._statistics.percentiles(queue, span)
        return StatisticsView(
            span=span,
            queue=queue,
            organization_id=organization_id,
            is_counted=series.is_counted,
            point_seconds=series.point_seconds,
            points=[
                PointView(at=point.at_ms, completed=point.completed, failed=point.failed, retried=point.retried)
                for point in series.points
            ],
            wait=None if percentiles is None else TimesView.of(percentiles.wait),
            run=None if percentiles is None else TimesView.of(percentiles.run),
        )


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 4)
