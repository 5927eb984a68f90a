"""What an erasure leaves in people's hands: a receipt, signed, that says what went, what stays and why."""

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Literal, TypeAlias

from pydantic import BaseModel, ValidationError

from oxyq.engine.json_text import encode_json
from oxyq.errors import InvalidPayload
from oxyq.jobs import WIRE_CONFIG, wire

FORMAT: Final = "oxyq-erasure-1"
OptOut: TypeAlias = Literal["none", "kept as a fingerprint", "forgotten"]
_PURPOSE: Final = b"oxyq receipt"


class Remains(BaseModel):
    """Something that stays, why, and until when."""

    model_config = WIRE_CONFIG

    what: str
    why: str
    until: str


class Receipt(BaseModel):
    """What was erased, of whom (a fingerprint that only this installation can make), when (ms since 1970), by whom.

    `is_complete`: nothing was found any more in the end. `erased` counts keys and elements by class of data.
    """

    model_config = WIRE_CONFIG

    format: str = FORMAT
    organization_id: str
    person: str
    at: int
    by: str
    is_complete: bool
    erased: Mapping[str, int]
    opt_out: OptOut
    remains: Sequence[Remains]
    public_key: str = ""
    signature: str = ""


class ReceiptSigner:
    """Signs receipts with Ed25519; the key is made from OXYQ_SECRETS_KEY, so whoever has that can check them again.

    `secret` gives it, or several behind commas: the first signs, all of them know their signatures.
    """

    def __init__(self, secret: Callable[[], str]) -> None:
        self._secret = secret

    def sign(self, receipt: Receipt) -> Receipt:
        """The receipt with its signature; raises ConfigurationError without the key."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        key = Ed25519PrivateKey.from_private_bytes(self._seeds()[0])
        named = receipt.model_copy(update={"public_key": _text(key.public_key().public_bytes_raw()), "signature": ""})
        return named.model_copy(update={"signature": _text(key.sign(_signed(named)))})

    def verify(self, stored: bytes) -> Receipt:
        """The receipt that was written so; InvalidPayload when this installation did not sign it, or not like this."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        try:
            receipt = Receipt.model_validate_json(stored)
            signature = base64.b64decode(receipt.signature, validate=True)
        except (ValidationError, ValueError):
            raise InvalidPayload("receipt", "is no receipt of an erasure; give the file as it was written") from None
        for seed in self._seeds():
            public = Ed25519PrivateKey.from_private_bytes(seed).public_key()
            if not hmac.compare_digest(_text(public.public_bytes_raw()), receipt.public_key):
                continue
            try:
                public.verify(signature, _signed(receipt))
            except InvalidSignature:
                raise InvalidPayload("receipt", "was changed after it was signed") from None
            return receipt
        raise InvalidPayload(
            "receipt", "was signed with another key; put the OXYQ_SECRETS_KEY of then behind a comma (new,old)"
        )

    def _seeds(self) -> list[bytes]:
        parts = [part.strip() for part in self._secret().split(",")]
        return [hmac.digest(part.encode(), _PURPOSE, hashlib.sha256) for part in parts if part]


def _signed(receipt: Receipt) -> bytes:
    """The bytes that the signature is of: all fields but itself, in one order."""
    fields = {name: value for name, value in wire(receipt).items() if name != "signature"}
    return encode_json(dict(sorted(fields.items()))).encode()


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
