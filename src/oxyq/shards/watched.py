"""A small hash in Redis that every process knows by heart, and for how long it may believe what it knows."""

import asyncio
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from oxyq.engine.connection import Reply
from oxyq.engine.hub import Hub
from oxyq.engine.lua_runner import Script, ScriptRunner
from oxyq.engine.schedulers import PATIENCE_SECONDS
from oxyq.engine.scripts import as_text
from oxyq.errors import QueueUnavailable

#: What was read is believed for so long. Whoever changes the hash waits longer than that before relying on the change.
BELIEVED_SECONDS: Final = 1.0
#: Counts the changes; no organization has this id.
_VERSION: Final = ""

_CHANGE: Final = Script.build(
    "change", (Path(__file__).parent / "lua" / "change.lua").read_text(encoding="utf-8"), allow_oom=True
)


class WatchedHash:
    """One hash: read in one small command a second, and as a whole when it has changed; all raise QueueUnavailable."""

    def __init__(self, hub: Hub, key: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._commands = hub.commands
        self._runner = ScriptRunner(hub.commands)
        self._key = key
        self._clock = clock
        self._known: dict[str, str] | None = None
        self._believed_until = float("-inf")
        self._look: asyncio.Task[None] | None = None

    async def read(self) -> Mapping[str, str]:
        """The hash as it was at most BELIEVED_SECONDS ago, on the clock of this process."""
        if self._known is None or self._clock() >= self._believed_until:
            # Not cancelled with whoever waits: others wait for the same look.
            await asyncio.shield(self._begin_look())
        return {} if self._known is None else self._known

    async def read_or_last(self) -> Mapping[str, str]:
        """The same; while Redis is away, as it was when it last answered, without waiting for it."""
        if self._known is not None and not self._commands.is_ready:
            self._begin_look()
            return self._known
        try:
            return await self.read()
        except QueueUnavailable:
            if self._known is None:
                raise
            return self._known

    async def now(self, field: str) -> str | None:
        """One field, asked for now."""
        await self._commands.ready(PATIENCE_SECONDS)
        value = await self._commands.call("HGET", self._key, field)
        return as_text(value) if isinstance(value, bytes) else None

    async def change(self, field: str, before: str | None, after: str | None) -> bool:
        """Set a field, or (None) take it away, if it still is `before`; False when it is something else."""
        await self._commands.ready(PATIENCE_SECONDS)
        changed = await self._runner.run(_CHANGE, [self._key], [field, before or "", after or ""])
        self.doubt()
        return changed == 1

    async def put(self, field: str, after: str | None) -> None:
        """Set a field, or (None) take it away, whatever it is."""
        while not await self.change(field, await self.now(field), after):
            pass  # somebody else changed it in between

    def doubt(self) -> None:
        """Believe no longer what was read: somebody knows better."""
        self._believed_until = float("-inf")

    def _begin_look(self) -> "asyncio.Task[None]":
        if self._look is None:
            self._look = asyncio.get_running_loop().create_task(self._look_again())
            self._look.add_done_callback(self._looked)
        return self._look

    def _looked(self, look: "asyncio.Task[None]") -> None:
        self._look = None
        if not look.cancelled():
            look.exception()  # whoever waits has it

    async def _look_again(self) -> None:
        await self._commands.ready(PATIENCE_SECONDS)
        asked = self._clock()
        version = await self._commands.call("HGET", self._key, _VERSION)
        text = as_text(version) if isinstance(version, bytes) else None
        if self._known is None or self._known.get(_VERSION) != text:
            asked = self._clock()
            self._known = _fields(await self._commands.call("HGETALL", self._key))
        self._believed_until = asked + BELIEVED_SECONDS


def _fields(reply: Reply) -> dict[str, str]:
    flat = iter([as_text(part) for part in reply] if isinstance(reply, list) else ())
    return dict(zip(flat, flat, strict=True))
