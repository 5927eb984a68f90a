"""Running as a process: start what was asked for, wait for a signal, stop it in order, say honestly how it went."""

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import asynccontextmanager

import uvicorn

from oxyq.api.application import create_api
from oxyq.app import App, open_app
from oxyq.errors import ConfigurationError, QueueUnavailable
from oxyq.settings import Settings
from oxyq.telemetry.events import ProcessNews, Telemetry

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
#: How long a process waits for Redis when it starts, before it ends with an error and is started anew.
REDIS_AT_START_SECONDS = 300.0
HTTP_STOP_SECONDS = 5


class _Http(uvicorn.Server):
    """uvicorn without its own signal handlers: stopping is decided in one place, here."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


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
async def http_server(app: App) -> AsyncIterator[str]:
    """The API on the configured port while the block runs; gives its address."""
    settings = app.settings
    listening = _listen(settings.host, settings.port)
    config = uvicorn.Config(
        create_api(app), log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=HTTP_STOP_SECONDS,
        server_header=False, proxy_headers=False, h11_max_incomplete_event_size=64 * 1024,
    )  # fmt: skip
    # A stranger's malformed request is answered 400 by uvicorn itself; its line about it is no news of ours.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    server = _Http(config)
    serving = asyncio.get_running_loop().create_task(server.serve(sockets=[listening]))
    try:
        yield f"http://{'localhost' if settings.host in ('127.0.0.1', '0.0.0.0', '::') else settings.host}:" + str(  # noqa: S104
            listening.getsockname()[1]
        )
    finally:
        server.should_exit = True
        await asyncio.wait([serving], timeout=HTTP_STOP_SECONDS + 1)
        listening.close()


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


async def serve_api(settings: Settings, telemetry: Telemetry) -> int:
    """Serve HTTP until a signal; returns the exit code."""
    async with stop_on_signal() as stop, open_app(settings, telemetry) as app, http_server(app) as url:
        telemetry.emit(ProcessNews(f"API on {url}"))
        await stop.wait()
        telemetry.emit(ProcessNews("stopping"))
    return 0


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


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.socket(family)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(256)
        listening.set_inheritable(False)
    except OSError as error:
        raise ConfigurationError(
            f"OXYQ_PORT: cannot listen on {host}:{port} ({error.strerror}); stop what uses it, or set another OXYQ_PORT"
        ) from None
    return listening
