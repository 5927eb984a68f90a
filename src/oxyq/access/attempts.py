"""Logins that fail, counted by where they come from: nobody may guess all day."""

import ipaddress
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import redis.asyncio

from oxyq import redis_keys
from oxyq.errors import OxyqError
from oxyq.redis_connection import as_unavailable

MOST_FAILURES: Final = 10
COUNTED_SECONDS: Final = 15 * 60

_SCRIPTS: Final = Path(__file__).parent / "lua"
_ATTEMPT: Final = (_SCRIPTS / "attempt.lua").read_text(encoding="utf-8")
_GIVE_BACK: Final = (_SCRIPTS / "give_back.lua").read_text(encoding="utf-8")


class TooManyAttempts(OxyqError):
    """Too many logins failed from one address; `retry_after_seconds` says when the next may be tried."""

    def __init__(self, retry_after_seconds: int) -> None:
        super().__init__(retry_after_seconds)
        self.retry_after_seconds = retry_after_seconds

    def __str__(self) -> str:
        return f"too many logins failed from your address; try again in {-(-self.retry_after_seconds // 60)} min"


class LoginAttempts:
    """Ten failures in 15 minutes from one address (of IPv6: one network), then a pause."""

    def __init__(self, client: redis.asyncio.Redis, *, prefix: str = "bull") -> None:
        self._client = client
        self._prefix = prefix

    @asynccontextmanager
    async def attempt(self, address: str) -> AsyncIterator[None]:
        """One attempt to log in: it failed if the block raises. Raises TooManyAttempts, QueueUnavailable.

        It counts from its beginning, so a thousand at once are not more than ten either.
        """
        key = redis_keys.login_attempts(_network(address), prefix=self._prefix)
        with as_unavailable("login attempts"):
            wait = await self._client.register_script(_ATTEMPT)(keys=[key], args=[MOST_FAILURES, COUNTED_SECONDS])
        if wait:
            raise TooManyAttempts(int(wait))
        yield
        with as_unavailable("login attempts"):
            await self._client.register_script(_GIVE_BACK)(keys=[key])


def _network(address: str) -> str:
    """An address; of IPv6 the /64, since whoever has one has all of it."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is None:
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(getattr(found, "ipv4_mapped", None) or found)
