"""Reading keys of every type in bounded pieces."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Sequence
from dataclasses import dataclass
from typing import Final, cast, get_args

from oxyq.clock import now_ms
from oxyq.engine.atomically import PATIENCE_SECONDS, atomically
from oxyq.engine.connection import Argument, Connection, Reply
from oxyq.snapshot.records import PIECE_BYTES, KeyType, pieces

_TYPES: Final = frozenset(get_args(KeyType))
_SCANS: Final = {"hash": "HSCAN", "set": "SSCAN", "zset": "ZSCAN"}
#: Items that are read at once of what may hold long values; what turns out to be short is read faster.
_FIRST_ITEMS: Final = 20
_MOST_ITEMS: Final = 1000
#: How a key is read whole, by its type.
_WHOLE: Final[dict[str, tuple[str, tuple[Argument, ...]]]] = {
    "hash": ("HGETALL", ()), "list": ("LRANGE", (0, -1)), "zset": ("ZRANGE", (0, -1, "WITHSCORES")),
}  # fmt: skip
#: Items that belong together: a name and its value, a member and its score.
STEP: Final[dict[KeyType, int]] = {"string": 1, "hash": 2, "list": 1, "set": 1, "zset": 2}


@dataclass(frozen=True, slots=True)
class Piece:
    """Items of one key, in the order in which they are written again."""

    items: Sequence[bytes]
    part: int
    is_last: bool


@dataclass(frozen=True, slots=True)
class Found:
    """A key that there is: its full name, its type, and when it goes (ms since 1970)."""

    name: bytes
    type: KeyType
    expires_at: int | None


async def scan(connection: Connection, beginning: str, *, more: str = "*") -> AsyncIterator[list[bytes]]:
    """The names of all keys that begin so, in pages; each at least once, if it is there all the time."""
    cursor = b"0"
    while True:
        await connection.ready(PATIENCE_SECONDS)
        reply = await connection.call("SCAN", cursor, "MATCH", _literally(beginning) + more, "COUNT", 500)
        cursor, page = _cursor_and_items(reply)
        if page:
            yield page
        if cursor == b"0":
            return


async def look(connection: Connection, names: Sequence[bytes]) -> list[Found | None]:
    """What these keys are; None for those that are gone, or are of a type that we never write."""
    await connection.ready(PATIENCE_SECONDS)
    kinds = await asyncio.gather(*(connection.call("TYPE", name) for name in names))
    lives = await asyncio.gather(*(connection.call("PTTL", name) for name in names))
    found = list[Found | None]()
    for name, kind, life in zip(names, kinds, lives, strict=True):
        kind_name = kind.decode() if isinstance(kind, bytes) else ""
        is_there = kind_name in _TYPES and life != -2
        found.append(Found(name, cast("KeyType", kind_name), _expires_at(life)) if is_there else None)
    return found


def begin(connection: Connection, found: Found) -> Awaitable[Reply]:
    """Ask for the beginning of a key; many that are asked for before the first is read take one round trip."""
    return connection.call(*_command(found, 0, _FIRST_ITEMS))


async def read(
    connection: Connection, found: Found, *, begun: Awaitable[Reply] | None = None, most: int | None = None
) -> AsyncIterator[Piece]:
    """The value of a key, in pieces, of a list at most its first items; nothing when it is gone by now."""
    held, part = list[bytes](), 0
    async for items in _chunks(connection, found, begun or begin(connection, found), most):
        held += items
        *whole, rest = pieces(held, STEP[found.type])
        for piece in whole:
            yield Piece(piece, part, is_last=False)
            part += 1
        held = list(rest)
    if held or part:
        yield Piece(held, part, is_last=True)


async def read_together(
    connection: Connection, keys: Sequence[tuple[bytes, str]], lists: Sequence[bytes] = ()
) -> tuple[dict[bytes, tuple[Found, list[bytes]]], dict[bytes, int]]:
    """Several keys (name, type) whole, those that there are, and how long some lists are, as of one moment."""
    commands = list[tuple[Argument, ...]]()
    for name, kind in keys:
        command, rest = _WHOLE[kind]
        commands += [("PTTL", name), (command, name, *rest)]
    replies = await atomically(connection, *commands, *(("LLEN", name) for name in lists))
    found = {
        name: (Found(name, cast("KeyType", kind), _expires_at(life)), _many(value))
        for (name, kind), life, value in zip(keys, replies[::2], replies[1::2], strict=False)
        if _many(value)
    }
    lengths = zip(lists, replies[len(commands) :], strict=True)
    return found, {name: length for name, length in lengths if isinstance(length, int)}


async def _chunks(
    connection: Connection, found: Found, begun: Awaitable[Reply], most: int | None
) -> AsyncIterator[list[bytes]]:
    reply, at, count = await begun, 0, _FIRST_ITEMS
    while True:
        if found.type == "string":
            yield _many([reply])
            return
        if found.type == "list":
            items = _many(reply)
            yield items if most is None else items[: most - at]
            at += count
            is_over = len(items) < count or (most is not None and at >= most)
        else:
            cursor, items = _cursor_and_items(reply)
            at, is_over = int(cursor), cursor == b"0"
            yield items
        if is_over:
            return
        # More at once, as long as they are short.
        if sum(map(len, items)) < PIECE_BYTES // 8:
            count = min(count * 4, _MOST_ITEMS)
        await connection.ready(PATIENCE_SECONDS)
        reply = await connection.call(*_command(found, at, count))


def _command(found: Found, at: int, count: int) -> tuple[Argument, ...]:
    """What reads about so many items, from a place in a list or a cursor on."""
    if found.type == "string":
        return "GET", found.name
    if found.type == "list":
        return "LRANGE", found.name, at, at + count - 1
    return _SCANS[found.type], found.name, at, "COUNT", count


def _cursor_and_items(reply: Reply) -> tuple[bytes, list[bytes]]:
    cursor, items = reply if isinstance(reply, list) else (b"0", [])
    return (cursor if isinstance(cursor, bytes) else b"0"), _many(items)


def _many(reply: Reply) -> list[bytes]:
    return [one for one in reply if isinstance(one, bytes)] if isinstance(reply, list) else []


def _expires_at(life_ms: Reply) -> int | None:
    return now_ms() + life_ms if isinstance(life_ms, int) and life_ms >= 0 else None


def _literally(text: str) -> str:
    return "".join(f"\\{character}" if character in "*?[]\\" else character for character in text)
