"""How many tokens of language models each organization used today."""

from collections.abc import Callable
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

import redis.asyncio

from oxyq import redis_keys
from oxyq.clock import now_ms
from oxyq.organizations import Organization
from oxyq.redis_connection import as_unavailable

#: Beyond the day's end, so that yesterday can be looked at.
USAGE_SECONDS: Final = 2 * 24 * 3600


class TokenUsage:
    """Counts by the organization's own days; all raise QueueUnavailable."""

    def __init__(
        self, client: redis.asyncio.Redis, *, prefix: str = "bull", clock_ms: Callable[[], int] = now_ms
    ) -> None:
        self._client = client
        self._prefix = prefix
        self._clock_ms = clock_ms

    async def today(self, organization: Organization) -> int:
        """Tokens used since the organization's midnight."""
        with as_unavailable("used tokens"):
            return int(await self._client.get(self._key(organization)) or 0)

    async def add(self, organization: Organization, tokens: int) -> None:
        """Count tokens that were used just now."""
        key = self._key(organization)
        with as_unavailable("used tokens"):
            async with self._client.pipeline(transaction=True) as both:
                both.incrby(key, tokens)
                both.expire(key, USAGE_SECONDS)
                await both.execute()

    def _key(self, organization: Organization) -> str:
        day = datetime.fromtimestamp(self._clock_ms() / 1000, ZoneInfo(organization.time_zone)).date().isoformat()
        return redis_keys.ai_usage(organization.id, day, prefix=self._prefix)
