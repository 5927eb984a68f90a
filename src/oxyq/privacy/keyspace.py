"""Reading everything of one installation: its keys, and what stands in them, page by page."""

from collections.abc import AsyncIterator
from typing import Final, NamedTuple

from oxyq.engine.connection import Argument, RedisReplyError, Reply
from oxyq.engine.hub import Hub
from oxyq.privacy.inventory import PlacedKey, place

#: Keys per step of SCAN: Redis looks at so many in well under a millisecond.
KEYS_AT_ONCE: Final = 500
#: Elements of one key per call. Pieces of campaigns have tens of KB each.
ELEMENTS_AT_ONCE: Final = 500
_PIECES_AT_ONCE: Final = 20
_READY_SECONDS: Final = 5.0


class Element(NamedTuple):
    """One thing that stands in a key: its field, member, entry or place, and the value there."""

    at: bytes
    value: bytes


class Keyspace:
    """The keys of one installation; raises QueueUnavailable."""

    def __init__(self, hub: Hub, queues: frozenset[str]) -> None:
        self._hub = hub
        self._queues = queues

    async def pages(self) -> AsyncIterator[list[PlacedKey]]:
        """All keys that a table of the inventory names; some may come twice. Reads every key's name in this Redis."""
        prefix = self._hub.prefix
        cursor: Reply = b"0"
        escaped = "".join(f"[{sign}]" if sign in "*?[]\\^" else sign for sign in prefix)
        while True:
            at = cursor if isinstance(cursor, bytes) else b"0"
            reply = await self.call("SCAN", at, "MATCH", f"*{escaped}:*", "COUNT", KEYS_AT_ONCE)
            cursor, names = reply if isinstance(reply, list) else (b"0", [])
            found = [
                place(name.decode("utf-8", "surrogateescape"), prefix, self._queues)
                for name in (names if isinstance(names, list) else [])
                if isinstance(name, bytes)
            ]
            yield [key for key in found if key is not None]
            if cursor == b"0":
                return

    async def kind(self, key: PlacedKey) -> str:
        """What a key is to Redis, such as "hash"; "none" when it is gone."""
        reply = await self.call("TYPE", key.name)
        return reply.decode() if isinstance(reply, bytes) else str(reply)

    async def fields(self, key: PlacedKey) -> list[Element]:
        """All fields of a small hash; none when it is gone, or no hash."""
        try:
            flat = _bytes(await self.call("HGETALL", key.name))
        except RedisReplyError:
            return []
        return [Element(at, value) for at, value in zip(flat[::2], flat[1::2], strict=True)]

    async def elements(self, key: PlacedKey, kind: str) -> AsyncIterator[list[Element]]:
        """All that stands in a key, page by page."""
        match kind:
            case "string":
                value = await self.call("GET", key.name)
                yield [Element(b"", value)] if isinstance(value, bytes) else []
            case "hash":
                async for flat in self._scanned("HSCAN", key.name):
                    yield [Element(at, value) for at, value in zip(flat[::2], flat[1::2], strict=True)]
            case "zset":
                async for flat in self._scanned("ZSCAN", key.name):
                    yield [Element(member, score) for member, score in zip(flat[::2], flat[1::2], strict=True)]
            case "set":
                async for flat in self._scanned("SSCAN", key.name):
                    yield [Element(member, b"") for member in flat]
            case "list":
                start, step = 0, _PIECES_AT_ONCE if key.family_name.startswith("campaign-") else ELEMENTS_AT_ONCE
                while page := _bytes(await self.call("LRANGE", key.name, start, start + step - 1)):
                    yield [Element(b"%d" % at, value) for at, value in enumerate(page, start)]
                    start += step
            case "stream":
                after: bytes = b"-"
                while entries := _entries(await self.call("XRANGE", key.name, after, "+", "COUNT", ELEMENTS_AT_ONCE)):
                    yield entries
                    after = b"(" + entries[-1].at

    async def call(self, *command: Argument) -> Reply:
        """One command, within its deadline."""
        await self._hub.commands.ready(_READY_SECONDS)
        return await self._hub.commands.call(*command)

    async def _scanned(self, command: str, key: str) -> AsyncIterator[list[bytes]]:
        cursor: Reply = b"0"
        while True:
            reply = await self.call(command, key, cursor if isinstance(cursor, bytes) else b"0", "COUNT",
                                    ELEMENTS_AT_ONCE)  # fmt: skip
            cursor, flat = reply if isinstance(reply, list) else (b"0", [])
            yield _bytes(flat)
            if cursor == b"0":
                return


def _entries(reply: Reply) -> list[Element]:
    found = list[Element]()
    for entry in reply if isinstance(reply, list) else []:
        entry_id, fields = entry if isinstance(entry, list) else (None, None)
        if isinstance(entry_id, bytes):
            found.append(Element(entry_id, b"\n".join(_bytes(fields))))
    return found


def _bytes(reply: Reply) -> list[bytes]:
    return [part for part in reply if isinstance(part, bytes)] if isinstance(reply, list) else []
