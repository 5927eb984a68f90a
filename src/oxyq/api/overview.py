"""The routes that tell how everything stands now: queues, workers, Redis."""

from typing import Self

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from oxyq.api.access import Access, caller, whole_installation
from oxyq.api.deadline import redis_deadline
from oxyq.api.health import RedisHealth, redis_health
from oxyq.api.openapi import error_answers
from oxyq.api.query import query_parameters
from oxyq.app import App
from oxyq.operating.overview import OrganizationQueue, QueueNow, QueueState
from oxyq.statistics.heartbeats import WorkerProcess


class _Wire(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class QueueView(_Wire):
    """One queue as it stands."""

    name: str = Field(examples=["message"])
    state: QueueState = Field(
        description="late: a job waits longer than the target; stopped: jobs wait and nobody works"
    )
    waiting: int = Field(description="ready to run")
    active: int
    delayed: int
    waiting_children: int
    failed: int = Field(description="that are in failed now")
    completed_ever: int
    failed_ever: int
    completed_per_second: float | None = Field(description="just now, by whoever worked; null at the first look")
    failed_per_second: float | None
    oldest_waiting_ms: int | None = Field(description="for how long the next job could have run; null when none waits")
    next_due_at: int | None = Field(description="when the next delayed job is due")
    target_seconds: float = Field(description="95 of 100 jobs should be done this soon after they were ready")
    workers: int = Field(description="worker processes of ours that serve it")

    @classmethod
    def of(cls, queue: QueueNow) -> Self:
        """The queue on the wire."""
        rate = queue.per_second
        return cls(
            name=queue.name,
            state=queue.state,
            waiting=queue.counts["waiting"],
            active=queue.counts["active"],
            delayed=queue.counts["delayed"],
            waiting_children=queue.counts["waiting_children"],
            failed=queue.counts["failed"],
            completed_ever=queue.completed_ever,
            failed_ever=queue.failed_ever,
            completed_per_second=None if rate is None else round(rate.completed, 2),
            failed_per_second=None if rate is None else round(rate.failed, 2),
            oldest_waiting_ms=queue.oldest_waiting_ms,
            next_due_at=queue.next_due_ms,
            target_seconds=queue.target_seconds,
            workers=queue.workers,
        )


class WorkerView(_Wire):
    """One worker process, as it said of itself."""

    id: str = Field(examples=["shop-1-4711-a1b2c3"])
    host: str
    pid: int
    version: str
    queues: dict[str, int] = Field(description="the queues it serves, and how many jobs of each at once")
    in_hand: int = Field(description="jobs it was running")
    rss_bytes: int | None = Field(description="its memory; null where the system does not say")
    started_at: int
    heard_at: int = Field(description="when it was heard last; one that is not for 150 s is left out")

    @classmethod
    def of(cls, process: WorkerProcess) -> Self:
        """The process on the wire."""
        said = process.model_dump(exclude={"started_ms", "heard_ms"})
        return cls(started_at=process.started_ms, heard_at=process.heard_ms, **said)


class OrganizationQueueView(_Wire):
    """What was done for one organization in one queue within 24 hours."""

    name: str
    completed: int
    failed: int
    retried: int

    @classmethod
    def of(cls, queue: OrganizationQueue) -> Self:
        """The queue on the wire."""
        return cls(name=queue.name, completed=queue.completed, failed=queue.failed, retried=queue.retried)


class OrganizationView(_Wire):
    """What the caller's organization may see of all this."""

    id: str
    is_counted: bool = Field(description="false: there are too many organizations, and this one is not counted")
    last_24_hours: list[OrganizationQueueView]


class OverviewView(_Wire):
    """How everything stands now; with a token of one organization only `organization` is there."""

    queues: list[QueueView]
    dead_letters: int | None
    workers: list[WorkerView]
    redis: RedisHealth | None
    organization: OrganizationView | None


class WorkersView(_Wire):
    """The worker processes that are alive."""

    workers: list[WorkerView]


class OverviewRoutes:
    """Answers how everything stands."""

    def __init__(self, app: App) -> None:
        self._overview = app.overview
        self._heartbeats = app.heartbeats

    def routes(self, access: Access) -> APIRouter:
        """GET /v1/overview and /v1/workers."""
        router = APIRouter(prefix="/v1", tags=["overview"])
        answers = error_answers(401, 422, 503)
        router.add_api_route("/overview", self.overview, methods=["GET"], dependencies=access.look(), responses=answers)
        router.add_api_route(
            "/workers", self.workers, methods=["GET"], dependencies=access.look(),
            responses={**answers, **error_answers(403)},
        )  # fmt: skip
        return router

    async def overview(self, request: Request) -> OverviewView:
        """Queues, workers and Redis as they are now."""
        query_parameters(request)
        organization_id = caller(request).org
        async with redis_deadline():
            if organization_id is not None:
                return await self._of_organization(organization_id)
            found = await self._overview.now()
        return OverviewView(
            queues=[QueueView.of(queue) for queue in found.queues],
            dead_letters=found.dead_letters,
            workers=[WorkerView.of(process) for process in found.workers],
            redis=None if found.redis is None else redis_health(found.redis),
            organization=None,
        )

    async def workers(self, request: Request) -> WorkersView:
        """Who works: Node's workers are not among them, they do not say so."""
        query_parameters(request)
        whole_installation(request)
        async with redis_deadline():
            return WorkersView(workers=[WorkerView.of(process) for process in await self._heartbeats.alive()])

    async def _of_organization(self, organization_id: str) -> OverviewView:
        found = await self._overview.of_organization(organization_id)
        return OverviewView(
            queues=[],
            dead_letters=None,
            workers=[],
            redis=None,
            organization=OrganizationView(
                id=organization_id,
                is_counted=found.is_counted,
                last_24_hours=[OrganizationQueueView.of(queue) for queue in found.queues],
            ),
        )
