"""The routes for numbers: through which gateway they go, how they stand, and linking them to a phone."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from oxyq.access.permissions import Permission
from oxyq.api.access import Access, caller, tenant
from oxyq.api.body import BODY_BYTES, has_body, read_object
from oxyq.api.campaign_lookup import CampaignLookup
from oxyq.api.deadline import carried_through, redis_deadline
from oxyq.api.errors import RETRY_AFTER_SECONDS, ApiError
from oxyq.api.openapi import ORGANIZATION_PARAMETER, error_answers
from oxyq.api.query import query_parameters
from oxyq.app import App
from oxyq.errors import InvalidPayload, NotAllowed, NotFound
from oxyq.gateways.base import ConnectionState, GatewayError, InstanceHalted, NeverWill
from oxyq.instances import Instance
from oxyq.jobs import WIRE_CONFIG, Number, parse_new
from oxyq.receiving.pairing import Pairs, pairing_of
from oxyq.receiving.registration import Registration
from oxyq.receiving.standing import secrets_kept, standing

#: A bridge answers when the QR code is there, for which WhatsApp may take 20 s.
PAIR_SECONDS: Final = 25.0

_LOOKED: Final = error_answers(401, 404, 422, 503)
_CHANGED: Final = {**_LOOKED, **error_answers(400, 403, 408, 409, 413, 415)}


class _Wire(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, from_attributes=True)


class InstanceView(_Wire):
    """One number."""

    id: str = Field(examples=["wa_1"])
    organization_id: str = Field(examples=["org_123"])
    gateway: str = Field(examples=["cloud"])
    phone_number_id: str | None = Field(description="Meta's id of the number (gateway cloud)")
    server: str | None = Field(description="the Evolution or WAHA server (gateways evolution, waha)")
    server_instance: str | None = Field(description="the name of its instance or session there; null: its id here")
    hears_groups: bool = Field(description="whether messages of groups come in too")


class Instances(_Wire):
    """The numbers of an organization, the one first that it sends by when none is named."""

    instances: list[InstanceView]


class Heard(_Wire):
    """How a number stood when something was last heard of it."""

    state: str
    detail: str
    at: int = Field(description="ms since 1970")


class Standing(_Wire):
    """How a number stands now."""

    state: ConnectionState
    detail: str
    number: str | None


class InstanceDetails(InstanceView):
    """One number, and how it stands."""

    secrets: dict[str, bool] = Field(
        description="which secrets its gateway needs, and whether each is set; what they are is never shown",
        examples=[{"access_token": True, "app_secret": False}],
    )
    last_heard: Heard | None
    now: Standing


class Pairing(Standing):
    """How linking a number to a phone stands: scan `qr` with it, or type `code` there."""

    qr: str | None = Field(description="the text of the QR code; a new one every 20 s or so, so ask again")
    code: str | None


class SecretValue(BaseModel):
    """A secret to keep."""

    model_config = WIRE_CONFIG

    value: str


class PairRequest(BaseModel):
    """How to link a number to a phone."""

    model_config = WIRE_CONFIG

    phone: Number | None = Field(
        default=None, description="the phone's number, to get a code that is typed there; without it, a QR code"
    )


class InstanceRoutes:
    """Answers for the numbers of the caller's organization; those of others are not there."""

    def __init__(self, app: App, lookup: CampaignLookup) -> None:
        self._instances = app.instances
        self._gateways = app.gateways
        self._registration = Registration(app.instances, app.organizations, app.gateways)
        self._lookup = lookup

    def routes(self, access: Access) -> APIRouter:
        """GET /v1/instances and one of them; PUT and DELETE of one, its secrets, and linking it to a phone."""
        router = APIRouter(prefix="/v1", tags=["instances"])
        one, parameters = "/instances/{instance_id}", [ORGANIZATION_PARAMETER]
        secret = _body(SecretValue, {"value": "EAAG…"})
        phone = _body(PairRequest, {"phone": "5511999990001"}, required=False)
        for path, look in (("/instances", self.list), (one, self.show)):
            router.add_api_route(
                path, look, methods=["GET"], dependencies=access.look(), responses=_LOOKED,
                openapi_extra={"parameters": parameters},
            )  # fmt: skip
        for method, path, verb, change, status, body in (
            ("PUT", one, "save", self.save, 200, _body(Instance, _INSTANCE, leave_out=("id", "organizationId"))),
            ("DELETE", one, "remove", self.remove, 204, {}),
            ("PUT", f"{one}/secrets/{{name}}", "set-secret", self.set_secret, 204, secret),
            ("POST", f"{one}/pair", "pair", self.pair, 200, phone),
            ("POST", f"{one}/logout", "logout", self.logout, 204, {}),
        ):
            router.add_api_route(
                path, change, methods=[method], status_code=status,
                dependencies=access.deed(f"instance.{verb}", Permission.SETTINGS),
                responses=_CHANGED, openapi_extra={**body, "parameters": parameters},
            )  # fmt: skip
        return router

    async def list(self, request: Request) -> Instances:
        """All numbers."""
        organization_id = tenant(request, query_parameters(request, "organizationId"))
        async with redis_deadline():
            organization = await self._lookup.organization(organization_id)
            # One after the other: the client would open a connection for each that is asked for at once.
            found = [await self._instances.get(instance_id) for instance_id in organization.instances]
        return Instances(
            instances=[
                InstanceView.model_validate(instance)
                for instance in found
                if instance is not None and instance.organization_id == organization_id
            ]
        )

    async def show(self, request: Request, instance_id: str) -> InstanceDetails:
        """One number: its settings, which secrets are set, how it stood last and how it stands now."""
        async with redis_deadline():
            instance = await self._own(request, instance_id)
            heard = await self._instances.known_state(instance_id)
            secrets = await secrets_kept(self._instances, instance)
        return InstanceDetails(
            **InstanceView.model_validate(instance).model_dump(),
            secrets=secrets,
            last_heard=None if heard is None else Heard(state=heard.state, detail=heard.detail, at=heard.at_ms),
            now=Standing.model_validate(await standing(self._gateways, instance)),
        )

    async def save(self, request: Request, instance_id: str) -> InstanceView:
        """Set a number up, or set it up anew; its secrets stay. Which server is called only tokens that are for all
        organizations may say."""
        organization_id = tenant(request, query_parameters(request, "organizationId"))
        fields = (await read_object(request, BODY_BYTES)).fields
        whose = {"id": instance_id, "organizationId": organization_id}
        for name, value in whose.items():
            if fields.get(name, value) != value:
                raise InvalidPayload(name, "is another than the address and the token say; leave it out")
        instance = parse_new(Instance, {**fields, **whose})
        async with redis_deadline():
            before = await self._instances.get(instance_id)
            if before is not None and before.organization_id != organization_id:
                raise _no_instance(instance_id)
            if caller(request).org is not None and _place(instance) != _place(before):
                raise ApiError(
                    403, "forbidden", "server and serverInstance say whom we call; only a token that is for all "
                    "organizations may change them, so leave them as they are",
                )  # fmt: skip
            await carried_through(self._registration.save(instance))
        return InstanceView.model_validate(instance)

    async def remove(self, request: Request, instance_id: str) -> Response:
        """Unlink a number and forget it, with its secrets."""
        async with redis_deadline():
            instance = await self._own(request, instance_id)
        # It may wait for the bridge first.
        if not await carried_through(self._registration.remove(instance.id)):
            raise _no_instance(instance_id)
        return Response(status_code=204)

    async def set_secret(self, request: Request, instance_id: str, name: str) -> Response:
        """Keep a secret that its gateway needs; nobody can read it again."""
        async with redis_deadline():
            instance = await self._own(request, instance_id)
        value = parse_new(SecretValue, (await read_object(request, BODY_BYTES)).fields).value
        async with redis_deadline():
            await self._instances.set_secret(instance, name, value)
        return Response(status_code=204)

    async def pair(self, request: Request, instance_id: str) -> Pairing:
        """Begin to link a number of the gateway baileys to a phone, or say how far it is."""
        async with redis_deadline():
            instance = await self._own(request, instance_id)
        fields = (await read_object(request, BODY_BYTES)).fields if has_body(request) else {}
        phone = parse_new(PairRequest, fields).phone
        async with self._linking(instance) as pairs:
            return Pairing.model_validate(await pairs.pair(instance.id, phone))

    async def logout(self, request: Request, instance_id: str) -> Response:
        """Unlink a number from its phone; to send by it again, pair it anew."""
        async with redis_deadline():
            instance = await self._own(request, instance_id)
        async with self._linking(instance) as pairs:
            await pairs.logout(instance.id)
        return Response(status_code=204)

    async def _own(self, request: Request, instance_id: str) -> Instance:
        organization_id = tenant(request, query_parameters(request, "organizationId"))
        instance = await self._instances.get(instance_id)
        if instance is None or instance.organization_id != organization_id:
            raise _no_instance(instance_id)
        return instance

    @asynccontextmanager
    async def _linking(self, instance: Instance) -> AsyncIterator[Pairs]:
        """What links this number; what goes wrong with that is told to the caller."""
        try:
            async with redis_deadline():
                pairs = await pairing_of(self._gateways, instance)
            async with asyncio.timeout(PAIR_SECONDS):
                yield pairs
        except TimeoutError:
            raise _gateway_away(f"the gateway gave no answer within {PAIR_SECONDS:g} s") from None
        except (InstanceHalted, NeverWill) as error:
            raise NotAllowed(str(error)) from error
        except GatewayError as error:
            raise _gateway_away(str(error)) from error


_INSTANCE: Final = {"gateway": "cloud", "phoneNumberId": "106540352242922"}


def _body(
    model: type[BaseModel], example: Mapping[str, object], *, required: bool = True, leave_out: tuple[str, ...] = ()
) -> dict[str, Any]:
    """The `requestBody` of a route that takes this model, without what the address says."""
    schema = model.model_json_schema(by_alias=True)
    schema["properties"] = {name: one for name, one in schema["properties"].items() if name not in leave_out}
    needed = [name for name in schema.pop("required", ()) if name not in leave_out]
    schema = {**schema, "additionalProperties": False, **({"required": needed} if needed else {})}
    content = {"application/json": {"schema": schema, "example": {**example}}}
    return {"requestBody": {"required": required, "content": content}}


def _place(instance: Instance | None) -> tuple[str | None, str | None]:
    """Whom we call for it."""
    return (None, None) if instance is None else (instance.server, instance.server_instance)


def _no_instance(instance_id: str) -> NotFound:
    return NotFound(f"there is no instance {instance_id}; check its id")


def _gateway_away(message: str) -> ApiError:
    return ApiError(503, "gateway_unavailable", message, headers={"Retry-After": str(RETRY_AFTER_SECONDS)})
