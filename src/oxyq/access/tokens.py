"""Tokens: who is calling, signed with HS256 and checked to the letter."""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeGuard, get_args

import jwt

from oxyq.errors import InvalidPayload
from oxyq.jobs import MAX_ID_CHARACTERS
from oxyq.own_secrets import own_secret
from oxyq.settings import Settings

Role = Literal["owner", "operator", "viewer", "service"]
ROLES: Final[tuple[Role, ...]] = get_args(Role)

AUDIENCE: Final = "oxyq"
ALGORITHM: Final = "HS256"
LEEWAY_SECONDS: Final = 30
"""By how much the clocks of the one who signs and the one who checks may differ."""
DAY_SECONDS: Final = 24 * 3600
LONGEST_SECONDS: Final = 3660 * DAY_SECONDS

SECRET_FILE: Final = "jwt-secret"  # noqa: S105 - a file name
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", re.ASCII)
_LONGEST_TOKEN: Final = 4096
#: `jku`, `jwk`, `x5u`, `crit` and their like tell the checker where to get a key or what else to do: never.
_KNOWN_HEADERS: Final = frozenset(("alg", "typ", "kid"))
_LAST_SECOND: Final = 253_402_300_799  # the year 9999


class BadToken(Exception):
    """A token that proves nothing; callers are never told why, so that nobody can feel their way to a good one."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is calling; `org` None may act for every organization."""

    sub: str
    role: Role
    org: str | None = None

    def may_see(self, organization_id: object) -> bool:
        """Whether what belongs to this organization is the caller's business."""
        return self.org is None or self.org == organization_id


def issue(settings: Settings, sub: str, role: str, org: str | None = None, expires_seconds: int = DAY_SECONDS) -> str:
    """A signed token for `sub`, good for `expires_seconds` and one organization (None: all of them).

    Raises InvalidPayload naming the claim, ConfigurationError when there is no secret to sign with.
    """
    if not _is_role(role):
        raise InvalidPayload("role", f"must be one of {', '.join(ROLES)}")
    for claim, value in (("sub", sub), ("org", org)):
        if value is not None and not _is_name(value):
            raise InvalidPayload(claim, f"must be text of 1 to {MAX_ID_CHARACTERS} printable characters")
    if not 1 <= expires_seconds <= LONGEST_SECONDS:
        raise InvalidPayload("expires_seconds", f"must be from 1 to {LONGEST_SECONDS}")
    now = int(time.time())
    claims = {"sub": sub, "role": role, "aud": AUDIENCE, "iat": now, "exp": now + expires_seconds}
    return jwt.encode(claims if org is None else {**claims, "org": org}, signing_secret(settings), ALGORITHM)


class Verifier:
    """Checks tokens against one secret."""

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def verify(self, token: str) -> Principal:
        """Who this token speaks for; raises BadToken for every token that is not exactly right."""
        if len(token) > _LONGEST_TOKEN or not _TOKEN.fullmatch(token):
            raise BadToken
        try:
            parts = jwt.decode_complete(
                token, self._secret, algorithms=[ALGORITHM], audience=AUDIENCE, leeway=LEEWAY_SECONDS,
                options={"require": ["sub", "role", "aud", "exp"], "strict_aud": True},
            )  # fmt: skip
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError):
            raise BadToken from None
        if not _KNOWN_HEADERS.issuperset(parts["header"]):
            raise BadToken
        return _principal(parts["payload"])


def _principal(claims: Mapping[str, object]) -> Principal:
    sub, role, org = claims["sub"], claims["role"], claims.get("org")
    # PyJWT would take "1795377084" and 1795377084.5 for times.
    if not all(_is_time(claims[name]) for name in ("exp", "nbf", "iat") if name in claims):
        raise BadToken
    # An explicit null is refused too: a bug in whoever signs must not open every organization.
    if not _is_role(role) or not _is_name(sub) or ("org" in claims and not _is_name(org)):
        raise BadToken
    return Principal(sub, role, org if _is_name(org) else None)


def _is_role(value: object) -> TypeGuard[Role]:
    return isinstance(value, str) and value in ROLES


def _is_name(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and 0 < len(value.strip()) <= len(value) <= MAX_ID_CHARACTERS and value.isprintable()


def _is_time(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LAST_SECOND


# --- the secret ---------------------------------------------------------------------------------------------


def signing_secret(settings: Settings) -> str:
    """What signs and checks the tokens of this installation; raises ConfigurationError."""
    return own_secret(settings, settings.jwt_secret, "OXYQ_JWT_SECRET", SECRET_FILE)
