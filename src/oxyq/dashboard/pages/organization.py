"""One organization: how it stands, what it uses of what it may, its numbers; pausing and resuming it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote

from fastapi import APIRouter, Request, Response

from oxyq.api.access import DoorKeeper, no_organization
from oxyq.api.deadline import redis_deadline
from oxyq.app import App
from oxyq.dashboard.forms import read_form
from oxyq.dashboard.live import Topic
from oxyq.dashboard.organization_frame import OrganizationFrame
from oxyq.dashboard.rendering import Pages
from oxyq.instances import Instance, KnownState
from oxyq.operating.organization_usage import Usage
from oxyq.operating.organizations import OrganizationControl
from oxyq.organizations import Organization
from oxyq.outcomes import JsonValue
from oxyq.pacing.usage import NumberUse

#: Numbers that are shown with their limits; who has more leafs through them.
NUMBERS_SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class NumberRow:
    """A number, its row in the table of all (None: it goes the installation's own way), and how it stood last."""

    id: str
    instance: Instance | None
    heard: KnownState | None
    use: NumberUse

    @property
    def page(self) -> str:
        """What its page adds to the organization's address."""
        return f"/numbers/{quote(self.id, safe='')}"


class OrganizationPage:
    """Shows one organization."""

    def __init__(self, app: App, pages: Pages) -> None:
        self._instances = app.instances
        self._usage = app.organization_usage
        self._organizations = app.organizations
        self._control = OrganizationControl(app.organizations)
        self._frame = OrganizationFrame(app, pages)

    def routes(self, door: DoorKeeper) -> APIRouter:
        """GET an organization; POST to pause it and to resume it."""
        router, one = APIRouter(), "/organizations/{organization_id}"
        router.add_api_route(one, self.show, methods=["GET"], dependencies=door.look())
        for name, act in (("pause", self.pause), ("resume", self.resume)):
            router.add_api_route(f"{one}/{name}", act, methods=["POST"], dependencies=door.deed(f"organization.{name}"))
        return router

    def topics(self) -> Mapping[str, Topic]:
        """Whether its limits are used otherwise than a moment ago, or a number stands otherwise."""
        return {"organization": Topic(self._now, every=3)}

    async def show(self, request: Request, organization_id: str) -> Response:
        """How it stands."""
        organization = await self._frame.organization(request, organization_id)
        start = _start(request.query_params.get("from"), len(organization.instances))
        shown = organization.instances[start : start + NUMBERS_SHOWN]
        async with redis_deadline():
            usage = await self._usage.of(organization, shown)
            rows = await self._rows(organization, usage)
        return self._frame.show(
            request, organization, "organization.html", "overview", usage=usage, rows=rows,
            before=max(0, start - NUMBERS_SHOWN) if start else None,
            after=start + NUMBERS_SHOWN if start + NUMBERS_SHOWN < len(organization.instances) else None,
        )  # fmt: skip

    async def pause(self, request: Request, organization_id: str) -> Response:
        """Let nothing of it go out."""
        organization = await self._frame.organization(request, organization_id)
        await read_form(request)
        async with redis_deadline():
            await self._control.pause(organization.id)
        return await self._frame.saved(request, organization.id, key="organization_page.is_paused_now")

    async def resume(self, request: Request, organization_id: str) -> Response:
        """Let it go on."""
        organization = await self._frame.organization(request, organization_id)
        await read_form(request)
        async with redis_deadline():
            await self._control.resume(organization.id)
        return await self._frame.saved(request, organization.id, key="organization_page.is_resumed_now")

    async def _rows(self, organization: Organization, usage: Usage) -> Sequence[NumberRow]:
        rows = list[NumberRow]()
        for use in usage.numbers:
            instance = await self._instances.get(use.instance_id)
            if instance is not None and instance.organization_id != organization.id:
                instance = None
            heard = None if instance is None else await self._instances.known_state(instance.id)
            rows.append(NumberRow(use.instance_id, instance, heard, use))
        return rows

    async def _now(self, organization_id: str | None, argument: str) -> JsonValue:
        whose = unquote(argument)
        if organization_id not in (None, whose):
            raise no_organization(whose)
        organization = await self._organizations.get(whose)
        if organization is None:
            raise no_organization(whose)
        usage = await self._usage.of(organization, organization.instances[:NUMBERS_SHOWN])
        states = [await self._instances.known_state(use.instance_id) for use in usage.numbers]
        return [
            organization.version, repr(usage), [None if state is None else state.state for state in states],
        ]  # fmt: skip


def _start(given: str | None, most: int) -> int:
    start = int(given) if given and given.isdecimal() and given.isascii() and len(given) < 6 else 0
    return start if start < most else 0
