"""What Prometheus and autoscalers read: how much there is to do and how it goes.

Nothing names a tenant, but for the busiest organizations where that was asked for, which takes a token (settings.py).
"""

import math
from typing import Any, Final

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from oxyq.api.deadline import redis_deadline
from oxyq.api.errors import ApiError
from oxyq.api.openapi import error_answers
from oxyq.app import App
from oxyq.operating.scaling import Load
from oxyq.telemetry.metrics.exposition import CONTENT_TYPE, exposition
from oxyq.telemetry.metrics.readers import Readers

METRICS_PATH: Final = "/metrics"
SCALING_PATH: Final = "/metrics/scaling"
_TEXT: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "Prometheus's text format", "content": {"text/plain": {}}}
}


class _Wire(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class QueueScaling(_Wire):
    """One queue: what it has to do, and how many workers that takes."""

    ready_jobs: int
    active_jobs: int
    mean_run_seconds: float = Field(description="of the last minutes; 1 where none ended lately")
    work_seconds: float = Field(description="seconds of work waiting: readyJobs × meanRunSeconds")
    drain_seconds: float | None = Field(description="until the workers there are have done it; null: there are none")
    wanted_workers: float = Field(description="processes needed now; round it up")


class Scaling(_Wire):
    """What to scale by, with KEDA's `metrics-api` scaler or anything else."""

    wanted_workers: float = Field(description="of processes that work on all queues: the largest of all")
    queues: dict[str, QueueScaling]


class MetricsRoutes:
    """GET /metrics, and /metrics/scaling: each read from Redis at most every five seconds, however many ask."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._readers = Readers(app.settings.metrics_token, is_production=app.settings.is_production)

    def routes(self) -> APIRouter:
        """Both."""
        router = APIRouter(tags=["metrics"], dependencies=[Depends(self.is_metrics_reader)])
        refusals = error_answers(401, 403)
        router.add_api_route(
            METRICS_PATH, self.metrics, methods=["GET"], response_class=Response, responses={**_TEXT, **refusals}
        )
        router.add_api_route(SCALING_PATH, self.scaling, methods=["GET"], responses={**refusals, **error_answers(503)})
        return router

    async def metrics(self) -> Response:
        """How queues, Redis and this process stand, for Prometheus; `oxyq_up 0` while Redis is away.

        Needs `Authorization: Bearer` with OXYQ_METRICS_TOKEN; without such a setting only this machine may ask.
        """
        of_queues = await self._app.queue_metrics.measured()
        return Response(exposition(of_queues, self._app.telemetry.metrics.measured("api")), media_type=CONTENT_TYPE)

    async def scaling(self) -> Scaling:
        """How many workers each queue needs, by the seconds of work that wait. The same token as /metrics."""
        async with redis_deadline():
            loads = await self._app.queue_metrics.loads()
        queues = {name: _scaling(load) for name, load in loads.items()}
        return Scaling(wanted_workers=max((one.wanted_workers for one in queues.values()), default=0.0), queues=queues)

    async def is_metrics_reader(self, request: Request) -> None:
        """Let nobody else in."""
        headers, peer = request.headers, request.client.host if request.client else ""
        is_forwarded = "forwarded" in headers or "x-forwarded-for" in headers
        match self._readers.may(headers.getlist("authorization"), peer, is_forwarded=is_forwarded):
            case "token":
                raise ApiError(401, "unauthorized", "send OXYQ_METRICS_TOKEN in the header Authorization: Bearer …")
            case "only here":
                raise ApiError(
                    403, "forbidden", "set OXYQ_METRICS_TOKEN for the API, and send it: Authorization: Bearer …"
                )


def _scaling(load: Load) -> QueueScaling:
    return QueueScaling(
        ready_jobs=load.ready,
        active_jobs=load.active,
        mean_run_seconds=round(load.mean_run_seconds, 4),
        work_seconds=round(load.work_seconds, 3),
        drain_seconds=None if math.isinf(load.drain_seconds) else round(load.drain_seconds, 3),
        wanted_workers=round(load.wanted_workers, 3),
    )
