"""All keys of a Redis server as readable lines of JSON, one key a line: writing them down, and putting them back."""

import base64
import contextlib
import json
import re
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import redis

#: Milliseconds of these years; not within what was hashed.
_TIME = re.compile(r"(?<![0-9a-f])1[78]\d{11}(?![0-9a-f])")

#: What TTL answers for a key that is not there.
_GONE = -2

Key = dict[str, Any]
"""`key`, `type`, `value` (a list of pairs for hashes, sorted sets and streams), and `ttl_s` where it has one."""


def keys_of(client: "redis.Redis") -> Iterator[Key]:
    """Every key there is, by name; the client must answer with bytes."""
    for name in sorted(client.scan_iter(count=1000)):
        kind = client.type(name).decode()
        value = _READ[kind](client, name) if kind in _READ else None
        seconds = client.ttl(name)
        if seconds == _GONE:  # its time was over while we looked
            continue
        found = {"key": _text(name), "type": kind, "value": value}
        yield found if seconds < 0 else {**found, "ttl_s": seconds}


def save(keys: Iterable[Key], file: Path, source: Path) -> None:
    """Write them down, and when that was; traces name /srv in place of `source`, which is this machine's."""
    lines = ({"made_at_ms": _now_ms()}, *keys)
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text.replace(str(source), "/srv"), encoding="utf-8")


def saved(file: Path) -> list[Key]:
    """Those that were written down, as if it had been just now: every time in them is moved."""
    first, *keys = map(json.loads, file.read_text(encoding="utf-8").splitlines())
    since_ms = _now_ms() - first["made_at_ms"]
    return [
        {
            **key,
            "key": _later(key["key"], since_ms),
            "value": _later(key["value"], since_ms, key["key"][-8:] == ":delayed"),
        }
        for key in keys
    ]


def put_back(client: "redis.Redis", keys: Iterable[Key]) -> None:
    """Make them again, as long-lived as they were when they were written down."""
    for key in keys:
        name = _bytes(key["key"])
        _WRITE[key["type"]](client, name, key["value"])
        if "ttl_s" in key:
            client.expire(name, key["ttl_s"])


def _now_ms() -> int:
    return int(time.time() * 1000)


def _later(value: Any, by_ms: int, is_packed: bool = False) -> Any:
    match value:
        case str():
            return _TIME.sub(lambda found: str(int(found[0]) + by_ms), value)
        case list():
            return [_later(item, by_ms, is_packed) for item in value]
        case float():  # the score of a sorted set; delayed jobs have 12 bits more behind the time
            bits = 4096 if is_packed else 1
            return value + by_ms * bits if _TIME.fullmatch(str(int(value / bits))) else value
        case _:
            return value


def _text(raw: bytes) -> Any:
    with contextlib.suppress(UnicodeDecodeError):
        text = raw.decode()
        if "\0" not in text:
            return text
    return {"zlib": base64.b64encode(zlib.compress(raw, 9)).decode()}


def _bytes(text: Any) -> bytes:
    return text.encode() if isinstance(text, str) else zlib.decompress(base64.b64decode(text["zlib"]))


def _pairs(items: Mapping[bytes, bytes]) -> list[list[Any]]:
    return [[_text(name), _text(value)] for name, value in sorted(items.items())]


def _of(pairs: Iterable[list[Any]]) -> dict[bytes, bytes]:
    return {_bytes(name): _bytes(value) for name, value in pairs}


def _add_entries(client: "redis.Redis", name: bytes, entries: Iterable[list[Any]]) -> None:
    for entry_id, fields in entries:
        client.xadd(name, _of(fields), id=entry_id)


_READ: dict[str, Callable[["redis.Redis", bytes], Any]] = {
    "string": lambda client, name: _text(client.get(name) or b""),
    "hash": lambda client, name: _pairs(client.hgetall(name)),
    "list": lambda client, name: [_text(item) for item in client.lrange(name, 0, -1)],
    "set": lambda client, name: [_text(item) for item in sorted(client.smembers(name))],
    "zset": lambda client, name: [[_text(item), score] for item, score in client.zrange(name, 0, -1, withscores=True)],
    "stream": lambda client, name: [[entry.decode(), _pairs(fields)] for entry, fields in client.xrange(name)],
}
_WRITE: dict[str, Callable[["redis.Redis", bytes, Any], Any]] = {
    "string": lambda client, name, value: client.set(name, _bytes(value)),
    "hash": lambda client, name, value: client.hset(name, mapping=_of(value)),
    "list": lambda client, name, value: client.rpush(name, *map(_bytes, value)),
    "set": lambda client, name, value: client.sadd(name, *map(_bytes, value)),
    "zset": lambda client, name, value: client.zadd(name, {_bytes(item): score for item, score in value}),
    "stream": _add_entries,
}
