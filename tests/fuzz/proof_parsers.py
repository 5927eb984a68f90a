"""Parsers of what proves something: tokens, cursors, handles, signatures. Nothing that we did not sign is taken."""

from collections.abc import Callable, Mapping
from typing import Final

from oxyq.access.secret import digest_of
from oxyq.access.tokens import BadToken, Verifier
from oxyq.api.cursor import Cursors
from oxyq.api.handles import Handles
from oxyq.errors import InvalidPayload, NotFound
from oxyq.gateways.base import BadSignature, Gateway
from oxyq.gateways.cloud_api import CloudGateway
from tests.fuzz.json_parsers import GATEWAYS
from tests.fuzz.parser import Parser, text

_KEY: Final = "a key that is in no corpus, " + "k" * 32
_VERIFIER: Final = Verifier("HS256", [_KEY])
_BODY: Final = b'{"entry":[]}'
_SIGNATURES: Final = ("x-hub-signature-256", "x-webhook-hmac", "x-webhook-hmac-algorithm", "apikey", "authorization")


def _never(read: Callable[[str], object]) -> Callable[[bytes], None]:
    def refused(raw: bytes) -> None:
        read(text(raw))
        raise AssertionError("nobody signed this")

    return refused


def _signature(gateway: Gateway) -> Parser:
    def read(raw: bytes) -> None:
        # As a server hands headers over: each byte a character.
        gateway.verify_webhook(dict.fromkeys(_SIGNATURES, raw.decode("latin-1")), _BODY)
        raise AssertionError("nobody signed this")

    return Parser(
        read, (BadSignature,), (b"sha256=", b"sha512", b"sha1=", b"0" * 64, b"A" * 64, b"Bearer ", b",", b"\0")
    )


def _challenge(raw: bytes) -> None:
    cloud = GATEWAYS["cloud"]
    assert isinstance(cloud, CloudGateway)
    answer = cloud.challenge({"hub.mode": "subscribe", "hub.verify_token": "v", "hub.challenge": text(raw)})
    assert answer == text(raw) and len(answer) <= 1000


def _secret(raw: bytes) -> None:
    digest = digest_of(text(raw))
    assert digest is None or len(digest) == 64


_BASE64: Final = (
    b".",
    b"=",
    b"-",
    b"_",
    b"+",
    b"/",
    b"eyJhbGciOiJub25lIn0",
    b"e30",
    b"AAAA",
    b"h_",
    b"\0",
    b"\n",
    b"%",
)

PROOF_PARSERS: Final[Mapping[str, Parser]] = {
    "token": Parser(_never(_VERIFIER.verify), (BadToken,), _BASE64),
    "cursor": Parser(_never(Cursors(_KEY).read), (InvalidPayload,), _BASE64),
    "handle": Parser(_never(lambda handle: Handles(_KEY).read("org_1", handle)), (NotFound,), _BASE64),
    "session-secret": Parser(_secret, (), _BASE64),
    "challenge": Parser(_challenge, (BadSignature,), (b"<script>", b"\r\n", b"\0", b"x" * 300)),
    **{f"signature-{name}": _signature(gateway) for name, gateway in GATEWAYS.items()},
}
