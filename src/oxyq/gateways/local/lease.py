"""Holding numbers for a simulated bridge, as a real one does: by leases in Redis that must be renewed."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import redis.asyncio

from oxyq import redis_keys
from oxyq.clock import now_ms
from oxyq.errors import NotAllowed
from oxyq.redis_connection import as_unavailable

_LEASE_MS: Final = 20_000
_RENEW_SECONDS: Final = 5.0


@asynccontextmanager
async def holding(
    client: redis.asyncio.Redis, instance_id: str, url: str, *, prefix: str = "bull"
) -> AsyncIterator[None]:
    """Hold the number while the block runs; NotAllowed when another bridge has it, QueueUnavailable without Redis."""
    key = redis_keys.bridge_lease(instance_id, prefix=prefix)
    lease = json.dumps({"bridge": "simulated", "url": url, "fence": 0, "at": now_ms()})
    with as_unavailable("bridge's lease"):
        if not await client.set(key, lease, px=_LEASE_MS, nx=True):
            raise NotAllowed(f"{instance_id}: another bridge has this number; stop it, or name another --instance")

    async def renew() -> None:
        while True:
            await asyncio.sleep(_RENEW_SECONDS)
            with contextlib.suppress(redis.RedisError, OSError):  # the next round tries again
                await client.set(key, lease, px=_LEASE_MS)

    renewing = asyncio.create_task(renew())
    try:
        yield
    finally:
        renewing.cancel()
        with contextlib.suppress(redis.RedisError, OSError):  # it ends by itself in 20 s
            await client.delete(key)
