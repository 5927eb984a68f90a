"""Secrets at rest: sealed with AES-256-GCM, so that whoever reads Redis reads nothing, and can exchange nothing."""

import base64
import hashlib
import secrets
from typing import Final

from oxyq.errors import ConfigurationError

_VERSION: Final = "v1:"
_NONCE_BYTES: Final = 12


class Sealer:
    """Seals with the first of the keys in `key`, opens with any: `new,old` changes a key without losing anything."""

    def __init__(self, key: str, variable: str = "OXYQ_SECRETS_KEY") -> None:
        # Here and not above: 20 ms and 10 MB that most commands do without.
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        self._variable = variable
        self._ciphers = [AESGCM(hashlib.sha256(part.strip().encode()).digest()) for part in key.split(",")]

    def seal(self, text: str, place: str) -> str:
        """The sealed text; it can be opened only at `place`, such as "wa_1:access_token"."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = self._ciphers[0].encrypt(nonce, text.encode(), place.encode())
        return _VERSION + base64.b64encode(nonce + sealed).decode()

    def open(self, sealed: str, place: str) -> str:
        """What was sealed; ConfigurationError when no key opens it there."""
        from cryptography.exceptions import InvalidTag

        try:
            raw = base64.b64decode(sealed.removeprefix(_VERSION), validate=True)
        except ValueError:
            raw = b""
        for cipher in self._ciphers if sealed.startswith(_VERSION) and len(raw) > _NONCE_BYTES else ():
            try:
                return cipher.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], place.encode()).decode()
            except InvalidTag:
                continue
        raise ConfigurationError(
            f"{self._variable}: does not open what is stored for {place}; put the key that sealed it behind a comma "
            "(new,old), or store it anew"
        )
