"""Automations that wait for their time: the next first, each to be sent now, changed, moved or cancelled."""

import re
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final
from urllib.parse import quote, unquote

from fastapi import APIRouter, Request, Response

from oxyq.access.permissions import Permission
from oxyq.api.access import DoorKeeper, caller, no_organization, permitted
from oxyq.api.deadline import carried_through, redis_deadline
from oxyq.api.query import query_parameters
from oxyq.app import App
from oxyq.clock import now_ms
from oxyq.dashboard.forms import Form, read_form
from oxyq.dashboard.live import Topic
from oxyq.dashboard.organization import Chooser, named, told_in_its_time
from oxyq.dashboard.problems import Problems
from oxyq.dashboard.rendering import Pages
from oxyq.dashboard.visit import Visit, visit
from oxyq.errors import InvalidPayload, NotFound
from oxyq.jobs import Automation
from oxyq.operating.found_job import FoundJob, JobPlace
from oxyq.organizations import Organization
from oxyq.outcomes import JsonValue

SHOWN: Final = 50
QUEUE: Final = "automation"
_PLACE: Final = re.compile(r"[0-9]{1,17}", re.ASCII)

_Act = Callable[[FoundJob, Form, Visit], Coroutine[Any, Any, None]]


class AutomationsPage:
    """Shows those of an organization, and does what is asked with one."""

    def __init__(self, app: App, pages: Pages) -> None:
        self._app = app
        self._actions = app.job_actions
        self._chooser = Chooser(app.organizations, pages)
        self._pages = pages

    def routes(self, door: DoorKeeper) -> APIRouter:
        """GET automations and automations/waiting/{job_id}; POST of what can be done with one."""
        router = APIRouter()
        one = "/automations/waiting/{job_id}"
        router.add_api_route("/automations", self.list, methods=["GET"], dependencies=door.look())
        router.add_api_route(one, self.show, methods=["GET"], dependencies=door.look())
        for name, endpoint, action in (
            ("text", self.change_text, "job.edit"),
            ("time", self.move, "job.reschedule"),
            ("run", self.run_now, "job.promote"),
            ("cancel", self.cancel, "job.remove"),
        ):
            router.add_api_route(f"{one}/{name}", endpoint, methods=["POST"], dependencies=door.deed(action))
        return router

    def topics(self) -> Mapping[str, Topic]:
        """`automations:{organization}`: which are the next of those that wait."""
        return {"automations": Topic(self._now, every=3)}

    async def list(self, request: Request) -> Response:
        """Those that wait, the next first."""
        organization = await self._chooser.organization(request)
        if organization is None:
            return await self._chooser.ask(request, "automations", "automations")
        after = request.query_params.get("after", "")
        async with redis_deadline():
            page = await self._app.waiting_automations.page(
                organization.id, after=int(after) if _PLACE.fullmatch(after) else -1, limit=SHOWN
            )
        visited = told_in_its_time(visit(request), organization)
        return self._pages.show(
            visited, "automations.html", page=page, organization=organization, named=named(visited, organization),
            is_first=not after,
        )  # fmt: skip

    async def show(self, request: Request, job_id: str) -> Response:
        """One of them."""
        query_parameters(request)
        return await self._page(request, job_id)

    async def change_text(self, request: Request, job_id: str) -> Response:
        """Let it say something else; shown again with what is wrong."""
        # Who sees it masked would write the mask into it.
        await permitted(Permission.REVEAL)(request)

        async def change(job: FoundJob, form: Form, visited: Visit) -> None:
            await self._actions.patch_data(job, {"content": form.optional("content") or ""})

        try:
            return await self._do(request, job_id, change, "automations.text_changed")
        except InvalidPayload as error:
            written = request.state.form.optional("content") or ""
            return await self._page(request, job_id, {"content": error.problem}, written)

    async def move(self, request: Request, job_id: str) -> Response:
        """Send it at another time; shown again with what is wrong."""

        async def move(job: FoundJob, form: Form, visited: Visit) -> None:
            await self._actions.reschedule(job, visited.formats.read_time("at", form.optional("at") or ""))

        try:
            return await self._do(request, job_id, move, "automations.moved")
        except InvalidPayload as error:
            return await self._page(request, job_id, {"at": error.problem})

    async def run_now(self, request: Request, job_id: str) -> Response:
        """Send it now, quiet hours respected."""

        async def run(job: FoundJob, form: Form, visited: Visit) -> None:
            # Not promoted: one that Node added without a delay would find that its time has not come.
            await self._actions.reschedule(job, now_ms())

        return await self._do(request, job_id, run, "automations.runs_now", to_list=True)

    async def cancel(self, request: Request, job_id: str) -> Response:
        """Never send it."""

        async def remove(job: FoundJob, form: Form, visited: Visit) -> None:
            await self._actions.remove(job, sees_all=visited.who.org is None)

        return await self._do(request, job_id, remove, "automations.cancelled", to_list=True)

    async def _do(self, request: Request, job_id: str, act: _Act, said: str, *, to_list: bool = False) -> Response:
        form = await read_form(request)
        async with redis_deadline():
            job, organization = await self._find(request, job_id)
            _refuse_runs(job)
            await carried_through(act(job, form, told_in_its_time(visit(request), organization)))
        await self._app.sessions.flash(request.state.session_secret, said)
        visited = visit(request)
        if to_list:
            return visited.redirect("automations", organization=named(visited, organization))
        return visited.redirect(f"automations/waiting/{quote(job_id, safe='')}")

    async def _page(
        self, request: Request, job_id: str, problems: Mapping[str, str] | None = None, written: str | None = None
    ) -> Response:
        async with redis_deadline():
            job, organization = await self._find(request, job_id)
        automation = job.payload
        assert isinstance(automation, Automation)  # noqa: S101 - as it was found
        visited = told_in_its_time(visit(request), organization)
        told = Problems(visited.say)
        return self._pages.show(
            visited, "automation.html", 422 if problems else 200, job=job, automation=automation,
            organization=organization, named=named(visited, organization),
            problems={name: told.told(problem) for name, problem in (problems or {}).items()},
            written=automation.content if written is None else written,
            is_run=job.snapshot.scheduler_id is not None, waits=job.snapshot.state == "delayed",
        )  # fmt: skip

    async def _find(self, request: Request, job_id: str) -> tuple[FoundJob, Organization]:
        job = await self._app.jobs.find(JobPlace(QUEUE, job_id), caller(request).org)
        organization_id = job.organization_id
        organization = None if organization_id is None else await self._app.organizations.get(organization_id)
        if organization is None or not isinstance(job.payload, Automation):
            raise NotFound("there is no automation that can be read here; look at its job")
        return job, organization

    async def _now(self, organization_id: str | None, argument: str) -> JsonValue:
        chosen = unquote(argument)
        if organization_id not in (None, chosen):
            raise no_organization(chosen)
        page = await self._app.waiting_automations.page(chosen, limit=SHOWN, look_at=1_000)
        return [[one.job_id, one.place] for one in page.found]


def _refuse_runs(job: FoundJob) -> None:
    if job.snapshot.scheduler_id is not None:
        raise InvalidPayload("job", "is the next run of a schedule; run, change or remove the schedule instead")
