"""Times in Redis that only ever go forward."""

from pathlib import Path
from typing import Final

import redis.asyncio

_SCRIPT: Final = (Path(__file__).parent / "forward.lua").read_text(encoding="utf-8")


async def set_forward(client: redis.asyncio.Redis, key: str, at_ms: int, *, seconds: int) -> None:
    """Set the string `key` to `at_ms` unless it is later already; it lives `seconds`. Raises what redis-py raises."""
    await client.register_script(_SCRIPT)(keys=[key], args=[at_ms, seconds])
