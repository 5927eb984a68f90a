"""What is sent again and again: schedules of ours and schedulers that Node made, with their next runs."""

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Request, Response

from oxyq.access.permissions import Permission
from oxyq.api.access import DoorKeeper, caller, no_organization
from oxyq.api.deadline import carried_through, redis_deadline
from oxyq.api.query import query_parameters
from oxyq.app import App
from oxyq.automations.schedule import LEAST_SECONDS, Schedule
from oxyq.automations.scheduler_list import ListedScheduler
from oxyq.automations.withdrawals import SCHEDULE_FIELD
from oxyq.dashboard.forms import Form, read_form
from oxyq.dashboard.live import Topic
from oxyq.dashboard.organization import Chooser, told_in_its_time
from oxyq.dashboard.problems import Problems
from oxyq.dashboard.rendering import Pages
from oxyq.dashboard.visit import Visit, visit
from oxyq.errors import InvalidPayload
from oxyq.jobs import parse_new, wire
from oxyq.organizations import Organization
from oxyq.outcomes import JsonValue

SHOWN: Final = 50
_START: Final = re.compile(r"[0-9]{1,9}", re.ASCII)
_MOST_MINUTES: Final = 366 * 24 * 60
_MOST_RUNS: Final = 1_000_000
#: Fields of the form, by how a problem names them.
_FIELDS: Final[Mapping[str, str]] = {
    "automation.content": "content",
    "automation.recipientNumber": "number",
    "automation.type": "type",
    "everySeconds": "every",
    "timeZone": "zone",
    "startsAt": "starts",
    "endsAt": "ends",
}


class SchedulesPage:
    """Shows schedulers, and makes, changes, runs and removes them."""

    def __init__(self, app: App, pages: Pages) -> None:
        self._app = app
        self._schedulers = app.scheduler_list
        self._chooser = Chooser(app.organizations, pages)
        self._pages = pages

    def routes(self, door: DoorKeeper) -> APIRouter:
        """GET automations/schedules, …/new and …/{scheduler_id}; POST of a new one, of changes, run and remove."""
        router = APIRouter()
        every, one = "/automations/schedules", "/automations/schedules/{scheduler_id}"
        save = door.deed("schedule.save", Permission.SETTINGS)
        router.add_api_route(every, self.list, methods=["GET"], dependencies=door.look())
        router.add_api_route("/automations/new-schedule", self.blank, methods=["GET"], dependencies=door.look())
        router.add_api_route("/automations/new-schedule", self.add, methods=["POST"], dependencies=save)
        router.add_api_route(one, self.show, methods=["GET"], dependencies=door.look())
        router.add_api_route(one, self.save, methods=["POST"], dependencies=save)
        router.add_api_route(f"{one}/run", self.run, methods=["POST"], dependencies=door.deed("schedule.run"))
        router.add_api_route(
            f"{one}/remove", self.remove, methods=["POST"],
            dependencies=door.deed("schedule.remove", Permission.SETTINGS),
        )  # fmt: skip
        return router

    def topics(self) -> Mapping[str, Topic]:
        """Nothing: they change seldom, and when they run next stands there."""
        return {}

    # --- looking ------------------------------------------------------------------------------------------------

    async def list(self, request: Request) -> Response:
        """All, or those of an organization, the next to run first."""
        given, who = query_parameters(request, "organization", "start"), caller(request)
        organization_id = given.get("organization") or who.org
        if organization_id is not None and not who.may_see(organization_id):
            raise no_organization(organization_id)
        start = int(found[0]) if (found := _START.fullmatch(given.get("start", ""))) else 0
        async with redis_deadline():
            page = await self._schedulers.page(organization_id, start=start, limit=SHOWN)
            organization = None if organization_id is None else await self._app.organizations.get(organization_id)
        visited = visit(request) if organization is None else told_in_its_time(visit(request), organization)
        return self._pages.show(
            visited, "schedules.html", page=page, start=start, named=None if who.org else organization_id
        )  # fmt: skip

    async def show(self, request: Request, scheduler_id: str) -> Response:
        """One of them, with the form that changes it."""
        query_parameters(request)
        async with redis_deadline():
            one = await self._schedulers.get(scheduler_id, caller(request).org)
            organization = await self._organization(one)
        return self._page(request, one, organization, _filled(_in_its_time(request, organization), one))

    async def blank(self, request: Request) -> Response:
        """The form of a new one."""
        organization = await self._chooser.organization(request)
        if organization is None:
            return await self._chooser.ask(request, "automations", "automations/new-schedule")
        return self._page(request, None, organization, {"type": "reminder", "zone": organization.time_zone})

    # --- acting -------------------------------------------------------------------------------------------------

    async def add(self, request: Request) -> Response:
        """Save a new one."""
        organization = await self._chooser.needed(request)
        form = await read_form(request)
        try:
            await self._save(request, form, organization, form.text("id"), None)
        except InvalidPayload as error:
            return self._page(request, None, organization, form.filled(), error)
        return await self._done(request, "schedules.saved", organization.id)

    async def save(self, request: Request, scheduler_id: str) -> Response:
        """Save one that is changed; what the form does not show of it stays."""
        form = await read_form(request)
        async with redis_deadline():
            one = await self._schedulers.get(scheduler_id, caller(request).org)
            organization = await self._organization(one)
        if one.schedule_id is None or one.automation is None or organization is None:
            raise InvalidPayload("schedule", "was made by another program; change it there")
        try:
            await self._save(request, form, organization, one.schedule_id, one)
        except InvalidPayload as error:
            return self._page(request, one, organization, form.filled(), error)
        return await self._done(request, "schedules.saved", organization.id)

    async def run(self, request: Request, scheduler_id: str) -> Response:
        """Send it once besides its times."""
        form = await read_form(request)
        async with redis_deadline():
            await carried_through(self._schedulers.run_now(scheduler_id, caller(request).org))
        await self._app.sessions.flash(request.state.session_secret, "schedules.ran")
        return visit(request).back(form.optional("back"), "automations/schedules")

    async def remove(self, request: Request, scheduler_id: str) -> Response:
        """Send it no more."""
        await read_form(request)
        async with redis_deadline():
            one = await self._schedulers.get(scheduler_id, caller(request).org)
            await carried_through(self._schedulers.remove(scheduler_id, caller(request).org))
        return await self._done(request, "schedules.removed", one.organization_id)

    async def _save(
        self, request: Request, form: Form, organization: Organization, schedule_id: str,
        before: ListedScheduler | None,
    ) -> None:  # fmt: skip
        formats, minutes = _in_its_time(request, organization).formats, form.number("every", most=_MOST_MINUTES)
        times = {
            name: None if (text := form.optional(field)) is None else formats.read_time(name, text)
            for name, field in (("startsAt", "starts"), ("endsAt", "ends"))
        }
        fields: dict[str, Any] = {
            "id": schedule_id,
            "organizationId": organization.id,
            "automation": {
                **_kept(before),
                "type": form.optional("type") or "reminder",
                "recipientNumber": form.text("number"),
                "content": form.text("content"),
            },
            "cron": form.optional("cron"),
            "everySeconds": None if minutes is None else _seconds(minutes, before),
            "timeZone": form.optional("zone") if form.optional("cron") else None,
            "limit": form.number("limit", least=1, most=_MOST_RUNS),
            **times,
        }
        schedule = parse_new(Schedule, {name: value for name, value in fields.items() if value is not None})
        async with redis_deadline():
            await carried_through(self._app.automation_schedules.save(schedule, organization))

    async def _done(self, request: Request, said: str, organization_id: str | None) -> Response:
        await self._app.sessions.flash(request.state.session_secret, said)
        visited = visit(request)
        return visited.redirect(
            "automations/schedules", organization=None if visited.who.org else organization_id
        )  # fmt: skip

    async def _organization(self, one: ListedScheduler) -> Organization | None:
        return None if one.organization_id is None else await self._app.organizations.get(one.organization_id)

    def _page(
        self, request: Request, one: ListedScheduler | None, organization: Organization | None,
        values: Mapping[str, str], error: InvalidPayload | None = None,
    ) -> Response:  # fmt: skip
        visited = _in_its_time(request, organization)
        told, problems = Problems(visited.say), () if error is None else error.problems
        return self._pages.show(
            visited, "schedule.html", 422 if error else 200, one=one, organization=organization, values=values,
            problems={_FIELDS.get(field, field): told.told(problem) for field, problem in problems},
            address="automations/new-schedule" if one is None else f"automations/schedules/{quote(one.id, safe='')}",
        )  # fmt: skip


def _in_its_time(request: Request, organization: Organization | None) -> Visit:
    return visit(request) if organization is None else told_in_its_time(visit(request), organization)


def _kept(before: ListedScheduler | None) -> dict[str, JsonValue]:
    """What the form does not show of what is sent."""
    automation = None if before is None else before.automation
    return {} if automation is None else {name: one for name, one in wire(automation).items() if name != SCHEDULE_FIELD}


def _seconds(minutes: int, before: ListedScheduler | None) -> int:
    """The form knows minutes only: a pace that it did not change stays, to the second."""
    every_ms = None if before is None else before.stored.every_ms
    is_same = every_ms is not None and minutes == every_ms // 60_000
    return every_ms // 1000 if is_same and every_ms is not None else max(minutes * 60, LEAST_SECONDS)


def _filled(visited: Visit, one: ListedScheduler) -> dict[str, str]:
    """What stands in the form."""
    stored, automation = one.stored, one.automation
    return {
        "type": "" if automation is None else automation.type,
        "number": "" if automation is None else automation.recipient_number,
        "content": "" if automation is None else automation.content,
        "cron": stored.cron or "",
        "every": "" if stored.every_ms is None else str(stored.every_ms // 60_000),
        "zone": stored.time_zone or "",
        "starts": visited.formats.input_time(stored.starts_ms),
        "ends": visited.formats.input_time(stored.ends_ms),
        "limit": "" if stored.limit is None else str(stored.limit),
    }
