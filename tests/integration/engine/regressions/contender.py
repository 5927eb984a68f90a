"""The same few verbs over two engines: ours, and the `bullmq` package's own Queue and Worker."""

import asyncio
import contextlib
import gc
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol
from urllib.parse import urlsplit

import bullmq

from oxyq.engine import Entry, Hub, Queue, Worker
from tests.integration.engine.journal import Journal

QUEUE = "work"
Handler = Callable[[Any], Awaitable[object]]
"""Takes a job of either kind: both have `id` and `data`."""


class Running(Protocol):
    """A worker that was started."""

    #: What it told: (kind, text) such as ("error", "..."), ("stalled", "job id").
    told: Journal[tuple[str, str]]

    async def stop(self) -> None:
        """Stop it gracefully: running jobs finish."""

    def has_ended(self) -> bool:
        """Whether its loop is gone, though nobody stopped it."""


class Contender(Protocol):
    """An engine under test; `url` may be changed before the first use."""

    is_ours: bool
    url: str
    prefix: str

    def __init__(self, url: str, prefix: str) -> None: ...

    async def add(self, data: object, *, job_id: str | None = None, delay_ms: int = 0, attempts: int = 1) -> str:
        """Add a job; raises what the engine raises when it refuses."""

    async def add_many(self, data: Sequence[object]) -> None:
        """Add jobs without ids."""

    async def start(
        self,
        handler: Handler,
        *,
        concurrency: int = 1,
        lock_seconds: float = 30,
        stalled_seconds: float = 30,
        listener: Callable[..., None] | None = None,
    ) -> Running:
        """Start a worker; `listener` is called with everything it tells."""

    async def close(self) -> None:
        """End everything that was started."""


class Ours:
    """`oxyq.engine`."""

    is_ours = True

    def __init__(self, url: str, prefix: str) -> None:
        self.url, self.prefix = url, prefix
        self._queue: Queue | None = None
        self._running: list[_OursRunning] = []

    @property
    def queue(self) -> Queue:
        self._queue = self._queue or Queue(QUEUE, redis_url=self.url, prefix=self.prefix)
        return self._queue

    async def add(self, data: Any, *, job_id: str | None = None, delay_ms: int = 0, attempts: int = 1) -> str:
        return await self.queue.add("task", data, job_id=job_id, delay_ms=delay_ms, attempts=attempts)

    async def add_many(self, data: Sequence[Any]) -> None:
        await self.queue.add_many([Entry("task", one) for one in data])

    async def start(
        self,
        handler: Handler,
        *,
        concurrency: int = 1,
        lock_seconds: float = 30,
        stalled_seconds: float = 30,
        listener: Callable[..., None] | None = None,
        hub: Hub | None = None,
    ) -> "_OursRunning":
        running = _OursRunning(listener, hub)
        running.worker = Worker(
            QUEUE,
            handler,
            redis_url=self.url,
            hub=hub,
            prefix=self.prefix,
            concurrency=concurrency,
            lock_seconds=lock_seconds,
            stalled_interval_seconds=stalled_seconds,
            on_event=running.hear,
        )
        await running.worker.start()
        running.ended = asyncio.ensure_future(running.worker.wait())
        self._running.append(running)
        return running

    async def close(self) -> None:
        for running in self._running:
            await running.worker.stop(grace_seconds=0)
            await running.ended
            if running.hub is not None:
                await running.hub.close()
        if self._queue is not None:
            await self._queue.close()


class _OursRunning:
    worker: Worker
    ended: "asyncio.Future[None]"

    def __init__(self, listener: Callable[..., None] | None, hub: Hub | None) -> None:
        self.told: Journal[tuple[str, str]] = Journal()
        self.hub = hub
        self._listener = listener

    def hear(self, event: Any) -> None:
        self.told.note((type(event).__name__, str(event)))
        if self._listener is not None:
            self._listener(event)

    async def stop(self) -> None:
        await self.worker.stop()

    def has_ended(self) -> bool:
        return self.ended.done()


class Package:
    """The `bullmq` package's own Queue and Worker, with its defaults where nothing else is said."""

    is_ours = False

    def __init__(self, url: str, prefix: str) -> None:
        self.url, self.prefix = url, prefix
        #: F1 is about the default, so it must be possible to leave it.
        self.socket_timeout_seconds: float | None = 30
        self.use_default_socket_timeout = False
        self._queue: bullmq.Queue | None = None
        self._running: list[_PackageRunning] = []

    def connection(self) -> dict[str, Any]:
        place = {"host": "127.0.0.1", "port": urlsplit(self.url).port}
        return place if self.use_default_socket_timeout else {**place, "socket_timeout": self.socket_timeout_seconds}

    @property
    def queue(self) -> "bullmq.Queue":
        self._queue = self._queue or bullmq.Queue(QUEUE, {"connection": self.connection(), "prefix": self.prefix})
        return self._queue

    async def add(self, data: Any, *, job_id: str | None = None, delay_ms: int = 0, attempts: int = 1) -> str:
        options: dict[str, Any] = {"attempts": attempts}
        if job_id is not None:
            options["jobId"] = job_id
        if delay_ms:
            options["delay"] = delay_ms
        return str((await self.queue.add("task", data, options)).id)

    async def add_many(self, data: Sequence[Any]) -> None:
        await self.queue.addBulk([{"name": "task", "data": one, "opts": {}} for one in data])

    async def start(
        self,
        handler: Handler,
        *,
        concurrency: int = 1,
        lock_seconds: float = 30,
        stalled_seconds: float = 30,
        listener: Callable[..., None] | None = None,
        **options: Any,
    ) -> "_PackageRunning":
        async def processor(job: Any, token: str) -> object:
            return await handler(job)

        settings = {
            "connection": self.connection(),
            "prefix": self.prefix,
            "autorun": False,
            "concurrency": concurrency,
            "lockDuration": int(lock_seconds * 1000),
            "stalledInterval": int(stalled_seconds * 1000),
        }
        running = _PackageRunning(bullmq.Worker(QUEUE, processor, {**settings, **options}), listener)
        self._running.append(running)
        return running

    async def close(self) -> None:
        for running in self._running:
            await running.force()
        if self._queue is not None:
            await self._queue.close()
        self._running.clear()
        self._queue = None
        gc.collect()  # what it leaves unclosed is told here, where that is expected, and not in a later test


class _PackageRunning:
    def __init__(self, worker: "bullmq.Worker", listener: Callable[..., None] | None) -> None:
        self.told: Journal[tuple[str, str]] = Journal()
        self.worker = worker
        for kind in ("error", "stalled", "completed", "failed"):
            worker.on(kind, lambda *what, kind=kind: self.told.note((kind, str(what[0]))))
            if listener is not None:
                worker.on(kind, listener)
        self.ended = asyncio.ensure_future(worker.run())

    async def stop(self) -> None:
        await self.worker.close()

    def has_ended(self) -> bool:
        return self.ended.done()

    async def force(self) -> None:
        """End it whatever state it is in; its own close may hang, and leaves sockets open when its loop broke."""
        self.ended.cancel()
        for work in (self.worker.close(force=True), self.ended):
            with contextlib.suppress(Exception, asyncio.CancelledError):
                await asyncio.wait_for(work, 1)
        for client in (self.worker.client, self.worker.bclient):
            with contextlib.suppress(Exception):
                await client.aclose()
                await client.connection_pool.disconnect()
