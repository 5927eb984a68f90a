"""Tokens: who is calling, signed and checked to the letter; one algorithm, which the key decides and no token."""

import re
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, TypeGuard, get_args

from oxyq.errors import ConfigurationError, InvalidPayload
from oxyq.jobs import MAX_ID_CHARACTERS
from oxyq.own_secrets import own_secret
from oxyq.settings import Settings

if TYPE_CHECKING:  # most commands never see a token, and would load cryptography for it
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

Role = Literal["owner", "operator", "viewer", "service"]
ROLES: Final[tuple[Role, ...]] = get_args(Role)

AUDIENCE: Final = "oxyq"
Algorithm: TypeAlias = Literal["HS256", "EdDSA", "RS256"]
Key: TypeAlias = "str | Ed25519PublicKey | RSAPublicKey"

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
#: RFC 7518, section 3.3.
_LEAST_RSA_BITS: Final = 2048


class BadToken(Exception):
    """A token that proves nothing; callers are never told why, so that nobody can feel their way to a good one."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is calling; `org` None may act for every organization.

    The rest is of what proved it, a token or a link: its id, when it was made, and when it ends (seconds since 1970).
    """

    sub: str
    role: Role
    org: str | None = None
    token_id: str | None = field(default=None, compare=False)
    issued_s: int | None = field(default=None, compare=False)
    ends_s: int | None = field(default=None, compare=False)

    def may_see(self, organization_id: object) -> bool:
        """Whether what belongs to this organization is the caller's business."""
        return self.org is None or self.org == organization_id


def checked_principal(sub: str, role: str, org: str | None = None) -> Principal:
    """Somebody with this name and role; raises InvalidPayload naming the claim that is wrong."""
    if not _is_role(role):
        raise InvalidPayload("role", f"must be one of {', '.join(ROLES)}")
    for claim, value in (("sub", sub), ("org", org)):
        if value is not None and not _is_name(value):
            raise InvalidPayload(claim, f"must be text of 1 to {MAX_ID_CHARACTERS} printable characters")
    return Principal(sub, role, org)


def issue(settings: Settings, sub: str, role: str, org: str | None = None, expires_seconds: int = DAY_SECONDS) -> str:
    """A signed token for `sub`, good for `expires_seconds` and one organization (None: all of them).

    Raises InvalidPayload naming the claim, ConfigurationError when there is no secret to sign with, or when tokens are
    signed elsewhere.
    """
    if settings.jwt_public_key is not None:
        raise ConfigurationError(
            "OXYQ_JWT_PUBLIC_KEY: is set, so only tokens of the system that has the private key are taken; "
            "get one there, or let a person in with `oxyq token link`"
        )
    import jwt

    principal = checked_principal(sub, role, org)
    if not 1 <= expires_seconds <= LONGEST_SECONDS:
        raise InvalidPayload("expires_seconds", f"must be from 1 to {LONGEST_SECONDS}")
    now = int(time.time())
    claims = {
        "sub": sub, "role": principal.role, "aud": AUDIENCE, "iat": now, "exp": now + expires_seconds,
        "jti": secrets.token_hex(8),
    }  # fmt: skip
    return jwt.encode(claims if org is None else {**claims, "org": org}, signing_secret(settings), "HS256")


class Verifier:
    """Checks tokens against one key, or several of a kind: the present one, and the one before it."""

    def __init__(self, algorithm: Algorithm, keys: Sequence[Key]) -> None:
        self._algorithm = algorithm
        self._keys = keys

    @classmethod
    def of(cls, settings: Settings) -> "Verifier":
        """Over what these settings say; raises ConfigurationError when there is no key, or none that is safe.

        With a public key, nothing but what its owner signed is taken: no HS256, by whatever secret.
        """
        if settings.jwt_public_key is not None:
            return cls(*_public_key(settings.jwt_public_key))
        before = settings.jwt_secret_previous
        secrets_ = [signing_secret(settings), *(() if before is None else (before.get_secret_value(),))]
        return cls("HS256", secrets_)

    def verify(self, token: str) -> Principal:
        """Who this token speaks for; raises BadToken for every token that is not exactly right."""
        if len(token) > _LONGEST_TOKEN or not _TOKEN.fullmatch(token):
            raise BadToken
        for key in self._keys:
            parts = self._parts(token, key)
            if parts is not None and _KNOWN_HEADERS.issuperset(parts["header"]):
                return _principal(parts["payload"])
        raise BadToken

    def _parts(self, token: str, key: Key) -> Mapping[str, Mapping[str, object]] | None:
        import jwt

        try:
            return jwt.decode_complete(
                token, key, algorithms=[self._algorithm], audience=AUDIENCE, leeway=LEEWAY_SECONDS,
                options={"require": ["sub", "role", "aud", "exp"], "strict_aud": True},
            )  # fmt: skip
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError):
            return None


def _principal(claims: Mapping[str, object]) -> Principal:
    sub, role, org = claims["sub"], claims["role"], claims.get("org")
    # PyJWT would take "1795377084" and 1795377084.5 for times.
    if not all(_is_time(claims[name]) for name in ("exp", "nbf", "iat") if name in claims):
        raise BadToken
    # An explicit null is refused too: a bug in whoever signs must not open every organization.
    if not _is_role(role) or not _is_name(sub) or ("org" in claims and not _is_name(org)):
        raise BadToken
    return Principal(
        sub, role, org if _is_name(org) else None,
        _text(claims.get("jti")), _second(claims.get("iat")), _second(claims["exp"]),
    )  # fmt: skip


def _is_role(value: object) -> TypeGuard[Role]:
    return isinstance(value, str) and value in ROLES


def _is_name(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and 0 < len(value.strip()) <= len(value) <= MAX_ID_CHARACTERS and value.isprintable()


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _second(value: object) -> int | None:
    return value if _is_time(value) else None


def _is_time(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LAST_SECOND


# --- the keys -----------------------------------------------------------------------------------------------


def signing_secret(settings: Settings) -> str:
    """What signs and checks the tokens of this installation; raises ConfigurationError."""
    return own_secret(settings, settings.jwt_secret, "OXYQ_JWT_SECRET", SECRET_FILE)


def _public_key(pem: str) -> tuple[Algorithm, Sequence[Key]]:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise _bad_key("holds no key that can be read; openssl pkey -in key.pem -pubout makes one") from None
    match key:
        case Ed25519PublicKey():
            return "EdDSA", [key]
        case RSAPublicKey() if key.key_size >= _LEAST_RSA_BITS:
            return "RS256", [key]
        case RSAPublicKey():
            raise _bad_key(f"has {key.key_size} bits; RS256 is safe from {_LEAST_RSA_BITS}")
        case _:
            raise _bad_key("is of another kind than Ed25519 and RSA; openssl genpkey -algorithm ed25519 makes one")


def _bad_key(problem: str) -> ConfigurationError:
    return ConfigurationError(f"OXYQ_JWT_PUBLIC_KEY: {problem}")
