"""One multiplexed Redis connection: many commands in flight, one write per event-loop turn, self-healing.

Why not redis-py here: it costs 200-290 microseconds of CPU per script call, this 30 (benchmarks/), and it repeats
commands whose reply was lost, which is how jobs get added twice. Everything off the hot path uses redis-py.
"""

import asyncio
import contextlib
import random

from oxyq.engine.address import Address, Sentinels
from oxyq.engine.locating import located
from oxyq.engine.resp import Argument, ConnectionLost, Prepared, RedisReplyError, Reply, packed
from oxyq.engine.tls_errors import explained
from oxyq.engine.wire import CONNECT_TIMEOUT_SECONDS, Wire, open_wire
from oxyq.errors import ConfigurationError, QueueUnavailable

#: What those need who use a connection.
__all__ = ["Argument", "Connection", "ConnectionLost", "Prepared", "RedisReplyError", "Reply"]

#: Seconds a command may stay unanswered before its connection is declared dead (a half-open socket never answers).
COMMAND_TIMEOUT_SECONDS = 10.0
#: Reconnect pauses double from the first to the last, so work resumes within a second or so of Redis coming back.
FIRST_RECONNECT_SECONDS, LAST_RECONNECT_SECONDS = 0.05, 1.0


class Connection:
    """Keeps one connection to `address` open until `close()`, sharing it between all callers.

    Commands are written in call order and answered in that order; a caller that is cancelled only stops listening,
    its command still runs and its reply is thrown away, so nobody ever reads another caller's reply.
    """

    def __init__(
        self,
        address: Address,
        *,
        name: str = "",
        command_timeout_seconds: float = COMMAND_TIMEOUT_SECONDS,
        connect_timeout_seconds: float = CONNECT_TIMEOUT_SECONDS,
    ) -> None:
        self.address = address
        self.name = name
        self.last_error: str | None = None
        self._command_timeout = command_timeout_seconds
        self._connect_timeout = connect_timeout_seconds
        self._wire: Wire | None = None
        self._ready = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None
        self._closed = False
        #: Counts how often it was tried to connect, and what was to be sent.
        self.tries = self.calls = 0

    @property
    def is_ready(self) -> bool:
        """Whether commands can be sent right now."""
        return self._ready.is_set()

    @property
    def owes(self) -> bool:
        """Whether it must connect: somebody wants it, and it is not open."""
        return self._keeper is not None and not self._closed and not self._ready.is_set()

    def start(self) -> None:
        """Begin connecting in the background; harmless when already started."""
        if self._keeper is None and not self._closed:
            self._keeper = asyncio.get_running_loop().create_task(self._keep_open())

    async def ready(self, timeout_seconds: float | None = None) -> None:
        """Wait until commands can be sent; raises QueueUnavailable after `timeout_seconds`."""
        self.start()
        if self._ready.is_set():
            return
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._ready.wait()
        except TimeoutError:
            raise QueueUnavailable(
                f"Redis at {self.address} cannot be reached ({self.last_error or 'no answer'}); "
                "check REDIS_URL and that the server runs"
            ) from None

    def call(self, *command: Argument) -> "asyncio.Future[Reply]":
        """Send one command; the future holds its reply, RedisReplyError or ConnectionLost."""
        self.calls += 1
        return self._not_connected() if self._wire is None else self._wire.send(packed(command))

    def call_now(self, beginning: Prepared, arguments: list[Argument]) -> "asyncio.Future[Reply]":
        """As `call`, written at once and not with all others of this turn: for a command that is a batch by itself."""
        self.calls += 1
        if self._wire is None:
            return self._not_connected()
        reply = self._wire.send(beginning.with_rest(arguments))
        self._wire.flush()
        return reply

    def _not_connected(self) -> "asyncio.Future[Reply]":
        reply: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        reply.set_exception(
            ConnectionLost(f"Redis at {self.address} is not connected: {self.last_error or 'not yet'}", sent=False)
        )
        return reply

    async def close(self) -> None:
        """Close the socket; commands still unanswered end with ConnectionLost."""
        self._closed = True
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait([self._keeper], timeout=self._connect_timeout)
        if self._wire is not None:
            self._wire.abort("closed by us")

    async def _keep_open(self) -> None:
        pause = FIRST_RECONNECT_SECONDS
        while not self._closed:
            self.tries += 1
            try:
                # Not wait_for: in Python 3.11 it swallows a cancellation that comes as the connection does.
                async with asyncio.timeout(self._connect_timeout):
                    wire = await self._connect()
            except (OSError, TimeoutError, QueueUnavailable, ConfigurationError) as error:
                self.last_error = explained(error)
            else:
                if await self._lasted(wire) > LAST_RECONNECT_SECONDS:
                    pause = FIRST_RECONNECT_SECONDS
                    continue
            await asyncio.sleep(pause * random.uniform(0.8, 1.2))  # noqa: S311 - spreads reconnects, no secret
            pause = min(pause * 2, LAST_RECONNECT_SECONDS)

    async def _lasted(self, wire: Wire) -> float:
        """Let everybody use it until it breaks; returns how many seconds that were."""
        loop = asyncio.get_running_loop()
        since = loop.time()
        self._wire = wire
        self._ready.set()
        # At once: who hears from a lost command waits for the next connection, and must not find this one.
        wire.on_end = self._ready.clear
        try:
            self.last_error = await wire.broken
        finally:
            self._ready.clear()
            self._wire = None
            wire.abort("closed by us")
        return loop.time() - since

    async def _connect(self) -> Wire:
        wire = await open_wire(await located(self.address), self._command_timeout)
        try:
            replies = [wire.send(packed(command)) for command in self.address.greeting()]
            if self.name:
                with contextlib.suppress(RedisReplyError):  # a user without CLIENT loses a name on the board, no more
                    await wire.send(packed(("CLIENT", "SETNAME", self.name)))
            await asyncio.gather(*replies)
            if isinstance(self.address.via, Sentinels):
                await _refuse_replica(wire)
        except BaseException:
            wire.abort("the server refused us")
            raise
        return wire


async def _refuse_replica(wire: Wire) -> None:
    """Sentinels may name a master that is none yet, or no more (Redis's guidelines for clients of Sentinel)."""
    with contextlib.suppress(RedisReplyError):  # a user without ROLE is told by READONLY
        match await wire.send(packed(("ROLE",))):
            case [bytes(role), *_] if role != b"master":
                raise QueueUnavailable(f"the server that the sentinels name is a {role.decode()} now")
