"""Running as a process: start what was asked for, wait for a signal, stop it in order, say honestly how it went.

The HTTP side is in server.py, so that a process of workers does not carry it along.
"""

import asyncio
import signal
import traceback
from collections.abc import AsyncIterator, Collection, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from oxyq.app import App, Workers, open_app
from oxyq.errors import QueueUnavailable
from oxyq.operating.doctor.start_up import refuse_loss
from oxyq.settings import Settings
from oxyq.telemetry.events import ProcessNews, StrayError, Telemetry
from oxyq.telemetry.metrics.worker_process import worker_metrics
from oxyq.telemetry.places import place
from oxyq.workers.runner import Elsewhere
from oxyq.workers.watchdog import Watchdog

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


def hear_stray_errors(telemetry: Telemetry) -> None:
    """Have the running loop tell `telemetry` what raises where nobody waits for it.

    asyncio would log it by `logging`, with all that it says; and a handler of `logging` that raises would end the loop.
    """

    def hear(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if not isinstance(error, BaseException):
            telemetry.emit(StrayError(str(context.get("message")), None))
            return
        frames = traceback.extract_tb(error.__traceback__)
        telemetry.emit(StrayError(type(error).__name__, place(frames[-1]) if frames else None))

    asyncio.get_running_loop().set_exception_handler(hear)


@asynccontextmanager
async def running_workers(
    app: App, queues: Collection[str] = (), elsewhere: Elsewhere | None = None
) -> AsyncIterator[Workers]:
    """Workers while the block runs, drained at its end."""
    workers = app.workers(queues, elsewhere)
    await workers.start()
    try:
        yield workers
    finally:
        await workers.stop(app.settings.stop_grace_seconds)


async def serve_workers(
    settings: Settings, telemetry: Telemetry, queues: Collection[str] = (), shard: str | None = None
) -> int:
    """Work until a signal, then drain; returns 0, or 1 when Redis never came or a worker gave up.

    While it works a watchdog ends the process when it makes no progress; the drain has a deadline of its own. Where
    there are several shards it works on all of them, or on one.

    Raises ConfigurationError for a Redis that loses jobs, in production, and for a shard that is not known.
    """
    hear_stray_errors(telemetry)
    if settings.redis_shards is None and shard is None:
        async with (
            stop_on_signal() as stop, worker_metrics(settings, telemetry), open_app(settings, telemetry) as app
        ):  # fmt: skip
            return await _work(app, queues, stop)
    from oxyq.shards.shards import open_shards
    from oxyq.shards.strays import Strays

    async with (
        stop_on_signal() as stop, worker_metrics(settings, telemetry), open_shards(settings, telemetry) as shards
    ):  # fmt: skip
        served = [shards.named(shard)] if shard is not None else list(shards.by_name.values())
        working = [_work(one.app, queues, stop, Strays(shards, one).elsewhere) for one in served]
        ended = await asyncio.gather(*(_or_stop_all(work, stop) for work in working), return_exceptions=True)
    for one in ended:
        if isinstance(one, BaseException):
            raise one
    return max(code for code in ended if not isinstance(code, BaseException))


async def _or_stop_all(work: Coroutine[None, None, int], stop: asyncio.Event) -> int:
    """What this gives; when it ends, so do the others of the process, which is to be started anew as a whole."""
    try:
        return await work
    finally:
        stop.set()


async def _work(app: App, queues: Collection[str], stop: asyncio.Event, elsewhere: Elsewhere | None = None) -> int:
    settings, telemetry = app.settings, app.telemetry
    if not await _redis_came(app, stop):
        return 1
    async with running_workers(app, queues, elsewhere) as workers:
        telemetry.emit(ProcessNews(f"working on {', '.join(queues or settings.policies)}"))
        watchdog = Watchdog(settings.stuck_seconds, workers.pool.duties, telemetry)
        watchdog.start()
        gave_up = await _gave_up(workers, stop)
        await watchdog.stop()
        telemetry.emit(ProcessNews("a worker gave up" if gave_up else "stopping: finishing the jobs in hand"))
    return 1 if gave_up else 0


async def _gave_up(workers: Workers, stop: asyncio.Event) -> bool:
    """Wait until a worker gives up, or a signal comes."""
    ended: asyncio.Future[object] = asyncio.ensure_future(workers.pool.wait())
    stopping: asyncio.Future[object] = asyncio.ensure_future(stop.wait())
    await asyncio.wait({stopping, ended}, return_when=asyncio.FIRST_COMPLETED)
    gave_up = ended.done()
    for waiting in (ended, stopping):
        waiting.cancel()
    await asyncio.gather(ended, stopping, return_exceptions=True)
    return gave_up


async def _redis_came(app: App, stop: asyncio.Event) -> bool:
    waiting: asyncio.Future[object] = asyncio.ensure_future(_redis_looked_at(app))
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


async def _redis_looked_at(app: App) -> None:
    await app.hub.commands.ready(REDIS_AT_START_SECONDS)
    await refuse_loss(app.hub, app.settings)
