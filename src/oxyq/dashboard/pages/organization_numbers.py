"""One number: how it stands, the way to it, its secrets, its limits, and linking it to a phone."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final, get_args
from urllib.parse import quote, unquote

import segno
from fastapi import APIRouter, Request, Response

from oxyq.access.permissions import Permission
from oxyq.api.access import DoorKeeper, no_organization, tell_audit
from oxyq.api.deadline import carried_through, redis_deadline
from oxyq.app import App
from oxyq.dashboard.forms import Form, read_form
from oxyq.dashboard.live import Topic
from oxyq.dashboard.organization_frame import OrganizationFrame, Wrong, wrong_with
from oxyq.dashboard.rendering import Pages
from oxyq.dashboard.visit import visit
from oxyq.errors import InvalidPayload, NotAllowed, NotFound
from oxyq.gateways.base import GatewayError, InstanceState
from oxyq.instances import Instance
from oxyq.jobs import parse_new, wire
from oxyq.limits import GatewayName
from oxyq.organizations import Organization
from oxyq.outcomes import JsonValue
from oxyq.receiving.pairing import Pairs, pairing_of
from oxyq.receiving.registration import Registration
from oxyq.receiving.standing import secrets_kept, standing

#: A bridge answers when the QR code is there, for which WhatsApp may take 20 s.
PAIR_SECONDS: Final = 25.0
GATEWAYS: Final = get_args(GatewayName)
_NEW: Final = "new"

_WAY: Final = {
    "id": "id",
    "gateway": "gateway",
    "phoneNumberId": "phone_number_id",
    "server": "server",
    "serverInstance": "server_instance",
    "hearsGroups": "hears_groups",
    "phone": "phone",
    "value": "value",
}
_LIMITS: Final = {
    "rate": "rate_max",
    "rate.max": "rate_max",
    "rate.perSeconds": "rate_seconds",
    "gapSeconds": "gap_shortest",
    "daily": "daily",
    "connectedSince": "connected_since",
}


class OrganizationNumbersPage:
    """Shows one number and changes it; secrets can be set, and never read."""

    def __init__(self, app: App, pages: Pages) -> None:
        self._instances = app.instances
        self._gateways = app.gateways
        self._registration = Registration(app.instances, app.organizations, app.gateways)
        self._frame = OrganizationFrame(app, pages)

    def routes(self, door: DoorKeeper) -> APIRouter:
        """GET a number, or the form for a new one; POST of all that is done with one."""
        router, settings = APIRouter(), Permission.SETTINGS
        one = "/organizations/{organization_id}/numbers/{instance_id}"
        router.add_api_route(one, self.show, methods=["GET"], dependencies=door.look())
        for name, action, act in (
            ("", "instance.save", self.save),
            ("/limits", "organization.change", self.save_limits),
            ("/secret", "instance.set-secret", self.set_secret),
            ("/pair", "instance.pair", self.pair),
            ("/logout", "instance.logout", self.logout),
            ("/remove", "instance.remove", self.remove),
        ):
            router.add_api_route(f"{one}{name}", act, methods=["POST"], dependencies=door.deed(action, settings))
        return router

    def topics(self) -> Mapping[str, Topic]:
        """Whether a number stands otherwise, or has another code to scan."""
        return {"number": Topic(self._now, every=3)}

    async def show(self, request: Request, organization_id: str, instance_id: str) -> Response:
        """One number, or the form for a new one."""
        organization = await self._frame.organization(request, organization_id)
        return await self._page(request, organization, instance_id)

    async def save(self, request: Request, organization_id: str, instance_id: str) -> Response:
        """Set a number up, or set it up anew; its secrets stay."""
        organization = await self._frame.organization(request, organization_id)
        form = await read_form(request)
        try:
            given = _way(form, organization.id, instance_id)
            async with redis_deadline():
                before = await self._instances.get(given.id)
                if instance_id == _NEW and before is not None:
                    raise InvalidPayload("id", "is taken; choose another")
                _refuse_another_server(request, given, before)
                await carried_through(self._registration.save(given))
        except (InvalidPayload, NotAllowed) as error:
            wrong = wrong_with(visit(request), error, _WAY)
            return await self._page(request, organization, instance_id, form.filled(), wrong)
        tell_audit(request, instance=given.id)
        return await self._frame.saved(request, organization.id, _page_of(given.id))

    async def save_limits(self, request: Request, organization_id: str, instance_id: str) -> Response:
        """Set what this number may send; what is left empty is as usual for its gateway."""
        organization = await self._frame.organization(request, organization_id)
        form, stored = await read_form(request), wire(organization).get("numbers")
        numbers: dict[str, JsonValue] = dict(stored) if isinstance(stored, dict) else {}
        try:
            if instance_id not in (*organization.instances, *numbers):
                raise _no_number(instance_id)
            given = _limits(form, numbers.get(instance_id))
            numbers = {**numbers, instance_id: given} if given else {
                name: one for name, one in numbers.items() if name != instance_id
            }  # fmt: skip
            await self._frame.amend(request, organization.id, {"numbers": numbers}, form)
        except (InvalidPayload, NotAllowed) as error:
            ours = {f"numbers.{instance_id}.{name}": field for name, field in _LIMITS.items()}
            ours |= {f"numbers.{instance_id}": "rate_max"} | {field: field for field in _LIMITS.values()}
            wrong = wrong_with(visit(request), error, ours)
            return await self._page(request, organization, instance_id, form.filled(), wrong)
        return await self._frame.saved(request, organization.id, _page_of(instance_id))

    async def set_secret(self, request: Request, organization_id: str, instance_id: str) -> Response:
        """Keep a secret that its gateway needs."""
        organization = await self._frame.organization(request, organization_id)
        instance = await self._own(organization, instance_id)
        form = await read_form(request)
        tell_audit(request, secret=form.text("name")[:64])
        async with redis_deadline():
            await self._instances.set_secret(instance, form.text("name"), form.text("value"))
        return await self._frame.saved(
            request, organization.id, _page_of(instance_id), "organization_page.secret_is_kept"
        )

    async def pair(self, request: Request, organization_id: str, instance_id: str) -> Response:
        """Begin to link it to a phone: the page then shows what to scan or to type."""
        organization = await self._frame.organization(request, organization_id)
        instance = await self._own(organization, instance_id)
        given = (await read_form(request)).optional("phone")
        # As people write it: the bridge wants digits.
        phone = None if given is None else "".join(filter(str.isdigit, given)) or given
        async with self._linking(instance) as pairs:
            await pairs.pair(instance.id, phone)
        return await self._frame.saved(
            request, organization.id, _page_of(instance_id), "organization_page.pairing_begun"
        )

    async def logout(self, request: Request, organization_id: str, instance_id: str) -> Response:
        """Unlink it from its phone."""
        organization = await self._frame.organization(request, organization_id)
        instance = await self._own(organization, instance_id)
        await read_form(request)
        async with self._linking(instance) as pairs:
            await pairs.logout(instance.id)
        return await self._frame.saved(
            request, organization.id, _page_of(instance_id), "organization_page.is_unlinked_now"
        )

    async def remove(self, request: Request, organization_id: str, instance_id: str) -> Response:
        """Unlink it and forget it, with its secrets."""
        organization = await self._frame.organization(request, organization_id)
        instance = await self._own(organization, instance_id)
        await read_form(request)
        await carried_through(self._registration.remove(instance.id))
        return await self._frame.saved(request, organization.id, key="organization_page.number_removed")

    async def _page(
        self, request: Request, organization: Organization, instance_id: str,
        filled: Mapping[str, str] | None = None, wrong: Wrong | None = None,
    ) -> Response:  # fmt: skip
        if instance_id == _NEW:
            return self._frame.show(
                request, organization, "organization_new_number.html", "overview", wrong=wrong, filled=filled or {},
                gateways=GATEWAYS,
            )  # fmt: skip
        async with redis_deadline():
            instance = await self._instances.get(instance_id)
            if instance is not None and instance.organization_id != organization.id:
                instance = None
            if instance is None and instance_id not in organization.instances:
                raise _no_number(instance_id)
            heard = None if instance is None else await self._instances.known_state(instance_id)
            secrets = {} if instance is None else await secrets_kept(self._instances, instance)
        now = None if instance is None else await standing(self._gateways, instance)
        may_link = visit(request).may("settings") and now is not None
        return self._frame.show(
            request, organization, "organization_number.html", "overview", wrong=wrong,
            id=instance_id, instance=instance, heard=heard, secrets=secrets, now=now, gateways=GATEWAYS,
            can_pair=instance is not None and instance.gateway == "baileys",
            qr=_qr(now) if may_link else None, code=now.code if now is not None and may_link else None,
            page=_page_of(instance_id), topic=f"{quote(organization.id, safe='')}/{quote(instance_id, safe='')}",
            filled={**_filled(organization, instance), **(filled or {})},
        )  # fmt: skip

    async def _own(self, organization: Organization, instance_id: str) -> Instance:
        async with redis_deadline():
            instance = await self._instances.get(instance_id)
        if instance is None or instance.organization_id != organization.id:
            raise _no_number(instance_id)
        return instance

    @asynccontextmanager
    async def _linking(self, instance: Instance) -> AsyncIterator[Pairs]:
        try:
            async with redis_deadline():
                pairs = await pairing_of(self._gateways, instance)
            async with asyncio.timeout(PAIR_SECONDS):
                yield pairs
        except TimeoutError:
            raise NotAllowed(f"the gateway gave no answer within {PAIR_SECONDS:g} s; try again") from None
        except GatewayError as error:
            raise NotAllowed(str(error)) from error

    async def _now(self, organization_id: str | None, argument: str) -> JsonValue:
        whose, _, instance_id = map(unquote, argument.partition("/"))
        if organization_id not in (None, whose):
            raise no_organization(whose)
        instance = await self._instances.get(instance_id)
        if instance is None or instance.organization_id != whose:
            raise _no_number(instance_id)
        now = await standing(self._gateways, instance)
        return [now.state, now.detail, now.number, now.qr, now.code]


def _qr(now: InstanceState | None) -> str | None:
    """The code to scan as a picture that stands in the page."""
    if now is None or not now.qr:
        return None
    picture: str = segno.make(now.qr, error="l").svg_data_uri(scale=6, border=4, dark="#000", light="#fff")
    return picture


def _way(form: Form, organization_id: str, instance_id: str) -> Instance:
    fields: dict[str, JsonValue] = {
        "id": (form.optional("id") or "").strip() if instance_id == _NEW else instance_id,
        "organizationId": organization_id,
        "gateway": form.optional("gateway") or "",
        "hearsGroups": form.flag("hears_groups"),
    }
    for name in ("phoneNumberId", "server", "serverInstance"):
        if (value := form.optional(_WAY[name])) is not None:
            fields[name] = value.strip()
    if fields["id"] == _NEW:
        raise InvalidPayload("id", "is taken; choose another")
    return parse_new(Instance, fields)


def _refuse_another_server(request: Request, given: Instance, before: Instance | None) -> None:
    """Which server is called only those may say who are for all organizations."""
    known = (None, None) if before is None else (before.server, before.server_instance)
    if visit(request).who.org is not None and (given.server, given.server_instance) != known:
        raise InvalidPayload("server", "says whom we call; only who is for all organizations may change it")


def _limits(form: Form, stored: JsonValue) -> dict[str, JsonValue]:
    kept = dict(stored) if isinstance(stored, dict) else {}
    rate, seconds = form.number("rate_max", least=1, most=1_000_000), form.number("rate_seconds", least=1, most=86_400)
    shortest, longest = form.number("gap_shortest", most=3600), form.number("gap_longest", most=3600)
    given: dict[str, JsonValue] = {
        "rate": None if rate is None else {"max": rate, "perSeconds": seconds or 60},
        "gapSeconds": None if shortest is None else [shortest, shortest if longest is None else longest],
        "daily": form.number("daily", least=1, most=1_000_000),
        "connectedSince": form.optional("connected_since"),
    }
    return {name: value for name, value in {**kept, **given}.items() if value is not None}


def _filled(organization: Organization, instance: Instance | None) -> dict[str, str]:
    filled = dict[str, str]()
    if instance is not None:
        for name in ("gateway", "phone_number_id", "server", "server_instance"):
            filled[name] = getattr(instance, name) or ""
        filled |= {"hears_groups": "yes"} if instance.hears_groups else {}
        limits = organization.numbers.get(instance.id)
        if limits is not None:
            filled["daily"] = "" if limits.daily is None else str(limits.daily)
            filled["connected_since"] = "" if limits.connected_since is None else limits.connected_since.isoformat()
            if limits.rate is not None:
                filled |= {"rate_max": str(limits.rate.max), "rate_seconds": str(limits.rate.per_seconds)}
            if limits.gap_seconds is not None:
                shortest, longest = limits.gap_seconds
                filled |= {"gap_shortest": f"{shortest:g}", "gap_longest": f"{longest:g}"}
    return filled


def _page_of(instance_id: str) -> str:
    return f"/numbers/{quote(instance_id, safe='')}"


def _no_number(instance_id: str) -> NotFound:
    return NotFound(f"there is no number {instance_id} here; check its id")
