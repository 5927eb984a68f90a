"""A byte proxy in front of Redis that breaks connections in the ways a real network does."""

import asyncio
import itertools
import random
import socket
import struct
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self, TypeVar

import hiredis

READ_BYTES = 65_536
THREAD_SECONDS = 10.0
RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER: on, zero seconds

Matches = Callable[[bytes], bool]
"""Says whether a request is the one, from its words joined by spaces: b"EVALSHA 5f2a 3 bull:message:wait"."""
T = TypeVar("T")


class FaultProxy:
    """Forwards 127.0.0.1:`port` to `upstream_port`, and breaks things when told to.

    Each fault is one method; `heal()` ends those that last. It lives on the event loop of the test:
    a client under test that blocks the loop blocks its own proxy (see `proxy_in_a_thread`).
    """

    def __init__(self, upstream_port: int, upstream_host: str = "127.0.0.1") -> None:
        self.upstream = (upstream_host, upstream_port)
        self.port = 0
        self.delay_seconds = 0.0
        """Every piece of a request waits this long before it goes on; pieces keep their order."""
        self.jitter_seconds = 0.0
        """And at random up to so much longer."""
        self.chance = random.Random()
        """Where the jitter comes from; one with a seed makes it repeatable."""
        self.accepted_count = 0
        """Connections that clients opened, the refused ones included."""
        self.reply_dropped = asyncio.Event()
        """Set when a reply was lost, after Redis had executed its request."""
        self._refusing = self._is_partitioned = self._is_dribbling = False
        self._doom: Matches | None = None
        self._listener: asyncio.Server | None = None
        self._links: set[_Link] = set()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def url(self) -> str:
        """The address of the proxy, as REDIS_URL takes it."""
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def open_count(self) -> int:
        """Connections that are open now, the blackholed ones included."""
        return len(self._links)

    async def start(self) -> None:
        """Listen on a free port, forwarding everything."""
        self._listener = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._listener.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stop listening and end every connection."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        links = list(self._links)
        self.cut()
        for link in links:
            await link.ended.wait()

    def heal(self) -> None:
        """End what lasts; blackholed connections stay dead, as real ones do."""
        self._refusing = self._is_partitioned = self._is_dribbling = False
        self.delay_seconds = self.jitter_seconds = 0.0
        self._doom = None

    def refuse(self) -> None:
        """From now on close each new connection at once, as a port without a server; open ones live on."""
        self._refusing = True

    def cut(self) -> None:
        """End every open connection now, with a reset; new ones are forwarded."""
        for link in list(self._links):
            link.cut()

    def blackhole(self) -> None:
        """Make open connections half-open: nothing arrives and nothing ends; new ones are forwarded."""
        for link in self._links:
            link.is_dead = True

    def partition(self) -> None:
        """As blackhole(), for new connections too: each is taken, and nothing ever answers."""
        self._is_partitioned = True
        self.blackhole()

    def dribble(self) -> None:
        """From now on forward both directions byte by byte, each in a segment of its own."""
        self._is_dribbling = True

    def drop_next_reply(self) -> None:
        """Let the next request reach Redis and be executed, lose its reply, and end its connection."""
        self.drop_reply_matching(lambda request: True)

    def drop_reply_matching(self, matches: Matches) -> None:
        """As drop_next_reply(), for the next request that `matches`; once.

        Replies to earlier requests that are still on their way on the same connection are lost with it.
        For plain connections that speak RESP; with TLS no request can be recognised.
        """
        self.reply_dropped.clear()
        self._doom = matches

    def drop_nth_reply(self, n: int, among: Matches = lambda request: True) -> None:
        """As drop_next_reply(), for the n-th request from now (the first is 1) of all connections together.

        Only requests that are `among` those meant are counted.
        """
        counted = itertools.count(1)
        self.drop_reply_matching(lambda request: among(request) and next(counted) == n)

    def is_doomed(self, request: bytes) -> bool:
        """Whether the reply of this request is the one to lose; the first to be, and then no other."""
        if self._doom is None or not self._doom(request):
            return False
        self._doom = None
        return True

    async def pieces(self, piece: bytes) -> AsyncIterator[bytes]:
        """A piece as it is to be forwarded: whole, or byte by byte."""
        if not self._is_dribbling:
            yield piece
            return
        for place in range(len(piece)):
            yield piece[place : place + 1]
            await asyncio.sleep(0)  # or the loop would write them in one go

    async def waited(self) -> None:
        """Hold a piece of a request back, as long as was asked for."""
        seconds = self.delay_seconds + self.chance.uniform(0, self.jitter_seconds)
        if seconds:
            await asyncio.sleep(seconds)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted_count += 1
        if self._refusing:
            writer.transport.abort()
            return
        try:
            from_redis, to_redis = await asyncio.open_connection(*self.upstream)
        except OSError:
            writer.transport.abort()
            return
        if self._listener is None:  # closed in the meantime
            writer.transport.abort()
            to_redis.transport.abort()
            return
        link = _Link(self, (reader, writer), (from_redis, to_redis))
        link.is_dead = self._is_partitioned
        self._links.add(link)
        try:
            await link.run()
        finally:
            self._links.discard(link)
            link.ended.set()


class _Link:
    """One client's connection and the connection to Redis that stands behind it."""

    def __init__(
        self,
        proxy: FaultProxy,
        client: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        redis: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        self.proxy = proxy
        self.from_client, self.to_client = client
        self.from_redis, self.to_redis = redis
        self.is_dead = False
        self.requests = _Counter()
        self.replies = _Counter()
        self.doomed_reply: int | None = None
        """The number of the reply to lose; until Redis has sent it, no reply at all is forwarded."""
        self.ended = asyncio.Event()

    async def run(self) -> None:
        """Forward both ways until one side ends or a fault ends both."""
        try:
            async with asyncio.TaskGroup() as directions:
                directions.create_task(self._forward_requests())
                directions.create_task(self._forward_replies())
        except* OSError:
            pass  # One end went away: that is the end of this connection, not an error of the proxy.
        finally:
            self.cut()

    def cut(self) -> None:
        """End both sides with a reset; what was not sent yet is lost."""
        for writer in (self.to_client, self.to_redis):
            end: socket.socket = writer.get_extra_info("socket")
            if end.fileno() != -1:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            writer.transport.abort()

    async def _forward_requests(self) -> None:
        while piece := await self.from_client.read(READ_BYTES):
            await self.proxy.waited()
            if self.is_dead:
                continue
            self._look_for_doomed(piece)
            async for part in self.proxy.pieces(piece):
                self.to_redis.write(part)
                await self.to_redis.drain()
        self.cut()

    def _look_for_doomed(self, piece: bytes) -> None:
        for request in self.requests.messages(piece):
            if isinstance(request, list) and self.proxy.is_doomed(b" ".join(request)):
                self.doomed_reply = self.requests.count

    async def _forward_replies(self) -> None:
        while piece := await self.from_redis.read(READ_BYTES):
            for _ in self.replies.messages(piece):
                pass
            if self.is_dead:
                continue
            if self.doomed_reply is None:
                async for part in self.proxy.pieces(piece):
                    self.to_client.write(part)
                    await self.to_client.drain()
            elif self.replies.count >= self.doomed_reply:
                self.cut()
                self.proxy.reply_dropped.set()
        if not self.is_dead:
            self.cut()


class _Counter:
    """Cuts one direction of a connection into RESP messages and counts them."""

    def __init__(self) -> None:
        self.count = 0
        self._incomplete = object()
        self._reader: hiredis.Reader | None = hiredis.Reader(notEnoughData=self._incomplete)

    def messages(self, piece: bytes) -> Iterator[object]:
        """Each message that `piece` completes; `count` is its number, from 1, when it is given out."""
        if self._reader is None:
            return
        try:
            self._reader.feed(piece)
            while (message := self._reader.gets()) is not self._incomplete:
                # A push (RESP3) answers no request.
                if not isinstance(message, hiredis.PushNotification):
                    self.count += 1
                    yield message
        except hiredis.ProtocolError:
            self._reader = None  # Not RESP (TLS): forwarded all the same, and never recognised.


class ProxyInAThread:
    """A FaultProxy on an event loop of its own; see `proxy_in_a_thread`."""

    def __init__(self, proxy: FaultProxy, loop: asyncio.AbstractEventLoop) -> None:
        self.url, self.port = proxy.url, proxy.port
        self._proxy, self._loop = proxy, loop

    def do(self, fault: Callable[[FaultProxy], T]) -> T:
        """Break something, or look: `do(FaultProxy.cut)`; done when it returns."""

        async def run() -> T:
            return fault(self._proxy)

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(THREAD_SECONDS)


@contextmanager
def proxy_in_a_thread(upstream_port: int) -> Iterator[ProxyInAThread]:
    """A proxy for who has no event loop, or blocks the one he has."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="fault-proxy", daemon=True)
    thread.start()
    proxy = FaultProxy(upstream_port)
    try:
        asyncio.run_coroutine_threadsafe(proxy.start(), loop).result(THREAD_SECONDS)
        yield ProxyInAThread(proxy, loop)
    finally:
        asyncio.run_coroutine_threadsafe(proxy.close(), loop).result(THREAD_SECONDS)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(THREAD_SECONDS)
        loop.close()
