"""An open socket that speaks RESP: many commands under way, one write per event-loop turn, until it breaks."""

import asyncio
import contextlib
import socket
from collections import deque
from collections.abc import Callable
from typing import Final, cast

import hiredis

from oxyq.engine.address import Address
from oxyq.engine.resp import NOT_HERE, ConnectionLost, RedisReplyError, Reply
from oxyq.engine.tls_errors import explained

CONNECT_TIMEOUT_SECONDS: Final = 5.0
#: Less than that, so that it can be told what was waited for.
HANDSHAKE_SECONDS: Final = 3.0


class Wire(asyncio.Protocol):
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
        self._is_elsewhere: str | None = None
        self.on_end: Callable[[], None] | None = None

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
                self._refused(future, RedisReplyError(str(reply)))
            else:
                future.set_result(reply)
        if self._is_elsewhere is not None:
            self.abort(self._is_elsewhere)

    def _refused(self, future: "asyncio.Future[Reply]", error: RedisReplyError) -> None:
        if error.code in NOT_HERE:
            self._is_elsewhere = error.text
        if error.code == "MOVED":  # as good as not sent: the next connection leads to where it can be done
            future.set_exception(ConnectionLost(f"the node of the cluster has changed: {error.text}", sent=False))
        else:
            future.set_exception(error)

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
        self._end(explained(error) if error else "the server closed the connection")

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
            if self.on_end is not None:
                self.on_end()
        waiting, self._waiting = self._waiting, deque()
        for future, _ in waiting:
            if not future.done():
                future.set_exception(ConnectionLost(f"the connection to Redis broke: {reason}", sent=True))
                future.exception()  # a caller that stopped listening must not become a log line


async def open_wire(address: Address, command_timeout: float) -> Wire:
    loop = asyncio.get_running_loop()

    def make() -> Wire:
        return Wire(command_timeout)

    if address.path is not None:
        _, wire = await loop.create_unix_connection(make, address.path)
        return wire
    return await _open_tcp(address, make)


async def _open_tcp(address: Address, make: Callable[[], Wire]) -> Wire:
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
        if tls is None:
            _, wire = await loop.create_connection(make, sock=sock)
        else:
            _, wire = await loop.create_connection(
                make, sock=sock, ssl=tls, server_hostname=address.host, ssl_handshake_timeout=HANDSHAKE_SECONDS
            )
        return wire
    raise last


def _keep_alive(sock: socket.socket) -> None:
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    with contextlib.suppress(OSError, AttributeError):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 30)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 10)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)
