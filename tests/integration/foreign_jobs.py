"""What others may have left where BullMQ keeps jobs: everything that is no job, and jobs that make no sense."""

from collections.abc import Mapping
from typing import Final

import msgpack
import redis.asyncio

GOOD: Final[Mapping[str, bytes]] = {
    "name": b"message.process", "data": b'{"organizationId":"org_1","content":"Oi","from":"5511999999999@c.us"}',
    "opts": b"{}", "timestamp": b"1795377084000", "delay": b"0", "priority": b"0",
}  # fmt: skip
_DEEP: Final = b"[" * 20_000
_TRACE: Final = b'["' + b"Error: x\\n    at y (z.js:1:1)\\n" * 3_000 + b'"]'

#: By what is wrong with it: the fields that differ from a good job's, None for a field that is missing.
HASHES: Final[Mapping[str, Mapping[str, bytes | None]]] = {
    "no-name": {"name": None},
    "no-data": {"data": None},
    "no-opts": {"opts": None},
    "data-cut-off": {"data": b'{"organizationId":'},
    "data-not-utf8": {"data": b"\xff\xfe\x00"},
    "data-utf16": {"data": '{"a":1}'.encode("utf-16")},
    "data-deep": {"data": _DEEP},
    "data-nan": {"data": b'{"organizationId":"org_1","content":NaN,"a":1e400}'},
    "data-half-emoji": {"data": b'{"organizationId":"o\\ud83d","content":"\\ud83d","from":"\\ud83d","x":"\\u0000"}'},
    "data-5000-digits": {"data": b"9" * 5000},
    "data-is-a-text": {"data": b'"<script>alert(1)</script>"'},
    "data-of-lists": {"data": b'{"organizationId":[],"content":{},"from":5,"campaignId":null}'},
    "opts-msgpack": {"opts": msgpack.packb({"attempts": 3})},
    "opts-a-list": {"opts": b"[]"},
    "opts-deep": {"opts": _DEEP},
    "opts-of-junk": {"opts": b'{"attempts":"many","delay":{},"priority":[],"backoff":7,"repeat":"x","parent":5}'},
    "opts-huge-numbers": {"opts": b'{"attempts":1e300,"delay":-1e300,"priority":9007199254740993000}'},
    "name-not-utf8": {"name": b"\xff\xfe"},
    "name-with-escapes": {"name": b"a\n\x1b[31mERROR\r\nb<script>"},
    "name-unknown": {"name": b"of.another.version"},
    "version-unknown": {"data": b'{"v":99,"organizationId":"org_1"}'},
    "numbers-of-junk": dict.fromkeys(
        ("timestamp", "delay", "priority", "atm", "ats", "stc", "processedOn", "finishedOn"), b"1e999"
    ),
    "lists-of-junk": {"stacktrace": b"{", "history": b'{"a":1}', "replays": b'"x"', "returnvalue": b"{"},
    "lists-deep": dict.fromkeys(("stacktrace", "history", "replays", "returnvalue", "progress"), _DEEP),
    "lists-of-anything": {"history": b'[null,5,{"at":"x","attempt":[]}]', "stacktrace": b"[5,[]]", "replays": b"[5]"},
    "texts-not-utf8": dict.fromkeys(("failedReason", "rjk", "pb", "buried"), b"\xff\n\x1b[31m"),
    "told-to-fail": {"defa": b"\xff\n\x1b[31m"},
    "parent-nowhere": {"parentKey": b"t:nowhere:1", "parent": b'{"id":"1","queueKey":"t:nowhere"}'},
    "parent-cut-off": {"parentKey": b"t:nowhere:1", "parent": b"{"},
    "parent-of-junk": {"parentKey": b"\xff\n\x1b[31m", "parent": b"[]"},
    "huge-stacktrace": {"stacktrace": _TRACE, "failedReason": b"x" * 300_000, "history": b"[" + b"{}," * 999 + b"{}]"},
    "extra-fields": {f"field-{number}": b"x" for number in range(1_000)},
}  # fmt: skip
#: Nothing under the job's key, or something that is no hash.
OTHERS: Final = ("missing", "a-string", "a-list", "a-set")
KINDS: Final = (*HASHES, *OTHERS)


async def write(client: "redis.asyncio.Redis", key: str, kind: str) -> None:
    """Put it under the key of a job."""
    match kind:
        case "missing":
            return
        case "a-string":
            await client.set(key, b"something else")
        case "a-list":
            await client.rpush(key, b"something", b"else")
        case "a-set":
            await client.sadd(key, b"something else")
        case _:
            fields = {name: value for name, value in {**GOOD, **HASHES[kind]}.items() if value is not None}
            await client.hset(key, mapping=fields)  # type: ignore[arg-type]


async def put(client: "redis.asyncio.Redis", base: str, state: str, job_id: str, kind: str) -> None:
    """Put it into a state of the queue whose keys begin with `base`."""
    await write(client, base + job_id, kind)
    if state in ("wait", "active", "paused"):
        await client.lpush(base + state, job_id)
    else:
        await client.zadd(base + state, {job_id: 1795377084000})
