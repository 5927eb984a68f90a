"""Tokens made by hand, the way nobody should make them."""

import base64
import hmac
import json
import time
from typing import Any

SECRET = "a-secret-for-tests-of-forty-characters.."
HEADER = {"alg": "HS256", "typ": "JWT"}


def good_claims(**changes: Any) -> dict[str, Any]:
    """Claims that are taken, with changes; a change to `...` removes the claim."""
    now = int(time.time())
    claims = {"sub": "tests", "role": "service", "aud": "oxyq", "iat": now, "exp": now + 3600, **changes}
    return {name: value for name, value in claims.items() if value is not ...}


def forge(
    claims: Any = None, header: Any = None, *, secret: str = SECRET, digest: str = "sha256", raw: bytes | None = None
) -> str:
    """A token with these contents (or `raw` claims), signed by HMAC with `secret`."""
    header_part = part(json.dumps(HEADER if header is None else header).encode())
    claims_part = part(json.dumps(good_claims() if claims is None else claims).encode() if raw is None else raw)
    signature = hmac.new(secret.encode(), f"{header_part}.{claims_part}".encode(), digest).digest()
    return f"{header_part}.{claims_part}.{part(signature)}"


def part(content: bytes) -> str:
    """base64url without padding."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
