"""Which bridge has a number at the moment, and where it listens: as the bridge itself keeps saying in Redis."""

import time
from typing import Final

import pydantic
import redis.asyncio
from pydantic import BaseModel, ConfigDict

from oxyq import redis_keys
from oxyq.redis_connection import as_unavailable

#: How long an answer is believed. A lease lives 20 s, and a bridge that lost one says so itself (`not_here`).
_BELIEVED_SECONDS: Final = 1.0
_MOST_BELIEVED: Final = 10_000


class _Lease(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    url: str


class BridgeLeases:
    """The leases in Redis, asked for at most once a second each."""

    def __init__(self, client: redis.asyncio.Redis, *, prefix: str = "bull") -> None:
        self._client = client
        self._prefix = prefix
        self._believed: dict[str, tuple[float, str | None]] = {}

    async def url_of(self, instance_id: str) -> str | None:
        """The base URL of the bridge that has this number; None when none has. Raises QueueUnavailable."""
        believed, now = self._believed.get(instance_id), time.monotonic()
        if believed is not None and now < believed[0]:
            return believed[1]
        with as_unavailable("bridge's lease"):
            stored = await self._client.get(redis_keys.bridge_lease(instance_id, prefix=self._prefix))
        url = None if stored is None else _url(stored)
        if len(self._believed) >= _MOST_BELIEVED:
            self._believed.clear()
        self._believed[instance_id] = (now + _BELIEVED_SECONDS, url)
        return url


def _url(stored: str | bytes) -> str | None:
    try:
        return _Lease.model_validate_json(stored).url
    except pydantic.ValidationError:
        return None
