"""Secrets that people carry, and the digests under which Redis knows them: who reads Redis can log in with none."""

import secrets
from hashlib import sha256
from typing import Final

_BYTES: Final = 32
_LONGEST: Final = 64


def new_secret() -> str:
    """256 bits by chance, in letters that cookies and addresses take."""
    return secrets.token_urlsafe(_BYTES)


def digest_of(secret: str) -> str | None:
    """The SHA-256 of a secret in hex; None for what is too long to be one, whoever sent it."""
    return sha256(secret.encode("utf-8", "replace")).hexdigest() if 0 < len(secret) <= _LONGEST else None
