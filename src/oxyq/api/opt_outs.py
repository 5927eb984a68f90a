"""The route that lists who wants no campaigns; api/contacts.py shows and changes single ones."""

from typing import Final

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from oxyq.api.access import Access, tenant
from oxyq.api.campaign_lookup import CampaignLookup
from oxyq.api.cursor import Cursors
from oxyq.api.deadline import redis_deadline
from oxyq.api.handles import Handles
from oxyq.api.masked import is_masked_for
from oxyq.api.openapi import ORGANIZATION_PARAMETER, error_answers, query_parameter
from oxyq.api.query import query_parameters, whole_number
from oxyq.app import App
from oxyq.contacts import Consent
from oxyq.errors import InvalidPayload
from oxyq.masking import mask_number, mask_text

LISTED, MOST_LISTED = 50, 200
_PARAMETERS: Final = [
    query_parameter(
        "limit", "at most so many", {"type": "integer", "minimum": 1, "maximum": MOST_LISTED, "default": LISTED}
    ),
    query_parameter("cursor", "`next` of the page before", {"type": "string"}),
    ORGANIZATION_PARAMETER,
]


class _Wire(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class OptOutView(_Wire):
    """Somebody whom campaigns leave out. Numbers and words are masked for the roles operator and viewer."""

    id: str = Field(description="a handle, which may stand for the number in POST /v1/contacts/{number}/opt-in")
    contact: str = Field(description="the number, or the id that hides it", examples=["5511988888888"])
    at: int = Field(description="since when, in ms since 1970")
    source: str = Field(description="where it came from: a message's job, a program, a person", examples=["api:shop"])
    words: str = Field(description="in what words; may be empty", examples=["SAIR"])


class OptOutsPage(_Wire):
    """Who is out, the last one first."""

    total: int
    opt_outs: list[OptOutView]
    next: str | None = Field(description="the cursor of the next page; null at the end")


class OptOuts:
    """Lists those who are out of the campaigns of the caller's organization."""

    def __init__(self, app: App, lookup: CampaignLookup, cursors: Cursors, handles: Handles) -> None:
        self._contacts = app.contacts
        self._lookup = lookup
        self._cursors = cursors
        self._handles = handles

    def routes(self, access: Access) -> APIRouter:
        """GET /v1/opt-outs."""
        router = APIRouter(prefix="/v1", tags=["contacts"])
        router.add_api_route(
            "/opt-outs", self.list, methods=["GET"], dependencies=access.look(),
            responses=error_answers(401, 404, 422, 503), openapi_extra={"parameters": _PARAMETERS},
        )  # fmt: skip
        return router

    async def list(self, request: Request) -> OptOutsPage:
        """Who wants no campaigns, the last one first."""
        parameters = query_parameters(request, "limit", "cursor", "organizationId")
        organization_id, is_masked = tenant(request, parameters), is_masked_for(request)
        limit = whole_number(parameters, "limit", MOST_LISTED, least=1) or LISTED
        after = read_place(self._cursors, parameters.get("cursor"))
        async with redis_deadline():
            await self._lookup.organization(organization_id)
            found = await self._contacts.latest_out(organization_id, limit + 1, after=after)
            total = await self._contacts.out_count(organization_id)
        shown = found[:limit]
        opt_outs = [
            _view(self._handles.of(organization_id, contact), contact, consent, is_masked=is_masked)
            for contact, consent in shown
        ]
        more = place_cursor(self._cursors, shown[-1][1].at_ms, shown[-1][0]) if len(found) > limit else None
        return OptOutsPage(total=total, opt_outs=opt_outs, next=more)


def place_cursor(cursors: Cursors, at_ms: int, name: str) -> str:
    """The cursor for a place in a list by time."""
    return cursors.sign(f"{at_ms} {name}")


def read_place(cursors: Cursors, given: str | None) -> tuple[int, str] | None:
    """The place in a list by time, None without a cursor; InvalidPayload for one of another list."""
    if given is None:
        return None
    at, _, name = cursors.read(given).partition(" ")
    if not at.isdigit() or not name:
        raise InvalidPayload("cursor", "is of another list; leave it out")
    return int(at), name


def _view(handle: str, contact: str, consent: Consent, *, is_masked: bool) -> OptOutView:
    return OptOutView(
        id=handle,
        contact=mask_number(contact) if is_masked else contact,
        at=consent.at_ms,
        source=consent.source,
        words=mask_text(consent.words) if is_masked else consent.words,
    )
