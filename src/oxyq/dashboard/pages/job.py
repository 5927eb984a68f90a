"""The page of one job: its life so far, what it carries and sent, and everything that can be done with it."""

import json
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final
from urllib.parse import quote, unquote

from fastapi import APIRouter, Request, Response

from oxyq.access.permissions import Permission
from oxyq.access.tokens import signing_secret
from oxyq.api.access import DoorKeeper, caller, permitted, tell_audit
from oxyq.api.deadline import carried_through, redis_deadline
from oxyq.api.errors import as_api_error
from oxyq.api.handles import Handles
from oxyq.api.query import query_parameters, whole_number
from oxyq.api.strict_json import NotJson, parse_json
from oxyq.app import App
from oxyq.dashboard.forms import Form, read_form
from oxyq.dashboard.live import Topic
from oxyq.dashboard.problems import Problems
from oxyq.dashboard.rendering import Pages
from oxyq.dashboard.visit import Visit, visit
from oxyq.engine.job_control import LOWEST_PRIORITY, JobSnapshot
from oxyq.errors import InvalidPayload, NotAllowed
from oxyq.masking import mask_json
from oxyq.operating.found_job import FoundJob, JobPlace
from oxyq.operating.job_view import Links
from oxyq.outcomes import JsonValue
from oxyq.sending.lanes import first_instance

#: Log lines on one page, and characters of JSON that are shown; what is edited is shown whole.
LOG_LINES: Final = 100
LONGEST_SHOWN: Final = 16_000
_LAST_LINE: Final = 10**12

#: What a copy may say otherwise, by the kind of job; left empty it says the same.
COPY_FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "message": ("content",),
    "automation": ("recipientNumber", "content", "scheduledFor"),
    "campaign": (),
}


@dataclass(frozen=True, slots=True)
class _Edit:
    """What stands in the editor, of which version of the data it is, and why it was not taken."""

    written: str
    version: str
    status: int = 200
    problem: str = ""


class JobPage:
    """Shows one job, and does what its buttons say."""

    def __init__(self, app: App, pages: Pages) -> None:
        self._app = app
        self._actions = app.job_actions
        self._handles = Handles(signing_secret(app.settings))
        self._pages = pages

    def routes(self, door: DoorKeeper) -> APIRouter:
        """GET queue/{queue}/job/{job_id}, and POST for each thing that can be done with it."""
        router = APIRouter()
        one = "/queue/{queue}/job/{job_id}"
        router.add_api_route(one, self.show, methods=["GET"], dependencies=door.look())
        router.add_api_route(one, self.edit, methods=["POST"], dependencies=door.deed("job.edit"))
        for name, endpoint in (
            ("retry", self.retry),
            ("promote", self.promote),
            ("reschedule", self.reschedule),
            ("priority", self.change_priority),
            ("duplicate", self.duplicate),
            ("remove", self.remove),
            ("fail", self.fail),
        ):
            router.add_api_route(f"{one}/{name}", endpoint, methods=["POST"], dependencies=door.deed(f"job.{name}"))
        return router

    def topics(self) -> Mapping[str, Topic]:
        """`job:{queue}/{job_id}`: how it stands; its page is asked for again when it stands otherwise."""
        return {"job": Topic(self._now, sends="value")}

    async def show(self, request: Request, queue: str, job_id: str) -> Response:
        """The job as it stands."""
        start = whole_number(query_parameters(request, "log"), "log", _LAST_LINE)
        async with redis_deadline():
            job = await self._find(request, queue, job_id)
        return await self._page(request, job, start)

    # --- what can be done ---------------------------------------------------------------------------------------

    async def edit(self, request: Request, queue: str, job_id: str) -> Response:
        """Put other data in the place of what the job carries; shown again with what is wrong."""
        # Who sees them masked would write the masks into the job.
        await permitted(Permission.REVEAL)(request)
        form = await read_form(request)
        async with redis_deadline():
            job = await self._find(request, queue, job_id, told=True)
        text, version = form.optional("data") or "", form.text("version")
        try:
            data = _read_object(text)
            async with redis_deadline():
                await self._actions.replace_data(job, data, version=version)
        except (InvalidPayload, NotAllowed) as error:
            problem = _told(error, Problems(visit(request).say))
            return await self._page(request, job, None, _Edit(text, version, as_api_error(error).status, problem))
        return await self._done(request, "job_page.edited", job)

    async def retry(self, request: Request, queue: str, job_id: str) -> Response:
        """Run it again."""
        by = caller(request).sub
        return await self._do(
            request, queue, job_id, "job_page.retried", lambda job, _: self._actions.retry(job, by=by)
        )

    async def promote(self, request: Request, queue: str, job_id: str) -> Response:
        """Let it run now."""
        return await self._do(request, queue, job_id, "job_page.promoted", lambda job, _: self._actions.promote(job))

    async def fail(self, request: Request, queue: str, job_id: str) -> Response:
        """Take it from its worker."""
        by = caller(request).sub
        return await self._do(request, queue, job_id, "job_page.failed", lambda job, _: self._actions.fail(job, by=by))

    async def reschedule(self, request: Request, queue: str, job_id: str) -> Response:
        """Let it run at another time."""
        read_time = visit(request).formats.read_time
        return await self._do(
            request, queue, job_id, "job_page.rescheduled",
            lambda job, form: self._actions.reschedule(job, read_time("at", form.text("at"))),
        )  # fmt: skip

    async def change_priority(self, request: Request, queue: str, job_id: str) -> Response:
        """Give it another priority."""

        async def change(job: FoundJob, form: Form) -> None:
            priority = form.number("priority", most=LOWEST_PRIORITY)
            if priority is None:
                raise InvalidPayload("priority", "is missing; fill it in")
            await self._actions.change_priority(job, priority)

        return await self._do(request, queue, job_id, "job_page.reprioritized", change)

    async def duplicate(self, request: Request, queue: str, job_id: str) -> Response:
        """Add a copy, and show that."""
        form = await read_form(request)
        changes: dict[str, JsonValue] = {}
        for name in COPY_FIELDS.get(queue, ()):
            if (text := form.optional(name)) is not None:
                is_time = name == "scheduledFor"
                changes[name] = visit(request).formats.read_time(name, text) if is_time else text
        async with redis_deadline():
            new = await self._actions.duplicate(await self._find(request, queue, job_id, told=True), changes)
        tell_audit(request, new=new.job_id)
        await self._tell(request, "job_page.duplicated")
        return visit(request).redirect(job_address(new))

    async def remove(self, request: Request, queue: str, job_id: str) -> Response:
        """Remove it, and go to its queue."""
        await read_form(request)
        async with redis_deadline():
            job = await self._find(request, queue, job_id, told=True)
            await self._actions.remove(job, sees_all=caller(request).org is None)
        await self._tell(request, "job_page.removed")
        return visit(request).redirect(f"queue/{queue}")

    async def _do(
        self,
        request: Request,
        queue: str,
        job_id: str,
        said: str,
        action: Callable[[FoundJob, Form], Coroutine[None, None, None]],
    ) -> Response:
        form = await read_form(request)
        async with redis_deadline():
            job = await self._find(request, queue, job_id, told=True)
            await carried_through(action(job, form))
        return await self._done(request, said, job)

    async def _done(self, request: Request, said: str, job: FoundJob) -> Response:
        await self._tell(request, said)
        return visit(request).redirect(job_address(JobPlace(job.queue.name, job.id)))

    async def _tell(self, request: Request, said: str) -> None:
        await self._app.sessions.flash(request.state.session_secret, said)

    # --- the page -----------------------------------------------------------------------------------------------

    async def _find(self, request: Request, queue: str, job_id: str, *, told: bool = False) -> FoundJob:
        job = await self._app.jobs.find(JobPlace(queue, job_id), caller(request).org)
        if told:
            tell_audit(request, organization_id=job.organization_id)
        return job

    async def _page(
        self, request: Request, job: FoundJob, log_start: int | None, refused: _Edit | None = None
    ) -> Response:
        who = visit(request)
        start = max(job.snapshot.log_lines - LOG_LINES, 0) if log_start is None else log_start
        async with redis_deadline():
            view = await self._app.job_viewer.view(job)
            lines, _ = await job.queue.control.log_lines(job.id, start, LOG_LINES)
            chat = await self._chat(view.links)
        record = job.snapshot.record
        may_edit = "data" in view.actions and who.may("act") and who.may("reveal")
        return self._pages.show(
            who, "job.html", 200 if refused is None else refused.status,
            view=view, job=job, snapshot=job.snapshot, record=record, topic=f"job:{_topic(job)}",
            standing=_standing(job.snapshot),
            address=job_address(JobPlace(job.queue.name, job.id)),
            chat=chat, whose=None if who.who.org == job.organization_id else job.organization_id,
            lines=lines, log_start=start, log_end=start + len(lines), log_page=LOG_LINES,
            data=_shown(who, record.data), result=_shown(who, record.result), options=_json(dict(record.options)),
            progress=_progress(record.progress), own_priority=self._own_priority(job.queue.name),
            copy_fields=COPY_FIELDS.get(view.kind or "", ()), may_edit=may_edit,
            edit=refused or _Edit(_json(record.data), job.snapshot.version),
        )  # fmt: skip

    def _own_priority(self, queue: str) -> int:
        return self._app.settings.policies[queue].priority

    async def _chat(self, links: Links) -> str | None:
        """The address of the chat that the job is about, which does not name the person; None when there is none."""
        if links.organization_id is None or links.contact is None:
            return None
        instance_id = links.instance_id
        if instance_id is None:
            organization = await self._app.organizations.get(links.organization_id)
            instance_id = "" if organization is None else first_instance(organization)
        place = await self._app.take_over.place(links.organization_id, instance_id, links.contact)
        if await self._app.conversations.chat(place) is None:
            return None
        return f"conversations/{self._handles.of(links.organization_id, place.name)}"

    async def _now(self, organization_id: str | None, argument: str) -> JsonValue:
        queue, _, job_id = unquote(argument).partition("/")
        return _standing((await self._app.jobs.find(JobPlace(queue, job_id), organization_id)).snapshot)


def _standing(snapshot: JobSnapshot) -> str:
    """How a job stands: another text when anything changed that its page shows. Says nothing else to anybody."""
    record = snapshot.record
    shown = (
        snapshot.state, snapshot.version, snapshot.log_lines, snapshot.due_ms, snapshot.lock_ms is None,
        snapshot.children, record.priority, record.progress, record.attempts_started, record.attempts_made,
        record.finished_ms,
    )  # fmt: skip
    return blake2b(repr(shown).encode(errors="replace"), digest_size=8).hexdigest()


def job_address(place: JobPlace) -> str:
    """The address of a job's page beneath the board."""
    return f"queue/{quote(place.queue, safe='')}/job/{quote(place.job_id, safe=':@=+~')}"


def _topic(job: FoundJob) -> str:
    return quote(f"{job.queue.name}/{job.id}", safe="/")


def _told(error: InvalidPayload | NotAllowed, problems: Problems) -> str:
    if isinstance(error, NotAllowed):
        return problems.told(str(error))
    return " ".join(f"{field}: {problems.told(problem)}" for field, problem in error.problems)


def _read_object(text: str) -> dict[str, JsonValue]:
    try:
        value = parse_json(text.encode())
    except NotJson:
        raise InvalidPayload("data", "is not JSON; check quotes, commas and braces") from None
    if not isinstance(value, dict):
        raise InvalidPayload("data", "must be an object, as it was before: {…}")
    return value


def _shown(who: Visit, value: JsonValue) -> str:
    text = _json(value if who.is_revealed else mask_json(value))
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"


def _json(value: JsonValue) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)


def _progress(value: JsonValue) -> float | None:
    """How far it is, from 0 to 100, if it says that; else nothing."""
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= 100:
        return value
    return None
