"""The routes for dead letters: grouped by error, looked at, replayed, purged."""

from typing import Any, Final

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field, JsonValue

from oxyq.api.access import Access, caller, no_organization, tell_audit
from oxyq.api.body import BODY_BYTES, has_body, read_object
from oxyq.api.cursor import Cursors
from oxyq.api.dead_letter_views import ForecastView, GroupsView, LetterDetail, LetterPageView, Replayed
from oxyq.api.deadline import carried_through, redis_deadline
from oxyq.api.idempotency import IDEMPOTENCY_PARAMETER, idempotency_key
from oxyq.api.masked import is_masked_for
from oxyq.api.openapi import error_answers, query_parameter
from oxyq.api.query import query_parameters, whole_number
from oxyq.api.tasks import TaskView
from oxyq.app import App
from oxyq.dead_letters import Filter
from oxyq.errors import InvalidPayload
from oxyq.jobs import WIRE_CONFIG, parse_new
from oxyq.operating.bulk.task import MOST_PER_SECOND
from oxyq.operating.dead_letter_index import Place
from oxyq.operating.dead_letter_tasks import Letters

LISTED, MOST_LISTED = 50, 200
#: The year 2100; Filter says so too.
_LATEST_MS: Final = 4_102_444_800_000
_TIMES: Final = ("since", "until")
_FILTERS: Final = ("queue", "organizationId", "kind", "errorClass", "fingerprint", "reason", *_TIMES)
_GROUP_FILTERS: Final = tuple(name for name in _FILTERS if name not in ("fingerprint", "reason"))


def _described(*names: str) -> list[dict[str, object]]:
    fields = {field.alias: field.description for field in Filter.model_fields.values()}
    return [
        query_parameter(name, fields[name] or "", {"type": "integer" if name in _TIMES else "string"})
        for name in names
    ]  # fmt: skip


_LIST_PARAMETERS: Final = [
    *_described(*_FILTERS),
    query_parameter(
        "limit", "at most so many", {"type": "integer", "minimum": 1, "maximum": MOST_LISTED, "default": LISTED}
    ),
    query_parameter("cursor", "`next` of the page before", {"type": "string"}),
]  # fmt: skip


class ReplayOrder(Letters):
    """Which letters to replay, and how fast; or only what that would do."""

    dry_run: bool = Field(default=False, description="true: replay nothing, and say what it would do")
    per_second: int | None = Field(default=None, ge=1, le=MOST_PER_SECOND, description="at most so many a second")


class ReplayOne(BaseModel):
    """How to replay one letter."""

    model_config = WIRE_CONFIG

    data: dict[str, JsonValue] | None = Field(default=None, description="all of the job's data anew")
    dry_run: bool = Field(default=False, description="true: replay nothing, and say what it would do")


class DeadLetterRoutes:
    """Answers for the dead letters of the caller's organization, or of all."""

    def __init__(self, app: App, cursors: Cursors) -> None:
        self._letters = app.dead_letters
        self._groups = app.dead_letter_groups
        self._actions = app.dead_letter_actions
        self._cursors = cursors

    def routes(self, access: Access) -> APIRouter:
        """/v1/dead-letters: the list, its groups, one letter, and what can be done with them."""
        router = APIRouter(prefix="/v1", tags=["dead letters"])
        looked = error_answers(401, 404, 422, 503)
        given = {**looked, **error_answers(400, 403, 408, 409, 413, 415)}
        every, one = "/dead-letters", "/dead-letters/{letter_id}"
        look, replay, purge = access.look(), access.deed("dead-letter.replay"), access.deed("dead-letter.purge")
        router.add_api_route(
            every, self.list, methods=["GET"], dependencies=look, responses=looked,
            openapi_extra={"parameters": _LIST_PARAMETERS},
        )  # fmt: skip
        router.add_api_route(
            f"{every}/groups", self.groups, methods=["GET"], dependencies=look, responses=looked,
            openapi_extra={"parameters": _described(*_GROUP_FILTERS)},
        )  # fmt: skip
        router.add_api_route(
            f"{every}/replay", self.replay, methods=["POST"], dependencies=replay, status_code=202,
            response_model=TaskView | ForecastView,
            responses={200: {"model": ForecastView, "description": "of a dry run"}, **given},
            openapi_extra=_keyed(ReplayOrder, {"filter": {"errorClass": "connection"}, "perSecond": 10}),
        )  # fmt: skip
        router.add_api_route(
            f"{every}/purge", self.purge, methods=["POST"], dependencies=purge, status_code=202, responses=given,
            openapi_extra=_keyed(Letters, {"ids": ["dlq-message-msg-0b1ca9dd8a3a4ab0"]}),
        )  # fmt: skip
        router.add_api_route(one, self.show, methods=["GET"], dependencies=look, responses=looked)
        router.add_api_route(
            f"{one}/replay", self.replay_one, methods=["POST"], dependencies=replay, responses=given,
            openapi_extra=_body(ReplayOne, {"dryRun": True}, required=False),
        )  # fmt: skip
        router.add_api_route(
            one, self.purge_one, methods=["DELETE"], dependencies=purge, status_code=204,
            responses={**looked, **error_answers(403)},
        )  # fmt: skip
        return router

    async def list(self, request: Request) -> LetterPageView:
        """Dead letters, newest first; never what their messages say. A page may hold fewer than `limit`."""
        parameters = query_parameters(request, *_FILTERS, "limit", "cursor")
        limit, wanted = whole_number(parameters, "limit", MOST_LISTED, least=1), _filter(request, parameters)
        before = self._place(parameters["cursor"]) if "cursor" in parameters else None
        async with redis_deadline():
            page = await self._groups.page(wanted, before=before, limit=limit or LISTED)
        following = (
            None if page.next_place is None else self._cursors.sign(f"{page.next_place[0]} {page.next_place[1]}")
        )
        return LetterPageView.of(page, following, is_masked=is_masked_for(request))

    async def groups(self, request: Request) -> GroupsView:
        """Dead letters grouped by error, with what is best done about each.

        Many take some seconds to look through: until `complete`, what was found so far is told, the newest first.
        """
        wanted = _filter(request, query_parameters(request, *_GROUP_FILTERS))
        async with redis_deadline():
            return GroupsView.of(await self._groups.groups(wanted))

    async def show(self, request: Request, letter_id: str) -> LetterDetail:
        """One dead letter: the job as it was, every attempt, every replay."""
        query_parameters(request)
        async with redis_deadline():
            letter = await self._letters.get(letter_id, caller(request).org)
        return LetterDetail.whole(letter, is_masked=is_masked_for(request))

    async def replay(self, request: Request, response: Response) -> TaskView | ForecastView:
        """Replay letters as a task in the background, or foresee what that would do."""
        query_parameters(request)
        order = parse_new(ReplayOrder, (await read_object(request, BODY_BYTES)).fields)
        letters, org = _of_caller(request, order), caller(request).org
        async with redis_deadline():
            if order.dry_run:
                tell_audit(request, dryRun=True)
                response.status_code = 200
                return ForecastView.of(await self._actions.foresee(letters, org))
            task = await self._actions.replay_many(
                letters, org, by=caller(request).sub, per_second=order.per_second, key=idempotency_key(request)
            )
        tell_audit(request, task=task.id)
        return TaskView.of(task)

    async def purge(self, request: Request) -> TaskView:
        """Throw letters away for good, as a task in the background."""
        query_parameters(request)
        letters = _of_caller(request, parse_new(Letters, (await read_object(request, BODY_BYTES)).fields))
        async with redis_deadline():
            task = await self._actions.purge_many(
                letters, caller(request).org, by=caller(request).sub, key=idempotency_key(request)
            )
        tell_audit(request, task=task.id)
        return TaskView.of(task)

    async def replay_one(self, request: Request, letter_id: str) -> Replayed:
        """Put the job of one letter back to work, perhaps with other data, or foresee what that would do."""
        query_parameters(request)
        fields = (await read_object(request, BODY_BYTES)).fields if has_body(request) else {}
        wish, org = parse_new(ReplayOne, fields), caller(request).org
        tell_audit(request, dryRun=wish.dry_run, edited=wish.data is not None)
        async with redis_deadline():
            if wish.dry_run:
                foreseen = await self._actions.foresee_one(letter_id, org, data=wish.data)
                return Replayed(foreseen=foreseen)
            letter = await carried_through(self._actions.replay(letter_id, org, by=caller(request).sub, data=wish.data))
        return Replayed(queue=letter.queue, job_id=letter.job_id)

    async def purge_one(self, request: Request, letter_id: str) -> None:
        """Throw one letter away for good."""
        query_parameters(request)
        async with redis_deadline():
            await carried_through(self._actions.purge(letter_id, caller(request).org))

    def _place(self, cursor: str) -> Place:
        at_ms, _, letter_id = self._cursors.read(cursor).partition(" ")
        if not at_ms.isdecimal():
            raise InvalidPayload("cursor", "is of another list; take it from the page before")
        return int(at_ms), letter_id


def _filter(request: Request, parameters: dict[str, str]) -> Filter:
    """What is asked for, within what the caller may see."""
    fields: dict[str, object] = {name: value for name, value in parameters.items() if name in _FILTERS}
    fields |= {name: whole_number(parameters, name, _LATEST_MS) for name in _TIMES if name in parameters}
    return _seen(request, parse_new(Filter, fields))


def _seen(request: Request, wanted: Filter) -> Filter:
    principal = caller(request)
    if wanted.organization_id is not None and not principal.may_see(wanted.organization_id):
        raise no_organization(wanted.organization_id)
    return wanted if principal.org is None else wanted.model_copy(update={"organization_id": principal.org})


def _of_caller(request: Request, letters: Letters) -> Letters:
    wanted = None if letters.filter is None else _seen(request, letters.filter)
    return Letters(ids=letters.ids, filter=wanted)


def _keyed(model: type[BaseModel], example: dict[str, object]) -> dict[str, object]:
    return {**_body(model, example), "parameters": [IDEMPOTENCY_PARAMETER]}


def _body(model: type[BaseModel], example: dict[str, object], *, required: bool = True) -> dict[str, object]:
    """The `requestBody` of a route that takes this model, with the models inside it written out."""
    schema = model.model_json_schema(by_alias=True)
    written_out = _written_out({**schema, "additionalProperties": False}, schema.pop("$defs", {}))
    content = {"application/json": {"schema": written_out, "example": example}}
    return {"requestBody": {"required": required, "content": content}}


def _written_out(schema: Any, models: dict[str, Any]) -> Any:
    match schema:
        case {"$ref": str(name)}:
            return _written_out(models[name.rpartition("/")[2]], models)
        case dict():
            return {key: _written_out(part, models) for key, part in schema.items() if key != "$defs"}
        case list():
            return [_written_out(part, models) for part in schema]
        case _:
            return schema
