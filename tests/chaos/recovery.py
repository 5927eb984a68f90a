"""How long it takes until work goes on after a fault: what was in hand is resumed, and what is new is answered."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, TypeVar

import redis

from oxyq.app import App
from oxyq.clock import now_ms
from oxyq.errors import QueueUnavailable
from tests.chaos.journal import Reader
from tests.chaos.looking import Look
from tests.chaos.workload import PROBE_INSTANCE, PROBE_ORGANIZATION

#: How the numbers of probes begin, as no other of a run does.
PROBES: Final = "551196"
_LOOK_SECONDS: Final = 0.1
_T = TypeVar("_T")


class SendLog:
    """The gateway's log as it grows."""

    def __init__(self, path: Path) -> None:
        self._reader = Reader(path)
        self.count = 0
        """Messages that were taken, without the probes."""
        self._probes: dict[str, int] = {}

    def look(self) -> None:
        """Read what is new."""
        for line in self._reader.new():
            if str(line["to"]).startswith(PROBES):
                self._probes.setdefault(str(line["to"]), int(line["at"]))
            else:
                self.count += 1

    async def took(self, number: str, seconds: float) -> int | None:
        """When the gateway took a message to this number (ms); None when it did not within the time."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.look()
            if number in self._probes:
                return self._probes[number]
            await asyncio.sleep(_LOOK_SECONDS)
        return None


async def until_redis_answers(ask: Callable[[], Awaitable[_T]]) -> _T:
    """Ask again and again while Redis is away."""
    while True:
        try:
            return await ask()
        except (redis.ConnectionError, redis.TimeoutError):
            await asyncio.sleep(_LOOK_SECONDS)


async def probed(app: App, log: SendLog, number: int, seconds: float) -> int | None:
    """Let somebody write who never did, and return when he was answered (ms)."""
    sender, written = f"{PROBES}{number:07}", now_ms()
    while True:  # with the same facts, so that it is one message though an answer was lost
        try:
            await app.producer.add_message_job(
                organization_id=PROBE_ORGANIZATION, instance_id=PROBE_INSTANCE, sender=sender,
                content="qual o preço do banho?", message_id=f"probe-{number}", timestamp=written,
            )  # fmt: skip
        except QueueUnavailable:
            await asyncio.sleep(_LOOK_SECONDS)
        else:
            return await log.took(sender, seconds)


async def resumed(look: Look, in_hand: dict[str, tuple[str, int]], seconds: float) -> int | None:
    """When the last of these jobs had ended, or was in the hands of somebody who lives (ms); None if not in time.

    Whoever lives renews the lock, or lets the job go; a dead one's lock only runs out.
    """
    deadline = time.monotonic() + seconds
    last, left = now_ms(), dict(in_hand)
    while left:
        if time.monotonic() > deadline:
            return None
        await asyncio.sleep(_LOOK_SECONDS)
        now = await until_redis_answers(look.in_hand)
        for job, (token, ms) in list(left.items()):
            token_now, ms_now = now.get(job, ("", 0))
            if job not in now or (token_now and token_now != token) or ms_now > ms:
                del left[job]
                last = now_ms()
            else:
                left[job] = (token, ms_now)
    return last
