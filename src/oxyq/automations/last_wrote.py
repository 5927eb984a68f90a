"""When people last wrote to an organization: what a follow-up asks before it goes out.

It is written when their message joins its chat (conversations/lua/join.lua).
"""

import redis.asyncio

from oxyq import redis_keys
from oxyq.redis_connection import as_unavailable


class LastWrote:
    """The last messages of all contacts; `contact` is what `numbers.contact_key` gave. Raises QueueUnavailable."""

    def __init__(self, client: redis.asyncio.Redis, *, prefix: str = "bull") -> None:
        self._client = client
        self._prefix = prefix

    async def at(self, organization_id: str, contact: str) -> int | None:
        """When this person last wrote (ms since 1970); None when not within 30 days."""
        with as_unavailable("contacts"):
            stored = await self._client.get(self._key(organization_id, contact))
        return None if stored is None else int(stored)

    def _key(self, organization_id: str, contact: str) -> str:
        return redis_keys.last_wrote(organization_id, contact, prefix=self._prefix)
