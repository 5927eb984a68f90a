"""Who may pass: the token in the header, then the role, then the organization."""

import contextlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final

from fastapi import Depends, Request, Security
from fastapi.security import HTTPBearer

from oxyq.access.permissions import Permission, is_granted, is_person, roles_with
from oxyq.access.revocations import Revocations
from oxyq.access.tokens import BadToken, Principal, Verifier
from oxyq.api.address import client_address
from oxyq.api.deadline import redis_deadline
from oxyq.api.errors import ApiError, as_api_error
from oxyq.audit import DONE, AuditLog, Deed, Door
from oxyq.errors import InvalidPayload, NotFound, QueueUnavailable
from oxyq.jobs import MAX_ID_CHARACTERS
from oxyq.masking import mask_number, mask_numbers_in
from oxyq.outcomes import JsonValue

Authenticate = Callable[..., Awaitable[None]]

# Only for the OpenAPI page: it would take "bearer", tabs and the first of two headers, so the header is read here.
_SHOWN_SCHEME: Final = HTTPBearer(
    auto_error=False, bearerFormat="JWT", scheme_name="token", description="a token of `oxyq token issue`"
)
#: Parts of addresses that say who somebody is: the audit is kept for a year, and can do without.
_PEOPLE: Final = frozenset(("number", "contact"))
_BEARER: Final = re.compile(r"Bearer (\S+)", re.ASCII)


class DoorKeeper:
    """Says for each route who may pass, and writes down what they do; `authenticate` tells who is there.

    Every route but the few open ones is made with `look` or `deed`: a test walks the table of routes.
    """

    def __init__(self, door: Door, authenticate: Authenticate, audit: AuditLog, *, trusted_proxies: int = 0) -> None:
        self._door = door
        self._authenticate = authenticate
        self._audit = audit
        self._trusted_proxies = trusted_proxies

    def look(self, permission: Permission = Permission.LOOK) -> list[Any]:
        """The dependencies of a route that changes nothing."""
        return [Depends(self._authenticate), Depends(permitted(permission))]

    def deed(self, action: str, permission: Permission = Permission.ACT) -> list[Any]:
        """The dependencies of a route that changes something: it is in the audit before it is done.

        `action` is two words such as `job.retry`. The entry's target is what the address names; a handler may say it
        better, and add more, with `tell_audit`.
        """
        return [*self.look(permission), Depends(self._audited(action))]

    def intake(self, action: str) -> list[Any]:
        """As `deed`, where programs hand in thousands a second: theirs is in no audit, the job is its own record."""
        return [*self.look(Permission.ACT), Depends(self._audited(action, only_people=True))]

    def _audited(self, action: str, *, only_people: bool = False) -> Callable[[Request], AsyncIterator[None]]:
        async def audited(request: Request) -> AsyncIterator[None]:
            request.state.told = _Told()
            if only_people and not is_person(caller(request).role):
                yield
                return
            async with redis_deadline():
                entry_id = await self._audit.begin(self._deed(action, request))
            try:
                yield
            except Exception as error:
                await self._end(entry_id, as_api_error(error).code, request)
                raise
            await self._end(entry_id, DONE, request)

        audited.__name__ = f"audited_{action}"
        return audited

    def _deed(self, action: str, request: Request) -> Deed:
        principal, path = caller(request), request.path_params
        named = principal.org or path.get("organization_id") or request.query_params.get("organizationId")
        return Deed(
            action=action,
            target="/".join(_masked(name, str(part)) for name, part in path.items()),
            by=principal.sub,
            role=principal.role,
            door=self._door,
            organization_id=named if named and len(named) <= MAX_ID_CHARACTERS else None,
            address=client_address(request, self._trusted_proxies),
        )

    async def _end(self, entry_id: str, outcome: str, request: Request) -> None:
        told: _Told = request.state.told
        # It is done, or refused, and its caller is told so; that it was asked for is written down already.
        with contextlib.suppress(QueueUnavailable):
            async with redis_deadline():
                await self._audit.end(entry_id, outcome, told.detail, told.organization_id)


def _masked(name: str, part: str) -> str:
    return mask_number(part) if name in _PEOPLE else mask_numbers_in(part)


class Access(DoorKeeper):
    """Lets requests with a good token through and remembers who sent them."""

    def __init__(
        self, verifier: Verifier, revocations: Revocations, audit: AuditLog, *, trusted_proxies: int = 0
    ) -> None:
        super().__init__("api", self.authenticated, audit, trusted_proxies=trusted_proxies)
        self._verifier = verifier
        self._revocations = revocations

    async def authenticated(self, request: Request, _shown: Annotated[object, Security(_SHOWN_SCHEME)] = None) -> None:
        """Refuse a request without exactly one good token; the answer is the same whatever was wrong."""
        given = request.headers.getlist("authorization")
        found = _BEARER.fullmatch(given[0]) if len(given) == 1 else None
        try:
            principal = self._verifier.verify(found[1] if found else "")
            async with redis_deadline():
                if await self._revocations.is_revoked(principal):
                    raise BadToken
        except BadToken:
            raise ApiError(
                401, "unauthorized", "send a valid token in the header Authorization: Bearer …",
                headers={"WWW-Authenticate": "Bearer"},
            ) from None  # fmt: skip
        request.state.principal = principal


def permitted(permission: Permission) -> Callable[[Request], Awaitable[None]]:
    """The check that the caller's role allows this."""

    async def check(request: Request) -> None:
        role = caller(request).role
        if not is_granted(role, permission):
            allowed = ", ".join(roles_with(permission))
            raise ApiError(403, "forbidden", f"the role {role} may not {permission} here; use a token of {allowed}")

    check.__name__ = f"may_{permission}"
    return check


@dataclass(slots=True)
class _Told:
    """What a handler adds to the audit of its request."""

    organization_id: str | None = None
    detail: dict[str, JsonValue] = field(default_factory=dict)


def tell_audit(request: Request, *, organization_id: str | None = None, **detail: JsonValue) -> None:
    """Add to what the audit says of this request; never texts or numbers of people.

    `organization_id` is whose things it was about, where the address does not say so.
    """
    told: _Told = request.state.told
    told.organization_id = organization_id or told.organization_id
    told.detail.update(detail)


def whole_installation(request: Request) -> None:
    """Refuse callers whose token is for one organization, where what they ask for concerns all.

    Raises ApiError 403.
    """
    if caller(request).org is not None:
        raise ApiError(403, "forbidden", "this concerns all organizations; your token is for one of them")


def caller(request: Request) -> Principal:
    """Who sent this request, on any route behind `Access.authenticated`."""
    principal: Principal = request.state.principal
    return principal


def require_organization(principal: Principal, organization_id: object) -> None:
    """Refuse callers whose token is for another organization than the one they name."""
    if isinstance(organization_id, str) and not principal.may_see(organization_id):
        raise ApiError(403, "forbidden", "organizationId is not the organization that this token is for")


def tenant(request: Request, parameters: Mapping[str, str]) -> str:
    """The id of the organization that a request is about: the token's, or what `organizationId` says if it is for all.

    Raises InvalidPayload when neither says which; another organization than the token's is as absent as none.
    """
    principal = caller(request)
    organization_id = parameters.get("organizationId", principal.org)
    if organization_id is None:
        raise InvalidPayload("organizationId", "is missing; this token is for all, so add ?organizationId=org_123")
    if not principal.may_see(organization_id):
        raise no_organization(organization_id)
    return organization_id


def no_organization(organization_id: str) -> NotFound:
    """The error for an organization that does not exist, or does not for this caller."""
    return NotFound(f"there is no organization {organization_id}; check its id")
