"""The routes for organizations: their settings, trying out their answers, and pausing them."""

import re
from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from oxyq.access.permissions import Permission
from oxyq.api.access import Access, caller, no_organization, tell_audit
from oxyq.api.body import read_object
from oxyq.api.cursor import Cursors
from oxyq.api.deadline import redis_deadline
from oxyq.api.errors import ApiError
from oxyq.api.masked import is_masked_for
from oxyq.api.openapi import error_answers, query_parameter
from oxyq.api.query import query_parameters, whole_number
from oxyq.app import App
from oxyq.jobs import WIRE_CONFIG, Milliseconds, Text, parse_new, wire
from oxyq.masking import mask_number
from oxyq.operating.organizations import OrganizationControl
from oxyq.organizations import FaqEntry, Organization
from oxyq.outcomes import JsonValue
from oxyq.replies.trial import Answerer, Doubt, try_out

LISTED, MOST_LISTED = 50, 200
#: A list of questions may be long: a thousand entries of a few sentences.
ORGANIZATION_BODY_BYTES: Final = 1024 * 1024

_LOOKED: Final = error_answers(401, 404, 422, 503)
_CHANGED: Final = {**_LOOKED, **error_answers(400, 403, 408, 409, 413, 415)}
_VERSION: Final = re.compile(r'"([0-9a-f]{16})"', re.ASCII)
_IF_MATCH: Final = {
    "name": "If-Match", "in": "header", "required": False, "schema": {"type": "string"},
    "description": "the ETag of what you read: it is refused (409) when somebody changed it since",
}  # fmt: skip


class _Wire(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class OrganizationLine(_Wire):
    """One organization in a list."""

    id: str = Field(examples=["org_123"])
    name: str
    time_zone: str
    numbers: int = Field(description="how many numbers it has")
    questions: int = Field(description="how many entries its list of questions has")
    paused_at: int | None = Field(description="since when nothing of it goes out, in ms since 1970")


class OrganizationsPage(_Wire):
    """Organizations by id."""

    organizations: list[OrganizationLine]
    next: str | None = Field(description="the cursor of the next page; null at the end")


class PauseState(_Wire):
    """Whether an organization is paused."""

    id: str
    paused_at: Milliseconds | None = Field(description="since when, in ms since 1970; null: it works")


class Question(BaseModel):
    """Something a customer might write, and the list to answer it from."""

    model_config = WIRE_CONFIG

    text: Text = Field(description="what somebody writes")
    faq: list[FaqEntry] | None = Field(
        default=None, max_length=1000, description="a list to try before it is saved; without it, the one that is"
    )


class NearView(_Wire):
    """An entry of the list that is like the question."""

    question: str
    answer: str
    score: float = Field(description="0 to 100; from 80 on it is sure", examples=[92.5])


class TrialView(_Wire):
    """Who would answer, and what."""

    answered_by: Answerer = Field(description="`hand_off`: a person, of whom the customer is told with `answer`")
    answer: str | None = Field(description="null where a model would make it up")
    doubt: Doubt | None = Field(
        description="why the list says nothing: nothing in it is near enough, or two answers are as near as each other"
    )
    nearest: list[NearView] = Field(description="what the list has, best first")


class Organizations:
    """Answers for organizations; whoever is bound to one sees only that."""

    def __init__(self, app: App, cursors: Cursors) -> None:
        self._organizations = app.organizations
        self._control = OrganizationControl(app.organizations)
        self._cursors = cursors

    def routes(self, access: Access) -> APIRouter:
        """GET /v1/organizations and one of them; PUT and PATCH of one; trying a question; pause and resume."""
        router = APIRouter(prefix="/v1/organizations", tags=["organizations"])
        one = "/{organization_id}"
        limit = query_parameter(
            "limit", "at most so many", {"type": "integer", "minimum": 1, "maximum": MOST_LISTED, "default": LISTED}
        )
        cursor = query_parameter("cursor", "`next` of the page before", {"type": "string"})
        router.add_api_route(
            "", self.list, methods=["GET"], dependencies=access.look(), responses=error_answers(401, 422, 503),
            openapi_extra={"parameters": [limit, cursor]},
        )  # fmt: skip
        router.add_api_route(
            one, self.show, methods=["GET"], dependencies=access.look(), response_model=Organization, responses=_LOOKED
        )
        for method, endpoint in (("PUT", self.replace), ("PATCH", self.amend)):
            router.add_api_route(
                one, endpoint, methods=[method], response_model=Organization, responses=_CHANGED,
                dependencies=access.deed("organization.change", Permission.SETTINGS),
                openapi_extra={"parameters": [_IF_MATCH], "requestBody": _BODIES[method]},
            )  # fmt: skip
        router.add_api_route(
            f"{one}/faq/try", self.try_question, methods=["POST"], dependencies=access.look(),
            responses={**_LOOKED, **error_answers(400, 408, 413, 415)}, openapi_extra={"requestBody": _QUESTION},
        )  # fmt: skip
        for name, act in (("pause", self.pause), ("resume", self.resume)):
            router.add_api_route(
                f"{one}/{name}", act, methods=["POST"], dependencies=access.deed(f"organization.{name}"),
                responses={**_LOOKED, **error_answers(403)},
            )  # fmt: skip
        return router

    async def list(self, request: Request) -> OrganizationsPage:
        """All organizations that you may see."""
        parameters = query_parameters(request, "limit", "cursor")
        limit = whole_number(parameters, "limit", MOST_LISTED, least=1) or LISTED
        after = self._cursors.read(parameters["cursor"]) if "cursor" in parameters else ""
        bound_to = caller(request).org
        async with redis_deadline():
            ids = [bound_to] if bound_to is not None else await self._organizations.ids()
            left = [organization_id for organization_id in ids if organization_id > after]
            shown = await self._organizations.page(left[:limit])
        more = self._cursors.sign(left[limit - 1]) if len(left) > limit else None
        return OrganizationsPage(organizations=[_line(one) for one in shown], next=more)

    async def show(self, request: Request, organization_id: str) -> Response:
        """The settings of one, and their version in the header ETag; secrets are not among them."""
        query_parameters(request)
        async with redis_deadline():
            organization = await self._control.find(own_organization(request, organization_id))
        return _answer(request, organization)

    async def replace(self, request: Request, organization_id: str) -> Response:
        """Set all settings: what is left out gets its default. Only tokens for all organizations may make one."""
        return await self._change(request, organization_id, whole=True)

    async def amend(self, request: Request, organization_id: str) -> Response:
        """Set the fields that are given, each as a whole; null gives one its default."""
        return await self._change(request, organization_id, whole=False)

    async def _change(self, request: Request, organization_id: str, *, whole: bool) -> Response:
        query_parameters(request)
        own_organization(request, organization_id)
        version = _wanted_version(request)
        fields = (await read_object(request, ORGANIZATION_BODY_BYTES)).fields
        change = self._control.replace if whole else self._control.amend
        tell_audit(request, fields=[name for name in sorted(fields) if name in _FIELDS])
        async with redis_deadline():
            is_tenant = caller(request).org is not None
            return _answer(request, await change(organization_id, fields, version=version, is_tenant=is_tenant))

    async def try_question(self, request: Request, organization_id: str) -> TrialView:
        """What somebody would be answered who asks this; nothing is sent, no model is asked."""
        query_parameters(request)
        own_organization(request, organization_id)
        asked = parse_new(Question, (await read_object(request, ORGANIZATION_BODY_BYTES)).fields)
        async with redis_deadline():
            organization = await self._control.find(organization_id)
        if asked.faq is not None:
            organization = organization.model_copy(update={"faq": asked.faq})
        trial = try_out(organization, asked.text)
        return TrialView(
            answered_by=trial.answered_by,
            answer=trial.answer,
            doubt=trial.doubt,
            nearest=[NearView(question=one.question, answer=one.answer, score=one.score) for one in trial.nearest],
        )

    async def pause(self, request: Request, organization_id: str) -> PauseState:
        """Send and answer nothing of it from now on: what comes in, and what is due, waits until it is resumed."""
        query_parameters(request)
        async with redis_deadline():
            paused = await self._control.pause(own_organization(request, organization_id))
        return PauseState(id=paused.id, paused_at=paused.paused_at)

    async def resume(self, request: Request, organization_id: str) -> PauseState:
        """Go on with all that waited, within seconds."""
        query_parameters(request)
        async with redis_deadline():
            resumed = await self._control.resume(own_organization(request, organization_id))
        return PauseState(id=resumed.id, paused_at=resumed.paused_at)


def own_organization(request: Request, organization_id: str) -> str:
    """The id in the address, if it is the caller's business; NotFound for all others."""
    if not caller(request).may_see(organization_id):
        raise no_organization(organization_id)
    return organization_id


def _line(organization: Organization) -> OrganizationLine:
    return OrganizationLine(
        id=organization.id,
        name=organization.name,
        time_zone=organization.time_zone,
        numbers=len(organization.instances),
        questions=len(organization.faq),
        paused_at=organization.paused_at,
    )


def _answer(request: Request, organization: Organization) -> Response:
    body = wire(organization)
    if is_masked_for(request):
        body["owners"] = [mask_number(owner) for owner in organization.owners]
    return JSONResponse(body, headers={"ETag": f'"{organization.version}"'})


def _wanted_version(request: Request) -> str | None:
    given = request.headers.get("if-match")
    if given is None:
        return None
    found = _VERSION.fullmatch(given)
    if found is None:
        raise ApiError(400, "bad_header", "the header If-Match must be the ETag of an organization, as it was given")
    return found[1]


def _body(
    model: type[BaseModel], example: JsonValue, *, leave_out: tuple[str, ...], is_part: bool
) -> dict[str, object]:
    schema = model.model_json_schema(by_alias=True, ref_template="#/components/schemas/{model}")
    schema.pop("$defs", None)
    schema["properties"] = {name: one for name, one in schema["properties"].items() if name not in leave_out}
    needed = [] if is_part else [name for name in schema.pop("required", ()) if name not in leave_out]
    schema = {**schema, "additionalProperties": False, "required": needed} if needed else schema
    return {"required": True, "content": {"application/json": {"schema": schema, "example": example}}}


_FIELDS: Final = frozenset(field.alias for field in Organization.model_fields.values())
_LEFT_OUT: Final = ("id", "pausedAt")
_BODIES: Final = {
    "PUT": _body(Organization, {"name": "Pet Shop", "owners": ["5511988880000"]}, leave_out=_LEFT_OUT, is_part=False),
    "PATCH": _body(
        Organization, {"rate": {"max": 60, "perSeconds": 60}, "ai": None}, leave_out=_LEFT_OUT, is_part=True
    ),
}
_QUESTION: Final = _body(Question, {"text": "que horas vocês abrem?"}, leave_out=(), is_part=False)
