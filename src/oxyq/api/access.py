"""Who may pass: the token in the header, then the role, then the organization."""

import re
from typing import Annotated, Final

from fastapi import Request, Security
from fastapi.security import HTTPBearer

from oxyq.api.errors import ApiError
from oxyq.api.tokens import BadToken, Principal, Role, Verifier

ADDERS: Final[frozenset[Role]] = frozenset(("service", "operator", "owner"))
"""Who may add jobs; everyone with a token may look."""

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
        raise ApiError(
            403, "forbidden", f"the role {role} may not add jobs; use a token of {', '.join(sorted(ADDERS))}"
        )


def require_organization(principal: Principal, organization_id: object) -> None:
    """Refuse callers whose token is for another organization than the one they name."""
    if isinstance(organization_id, str) and not principal.may_see(organization_id):
        raise ApiError(403, "forbidden", "organizationId is not the organization that this token is for")
