"""Texts of organizations that want it lie sealed in Redis, each organization's under a key of its own.

Whoever throws the key away has made all of them unreadable at once, wherever copies of them lie (crypto-shredding).
"""

import base64
import re
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from oxyq import redis_keys
from oxyq.engine.connection import Reply
from oxyq.engine.hub import Hub
from oxyq.engine.scripts import as_text
from oxyq.sealing import Sealer

if TYPE_CHECKING:  # 20 ms that most processes do without
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

MARK: Final = "sealed:v1:"
UNREADABLE: Final = "[apagado]"
"""What people read where a text was, whose key is gone."""
#: Until a key that was made or thrown away is known everywhere.
FRESH_SECONDS: Final = 2.0
_SEALED: Final = re.compile(re.escape(MARK).encode() + rb"[A-Za-z0-9+/]+={0,2}")
_NONCE_BYTES: Final = 12
_KEY_BYTES: Final = 32
_READY_SECONDS: Final = 5.0
_MOST_KNOWN: Final = 10_000


class TextKey:
    """Seals and opens the texts of one organization with AES-256-GCM; without a key nothing is sealed."""

    def __init__(self, organization_id: str, key: bytes | None) -> None:
        self._bound_to = organization_id.encode()
        self._cipher = None if key is None else _cipher(key)

    @property
    def is_there(self) -> bool:
        """Whether the organization has a key."""
        return self._cipher is not None

    def seal(self, text: str) -> str:
        """The text as it is to lie in Redis; an empty one says nothing, and stays."""
        if self._cipher is None or not text:
            return text
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = self._cipher.encrypt(nonce, text.encode("utf-8", "surrogatepass"), self._bound_to)
        return MARK + base64.b64encode(nonce + sealed).decode()

    def open(self, stored: str) -> str:
        """The text that lies there; UNREADABLE when its key is gone."""
        if not stored.startswith(MARK):
            return stored
        from cryptography.exceptions import InvalidTag

        try:
            raw = base64.b64decode(stored.removeprefix(MARK), validate=True)
            if self._cipher is not None and len(raw) > _NONCE_BYTES:
                opened = self._cipher.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], self._bound_to)
                return opened.decode("utf-8", "surrogatepass")
        except (ValueError, InvalidTag):
            pass
        return UNREADABLE

    def open_all(self, stored: bytes) -> bytes:
        """What lies there, every sealed text in it opened: for those who look for something in it."""
        return _SEALED.sub(lambda found: self.open(found[0].decode()).encode("utf-8", "replace"), stored)


class TextKeys:
    """The keys of all organizations, sealed by OXYQ_SECRETS_KEY. All raise QueueUnavailable."""

    def __init__(self, hub: Hub, sealer: Callable[[], Sealer]) -> None:
        self._hub = hub
        self._sealer = sealer
        #: What was found, and until when that is fresh; the ones that were asked for last.
        self._known = OrderedDict[str, tuple[bytes | None, TextKey, float]]()

    async def of(self, organization_id: str) -> TextKey:
        """An organization's key, as it was at most 2 s ago; ConfigurationError when OXYQ_SECRETS_KEY is another."""
        stored, key, fresh_until = self._known.get(organization_id, (None, None, 0.0))
        if key is not None and time.monotonic() < fresh_until:
            return key
        asked = time.monotonic()
        now = await self._call("GET", organization_id)
        if key is None or now != stored:
            key = TextKey(organization_id, self._opened(organization_id, now) if isinstance(now, bytes) else None)
        self._known[organization_id] = (now if isinstance(now, bytes) else None, key, asked + FRESH_SECONDS)
        self._known.move_to_end(organization_id)
        if len(self._known) > _MOST_KNOWN:
            self._known.popitem(last=False)
        return key

    async def make(self, organization_id: str) -> bool:
        """From now on its texts are sealed; False when they were already."""
        key = base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode()
        is_made = await self._call("SET", organization_id, self._sealer().seal(key, _place(organization_id)), "NX")
        self._known.pop(organization_id, None)
        return is_made is not None

    async def shred(self, organization_id: str) -> bool:
        """Throw its key away, for good: what was sealed nobody reads again. False when there was none."""
        is_gone = await self._call("DEL", organization_id) == 1
        self._known.pop(organization_id, None)
        return is_gone

    async def _call(self, command: str, organization_id: str, *arguments: str) -> Reply:
        await self._hub.commands.ready(_READY_SECONDS)
        key = redis_keys.text_key(organization_id, prefix=self._hub.prefix)
        return await self._hub.commands.call(command, key, *arguments)

    def _opened(self, organization_id: str, stored: bytes) -> bytes:
        return base64.b64decode(self._sealer().open(as_text(stored), _place(organization_id)))


def _cipher(key: bytes) -> "AESGCM":
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(key)


def _place(organization_id: str) -> str:
    return f"text-key:{organization_id}"
