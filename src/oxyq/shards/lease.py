"""Who moves an organization: one process at a time, and never one that was frozen for a while."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from oxyq.engine.hub import Hub
from oxyq.engine.lua_runner import Script, ScriptRunner
from oxyq.errors import NotAllowed, QueueUnavailable

LEASE_SECONDS: Final = 5.0
_RENEW_SECONDS: Final = 1.0
#: Longer than the lease of one that was killed.
_PATIENCE_SECONDS: Final = 8.0
_ASK_AGAIN_SECONDS: Final = 0.25


def _script(name: str) -> Script:
    text = (Path(__file__).parent / "lua" / f"{name}.lua").read_text(encoding="utf-8")
    return Script.build(name, text, allow_oom=True)


_RENEW: Final = _script("renew")
_RELEASE: Final = _script("release")


class Lease:
    """It runs out by itself when its process dies."""

    def __init__(self, hub: Hub, key: str) -> None:
        self._hub = hub
        self._runner = ScriptRunner(hub.commands)
        self._key = key
        self._holder = secrets.token_hex(8)
        self._until = float("-inf")

    def check(self) -> None:
        """QueueUnavailable when it may have run out, so that somebody else may be at it."""
        if time.monotonic() >= self._until:
            raise QueueUnavailable("this move took a break and may have been taken over; run the same command again")

    async def take(self) -> None:
        """Wait for it a little; NotAllowed when another process keeps it."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        await self._hub.commands.ready()
        while True:
            asked = time.monotonic()
            args = (self._key, self._holder, "NX", "PX", round(LEASE_SECONDS * 1000))
            if await self._hub.commands.call("SET", *args) is not None:
                self._until = asked + LEASE_SECONDS
                return
            if asked > deadline:
                raise NotAllowed("another process moves this organization right now; wait until it is done")
            await asyncio.sleep(_ASK_AGAIN_SECONDS)

    async def renew_for_ever(self) -> None:
        """Keep it, as long as nobody else has it."""
        while True:
            await asyncio.sleep(_RENEW_SECONDS)
            asked = time.monotonic()
            try:
                kept = await self._runner.run(_RENEW, [self._key], [self._holder, round(LEASE_SECONDS * 1000)])
            except QueueUnavailable:
                continue  # it may be back in time
            if kept != 1:
                self._until = float("-inf")
                return
            self._until = asked + LEASE_SECONDS

    async def release(self) -> None:
        """Let others have it."""
        await self._runner.run(_RELEASE, [self._key], [self._holder])


@asynccontextmanager
async def held_lease(hub: Hub, key: str) -> AsyncIterator[Lease]:
    """The lease while the block runs; NotAllowed when another process has it."""
    lease = Lease(hub, key)
    await lease.take()
    renewing = asyncio.get_running_loop().create_task(lease.renew_for_ever())
    try:
        yield lease
    finally:
        renewing.cancel()
        await asyncio.wait({renewing})
        await lease.release()
