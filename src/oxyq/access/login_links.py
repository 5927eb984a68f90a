"""Links that let somebody in once: for the person who started the system, and for those who have no token."""

import dataclasses
import time
from typing import Final

import redis.asyncio
from pydantic import TypeAdapter

from oxyq import redis_keys
from oxyq.access.permissions import people_only
from oxyq.access.secret import digest_of, new_secret
from oxyq.access.tokens import Principal
from oxyq.redis_connection import as_unavailable

LINK_SECONDS: Final = 15 * 60

_PRINCIPAL: Final = TypeAdapter(Principal)


class LoginLinks:
    """Makes links and uses them up; both raise QueueUnavailable."""

    def __init__(self, client: redis.asyncio.Redis, *, prefix: str = "bull") -> None:
        self._client = client
        self._prefix = prefix

    async def make(self, principal: Principal) -> str:
        """The secret of a link that logs this person in within 15 minutes; NotAllowed for programs."""
        people_only(principal)
        secret = new_secret()
        # What is revoked later is told by when it was given.
        stored = _PRINCIPAL.dump_json(dataclasses.replace(principal, issued_s=int(time.time())))
        with as_unavailable("login links"):
            await self._client.set(self._key(secret), stored, ex=LINK_SECONDS)
        return secret

    async def use(self, secret: str) -> Principal | None:
        """Whom this link lets in, once; None for a link that is none, was used, or is too old."""
        with as_unavailable("login links"):
            stored = await self._client.getdel(self._key(secret))
        return None if stored is None else _PRINCIPAL.validate_json(stored)

    def _key(self, secret: str) -> str:
        return redis_keys.login_link(digest_of(secret) or "", prefix=self._prefix)


def link_address(board: str, secret: str) -> str:
    """Where to go with a link: behind `#`, so that it stands in no log and in no Referer."""
    return f"{board}/login#link={secret}"
