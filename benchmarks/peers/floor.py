"""How fast Redis itself runs the package's script: finish + fetch next, ready-made and pipelined, one client.

No worker on top of this script, one call per job, can be faster.
"""

import asyncio
import os
import socket
import sys
import threading
import time
import traceback
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import hiredis
import msgpack

from benchmarks.peers.conversation import QUEUE, converse, handled, now_us

TOKEN = "floor:1"  # noqa: S105 - a lock token
IN_FLIGHT = 200
PREFIX = f"bull:{QUEUE}:"


class Floor:
    """Works off a plain backlog; it can do nothing else."""

    def __init__(self, redis_url: str) -> None:
        address = urlsplit(redis_url)
        self._socket = socket.create_connection((address.hostname, address.port))
        self._reader = hiredis.Reader()

    async def add(self, way: str, first: int, count: int, rules: str) -> None:
        """See Peer."""
        raise NotImplementedError("the floor only drains")

    async def work(self, concurrency: int, rules: str, rate: list[int] | None, queues: list[str]) -> None:
        """See Peer."""
        threading.Thread(target=self._drain_or_die, daemon=True).start()

    async def close(self) -> None:
        """See Peer."""
        self._socket.close()

    def _drain_or_die(self) -> None:
        try:
            self._drain()
        except BaseException:
            traceback.print_exc()
            os._exit(1)

    def _drain(self) -> None:
        take, finish = (self._load(name) for name in ("moveToActive-11", "moveToFinished-14"))
        ids = [job_id.decode() for job_id in reversed(self._ask("LRANGE", f"{PREFIX}wait", "0", "-1"))]
        first = self._ask(*_take(take))
        calls = [_finish(finish, job_id) for job_id in ids]
        job_id, fields = first[1], first[0]
        assert job_id.decode() == ids[0], "the backlog is not in the order it was added in"
        for start in range(0, len(calls), IN_FLIGHT):
            batch = calls[start : start + IN_FLIGHT]
            self._socket.sendall(b"".join(batch))
            for _ in batch:
                _note(fields)
                answer = self._answer()
                if isinstance(answer, Exception):
                    raise answer
                fields = answer[0] if isinstance(answer, list) else None

    def _load(self, name: str) -> str:
        spec = find_spec("bullmq")
        assert spec is not None and spec.origin is not None
        script = Path(spec.origin).parent / "commands" / f"{name}.lua"
        sha: bytes = self._ask("SCRIPT", "LOAD", script.read_text(encoding="utf-8"))
        return sha.decode()

    def _ask(self, *command: str | bytes) -> Any:
        self._socket.sendall(_packed(*command))
        return self._answer()

    def _answer(self) -> Any:
        while (answer := self._reader.gets()) is False:
            self._reader.feed(self._socket.recv(1 << 20))
        return answer


def _keys(*names: str) -> Iterable[str]:
    return (PREFIX + name for name in names)


def _now() -> str:
    return str(int(time.time() * 1000))


def _take(script: str) -> tuple[str | bytes, ...]:
    keys = _keys(
        "wait", "active", "prioritized", "events", "stalled", "limiter", "delayed", "paused", "meta", "pc", "marker"
    )
    options = msgpack.packb({"token": TOKEN, "lockDuration": 30_000, "limiter": None})
    return ("EVALSHA", script, "11", *keys, PREFIX, _now(), options)


def _finish(script: str, job_id: str) -> bytes:
    keys = _keys(
        "wait", "active", "prioritized", "events", "stalled", "limiter", "delayed", "paused", "meta", "pc",
        "completed", job_id, "metrics:completed", "marker",
    )  # fmt: skip
    options = msgpack.packb(
        {
            "token": TOKEN, "keepJobs": {"count": -1}, "limiter": None, "lockDuration": 30_000, "attempts": 3,
            "attemptsMade": 0, "maxMetricsSize": "", "fpof": False, "cpof": False, "idof": False, "rdof": False,
        }
    )  # fmt: skip
    return _packed(
        "EVALSHA", script, "14", *keys, job_id, _now(), "returnvalue", "1", "completed", "1", PREFIX, options
    )


def _packed(*command: str | bytes) -> bytes:
    packed: bytes = hiredis.pack_command(command)  # type: ignore[arg-type]  # its stub forgets the "..."
    return packed


def _note(fields: list[bytes] | None) -> None:
    """As a handler would, but reading the number only: parsing JSON is no work of Redis."""
    if fields is None:
        return
    data = fields[fields.index(b"data") + 1]
    handled.append((int(data.split(b'"n":')[1].split(b",")[0]), 0, now_us()))


async def _main() -> None:
    await converse(Floor(sys.argv[1]))


if __name__ == "__main__":
    asyncio.run(_main())
