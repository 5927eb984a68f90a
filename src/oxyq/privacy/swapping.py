"""Changing what stands in Redis in one step, if nobody else has changed it meanwhile."""

from pathlib import Path
from typing import Final

from oxyq.engine.connection import Argument
from oxyq.engine.hub import Hub
from oxyq.engine.lua_runner import Script, ScriptRunner

_READY_SECONDS: Final = 5.0


class Swapping:
    """The scripts that take people out of what stays. All raise QueueUnavailable."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._runner = ScriptRunner(hub.commands)

    async def swap(self, key: str, kind: str, at: bytes, before: bytes, after: bytes) -> bool:
        """Replace a string, or an element of a hash or list; False when it is another one by now."""
        return await self._run(_SWAP, [key], [kind, at, before, after])

    async def blank_row(
        self, keys: list[str], piece: bytes, before: bytes, after: bytes, contact: str, instead: str
    ) -> bool:
        """Blank a row of a campaign's plan (lua/blank_row.lua); False when it is another one, or has a job, by now."""
        return await self._run(_BLANK_ROW, keys, [piece, before, after, contact, instead])

    async def rewrite_stream(self, key: str, gone: list[bytes]) -> None:
        """Take entries out of a stream, bytes and all."""
        await self._run(_REWRITE_STREAM, [key, f"{key}:rewritten"], [*gone])

    async def _run(self, script: Script, keys: list[str], arguments: list[Argument]) -> bool:
        await self._hub.commands.ready(_READY_SECONDS)
        return await self._runner.run(script, keys, arguments) == 1


def _script(name: str) -> Script:
    text = (Path(__file__).parent / "lua" / f"{name}.lua").read_text(encoding="utf-8")
    return Script.build(name, text, allow_oom=True)  # what goes makes room


_SWAP: Final = _script("swap")
_BLANK_ROW: Final = _script("blank_row")
_REWRITE_STREAM: Final = _script("rewrite_stream")
