"""How the processes that are measured are told what to do: a line of JSON in, a line of JSON out."""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

#: The queue of all questions that need only one.
QUEUE = "message"
#: Adds that wait for their answers at once, in the way "concurrent".
AT_ONCE = 1_000
#: A greeting as customers write it; with the other fields some 200 bytes of JSON.
TEXT = "Bom dia! Vocês abrem no sábado? Queria marcar banho e tosa para o meu cachorro."


class Peer(Protocol):
    """What every program that is measured can do; `rules` is "plain" or "policy" (see benchmarks/drain.py)."""

    async def add(self, way: str, first: int, count: int, rules: str) -> None:
        """Add jobs numbered from `first`: "one_by_one", "concurrent" (AT_ONCE waiting at a time) or "bulk"."""

    async def work(self, concurrency: int, rules: str, rate: list[int] | None, queues: list[str]) -> None:
        """Begin to work, each job being noted in `handled`; `rate` is [jobs, ms]."""

    async def close(self) -> None:
        """Stop, and let go of everything."""


#: What the handler saw: number of the job, when it was added, when it was begun (both as of `now_us`).
handled: list[tuple[int, int, int]] = []


def now_us() -> int:
    """Microseconds of the clock that all processes of a machine share; not the time of day."""
    return time.monotonic_ns() // 1000


def message(number: int) -> dict[str, Any]:
    """The payload of a job: the same in all peers."""
    return {
        "organizationId": "org_demo", "instanceId": "wa_demo", "from": "5511988880000", "content": TEXT,
        "messageId": f"3EB0{number:016X}", "timestamp": 1_763_900_000_000, "n": number, "at": now_us(),
    }  # fmt: skip


def note(data: Mapping[str, Any]) -> None:
    """What every handler does, and all it does."""
    handled.append((data["n"], data["at"], now_us()))


async def converse(peer: Peer) -> None:
    """Do what is asked for until standard input ends."""
    conversation = _Conversation(peer)
    loop = asyncio.get_running_loop()
    _say({"ready": True})
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        question = json.loads(line)
        do: Callable[..., Awaitable[dict[str, Any]]] = getattr(conversation, question.pop("do"))
        try:
            _say(await do(**question))
        except Exception as error:
            _say({"error": f"{type(error).__name__}: {error}"})
    await peer.close()


class _Conversation:
    """The questions; each answer is a JSON object."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    async def add(self, way: str, first: int, count: int, rules: str) -> dict[str, Any]:
        cpu, began = time.process_time(), time.perf_counter()
        await self._peer.add(way, first, count, rules)
        return {"seconds": time.perf_counter() - began, "cpu": time.process_time() - cpu}

    async def produce(self, first: int, count: int, per_second: float, rules: str) -> dict[str, Any]:
        """Add one job after the other at an even rate."""
        began = time.monotonic()
        for number in range(count):
            await asyncio.sleep(max(began + number / per_second - time.monotonic(), 0))
            await self._peer.add("one_by_one", first + number, 1, rules)
        return {"seconds": time.monotonic() - began}

    async def work(self, concurrency: int, rules: str, rate: list[int] | None, queues: list[str]) -> dict[str, Any]:
        await self._peer.work(concurrency, rules, rate, queues)
        return {}

    async def count(self) -> dict[str, Any]:
        return {"count": len(handled), "cpu": time.process_time()}

    async def take(self) -> dict[str, Any]:
        """What was handled since the last time."""
        taken = handled[:]
        del handled[: len(taken)]
        return {"handled": taken}

    async def call(self, method: str) -> dict[str, Any]:
        """Something that only this peer can do."""
        await getattr(self._peer, method)()
        return {}


def _say(answer: dict[str, Any]) -> None:
    print(json.dumps(answer), flush=True)
