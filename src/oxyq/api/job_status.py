"""The route that tells where a job is; never what its message says."""

import asyncio
from collections.abc import Mapping
from typing import Final

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from oxyq.api.access import Access, caller
from oxyq.api.deadline import redis_deadline
from oxyq.api.openapi import error_answers
from oxyq.api.query import query_parameters
from oxyq.engine.keys import check_job_id
from oxyq.engine.queue import Queue
from oxyq.engine.record import JobRecord
from oxyq.errors import InvalidPayload, NotFound
from oxyq.outcomes import JsonValue

#: What BullMQ gives out itself where the adder named none; no other id of digits can exist.
_LONGEST_NUMBER: Final = 20


class JobStatus(BaseModel):
    """Where a job is and how it went; times are ms since 1970."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

    id: str
    queue: str
    state: str = Field(description="waiting, prioritized, delayed, active, waiting-children, completed or failed")
    name: str
    organization_id: str | None
    added_at: int
    delay_ms: int = Field(description="how long after addedAt it was to run")
    processed_at: int | None
    finished_at: int | None
    attempts_made: int
    attempts_allowed: int
    failed_reason: str | None = Field(description="of the last attempt that failed")


class JobLookup:
    """Finds one job for whom it concerns."""

    def __init__(self, queues: Mapping[str, Queue]) -> None:
        self._queues = queues

    def routes(self, access: Access) -> APIRouter:
        """GET /v1/jobs/{queue}/{job_id}."""
        router = APIRouter(prefix="/v1", tags=["jobs"])
        router.add_api_route(
            "/jobs/{queue}/{job_id}", self.show, methods=["GET"], dependencies=access.look(),
            responses=error_answers(401, 404, 422, 503),
        )  # fmt: skip
        return router

    async def show(self, request: Request, queue: str, job_id: str) -> JobStatus:
        """One job of your organization; a job of another one is not found."""
        query_parameters(request)
        if queue not in self._queues or not _can_be_an_id(job_id):
            raise _not_found()
        async with redis_deadline():
            record, state = await asyncio.gather(self._queues[queue].job(job_id), self._queues[queue].state(job_id))
        if record is None or not caller(request).may_see(_organization(record.data)):
            raise _not_found()
        return _status(queue, state, record)


def _can_be_an_id(job_id: str) -> bool:
    # "meta" or "active" would be read as a job, and are the queue itself.
    try:
        return (job_id.isdecimal() and job_id.isascii() and len(job_id) <= _LONGEST_NUMBER) or bool(
            check_job_id(job_id)
        )
    except InvalidPayload:
        return False


def _not_found() -> NotFound:
    return NotFound("there is no such job; finished ones are kept for days only")


def _organization(data: JsonValue) -> str | None:
    organization_id = data.get("organizationId") if isinstance(data, dict) else None
    return organization_id if isinstance(organization_id, str) else None


def _status(queue: str, state: str, record: JobRecord) -> JobStatus:
    attempts = record.options.get("attempts", 1)
    return JobStatus(
        id=record.id,
        queue=queue,
        state=state,
        name=record.name,
        organization_id=_organization(record.data),
        added_at=record.timestamp_ms,
        delay_ms=record.delay_ms,
        processed_at=record.processed_ms,
        finished_at=record.finished_ms,
        attempts_made=record.attempts_made,
        attempts_allowed=attempts if isinstance(attempts, int) else 1,
        failed_reason=record.failed_reason or record.broken,
    )
