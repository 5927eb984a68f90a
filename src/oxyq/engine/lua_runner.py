"""Lua scripts as values, and running them by hash."""

import asyncio
import hashlib
from dataclasses import dataclass

from oxyq.engine.connection import Argument, Connection, Prepared, RedisReplyError, Reply

#: First line of a script that may run although memory is used up; Redis before 7 cannot read it.
ALLOW_OOM = "#!lua flags=allow-oom\n"


@dataclass(frozen=True, slots=True)
class Script:
    """One Lua script; `plain` is the same without its first line of flags, for servers that do not know them."""

    name: str
    text: str
    sha: str
    plain: "Script | None" = None

    @classmethod
    def build(cls, name: str, text: str, *, allow_oom: bool) -> "Script":
        """Hash the text as Redis does."""
        plain = cls(name, text, _sha(text))
        if not allow_oom:
            return plain
        return cls(name, ALLOW_OOM + text, _sha(ALLOW_OOM + text), plain)


class PreparedCall:
    """A script with its keys, packed once."""

    def __init__(self, script: Script, keys: list[str]) -> None:
        self.script = script
        self.keys = keys
        self._beginnings = dict[str, Prepared]()

    def beginning(self, chosen: Script) -> Prepared:
        """The call up to its arguments; `chosen` is the script, or the same without flags."""
        if chosen.sha not in self._beginnings:
            self._beginnings[chosen.sha] = Prepared("EVALSHA", chosen.sha, len(self.keys), *self.keys)
        return self._beginnings[chosen.sha]


def _sha(text: str) -> str:
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


class ScriptRunner:
    """Runs scripts over one connection, loading into the server those it does not know."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._flags_understood = True

    def begin(self, call: "PreparedCall", arguments: list[Argument]) -> "asyncio.Future[Reply]":
        """Send a call now; the reply may be NOSCRIPT, which means that nothing ran."""
        return self.connection.call_now(call.beginning(self._chosen(call.script)), arguments)

    async def run_prepared(self, call: "PreparedCall", arguments: list[Argument]) -> Reply:
        """As `run`, for the call that is made all the time."""
        try:
            return await self.begin(call, arguments)
        except RedisReplyError as error:
            if error.code != "NOSCRIPT":
                raise
        await self._load(call.script)
        return await self.begin(call, arguments)

    async def run(self, script: Script, keys: list[str], arguments: list[Argument]) -> Reply:
        """Call `script`; raises RedisReplyError, ConnectionLost.

        NOSCRIPT means that nothing ran, so loading and calling again is safe: a restart of Redis or SCRIPT FLUSH
        costs one extra round trip, nothing else.
        """
        chosen = self._chosen(script)
        try:
            return await self.connection.call("EVALSHA", chosen.sha, len(keys), *keys, *arguments)
        except RedisReplyError as error:
            if error.code != "NOSCRIPT":
                raise
        chosen = await self._load(script)
        return await self.connection.call("EVALSHA", chosen.sha, len(keys), *keys, *arguments)

    def _chosen(self, script: Script) -> Script:
        return script if self._flags_understood or script.plain is None else script.plain

    async def _load(self, script: Script) -> Script:
        chosen = self._chosen(script)
        try:
            await self.connection.call("SCRIPT", "LOAD", chosen.text)
        except RedisReplyError as error:
            if chosen.plain is None or error.code != "ERR":
                raise
            self._flags_understood, chosen = False, chosen.plain
            await self.connection.call("SCRIPT", "LOAD", chosen.text)
        return chosen
