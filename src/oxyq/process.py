"""Running as a process: start what was asked for, wait for a signal, stop it in order, say honestly how it went.

The HTTP side is in server.py, so that a process of workers does not carry it along.
"""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager

from oxyq.app import App, open_app
from oxyq.errors import QueueUnavailable
from oxyq.settings import Settings
from oxyq.telemetry.events import ProcessNews, Telemetry

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
#: How long a process waits for Redis when it starts, before it ends with an error and is started anew.
REDIS_AT_START_SECONDS = 300.0


@asynccontextmanager
async def stop_on_signal() -> AsyncIterator[asyncio.Event]:
    """An event that SIGTERM, Ctrl-C or a closed terminal sets; more of them change nothing."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    heard = list(STOP_SIGNALS)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup ignores it
        heard.append(signal.SIGHUP)
    for sign in heard:
        loop.add_signal_handler(sign, stop.set)
    try:
        yield stop
    finally:
        for sign in heard:
            loop.remove_signal_handler(sign)


@asynccontextmanager
async def running_workers(app: App, queues: Collection[str] = ()) -> AsyncIterator[asyncio.Future[object]]:
    """Workers while the block runs, drained at its end; gives a future that ends when a worker gives up."""
    workers = app.workers(queues)
    await workers.start()
    ended: asyncio.Future[object] = asyncio.ensure_future(workers.pool.wait())
    try:
        yield ended
    finally:
        await workers.stop(app.settings.stop_grace_seconds)
        with contextlib.suppress(Exception):
            await ended


async def serve_workers(settings: Settings, telemetry: Telemetry, queues: Collection[str] = ()) -> int:
    """Work until a signal, then drain; returns 0, or 1 when Redis never came or a worker gave up."""
    async with stop_on_signal() as stop, open_app(settings, telemetry) as app:
        if not await _redis_came(app, stop):
            return 1
        async with running_workers(app, queues) as ended:
            telemetry.emit(ProcessNews(f"working on {', '.join(queues or settings.policies)}"))
            stopping: asyncio.Future[object] = asyncio.ensure_future(stop.wait())
            await asyncio.wait({stopping, ended}, return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            gave_up = ended.done()
            telemetry.emit(ProcessNews("a worker gave up" if gave_up else "stopping: finishing the jobs in hand"))
    return 1 if gave_up else 0


async def _redis_came(app: App, stop: asyncio.Event) -> bool:
    waiting: asyncio.Future[object] = asyncio.ensure_future(app.hub.commands.ready(REDIS_AT_START_SECONDS))
    stopping: asyncio.Future[object] = asyncio.ensure_future(stop.wait())
    await asyncio.wait([waiting, stopping], return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not waiting.done():
        waiting.cancel()
        return True  # told to stop before Redis came: nothing was left undone
    try:
        waiting.result()
    except QueueUnavailable as error:
        app.telemetry.emit(ProcessNews(str(error)))
        return False
    return True
