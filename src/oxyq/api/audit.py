"""The route for the audit: who did what, when, to what, from where, and what became of it."""

from typing import Final

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, JsonValue
from pydantic.alias_generators import to_camel

from oxyq.access.permissions import Permission
from oxyq.api.access import Access, caller, no_organization
from oxyq.api.cursor import Cursors
from oxyq.api.deadline import redis_deadline
from oxyq.api.openapi import ORGANIZATION_PARAMETER, error_answers, query_parameter
from oxyq.api.query import query_parameters, whole_number
from oxyq.audit import AuditLog, Wanted

LISTED: Final = 50
MOST_LISTED: Final = 200

_PARAMETERS: Final = [
    query_parameter("action", "only this, such as `job.retry`, or all of a kind: `job`", {"type": "string"}),
    query_parameter("by", "only what this person or program did", {"type": "string"}),
    query_parameter("cursor", "`next` of the page before", {"type": "string"}),
    query_parameter(
        "limit", "at most so many", {"type": "integer", "minimum": 1, "maximum": MOST_LISTED, "default": LISTED}
    ),
    {**ORGANIZATION_PARAMETER, "description": "only what was about this one; with a token for all, all without it"},
]


class _Wire(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class EntryView(_Wire):
    """One deed."""

    id: str
    at: int = Field(description="ms since 1970", examples=[1795377084000])
    action: str = Field(examples=["job.retry"])
    target: str = Field(description="what it was done to", examples=["message/msg-0b1ca9dd8a3a4ab0"])
    by: str = Field(description="the name in the token", examples=["ana"])
    role: str = Field(examples=["owner"])
    door: str = Field(description="api, board or cli")
    organization_id: str | None = Field(description="whose things it was about; null: all, or nobody's")
    address: str = Field(examples=["198.51.100.7"])
    outcome: str = Field(description="done, the code of an error, or asked: nobody could write down what became of it")
    detail: dict[str, JsonValue] = Field(examples=[{"count": 3}])


class AuditView(_Wire):
    """Deeds, the last first."""

    entries: list[EntryView]
    next: str | None = Field(description="the cursor of the next page; null at the end")


class AuditRoutes:
    """Answers who did what, for what the caller may see."""

    def __init__(self, audit: AuditLog, cursors: Cursors) -> None:
        self._audit = audit
        self._cursors = cursors

    def routes(self, access: Access) -> APIRouter:
        """GET /v1/audit."""
        router = APIRouter(prefix="/v1", tags=["audit"])
        router.add_api_route(
            "/audit", self.page, methods=["GET"], dependencies=access.look(Permission.AUDIT),
            responses=error_answers(401, 403, 404, 422, 503), openapi_extra={"parameters": _PARAMETERS},
        )  # fmt: skip
        return router

    async def page(self, request: Request) -> AuditView:
        """Who did what, the last first; a page may have fewer than `limit`, where a filter fits few."""
        parameters = query_parameters(request, "action", "by", "cursor", "limit", "organizationId")
        limit = whole_number(parameters, "limit", MOST_LISTED, least=1)
        cursor = parameters.get("cursor")
        before = None if cursor is None else self._cursors.read(cursor)
        organization_id = parameters.get("organizationId", caller(request).org)
        if organization_id is not None and not caller(request).may_see(organization_id):
            raise no_organization(organization_id)
        wanted = Wanted(organization_id, parameters.get("by"), parameters.get("action"))
        async with redis_deadline():
            page = await self._audit.page(wanted, before=before, limit=limit or LISTED)
        return AuditView(
            entries=[EntryView.model_validate(entry.to_json()) for entry in page.entries],
            next=None if page.next is None else self._cursors.sign(page.next),
        )
