"""Who was erased and wants no campaigns: fingerprints, so that nobody writes to them and nobody reads who they are."""

import hashlib
import hmac
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from oxyq import redis_keys
from oxyq.clock import now_ms
from oxyq.engine.hub import Hub
from oxyq.numbers import contact_of

_READY_SECONDS: Final = 5.0
_PURPOSE: Final = b"oxyq person"


class Fingerprints:
    """HMAC-SHA256 of people, with keys made from OXYQ_SECRETS_KEY: without it nobody can try numbers out.

    `secret` gives the key, or several behind commas: the first makes fingerprints, all of them know them.
    """

    def __init__(self, secret: Callable[[], str]) -> None:
        self._secret = secret

    def of(self, organization_id: str, contact: str) -> str:
        """The fingerprint of a person with one organization; raises ConfigurationError without the key."""
        return self.all_of(organization_id, contact)[0]

    def all_of(self, organization_id: str, contact: str) -> list[str]:
        """What it is, and was under the keys before."""
        keys = [
            hmac.digest(part.strip().encode(), _PURPOSE, "sha256") for part in self._secret().split(",") if part.strip()
        ]
        told = f"{len(organization_id)}:{organization_id}{contact_of(contact)}".encode()
        return [hmac.new(key, told, hashlib.sha256).hexdigest() for key in keys]


class Suppression:
    """The fingerprints of all organizations. All raise QueueUnavailable, and ConfigurationError without the key."""

    def __init__(self, hub: Hub, fingerprints: Fingerprints) -> None:
        self._hub = hub
        self._fingerprints = fingerprints

    async def add(self, organization_id: str, contacts: Iterable[str]) -> None:
        """Never write campaigns to these again, from now on."""
        at_ms = now_ms()
        scored = [part for contact in contacts for part in (at_ms, self._fingerprints.of(organization_id, contact))]
        await self._hub.commands.ready(_READY_SECONDS)
        await self._hub.commands.call("ZADD", self._key(organization_id), "NX", *scored)

    async def lift(self, organization_id: str, contact: str) -> bool:
        """Campaigns may reach this person again; False when nothing kept them away."""
        if not await self._is_any(organization_id):
            return False
        prints = self._fingerprints.all_of(organization_id, contact)
        return bool(await self._hub.commands.call("ZREM", self._key(organization_id), *prints))

    async def suppressed(self, organization_id: str, contacts: Iterable[str]) -> Mapping[str, int]:
        """Those of these contacts that are not to be written to, since when (ms since 1970).

        One question more, and only where anybody was erased at all.
        """
        if not await self._is_any(organization_id):
            return {}
        prints = [(contact, one) for contact in contacts for one in self._fingerprints.all_of(organization_id, contact)]
        if not prints:
            return {}
        reply = await self._hub.commands.call("ZMSCORE", self._key(organization_id), *(one for _, one in prints))
        scores = reply if isinstance(reply, list) else []
        return {
            contact: int(float(score))
            for (contact, _), score in zip(prints, scores, strict=True)
            if isinstance(score, bytes | float | int)
        }

    async def _is_any(self, organization_id: str) -> bool:
        await self._hub.commands.ready(_READY_SECONDS)
        return await self._hub.commands.call("EXISTS", self._key(organization_id)) == 1

    def _key(self, organization_id: str) -> str:
        return redis_keys.suppressed(organization_id, prefix=self._hub.prefix)
