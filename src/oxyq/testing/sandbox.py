"""A whole installation in one process, which works only when told to, by a clock that can be set."""

import asyncio
import secrets
import tempfile
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from oxyq import clock
from oxyq.app import App, open_app
from oxyq.dead_letters import DeadLetter, Filter
from oxyq.engine.keys import QueueKeys
from oxyq.errors import OxyqError
from oxyq.process import running_workers
from oxyq.settings import load_settings
from oxyq.testing.factories import organization
from oxyq.testing.fake_whatsapp import FakeWhatsApp

#: How often a run looks whether all is done: Redis answers in a fraction of that.
_LOOK_SECONDS: Final = 0.005
#: BullMQ keeps a delayed job under its time in ms times this, and a counter below.
_DELAYED_SCALE: Final = 0x1000
_DEFAULTS: Final = {
    # A test asks what happens, not how fast it may.
    "OXYQ_MESSAGE_RATE": "100000/1", "OXYQ_AUTOMATION_RATE": "100000/1", "OXYQ_CAMPAIGN_RATE": "100000/1",
    # Nothing of its own goes through the queues, and looks like work.
    "OXYQ_CANARY_SECONDS": "0",
}  # fmt: skip


class NotDone(OxyqError):
    """There was still work after the time that it was given; the message says what."""


class Sandbox:
    """An installation with one shop (`organization()`), for `async with`; closing it removes what it wrote.

    `redis_url`: a server that you have, where it takes a key prefix of its own. Without, a Valkey server of its own is
    started, with its data in a temporary folder. `settings`: `OXYQ_…` variables, on top of those for tests (no rates,
    no canaries). `whatsapp`: what takes the messages. `now`: what time it is when it begins, with a time zone.

    Work is done in `run`, `advance` and `run_until_empty` alone; between them nothing happens but what the test does.
    The clock is this process's: two sandboxes at the same time have the same.
    """

    def __init__(
        self,
        *,
        redis_url: str | None = None,
        settings: Mapping[str, str] | None = None,
        whatsapp: FakeWhatsApp | None = None,
        now: datetime | None = None,
    ) -> None:
        if now is not None and now.tzinfo is None:
            raise ValueError("now: has no time zone; write datetime(2026, 11, 23, 10, 0, tzinfo=UTC)")
        self.whatsapp = whatsapp or FakeWhatsApp()
        """What was sent, and the way to let sending fail."""
        self._redis_url = redis_url
        self._settings = dict(settings or {})
        self._now = now
        self._stack = AsyncExitStack()
        self._app: App | None = None

    @property
    def app(self) -> App:
        """The parts of the installation: `app.producer`, `app.organizations`, `app.campaigns`, `app.queues` …"""
        if self._app is None:
            raise RuntimeError("the sandbox is not open; use it as `async with Sandbox() as sandbox:`")
        return self._app

    @property
    def now_ms(self) -> int:
        """The time of the sandbox, in ms since 1970; it goes on as time does, and further by `advance`."""
        return clock.now_ms()

    async def __aenter__(self) -> Self:
        try:
            await self._open()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._app = None
        await self._stack.aclose()

    # --- work -----------------------------------------------------------------------------------------------------

    async def run(self, *, patience_seconds: float = 30.0) -> None:
        """Work until nothing is ready and nothing in hand; what is delayed stays.

        Raises NotDone after `patience_seconds` (of real time), such as when an organization or a queue is paused.
        """
        async with running_workers(self.app):
            await self._worked_off(time.monotonic() + patience_seconds)

    async def advance(self, *, patience_seconds: float = 30.0, **by: float) -> None:
        """Let time pass, such as `hours=2` (as `timedelta` takes it); each job that comes due is done at its time.

        What Redis forgets by itself (locks, and keys with a lifetime) it forgets by real time. Raises NotDone after
        `seconds` of real time.
        """
        until_ms = clock.now_ms() + _in_ms(timedelta(**by))
        async with running_workers(self.app):
            await self._worked_until(until_ms, time.monotonic() + patience_seconds)
            await self._set_clock(until_ms)
            await self._worked_off(time.monotonic() + patience_seconds)

    async def skip(self, **by: float) -> None:
        """Let time pass while no worker runs, as in an outage; what came due waits for the next run."""
        await self._set_clock(clock.now_ms() + _in_ms(timedelta(**by)))

    async def run_until_empty(self, *, within: timedelta = timedelta(days=31), patience_seconds: float = 30.0) -> None:
        """Work until nothing is left in any queue, letting as much time pass as it takes.

        Raises NotDone when something is due later than `within` (a schedule always is), or after `patience_seconds` of
        real time.
        """
        until_ms = clock.now_ms() + _in_ms(within)
        async with running_workers(self.app):
            due_ms = await self._worked_until(until_ms, time.monotonic() + patience_seconds)
        if due_ms is not None:
            raise NotDone(f"a job is due in {timedelta(milliseconds=due_ms - clock.now_ms())}, later than `within`")

    # --- looking --------------------------------------------------------------------------------------------------

    async def dead_letters(self) -> list[DeadLetter]:
        """What was given up, oldest first."""
        return [letter async for letter in self.app.dead_letters.find(Filter())]

    # --- inside ---------------------------------------------------------------------------------------------------

    async def _open(self) -> None:
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="oxyq-sandbox-")))
        environ = {**_DEFAULTS, "OXYQ_DATA_DIR": str(folder), "OXYQ_REDIS_PREFIX": f"sandbox-{secrets.token_hex(4)}"}
        if self._redis_url is not None:
            environ["REDIS_URL"] = self._redis_url
        environ |= self._settings
        self._stack.callback(clock.set_ahead_ms, 0)
        if self._now is not None:
            clock.set_ahead_ms(_in_ms(self._now.timestamp() * 1000) - _real_ms())
        self._app = await self._stack.enter_async_context(
            open_app(load_settings(environ), default_gateway=self.whatsapp)
        )
        if self._redis_url is not None:
            self._stack.push_async_callback(self._forget, self._app)
        await self._app.organizations.save(organization())

    async def _forget(self, app: App) -> None:
        """Remove every key of this sandbox from a server that may be used by others too."""
        prefix = app.settings.redis_prefix
        for pattern in (f"{prefix}:*", f"oxyq:{prefix}:*"):
            async for key in app.redis.scan_iter(match=pattern, count=1000):
                await app.redis.unlink(key)

    async def _worked_until(self, until_ms: int, deadline: float) -> int | None:
        """Do all that is due until then, in its order; returns when the next is due after that."""
        while True:
            await self._worked_off(deadline)
            due_ms = await self._next_due_ms()
            if due_ms is None or due_ms > until_ms:
                return due_ms
            await self._set_clock(max(due_ms, clock.now_ms()))

    async def _worked_off(self, deadline: float) -> None:
        while left := await self._ready():
            if time.monotonic() > deadline:
                raise NotDone(f"still there: {', '.join(f'{count} {what}' for what, count in left.items())}")
            await asyncio.sleep(_LOOK_SECONDS)

    async def _ready(self) -> dict[str, int]:
        """What is to be done now, by queue and state; of one moment, so that a job that adds another is not missed."""
        look = self.app.redis.pipeline(transaction=True)
        names = list(self.app.settings.policies)
        for keys in map(self._keys, names):
            look.llen(keys.wait)
            look.llen(keys.active)
            look.zcard(keys.prioritized)
            look.zcount(keys.delayed, "-inf", clock.now_ms() * _DELAYED_SCALE)
        counts = iter(await look.execute())
        states = ("waiting", "in hand", "prioritized", "due")
        return {f"{state} in {name}": count for name in names for state in states if (count := next(counts))}

    async def _next_due_ms(self) -> int | None:
        look = self.app.redis.pipeline(transaction=True)
        for name in self.app.settings.policies:
            look.zrange(self._keys(name).delayed, 0, 0, withscores=True)
        firsts = [int(first[0][1]) // _DELAYED_SCALE for first in await look.execute() if first]
        return min(firsts, default=None)

    async def _set_clock(self, at_ms: int) -> None:
        clock.set_ahead_ms(at_ms - _real_ms())
        # The workers wait for a time by the clock as it was: a marker makes them look.
        for name in self.app.settings.policies:
            await self.app.redis.zadd(self._keys(name).marker, {"0": 0})

    def _keys(self, queue: str) -> QueueKeys:
        return QueueKeys(queue, self.app.settings.redis_prefix)


def _in_ms(duration: timedelta | float) -> int:
    return round(duration / timedelta(milliseconds=1)) if isinstance(duration, timedelta) else round(duration)


def _real_ms() -> int:
    return time.time_ns() // 1_000_000
