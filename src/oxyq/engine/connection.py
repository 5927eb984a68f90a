"""One multiplexed Redis connection: many commands in flight, one write per event-loop turn, self-healing.

Why not redis-py here: it costs 200-290 microseconds of CPU per script call, this 30 (benchmarks/), and it repeats
commands whose reply was lost, which is how jobs get added twice. Everything off the hot path uses redis-py.
"""

import asyncio
import contextlib
import random
import socket
from collections import deque
from collections.abc import Callable
from typing import TypeAlias, cast

import hiredis

from oxyq.engine.address import Address
from oxyq.errors import QueueUnavailable

Reply: TypeAlias = "int | float | bytes | list[Reply] | None"
Argument: TypeAlias = str | bytes | int | float

#: Seconds a command may stay unanswered before its connection is declared dead (a half-open socket never answers).
COMMAND_TIMEOUT_SECONDS = 10.0
CONNECT_TIMEOUT_SECONDS = 5.0
#: Reconnect pauses double from the first to the last, so work resumes within a second or so of Redis coming back.
FIRST_RECONNECT_SECONDS, LAST_RECONNECT_SECONDS = 0.05, 1.0


class ConnectionLost(QueueUnavailable):
    """The connection broke; the command may have run (`sent`), so only repeat what is safe to repeat."""

    def __init__(self, message: str, *, sent: bool) -> None:
        super().__init__(message)
        self.sent = sent


class RedisReplyError(QueueUnavailable):
    """Redis answered with an error; `code` is its first word (NOSCRIPT, OOM, READONLY, WRONGTYPE, ...)."""

    def __init__(self, text: str) -> None:
        super().__init__(f"Redis refused the command: {text}")
        self.code = text.split(" ", 1)[0]
        self.text = text


class Prepared:
    """The beginning of a command that is sent again and again, packed once."""

    __slots__ = ("count", "packed")

    def __init__(self, *beginning: Argument) -> None:
        self.count = len(beginning)
        self.packed = _without_count(_packed(beginning))


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
        self._wire: _Wire | None = None
        self._ready = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def is_ready(self) -> bool:
        """Whether commands can be sent right now."""
        return self._ready.is_set()

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
        return self._not_connected() if self._wire is None else self._wire.send(_packed(command))

    def call_now(self, beginning: Prepared, arguments: list[Argument]) -> "asyncio.Future[Reply]":
        """As `call`, written at once and not with all others of this turn: for a command that is a batch by itself."""
        if self._wire is None:
            return self._not_connected()
        rest = _without_count(_packed(tuple(arguments)))
        reply = self._wire.send(b"*%d\r\n%b%b" % (beginning.count + len(arguments), beginning.packed, rest))
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
            try:
                # Not wait_for: in Python 3.11 it swallows a cancellation that comes as the connection does.
                async with asyncio.timeout(self._connect_timeout):
                    wire = await self._connect()
            except (OSError, TimeoutError, QueueUnavailable) as error:
                self.last_error = str(error) or type(error).__name__
                await asyncio.sleep(pause * random.uniform(0.8, 1.2))  # noqa: S311 - spreads reconnects, no secret
                pause = min(pause * 2, LAST_RECONNECT_SECONDS)
                continue
            pause = FIRST_RECONNECT_SECONDS
            self._wire = wire
            self._ready.set()
            try:
                self.last_error = await wire.broken
            finally:
                self._ready.clear()
                self._wire = None
                wire.abort("closed by us")

    async def _connect(self) -> "_Wire":
        wire = await _open_wire(self.address, self._command_timeout)
        try:
            replies = [wire.send(_packed(command)) for command in self._greeting()]
            if self.name:
                with contextlib.suppress(RedisReplyError):  # a user without CLIENT loses a name on the board, no more
                    await wire.send(_packed(("CLIENT", "SETNAME", self.name)))
            await asyncio.gather(*replies)
        except BaseException:
            wire.abort("the server refused us")
            raise
        return wire

    def _greeting(self) -> list[tuple[Argument, ...]]:
        """The commands that open a connection; PING last, so that a server still LOADING is not taken for ready."""
        address, commands = self.address, list[tuple[Argument, ...]]()
        if address.password is not None:
            commands.append(("AUTH", *((address.username,) if address.username else ()), address.password))
        if address.database:
            commands.append(("SELECT", address.database))
        return [*commands, ("PING",)]


class _Wire(asyncio.Protocol):
    """An open socket speaking RESP; it lives until it breaks and is never reused."""

    def __init__(self, command_timeout: float) -> None:
        self._loop = asyncio.get_running_loop()
        self.broken: asyncio.Future[str] = self._loop.create_future()
        self._reader = hiredis.Reader()
        self._transport: asyncio.Transport | None = None
        self._waiting: deque[tuple[asyncio.Future[Reply], float]] = deque()
        self._outgoing: list[bytes] = []
        self._timeout = command_timeout
        self._watch: asyncio.TimerHandle | None = None
        self._suspect = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # A cast, since uvloop's transports are asyncio's only by shape.
        self._transport = cast("asyncio.Transport", transport)

    def send(self, packed: bytes) -> "asyncio.Future[Reply]":
        reply: asyncio.Future[Reply] = self._loop.create_future()
        if self._transport is None or self.broken.done():
            reply.set_exception(ConnectionLost("the connection to Redis is closed", sent=False))
            return reply
        self._waiting.append((reply, self._loop.time()))
        if not self._outgoing:
            self._loop.call_soon(self.flush)
        self._outgoing.append(packed)
        if self._watch is None:
            self._watch = self._loop.call_later(self._timeout, self._look_at_oldest)
        return reply

    def flush(self) -> None:
        outgoing, self._outgoing = self._outgoing, []
        if self._transport is not None and outgoing:
            self._transport.write(b"".join(outgoing))

    def data_received(self, data: bytes) -> None:
        self._suspect = False
        self._reader.feed(data)
        while (reply := self._reader.gets()) is not False:
            future, _ = self._waiting.popleft()
            if future.done():
                continue
            if isinstance(reply, hiredis.ReplyError):
                future.set_exception(RedisReplyError(str(reply)))
            else:
                future.set_result(reply)

    def _look_at_oldest(self) -> None:
        """Declare the socket dead when its oldest command is overdue, looking twice.

        Twice, because after a handler blocked the event loop the replies may be waiting in the socket, unread.
        """
        self._watch = None
        if not self._waiting or self.broken.done():
            return
        overdue = self._loop.time() - self._waiting[0][1] - self._timeout
        if overdue >= 0 and self._suspect:
            self.abort(f"no answer within {self._timeout:g} s")
            return
        self._suspect = overdue >= 0
        self._watch = self._loop.call_later(0.1 if self._suspect else -overdue, self._look_at_oldest)

    def connection_lost(self, error: Exception | None) -> None:
        self._end(str(error) if error else "the server closed the connection")

    def abort(self, reason: str) -> None:
        transport = self._transport
        self._end(reason)
        if transport is not None:
            transport.abort()

    def _end(self, reason: str) -> None:
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        self._transport = None
        if not self.broken.done():
            self.broken.set_result(reason)
        waiting, self._waiting = self._waiting, deque()
        for future, _ in waiting:
            if not future.done():
                future.set_exception(ConnectionLost(f"the connection to Redis broke: {reason}", sent=True))
                future.exception()  # a caller that stopped listening must not become a log line


def _without_count(packed: bytes) -> bytes:
    return packed[packed.index(b"\n") + 1 :]


def _packed(command: tuple[Argument, ...]) -> bytes:
    try:
        packed: bytes = hiredis.pack_command(command)  # type: ignore[arg-type]  # its stub forgets the "..."
    except UnicodeEncodeError:  # an id or text that is not valid Unicode, from somebody else's job
        return _packed(tuple(_any_bytes(part) if isinstance(part, str) else part for part in command))
    return packed


def _any_bytes(text: str) -> bytes:
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace")


async def _open_wire(address: Address, command_timeout: float) -> _Wire:
    loop = asyncio.get_running_loop()

    def make() -> _Wire:
        return _Wire(command_timeout)

    if address.path is not None:
        _, wire = await loop.create_unix_connection(make, address.path)
        return wire
    return await _open_tcp(address, make)


async def _open_tcp(address: Address, make: Callable[[], _Wire]) -> _Wire:
    """Try every address of the host, IPv6 first: hosted Redis is often reachable by IPv6 alone."""
    loop, tls = asyncio.get_running_loop(), address.tls_context()
    found = await loop.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    last: OSError = OSError(f"{address.host} has no address")
    for family, kind, proto, _, where in sorted(found, key=lambda info: info[0] != socket.AF_INET6):
        sock = socket.socket(family, kind, proto)
        sock.setblocking(False)
        try:
            # A share each: an IPv6 route that swallows packets must leave time to try IPv4.
            async with asyncio.timeout(CONNECT_TIMEOUT_SECONDS / (len(found) + 1)):
                await loop.sock_connect(sock, where)
        except OSError as error:  # TimeoutError is one
            sock.close()
            last = error
            continue
        except BaseException:
            sock.close()
            raise
        _keep_alive(sock)
        _, wire = await loop.create_connection(make, sock=sock, ssl=tls, server_hostname=address.host if tls else None)
        return wire
    raise last


def _keep_alive(sock: socket.socket) -> None:
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    with contextlib.suppress(OSError, AttributeError):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 30)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 10)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)
