"""The commands that we cannot do without, and how to ask for each whether it is allowed without doing anything."""

import asyncio
import re
import secrets
from typing import Final

from oxyq import redis_keys
from oxyq.engine.connection import Argument, Connection, RedisReplyError

#: What stands for the key that is tried on: a text of one byte. So what would change a list, a set, a hash or a stream
#: is answered WRONGTYPE, after it was looked up whether it is allowed. Commands within scripts are allowed as others.
_KEY: Final = "KEY"
NEEDED: Final[tuple[tuple[Argument, ...], ...]] = (
    # Strings and keys
    ("GET", _KEY), ("MGET", _KEY), ("GETDEL", f"{_KEY}:none"), ("STRLEN", _KEY), ("GETRANGE", _KEY, 0, 0),
    ("SETRANGE", _KEY, 0, "0"), ("BITFIELD", _KEY, "GET", "u8", 0),
    ("INCR", _KEY), ("INCRBY", _KEY, 0), ("SETBIT", _KEY, 0, 0), ("BITPOS", _KEY, 1), ("EXISTS", _KEY), ("TYPE", _KEY),
    ("PERSIST", _KEY), ("PTTL", _KEY), ("EXPIRE", _KEY, 60), ("PEXPIRE", _KEY, 60_000), ("DEL", f"{_KEY}:none"),
    ("DECR", _KEY), ("TTL", _KEY), ("RENAME", _KEY, _KEY), ("PEXPIREAT", f"{_KEY}:none", 1), ("UNLINK", f"{_KEY}:none"),
    # Hashes
    ("HGET", _KEY, "f"), ("HMGET", _KEY, "f"), ("HGETALL", _KEY), ("HKEYS", _KEY), ("HLEN", _KEY),
    ("HEXISTS", _KEY, "f"), ("HSTRLEN", _KEY, "f"), ("HRANDFIELD", _KEY, 1), ("HSET", _KEY, "f", "v"),
    ("HMSET", _KEY, "f", "v"), ("HSETNX", _KEY, "f", "v"), ("HINCRBY", _KEY, "f", 1), ("HDEL", _KEY, "f"),
    # Lists
    ("LLEN", _KEY), ("LRANGE", _KEY, 0, 0), ("LINDEX", _KEY, 0), ("LPOS", _KEY, "v"), ("LPUSH", _KEY, "v"),
    ("RPUSH", _KEY, "v"), ("LPOP", _KEY), ("RPOP", _KEY), ("RPOPLPUSH", _KEY, _KEY), ("LREM", _KEY, 0, "v"),
    ("LSET", _KEY, 0, "v"), ("LTRIM", _KEY, 0, -1), ("LINSERT", _KEY, "BEFORE", "v", "w"),
    # Sets
    ("SADD", _KEY, "m"), ("SREM", _KEY, "m"), ("SCARD", _KEY), ("SMEMBERS", _KEY), ("SISMEMBER", _KEY, "m"),
    ("SRANDMEMBER", _KEY), ("SSCAN", _KEY, 0),
    # Sorted sets
    ("ZADD", _KEY, 1, "m"), ("ZREM", _KEY, "m"), ("ZSCORE", _KEY, "m"), ("ZCARD", _KEY), ("ZCOUNT", _KEY, 0, 1),
    ("ZRANGE", _KEY, 0, 0), ("ZREVRANGE", _KEY, 0, 0), ("ZREVRANK", _KEY, "m"), ("ZRANGEBYSCORE", _KEY, 0, 1),
    ("ZREVRANGEBYSCORE", _KEY, 1, 0), ("ZRANGEBYLEX", _KEY, "-", "+"), ("ZPOPMIN", _KEY),
    ("ZREMRANGEBYRANK", _KEY, 0, 0), ("ZREMRANGEBYSCORE", _KEY, 0, 1), ("BZPOPMIN", _KEY, 0.01), ("ZSCAN", _KEY, 0),
    # Streams
    ("XADD", _KEY, "*", "f", "v"), ("XTRIM", _KEY, "MAXLEN", 1), ("XLEN", _KEY), ("XRANGE", _KEY, "-", "+"),
    # Scripts, transactions, the server
    ("EVAL", "return 0", 0), ("EVALSHA", "0" * 40, 0),
    ("SCRIPT", "LOAD", "return 0"), ("WATCH", _KEY), ("UNWATCH",), ("MULTI",), ("EXEC",),
    ("TIME",), ("PING",),
)  # fmt: skip
#: As Redis says it, and as Upstash does.
_UNKNOWN: Final = re.compile(r"unknown command|not available", re.IGNORECASE)


async def refused_commands(connection: Connection, prefix: str) -> tuple[str, ...]:
    """Which of NEEDED this user may not use, or the server does not know, over a connection that is nobody else's.

    What is refused for another reason (memory is full, a replica) is allowed.
    """
    key = redis_keys.doctor(secrets.token_hex(8), prefix=prefix)
    tried: list[tuple[Argument, ...]] = [("SET", key, "0", "PX", 60_000)]
    tried += [tuple(_on(key, part) for part in command) for command in NEEDED]
    try:
        answers = await asyncio.gather(*(connection.call(*command) for command in tried), return_exceptions=True)
    finally:
        connection.call("UNLINK", key)
    return tuple(str(command[0]) for command, answer in zip(tried, answers, strict=True) if _is_refusal(answer))


def _on(key: str, part: Argument) -> Argument:
    is_key = isinstance(part, str) and part.startswith(_KEY)
    return f"{key}{str(part).removeprefix(_KEY)}" if is_key else part


def _is_refusal(answer: object) -> bool:
    if isinstance(answer, RedisReplyError):
        return answer.code == "NOPERM" or bool(_UNKNOWN.search(answer.text))
    if isinstance(answer, BaseException):
        raise answer
    return False
