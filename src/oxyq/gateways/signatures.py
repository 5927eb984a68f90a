"""Proofs that a webhook comes from where it says, compared so that nothing is learned from how long it takes."""

import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Final

from oxyq.gateways.base import BadSignature

_SHA256_HEADER: Final = re.compile(r"sha256=[0-9a-f]{64}")
_SHA512_HEADER: Final = re.compile(r"[0-9a-f]{128}")


def sha256_header(secret: str, raw: bytes) -> str:
    """The header's value for this body: `sha256=` and the hex HMAC-SHA256 of the raw bytes."""
    return f"sha256={hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest()}"


def check_sha256(headers: Mapping[str, str], name: str, secret: str, raw: bytes) -> None:
    """Raise BadSignature unless the header `name` is `sha256_header` of this body, in exactly that form.

    Two headers, joined by a comma as HTTP has it, are not that form; without a secret nothing is right.
    """
    given = headers.get(name, "")
    if not secret or not _SHA256_HEADER.fullmatch(given) or not is_same(given, sha256_header(secret, raw)):
        raise BadSignature(f"{name} is missing or wrong")


def sha512_header(secret: str, raw: bytes) -> str:
    """The header's value for this body: the hex HMAC-SHA512 of the raw bytes, alone."""
    return hmac.new(secret.encode(), raw, hashlib.sha512).hexdigest()


def check_sha512(headers: Mapping[str, str], name: str, secret: str, raw: bytes) -> None:
    """As `check_sha256`, for `sha512_header`."""
    given = headers.get(name, "")
    if not secret or not _SHA512_HEADER.fullmatch(given) or not is_same(given, sha512_header(secret, raw)):
        raise BadSignature(f"{name} is missing or wrong")


def is_same(given: str, expected: str) -> bool:
    """Whether two texts are the same."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode())
