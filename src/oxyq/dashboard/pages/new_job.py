"""The page on which a job is added: a form that knows what each kind of job must and may say."""

import secrets
from collections.abc import Mapping
from typing import Final, cast

from fastapi import APIRouter, Request, Response

from oxyq.api.access import DoorKeeper, caller, require_organization, tell_audit
from oxyq.api.deadline import redis_deadline
from oxyq.api.errors import as_api_error
from oxyq.app import App
from oxyq.clock import now_ms
from oxyq.dashboard.forms import Form, read_form
from oxyq.dashboard.live import Topic
from oxyq.dashboard.pages.job import job_address
from oxyq.dashboard.payload_form import problems_by_field, read_payload_form
from oxyq.dashboard.problems import Problems
from oxyq.dashboard.rendering import Pages
from oxyq.dashboard.visit import Visit, visit
from oxyq.errors import IdConflict, InvalidPayload, NotFound
from oxyq.operating.new_job import MODELS, FormField, Kind, form_fields
from oxyq.outcomes import JsonValue

#: What a person need not think up: ids of what is added by hand.
_IDS: Final[Mapping[Kind, str]] = {"message": "messageId", "automation": "automationId", "campaign": "campaignId"}


#: What a value looks like, where its name does not say so.
EXAMPLES: Final[Mapping[str, str]] = {
    "from": "5511999998888",
    "recipientNumber": "5511999998888",
    "recipients": "5511999998888\n5511988887777",
    "type": "reminder",
    "metadata": '{"bookingId": "123"}',
    "variables": '{"name": "Ana"}',
    "media": '{"mimetype": "image/jpeg"}',
    "metaTemplate": '{"name": "promo_banho", "language": "pt_BR", "parameters": ["Ana"]}',
}
#: Organizations that the form offers; others are typed.
MOST_NAMED: Final = 100


class NewJobPage:
    """Adds jobs by hand."""

    def __init__(self, app: App, pages: Pages) -> None:
        self._app = app
        self._pages = pages

    def routes(self, door: DoorKeeper) -> APIRouter:
        """GET and POST queue/{queue}/new."""
        router = APIRouter()
        router.add_api_route("/queue/{queue}/new", self.show, methods=["GET"], dependencies=door.look())
        router.add_api_route("/queue/{queue}/new", self.add, methods=["POST"], dependencies=door.deed("job.add"))
        return router

    def topics(self) -> Mapping[str, Topic]:
        """Nothing of it changes by itself."""
        return {}

    async def show(self, request: Request, queue: str) -> Response:
        """The empty form."""
        kind = _kind(queue)
        who = visit(request)
        given = {_IDS[kind]: f"manual-{secrets.token_hex(4)}", "timestamp": who.formats.input_time(now_ms())}
        organization_id = who.who.org or request.query_params.get("organization")
        return await self._form(who, kind, {**given, "organizationId": organization_id or ""})

    async def add(self, request: Request, queue: str) -> Response:
        """Add it and show it; the form again with what is wrong."""
        kind, who = _kind(queue), visit(request)
        form = await read_form(request)
        fields = form_fields(kind)
        try:
            payload = read_payload_form(form, fields, who.formats)
            # What the form does not ask those who see one organization only.
            payload.setdefault("organizationId", caller(request).org or "")
            require_organization(caller(request), payload["organizationId"])
            async with redis_deadline():
                await self._require_known(payload["organizationId"])
                place = await self._app.new_jobs.add(kind, payload)
        except (InvalidPayload, IdConflict) as error:
            return await self._again(who, kind, form, error)
        tell_audit(request, organization_id=str(payload["organizationId"]), new=place.job_id)
        await self._app.sessions.flash(request.state.session_secret, "new_job.added")
        return who.redirect(job_address(place))

    async def _require_known(self, organization_id: JsonValue) -> None:
        """A worker would refuse it too, but then nobody looks any more."""
        if organization_id and await self._app.organizations.get(str(organization_id)) is None:
            raise InvalidPayload("organizationId", "is not known here; check it, or make the organization first")

    async def _again(self, who: Visit, kind: Kind, form: Form, error: InvalidPayload | IdConflict) -> Response:
        told = Problems(who.say).told
        if isinstance(error, IdConflict):
            problems, other = {_IDS[kind]: told(str(error))}, ""
        else:
            problems, other = problems_by_field(error, form_fields(kind), told)
        return await self._form(who, kind, form.filled(), problems, other, as_api_error(error).status)

    async def _form(
        self,
        who: Visit,
        kind: Kind,
        values: Mapping[str, str],
        problems: Mapping[str, str] | None = None,
        other: str = "",
        status: int = 200,
    ) -> Response:
        fields = [field for field in form_fields(kind) if not (field.name == "organizationId" and who.who.org)]
        async with redis_deadline():
            organizations = [] if who.who.org else sorted(await self._app.organizations.ids())[:MOST_NAMED]
        if len(organizations) == 1:
            values = {**values, "organizationId": values.get("organizationId") or organizations[0]}
        optional = [field for field in fields if not field.is_required]
        return self._pages.show(
            who, "new_job.html", status,
            kind=kind, values=values, problems=problems or {}, other=other, organizations=organizations,
            kinds=[(who.link(f"queue/{one}/new"), who.say(f"new_job.kind_{one}"), None, one == kind) for one in MODELS],
            required=[field for field in fields if field.is_required], optional=optional,
            is_open=any(values.get(field.name) for field in optional),
            label=lambda field: who.say(f"new_job.field_{_words(kind, field)}"),
            attributes=_attributes, choices_of=lambda field: [("", "–"), *((word, word) for word in field.choices)],
        )  # fmt: skip


def _kind(queue: str) -> Kind:
    if queue not in MODELS:
        raise NotFound(f"nothing is added to {queue} by hand")
    return cast("Kind", queue)


def _words(kind: Kind, field: FormField) -> str:
    """A message's type is what WhatsApp calls it; an automation's is what the shop does."""
    return "kind_of_automation" if (kind, field.name) == ("automation", "type") else field.name


def _attributes(field: FormField) -> dict[str, str]:
    """What the input of a field has beside its name and value."""
    attributes = {"autocomplete": "off"}
    if field.name in EXAMPLES:
        attributes["placeholder"] = EXAMPLES[field.name]
    if field.name == "organizationId":
        attributes["list"] = "organizations"
    if field.type == "json":
        attributes |= {"class": "code", "rows": "4", "spellcheck": "false"}
    return attributes
