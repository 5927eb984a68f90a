"""Handles: names for people that tell nobody their numbers, in addresses, forms and logs."""

import base64
import binascii
import hmac
import re
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from oxyq.errors import NotFound

BEGINNING: Final = "h_"
_HANDLE: Final = re.compile(r"h_[A-Za-z0-9_-]{20,600}", re.ASCII)


class Handles:
    """Seals what names a person within one organization; the same person has the same handle each time."""

    def __init__(self, secret: str) -> None:
        # A key of its own: what signs tokens seals nothing else.
        self._cipher = AESSIV(hmac.digest(secret.encode(), b"handles", "sha512"))

    def of(self, organization_id: str, name: str) -> str:
        """The handle for a number, a hidden id, or a chat."""
        sealed = self._cipher.encrypt(name.encode(), [organization_id.encode()])
        return BEGINNING + base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()

    def read(self, organization_id: str, handle: str) -> str:
        """What a handle stands for; NotFound for what we did not seal for this organization."""
        if _HANDLE.fullmatch(handle):
            padded = handle.removeprefix(BEGINNING) + "=" * (-len(handle.removeprefix(BEGINNING)) % 4)
            try:
                sealed = base64.b64decode(padded, b"-_", validate=True)
                return self._cipher.decrypt(sealed, [organization_id.encode()]).decode()
            except (binascii.Error, InvalidTag, ValueError):
                pass
        raise NotFound("there is nobody of this handle; take it from the list as it is")
