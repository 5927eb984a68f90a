"""Who may pass: the token in the header, then the role, then the organization."""

import re
from collections.abc import Mapping
from typing import Annotated, Final

from fastapi import Request, Security
from fastapi.security import HTTPBearer

from oxyq.api.errors import ApiError
from oxyq.api.tokens import BadToken, Principal, Role, Verifier
from oxyq.errors import InvalidPayload, NotFound

ADDERS: Final[frozenset[Role]] = frozenset(("service", "operator", "owner"))
"""Who may add jobs and act; everyone with a token may look."""

# Only for the OpenAPI page: it would take "bearer", tabs and the first of two headers, so the header is read here.
_SHOWN_SCHEME: Final = HTTPBearer(
    auto_error=False, bearerFormat="JWT", scheme_name="token", description="a token of `oxyq token issue`"
)
_BEARER: Final = re.compile(r"Bearer (\S+)", re.ASCII)


class Access:
    """Lets requests with a good token through and remembers who sent them."""

    def __init__(self, verifier: Verifier) -> None:
        self._verifier = verifier

    async def authenticated(self, request: Request, _shown: Annotated[object, Security(_SHOWN_SCHEME)] = None) -> None:
        """Refuse a request without exactly one good token; the answer is the same whatever was wrong."""
        given = request.headers.getlist("authorization")
        found = _BEARER.fullmatch(given[0]) if len(given) == 1 else None
        try:
            request.state.principal = self._verifier.verify(found[1] if found else "")
        except BadToken:
            raise ApiError(
                401, "unauthorized", "send a valid token in the header Authorization: Bearer …",
                headers={"WWW-Authenticate": "Bearer"},
            ) from None  # fmt: skip


def caller(request: Request) -> Principal:
    """Who sent this request, on any route behind `Access.authenticated`."""
    principal: Principal = request.state.principal
    return principal


async def may_add(request: Request) -> None:
    """Refuse callers whose role may only look."""
    role = caller(request).role
    if role not in ADDERS:
        raise ApiError(403, "forbidden", f"the role {role} may only look; use a token of {', '.join(sorted(ADDERS))}")


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
