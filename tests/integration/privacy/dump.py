"""All that a Redis holds, in every form in which a number could hide: for tests that look for one."""

import base64
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import redis

_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{16,}={0,2}")


def everything(url: str) -> Iterator[tuple[str, bytes]]:
    """Every key's name and everything in it, each under its key's name."""
    with redis.Redis.from_url(url) as client:
        for name in client.scan_iter(count=1000):
            yield name.decode("utf-8", "replace"), name
            for part in parts(client, name):
                yield name.decode("utf-8", "replace"), part


def forms(stored: bytes) -> Iterator[bytes]:
    """What it says as it is, unquoted, unpacked, and what is base64 in it."""
    yield stored
    yield unquote_to_bytes(stored)
    yield from _unpacked(stored)
    for found in _BASE64.finditer(stored):
        text = found[0].rstrip(b"=").replace(b"-", b"+").replace(b"_", b"/")
        for start in range(4):
            some = text[start:]
            decoded = base64.b64decode(some[: len(some) // 4 * 4])
            yield decoded
            yield from _unpacked(decoded)


def files(folder: Path) -> Iterator[tuple[str, bytes]]:
    """What lies on the server's disk."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix != ".log":
            yield path.name, path.read_bytes()


def _unpacked(stored: bytes) -> Iterator[bytes]:
    for bits in (15, 31, -15):  # zlib, gzip, bare
        try:
            yield zlib.decompress(stored, bits)
        except zlib.error:
            continue


def parts(client: Any, name: bytes) -> Iterator[bytes]:
    """Everything that stands in a key."""
    match client.type(name):
        case b"string":
            yield client.get(name)
        case b"hash":
            for pair in client.hgetall(name).items():
                yield from pair
        case b"list":
            yield from client.lrange(name, 0, -1)
        case b"set":
            yield from client.smembers(name)
        case b"zset":
            yield from client.zrange(name, 0, -1)
        case b"stream":
            for entry_id, fields in client.xrange(name):
                yield entry_id
                for pair in fields.items():
                    yield from pair
